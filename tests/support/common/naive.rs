//! What a stream means, read off the standard without any regard to speed or memory: the judge of the parser in
//! `tests/behaviour/parser.rs` and in `tests/stress/fuzz`.

use eventsource::parser::{Item, Text};

/// An [`Item`] that can be kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Event {
        event_type: String,
        data: String,
        id: String,
    },
    Comment(String),
    Retry(u64),
    LastEventId(String),
}

impl From<Item<'_>> for Got {
    fn from(item: Item<'_>) -> Self {
        match item {
            Item::Event(event) => Self::Event {
                event_type: copy(event.event_type),
                data: copy(event.data),
                id: copy(event.last_event_id),
            },
            Item::Comment(text) => Self::Comment(copy(text)),
            Item::Retry(time) => Self::Retry(time),
            Item::LastEventId(id) => Self::LastEventId(copy(id)),
        }
    }
}

impl Got {
    pub fn with_id(self, id: &str) -> Self {
        match self {
            Self::Event {
                event_type, data, ..
            } => Self::Event {
                event_type,
                data,
                id: id.to_owned(),
            },
            other => other,
        }
    }
}

pub fn event(event_type: &str, data: &str) -> Got {
    Got::Event {
        event_type: event_type.to_owned(),
        data: data.to_owned(),
        id: String::new(),
    }
}

pub fn message(data: &str) -> Got {
    event("message", data)
}

pub fn comment(text: &str) -> Got {
    Got::Comment(text.to_owned())
}

pub fn last_id(id: &str) -> Got {
    Got::LastEventId(id.to_owned())
}

/// Copies a text as C would see it, and checks that it is what it promises to be.
fn copy(text: Text<'_>) -> String {
    assert_eq!(text.len(), text.as_str().len());
    assert_eq!(text.is_empty(), text.as_str().is_empty());
    assert!(
        str::from_utf8(text.as_str().as_bytes()).is_ok(),
        "valid UTF-8"
    );
    // SAFETY: a text is followed by one readable byte.
    let follows = unsafe { *text.as_ptr().add(text.len()) };
    assert_eq!(follows, 0, "a NUL follows");
    text.as_str().to_owned()
}

/// The standard's text, read literally: decode all, split into lines, process each. The stream continues one that ended
/// with this last event ID.
pub fn naive(input: &[u8], last_event_id: &str) -> Vec<Got> {
    let text = String::from_utf8_lossy(input);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut data, mut event_type) = (String::new(), String::new());
    let mut last_event_id = last_event_id.to_owned();
    let mut id = last_event_id.clone();
    let mut got = Vec::new();
    // What follows the last line ending is not a line.
    let lines = text
        .rsplit_once('\n')
        .map_or(vec![], |(lines, _)| lines.split('\n').collect());
    for line in lines {
        if line.is_empty() {
            if id != last_event_id {
                last_event_id.clone_from(&id);
                got.push(last_id(&id));
            }
            if !data.is_empty() {
                data.truncate(data.len() - 1);
                let event_type = if event_type.is_empty() {
                    "message"
                } else {
                    &event_type
                };
                got.push(event(event_type, &data).with_id(&last_event_id));
            }
            data.clear();
            event_type.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => got.push(comment(value)),
            "event" => event_type = value.to_owned(),
            "data" => data += &format!("{value}\n"),
            "id" if !value.contains('\0') => id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                got.push(Got::Retry(value.parse().unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }
    got
}
