//! What an answer means, read off RFC 9112 without any regard to how it arrives: the judge of the library's own reading.

/// The body of an answer.
#[derive(Debug)]
pub struct Body {
    /// What of it is content.
    pub content: Vec<u8>,
    /// How it ends.
    pub end: End,
    /// Whether the content is encoded: then nothing here reads it.
    pub is_encoded: bool,
    /// Why nobody may take it for a stream, if so.
    pub refused: Option<&'static str>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Where it says.
    Complete,
    /// Before that.
    CutShort,
    /// In bytes that are not HTTP.
    Broken,
}

/// Reads the body of an answer whose head is good.
pub fn read(mut answer: &[u8]) -> Body {
    let mut interim = 0;
    loop {
        let (head, body) = split_head(answer);
        let len = answer.len() - body.len();
        let status = head[0].split(|byte| *byte == b' ').nth(1);
        let is_interim = status.is_some_and(|status| status.starts_with(b"1") && status != b"101");
        if !is_interim {
            let mut body = read_body(&head[1..], body);
            for (is_too_much, what) in [
                (interim > 100, "more than 100 interim responses"),
                (len > 256 * 1024, "a head of more than 256 KiB"),
                (head.len() > 1001, "more than 1000 fields"),
            ] {
                body.refused = is_too_much.then_some(what).or(body.refused);
            }
            return body;
        }
        interim += 1;
        answer = body;
    }
}

/// The lines of a head, each fold of which is a space, and what follows it.
fn split_head(answer: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = answer;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        let is_fold = matches!(line.first(), Some(b' ' | b'\t'));
        if let Some(last) = lines.last_mut()
            && is_fold
        {
            last.push(b' ');
            last.extend_from_slice(line.trim_ascii());
        } else if !line.is_empty() {
            lines.push(line.to_vec());
        } else if !lines.is_empty() {
            return (lines, rest);
        }
    }
    crate::broken(format_args!("this has no head: {}", answer.escape_ascii()))
}

fn read_body(head: &[Vec<u8>], body: &[u8]) -> Body {
    // The entries of all fields of a name; none if there is no such field.
    let entries = |wanted: &[u8]| -> Vec<Vec<u8>> {
        let fields = head.iter().filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let is_it = line[..colon].eq_ignore_ascii_case(wanted);
            is_it.then(|| line[colon + 1..].to_ascii_lowercase())
        });
        fields
            .flat_map(|value| {
                let entries = value.split(|byte| *byte == b',');
                let entries = entries.map(|entry| entry.trim_ascii().to_vec());
                entries.collect::<Vec<_>>()
            })
            .collect()
    };
    let says_something = |name: &Vec<u8>| !name.is_empty() && name != b"identity";
    let is_known = |name: &Vec<u8>| {
        const KNOWN: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"br", b"zstd"];
        KNOWN.contains(&name.as_slice())
    };
    let mut codings = entries(b"content-encoding");
    codings.retain(says_something);
    let is_encoded = !codings.is_empty() && codings.iter().all(is_known);
    let mut transfer = entries(b"transfer-encoding");
    transfer.retain(says_something);
    let refused = if transfer.iter().any(|coding| coding != b"chunked") {
        Some("a transfer coding that is not decoded")
    } else if is_encoded && codings.len() > 2 {
        Some("more than two content codings")
    } else {
        None
    };
    let (content, end) = read_framed(
        !transfer.is_empty(),
        entries(b"content-length").first().map(Vec::as_slice),
        body,
    );
    Body {
        content,
        end,
        is_encoded,
        refused,
    }
}

fn read_framed(is_chunked: bool, length: Option<&[u8]>, body: &[u8]) -> (Vec<u8>, End) {
    match (is_chunked, length) {
        (true, _) => read_chunks(body),
        (false, None) => until(body.len(), body),
        (false, Some(length)) => {
            let length = str::from_utf8(length).ok();
            let length = length.and_then(|length| length.parse().ok());
            until(length.unwrap_or(usize::MAX), body)
        }
    }
}

fn until(length: usize, body: &[u8]) -> (Vec<u8>, End) {
    let content = body[..length.min(body.len())].to_vec();
    match length <= body.len() {
        true => (content, End::Complete),
        false => (content, End::CutShort),
    }
}

fn read_chunks(mut bytes: &[u8]) -> (Vec<u8>, End) {
    let mut content = Vec::new();
    let end = loop {
        let (size, rest) = match line(bytes) {
            Ok((line, rest)) => (size(line), rest),
            // What is no size is not read to its line's end.
            Err(End::CutShort) if bytes.is_empty() => break End::CutShort,
            Err(End::CutShort) if size(bytes.strip_suffix(b"\r").unwrap_or(bytes)).is_some() => {
                break End::CutShort;
            }
            Err(_) => break End::Broken,
        };
        match size {
            None => break End::Broken,
            Some(0) => break read_trailers(rest),
            Some(size) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let (data, rest) = rest.split_at(size.min(rest.len()));
                content.extend_from_slice(data);
                match rest {
                    b"" | b"\r" => break End::CutShort,
                    [b'\r', b'\n', rest @ ..] => bytes = rest,
                    _ => break End::Broken,
                }
            }
        }
    };
    (content, end)
}

/// A chunk's size, of 32 digits at the most, which extensions may follow.
fn size(line: &[u8]) -> Option<u64> {
    let end = line
        .iter()
        .position(|byte| b" \t;".contains(byte))
        .unwrap_or(line.len());
    let digits = str::from_utf8(&line[..end]).ok()?;
    // from_str_radix knows a sign.
    let are_digits = digits.len() <= 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    are_digits
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

fn read_trailers(mut bytes: &[u8]) -> End {
    loop {
        match line(bytes) {
            Ok((b"", _)) => return End::Complete,
            Ok((_, rest)) => bytes = rest,
            Err(end) => return end,
        }
    }
}

/// A line that ends in CR and LF, none of which may stand alone, and what follows it.
fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), End> {
    let end = bytes
        .iter()
        .position(|byte| b"\r\n".contains(byte))
        .ok_or(End::CutShort)?;
    match &bytes[end..] {
        [b'\r'] => Err(End::CutShort),
        [b'\r', b'\n', rest @ ..] => Ok((&bytes[..end], rest)),
        _ => Err(End::Broken),
    }
}
