//! Panics: bugs of the library that must not become the program's. They are caught, and told to the log instead of stderr.

use crate::log::{self, Kind, Level};
use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CONTAINED: Cell<u32> = const { Cell::new(0) };
}

/// Runs something of the library's; a panic in it becomes its message.
///
/// What `run` shares with others must be valid at every point, as what is behind `sync::lock` is.
pub fn contain<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(silence_hook);
    CONTAINED.set(CONTAINED.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CONTAINED.set(CONTAINED.get() - 1);
    result.map_err(|panic| message(&*panic).to_owned())
}

/// The standard hook writes to stderr. Panics that are not the library's own keep theirs: a Rust program that uses the
/// library has only one hook for both.
fn silence_hook() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if CONTAINED.get() > 0 {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            log::write(
                Level::Error,
                Kind::Fault,
                format_args!("panic at {place}: {}", message(info.payload())),
            );
        } else {
            others(info);
        }
    }));
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
