//! What a server sent, made harmless for a terminal.

use std::fmt::Write;

/// The text with its tabs, and with further lines indented so that none of them looks like the beginning of another. Other
/// control characters, with which it could steer the terminal or write over what stands there, become `\u001b`, and bytes that
/// are no text `\x9b`.
pub fn quoted(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out += "\n    ",
                '\t' => out.push(c),
                c if c.is_control() => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The same in one line.
pub fn quoted_line(text: &[u8]) -> String {
    quoted(text).replace("\n    ", "\\n")
}

/// JSON, of which the control characters that it allows are escaped, too.
pub fn quoted_json(json: &str) -> String {
    if !json.chars().any(char::is_control) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a header of this name holds a secret, as far as names tell.
pub fn is_secret(name: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "auth",
        "cookie",
        "token",
        "key",
        "secret",
        "password",
        "session",
        "signature",
        "credential",
    ];
    let name = name.to_ascii_lowercase();
    SIGNS.iter().any(|sign| name.contains(sign))
}

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// A URL without its user information, and without the values of its query that are secrets by their names.
pub fn without_secrets(url: &str) -> String {
    let (rest, query) = match url.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (url, None),
    };
    let mut out = match rest.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (mask, host) = match authority.rsplit_once('@') {
                Some((_, host)) => ("***@", host),
                None => ("", authority),
            };
            format!("{scheme}://{mask}{host}{path}")
        }
        None => rest.to_owned(),
    };
    for (number, field) in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .enumerate()
    {
        out.push(if number == 0 { '?' } else { '&' });
        match field.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                let _ = write!(out, "{name}={MASK}");
            }
            _ => out += field,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        let text = b"a\tb\nc\x1b[2J\xc2\x9b \x7f\x08\xff\0\xc3\xa9";
        assert_eq!(
            quoted(text),
            "a\tb\n    c\\u001b[2J\\u009b \\u007f\\u0008\\xff\\u0000é"
        );
        assert_eq!(quoted_line(b"a\nb"), "a\\nb");
        assert_eq!(quoted_json("\"\u{9b}\u{7f}é\""), "\"\\u009b\\u007fé\"");
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("https://host/a?b=c&d", "https://host/a?b=c&d"),
            ("https://us:p@w@host:1/a@b", "https://***@host:1/a@b"),
            (
                "https://host/?api_key=1&q=2&ACCESS_TOKEN=3#f",
                "https://host/?api_key=***&q=2&ACCESS_TOKEN=***",
            ),
            ("/path?token=1?2", "/path?token=***"),
            ("max-age=1", "max-age=1"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "Authorization",
            "Cookie",
            "Set-Cookie",
            "X-API-Key",
            "x-auth-token",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Accept", "Host", "Last-Event-ID"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
