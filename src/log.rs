//! The library's log: one callback for the process, none by default. No record holds a header's value, a body, event data, or
//! a URL's user information, path or query.
//!
//! Which client a record is about is said in one of three ways. Who knows the client names it ([`write_of`]). What a run calls
//! does not: the run says so for as long as it is polled ([`about`]), and that holds for whatever is written on its thread
//! meanwhile ([`write`]). What is about the process alone says that, too ([`write_of_process`]).

use crate::place::callers_code;
use crate::sync::PerProcess;
use crate::words;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};

/// How important a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Faults of the library.
    Error = 1,
    /// What will probably not work as meant.
    Warning = 2,
    /// The life of the streams.
    Info = 3,
    /// Each request, redirect and refused call.
    Debug = 4,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    /// A request is made.
    Request = 1,
    /// A redirect is followed.
    Redirect = 2,
    /// A stream has opened.
    Open = 3,
    /// An attempt has failed, or a stream is lost.
    Error = 4,
    /// The client waits for its next attempt.
    Wait = 5,
    /// The run is over.
    Close = 6,
    /// Something of a request or a response is left out.
    Http = 7,
    /// Something of the authorities is left out.
    Tls = 8,
    /// A call is refused.
    Call = 9,
    /// Threads are short, of the runtime or for look-ups.
    Thread = 10,
    /// A bug of the library.
    Fault = 11,
    /// The network has changed, or the system has slept.
    Network = 12,
}

/// The client that a record is about, as it is at that moment.
#[derive(Clone, Debug)]
pub struct Client {
    /// Which of the process; never 0.
    pub number: u64,
    /// What the program calls it.
    pub name: Option<Arc<str>>,
    /// Its attempt, from 1; 0 before the first.
    pub attempt: u64,
    /// The origin of its URL; empty if it has none.
    pub origin: String,
}

/// What records are about. It is asked only for a record that the level lets through.
pub trait Subject {
    /// The client as it is now.
    fn log_client(&self) -> Client;
}

/// What the callback receives.
#[derive(Debug)]
pub struct Record<'r> {
    /// How important it is.
    pub level: Level,
    /// What happened.
    pub kind: Kind,
    /// To which client; `None` if it concerns the process.
    pub client: Option<&'r Client>,
    /// In words: one line, without control characters.
    pub text: &'r str,
}

/// Receives the records.
pub type Callback = Box<dyn Fn(&Record<'_>) + Send + Sync>;

/// The callback cannot be changed from inside the callback.
#[derive(Debug)]
pub struct InCallback;

/// A callback, and the most detailed level that it wants.
struct Receiver {
    level: Level,
    callback: Callback,
    /// How many records are being passed to it. Apart, because it is counted down when the receiver has been let go.
    records: Arc<Records>,
}

#[derive(Default)]
struct Records {
    count: Mutex<usize>,
    none: Condvar,
}

/// While a record is passed. It is never the last to hold the receiver: who replaces that waits for it.
struct Passing {
    receiver: Option<Arc<Receiver>>,
    records: Arc<Records>,
}

impl Passing {
    fn to(receiver: &Arc<Receiver>) -> Self {
        let records = receiver.records.clone();
        *records.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self {
            receiver: Some(receiver.clone()),
            records,
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.receiver = None;
        let mut count = self
            .records
            .count
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *count -= 1;
        if *count == 0 {
            self.records.none.notify_all();
        }
    }
}

/// The lock is never held while a callback runs: a record for the next callback does not wait for the one before.
static CALLBACK: PerProcess<RwLock<Option<Arc<Receiver>>>> = PerProcess::new();
/// The most detailed level wanted; 0 for none. Beside the lock, so that a record that is not wanted costs one load.
static WANTED: AtomicI32 = AtomicI32::new(0);

thread_local! {
    static WRITING: Cell<bool> = const { Cell::new(false) };
    /// What this thread's records are about: what an [`about`] lends that has not returned.
    static SUBJECT: Cell<Option<*const dyn Subject>> = const { Cell::new(None) };
}

/// Replaces the callback by what `make` returns, which is not called if this is refused. When this returns, the old callback is
/// not running on any thread, and has been dropped.
pub fn set(make: impl FnOnce() -> Option<(Level, Callback)>) -> Result<(), InCallback> {
    if WRITING.get() {
        return Err(InCallback);
    }
    let next = make().map(|(level, callback)| {
        Arc::new(Receiver {
            level,
            callback,
            records: Arc::default(),
        })
    });
    let wanted = next.as_ref().map_or(0, |receiver| receiver.level as i32);
    let replaced = {
        let mut current = CALLBACK
            .get()
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        WANTED.store(wanted, Ordering::Relaxed);
        std::mem::replace(&mut *current, next)
    };
    if let Some(replaced) = replaced {
        let records = &replaced.records;
        let count = records.count.lock().unwrap_or_else(PoisonError::into_inner);
        let none = records.none.wait_while(count, |count| *count > 0);
        drop(none.unwrap_or_else(PoisonError::into_inner));
        // Behind no lock: it may call the library, and that may log.
        drop(replaced);
    }
    Ok(())
}

/// Whether records of a level are wanted.
pub fn is_wanted(level: Level) -> bool {
    level as i32 <= WANTED.load(Ordering::Relaxed)
}

/// Runs something that is about a client, whatever it calls. The subject must stay where it is also if `run` never returns, as
/// when a callback leaves by longjmp: in a task, not on the stack.
pub fn about<T>(subject: &(dyn Subject + 'static), run: impl FnOnce() -> T) -> T {
    struct Back<'c>(
        &'c Cell<Option<*const dyn Subject>>,
        Option<*const dyn Subject>,
    );
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    SUBJECT.with(|current| {
        let _back = Back(current, current.replace(Some(subject)));
        run()
    })
}

/// Writes a record about what this thread is at.
pub fn write(level: Level, kind: Kind, text: fmt::Arguments<'_>) {
    let client = || {
        let subject = SUBJECT.get()?;
        // SAFETY: lent by an `about` that has not returned.
        Some(unsafe { (*subject).log_client() })
    };
    write_record(level, kind, client, text);
}

/// Writes a record about a client.
pub fn write_of(subject: &dyn Subject, level: Level, kind: Kind, text: fmt::Arguments<'_>) {
    write_record(level, kind, || Some(subject.log_client()), text);
}

/// Writes a record about the process.
pub fn write_of_process(level: Level, kind: Kind, text: fmt::Arguments<'_>) {
    write_record(level, kind, || None, text);
}

/// What the callback itself makes the library log is dropped.
fn write_record(
    level: Level,
    kind: Kind,
    client: impl FnOnce() -> Option<Client>,
    text: fmt::Arguments<'_>,
) {
    if !is_wanted(level) || WRITING.replace(true) {
        return;
    }
    let (client, text) = (client(), text.to_string());
    let record = Record {
        level,
        kind,
        client: client.as_ref(),
        text: &words::one_line(&text),
    };
    let passing = CALLBACK
        .get()
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        // It may be another one by now, which wants less.
        .filter(|receiver| level <= receiver.level)
        .map(Passing::to);
    if let Some(receiver) = passing
        .as_ref()
        .and_then(|passing| passing.receiver.as_ref())
    {
        callers_code(|| (receiver.callback)(&record));
    }
    drop(passing);
    WRITING.set(false);
}

impl Subject for Client {
    fn log_client(&self) -> Client {
        self.clone()
    }
}
