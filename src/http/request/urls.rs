//! URLs as requests have them: checked, so that no attempt fails for what the URL is.

use super::header::{Field, authorization, basic};
use crate::features;
use crate::http::http_url::HttpUrl;
use crate::http::invalid::{Invalid, InvalidKind};
use crate::http::zone::Zone;
use crate::words;
use hyper::http::Uri;
use percent_encoding::percent_decode_str;
use url::Url;

/// A user and a password.
pub struct User {
    name: String,
    password: String,
}

impl User {
    /// Its basic authentication.
    pub fn credentials(self) -> Result<Field, Invalid> {
        let value = basic(&self.name, &self.password);
        value.map(authorization).map_err(|invalid| {
            Invalid::new(
                InvalidKind::Url,
                format!("the URL's user: {}", invalid.message),
            )
        })
    }
}

/// A URL as it is used, and the user that was in it.
pub fn split_user(text: &str) -> Result<(HttpUrl, Option<User>), Invalid> {
    let invalid = |why| Invalid::new(InvalidKind::Url, why);
    let (without_zone, zone) =
        Zone::cut(text).map_err(|why| invalid(format!("the zone in the URL: {why}")))?;
    let url = Url::parse(&without_zone).map_err(|error| invalid(misread(text, error)))?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let is_there = !url.username().is_empty() || url.password().is_some();
    let user = is_there.then(|| User {
        name: decoded(url.username()),
        password: url.password().map(decoded).unwrap_or_default(),
    });
    Ok((HttpUrl::new(connectable(url)?, zone), user))
}

/// The longest URL that hyper and h2 take.
pub const LONGEST_URL: usize = u16::MAX as usize - 1;

/// The longest name that a host can have (RFC 1035, section 2.3.4), written with dots.
const LONGEST_HOST: usize = 253;

/// A URL as it is used: http or https, no user information, no fragment, and nothing with which no attempt could succeed.
pub fn connectable(mut url: Url) -> Result<Url, Invalid> {
    let refuse = |why: String| Err(Invalid::new(InvalidKind::Url, why));
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(wrong_scheme(&url));
    }
    if url.scheme() == "https" && !features::TLS {
        return Err(Invalid::unsupported("TLS"));
    }
    url.set_fragment(None);
    // Both only fail for URLs without a host, which http and https have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let len = url.as_str().len();
    if len > LONGEST_URL {
        return refuse(format!(
            "the URL has {len} bytes, more than the {LONGEST_URL} that fit into a request"
        ));
    }
    let host = url.host_str().unwrap_or_default();
    if host.trim_end_matches('.').len() > LONGEST_HOST {
        return refuse(format!(
            "the URL's host has {} bytes, more than the {LONGEST_HOST} of the longest name",
            host.len()
        ));
    }
    if url.port() == Some(0) {
        return refuse("the URL's port is 0, where no server can be; 1 to 65535 can be".into());
    }
    match url.as_str().parse::<Uri>() {
        Ok(_) => Ok(url),
        // The URL standard allows some characters in hosts that HTTP does not.
        Err(error) => refuse(format!("the URL cannot stand in a request: {error}")),
    }
}

/// Why a text is no URL, and what would be one. Nothing of it is quoted that may be a secret: only what stands where a host
/// and a port do, and where no user is before them.
fn misread(text: &str, error: url::ParseError) -> String {
    let text = text.trim();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text.trim_start_matches('/')),
    };
    let authority = authority(rest);
    match (scheme, authority.rsplit_once(':')) {
        _ if text.is_empty() => "the URL is empty".into(),
        (None, _) => no_scheme(text),
        (Some(_), _) if authority.matches(':').count() > 1 && !authority.contains(['[', '@']) => {
            let address = words::quoted(authority.as_bytes());
            format!("an IPv6 address stands in brackets in a URL: [::1], not {address}")
        }
        (Some(_), Some((_, port))) if error == url::ParseError::InvalidPort => format!(
            "the URL's port is {}, not a number from 1 to 65535",
            words::quoted(port.as_bytes())
        ),
        _ => format!("invalid URL: {error}"),
    }
}

/// What a URL without a scheme lacks. What stands before a colon reads as one: `localhost:8080` is no host and port by the
/// standard.
fn no_scheme(text: &str) -> String {
    let text = text.trim_start_matches('/');
    let authority = authority(text);
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match !authority.is_empty() && authority.len() <= LONGEST_HOST && authority.chars().all(is_host)
    {
        true => {
            // The path may hold a secret.
            let more = match text.len() > authority.len() + 1 {
                true => "/...",
                false => "",
            };
            format!("the URL has no scheme; did you mean http://{authority}{more}?")
        }
        false => "the URL has no scheme; it begins with http:// or https://".into(),
    }
}

fn wrong_scheme(url: &Url) -> String {
    // With slashes, it is a scheme.
    if url.cannot_be_a_base() {
        let behind = url.path().bytes().next();
        if behind.is_some_and(|byte| byte.is_ascii_digit()) && !url.path().contains('@') {
            let (scheme, path) = (url.scheme(), url.path());
            return no_scheme(&format!("{scheme}:{path}"));
        }
    }
    format!(
        "the URL's scheme is {}, not http or https",
        words::quoted(url.scheme().as_bytes())
    )
}

/// Where host and port are in what follows a scheme.
fn authority(text: &str) -> &str {
    let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
    &text[..end]
}
