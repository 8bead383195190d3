//! The library's log: one sink for the process, none by default. No line holds a header's value, a body, event data, or
//! a URL's user information or query.

use crate::place::callers_code;
use crate::sync::PerProcess;
use crate::words;
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{PoisonError, RwLock};

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Faults of the library or the system.
    Error = 1,
    /// What will probably not work as meant.
    Warning = 2,
    /// The life of the streams.
    Info = 3,
    /// Each attempt, redirect and refused call.
    Debug = 4,
}

/// Receives the lines.
pub type Sink = Box<dyn Fn(Level, &CStr) + Send + Sync>;

/// The sink cannot be changed from inside the sink.
#[derive(Debug)]
pub struct InSink;

static SINK: PerProcess<RwLock<Option<Sink>>> = PerProcess::new();
/// The most detailed level wanted; 0 for none. Beside the lock, so that a line nobody wants costs one load.
static WANTED: AtomicI32 = AtomicI32::new(0);

thread_local! {
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Replaces the sink; returns when the old one is not running on any thread.
pub fn set(sink: Option<(Level, Sink)>) -> Result<(), InSink> {
    if WRITING.get() {
        return Err(InSink);
    }
    let (level, sink) = match sink {
        Some((level, sink)) => (level as i32, Some(sink)),
        None => (0, None),
    };
    let mut current = SINK.get().write().unwrap_or_else(PoisonError::into_inner);
    *current = sink;
    WANTED.store(level, Ordering::Relaxed);
    Ok(())
}

/// Writes a line, if somebody wants it. What the sink itself makes the library log is dropped.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    if level as i32 > WANTED.load(Ordering::Relaxed) || WRITING.replace(true) {
        return;
    }
    let message = message.to_string();
    if let Ok(line) = CString::new(&*words::one_line(&message)) {
        // To wait for a sink that is being replaced is to wait for the caller's code, too.
        callers_code(|| {
            let sink = SINK.get().read().unwrap_or_else(PoisonError::into_inner);
            if let Some(sink) = &*sink {
                sink(level, &line);
            }
        });
    }
    WRITING.set(false);
}
