//! Cookies as text: the format of Netscape's `cookies.txt`, which curl, wget and browsers' tools read and write.
//!
//! A cookie is a line of seven fields with TABs between them: domain, whether subdomains get it, path, whether it is for https
//! alone, when it expires (in seconds since 1970; 0 when the session does), name, value. `#HttpOnly_` may stand before the
//! domain; another `#` begins a comment.

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookiePath};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

const HTTP_ONLY: &str = "#HttpOnly_";

/// All of these, a line each.
pub fn write<'c>(cookies: impl Iterator<Item = &'c Cookie<'static>>) -> String {
    let mut text = String::from("# Netscape HTTP Cookie File\n");
    for cookie in cookies {
        let mark = match cookie.http_only() {
            Some(true) => HTTP_ONLY,
            _ => "",
        };
        let domain = String::from(&cookie.domain);
        let (dot, for_all) = match cookie.domain {
            CookieDomain::Suffix(_) => (".", true),
            _ => ("", false),
        };
        let expires = match &cookie.expires {
            CookieExpiration::AtUtc(time) => time.unix_timestamp(),
            CookieExpiration::SessionEnd => 0,
        };
        let path = String::from(&cookie.path);
        let fields = [
            &format!("{mark}{dot}{domain}"),
            yes_or_no(for_all),
            &path,
            yes_or_no(cookie.secure() == Some(true)),
            &expires.to_string(),
            cookie.name(),
            cookie.value(),
        ];
        text.push_str(&fields.join("\t"));
        text.push('\n');
    }
    text
}

/// Reads a line: a cookie, and a URL that could have set it. `None` for a comment, and for one that has expired.
pub fn read(line: &str) -> Result<Option<(Cookie<'static>, Url)>, &'static str> {
    let (line, is_http_only) = match line.strip_prefix(HTTP_ONLY) {
        Some(line) => (line, true),
        None => (line, false),
    };
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<_> = line.split('\t').collect();
    let Ok([domain, for_all, path, secure, expires, name, value]) = <[&str; 7]>::try_from(fields)
    else {
        return Err("it does not have seven fields with TABs between them");
    };
    let (for_all, is_secure) = (said(for_all)?, said(secure)?);
    if name.is_empty() || name.contains(['=', ';']) || value.contains(';') {
        return Err("its name or its value can be none");
    }
    let scheme = if is_secure { "https" } else { "http" };
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let url = Url::parse(&format!("{scheme}://{domain}/")).map_err(|_| "its domain is not one")?;
    if url.host_str() != Some(domain) {
        return Err("its domain is not one, or not in lower case");
    }
    if for_all && !domain.contains('.') {
        return Err("its domain is a top level one");
    }
    let attributes = [
        if is_secure { "; Secure" } else { "" },
        if is_http_only { "; HttpOnly" } else { "" },
    ]
    .concat();
    let cookie = Cookie::parse(format!("{name}={value}{attributes}"), &url);
    let mut cookie = cookie.map_err(|_| "it cannot be read")?;
    cookie.path = CookiePath::parse(path).ok_or("its path does not begin with /")?;
    if for_all {
        cookie.domain = CookieDomain::Suffix(domain.into());
    }
    let expires: u64 = expires.parse().map_err(|_| "its time is not a number")?;
    if expires > 0 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let left = expires.saturating_sub(now.unwrap_or_default().as_secs());
        if left == 0 {
            return Ok(None);
        }
        cookie.expires = CookieExpiration::from(left);
    }
    Ok(Some((cookie, url)))
}

fn yes_or_no(is: bool) -> &'static str {
    match is {
        true => "TRUE",
        false => "FALSE",
    }
}

fn said(text: &str) -> Result<bool, &'static str> {
    match text {
        "TRUE" => Ok(true),
        "FALSE" => Ok(false),
        _ => Err("its second and fourth fields are not TRUE or FALSE"),
    }
}
