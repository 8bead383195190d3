//! What the targets share: naive readings to compare with, a network that is nothing but loopback, a server on it, and
//! clients that are watched.

pub mod answer;
pub mod client;
pub mod frames;
pub mod loopback;
#[path = "../../../support/common/naive.rs"]
pub mod naive;
pub mod watch;

use std::fmt;

/// Checks a promise of the library. Not by a panic: in a callback, the library would take it for its own and contain it.
#[macro_export]
macro_rules! promise {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            $crate::broken(format_args!($($what)+));
        }
    };
}

/// Ends the run; libFuzzer then saves the input.
#[cold]
pub fn broken(what: fmt::Arguments<'_>) -> ! {
    eprintln!("broken promise: {what}");
    std::process::abort()
}
