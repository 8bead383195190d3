//! How the library writes numbers and what others said for people, in messages and log lines.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

/// Writes a duration as `50 ms`, `1.1 s` or `2 min 30 s`: rounded to what a reader needs.
pub fn duration(duration: Duration) -> impl fmt::Display {
    Words(duration)
}

struct Words(Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_nanos().div_ceil(1_000_000);
        let tenths = (ms + 50) / 100;
        let seconds = (ms + 500) / 1000;
        match seconds {
            _ if ms < 1000 => write!(f, "{ms} ms"),
            0..100 if tenths.is_multiple_of(10) => write!(f, "{} s", tenths / 10),
            0..100 => write!(f, "{}.{} s", tenths / 10, tenths % 10),
            _ if seconds.is_multiple_of(60) => write!(f, "{} min", seconds / 60),
            _ => write!(f, "{} min {} s", seconds / 60, seconds % 60),
        }
    }
}

/// Writes what a server, a proxy or a certificate said: in quotes, whatever could steer a terminal escaped, and only its
/// beginning where it is long. Nothing of a peer's stands in a message but by this, or as what it was checked to be.
pub fn quoted(text: &[u8]) -> impl fmt::Display {
    Quoted(text)
}

struct Quoted<'t>(&'t [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Enough to recognise what it is.
        const MOST: usize = 80;
        // So many bytes have as many characters at least, but for one that is cut at the end.
        let beginning = &self.0[..self.0.len().min(4 * MOST + 4)];
        let beginning = String::from_utf8_lossy(beginning);
        let mut characters = beginning.chars();
        f.write_char('"')?;
        characters
            .by_ref()
            .take(MOST)
            .try_for_each(|c| write_escaped(f, c))?;
        f.write_char('"')?;
        match characters.next() {
            Some(_) => write!(f, "... ({} bytes)", self.0.len()),
            None => Ok(()),
        }
    }
}

/// As Rust escapes it, but for the apostrophe, which is harmless between quotation marks.
fn write_escaped(f: &mut impl Write, c: char) -> fmt::Result {
    match c {
        '\'' => f.write_char(c),
        _ => write!(f, "{}", c.escape_debug()),
    }
}

/// The most bytes of a message or a line of the log.
pub const LONGEST: usize = 1024;

/// A whole message on its way out: one line, without control characters, and not too long. So none can become a danger
/// that quotes more than was thought of, such as a host's name out of a redirect.
pub fn one_line(message: &str) -> Cow<'_, str> {
    if message.len() <= LONGEST && !message.chars().any(char::is_control) {
        return Cow::Borrowed(message);
    }
    let mut line = String::with_capacity(LONGEST);
    for c in message.chars() {
        let before = line.len();
        let written = match c.is_control() {
            true => write!(line, "{}", c.escape_default()),
            false => line.write_char(c),
        };
        if written.is_err() || line.len() > LONGEST - 3 {
            line.truncate(before);
            line.push_str("...");
            break;
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_said_is_quoted_escaped_and_cut() {
        let quoted = |text: &[u8]| super::quoted(text).to_string();
        assert_eq!(quoted(b"gzip"), "\"gzip\"");
        assert_eq!(quoted(b"don't \"\\"), "\"don't \\\"\\\\\"");
        // ESC, which begins a terminal's commands, and CSI, a C1 character that does the same alone; a mark that turns the
        // direction of writing; bytes that are no text.
        assert_eq!(
            quoted("\x1b[2J\u{9b}2J\u{202e}".as_bytes()),
            r#""\u{1b}[2J\u{9b}2J\u{202e}""#
        );
        assert_eq!(quoted(b"\xff"), "\"\u{fffd}\"");
        let long = quoted(&[b'x'; 16 * 1024]);
        assert_eq!(long, format!("\"{}\"... (16384 bytes)", "x".repeat(80)));
        let wide = quoted("\u{1d11e}".repeat(81).as_bytes());
        assert_eq!(
            wide,
            format!("\"{}\"... (324 bytes)", "\u{1d11e}".repeat(80))
        );
    }

    #[test]
    fn a_message_is_one_line_and_not_too_long() {
        assert!(matches!(one_line("as it is: \u{e9}"), Cow::Borrowed(_)));
        assert_eq!(one_line("a\nb\0\u{9b}"), r"a\nb\u{0}\u{9b}");
        for c in ["x", "\u{20ac}", "\n"] {
            let long = one_line(&c.repeat(100_000)).into_owned();
            assert!(long.len() <= LONGEST && long.len() > LONGEST - 10, "{c:?}");
            assert!(long.ends_with("..."), "{c:?}");
        }
        assert_eq!(one_line(&"x".repeat(LONGEST + 1)).len(), LONGEST);
    }

    #[test]
    fn a_duration_is_rounded_and_has_its_unit() {
        for (duration, words) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_nanos(1), "1 ms"),
            (Duration::from_micros(49_500), "50 ms"),
            (Duration::from_millis(999), "999 ms"),
            (Duration::from_millis(1000), "1 s"),
            (Duration::from_nanos(1_080_938_480), "1.1 s"),
            (Duration::from_millis(9_960), "10 s"),
            (Duration::from_secs(60), "60 s"),
            (Duration::from_millis(99_960), "1 min 40 s"),
            (Duration::from_secs(300), "5 min"),
            (Duration::from_millis(301_400), "5 min 1 s"),
            (Duration::from_secs(u64::MAX), "307445734561825860 min 15 s"),
        ] {
            assert_eq!(super::duration(duration).to_string(), words);
        }
    }
}
