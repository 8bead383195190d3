//! Another Rust library with a C ABI, which a program may have beside libeventsource.

use std::collections::HashMap;
use std::panic::catch_unwind;

/// Answers 42, with what takes a panic, threads and the allocator to find out.
#[unsafe(no_mangle)]
pub extern "C" fn other_answer() -> i32 {
    let caught = catch_unwind(|| panic!("caught")).is_err();
    let found = std::thread::spawn(|| HashMap::from([("answer", 41)])["answer"]).join();
    found.unwrap_or(0) + i32::from(caught)
}
