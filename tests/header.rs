//! `include/eventsource.h`, the header that is checked in, is the one that the sources make.

use std::fs;

/// What build.rs made of `src/abi`.
const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/eventsource.h"));

/// Read at run time: a test that compiled it in would go on judging an old one.
fn checked_in() -> String {
    fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/include/eventsource.h"
    ))
    .expect("the header can be read")
}

/// The first line in which two headers differ, and what to do about it.
fn drift(checked_in: &str, generated: &str) -> Option<String> {
    if checked_in == generated {
        return None;
    }
    let mut old = checked_in.split('\n');
    let mut new = generated.split('\n');
    for number in 1.. {
        let lines = (old.next(), new.next());
        if lines.0 != lines.1 {
            let [old, new] = [lines.0, lines.1].map(|line| line.unwrap_or("(the end)"));
            return Some(format!(
                "include/eventsource.h is not what src/abi makes; line {number} is\n  {old}\n\
                 and should be\n  {new}\nRenew it: EVENTSOURCE_WRITE_HEADER=1 cargo build",
            ));
        }
    }
    None
}

#[test]
fn the_checked_in_header_is_the_generated_one() {
    if let Some(drift) = drift(&checked_in(), GENERATED) {
        panic!("{drift}");
    }
}

#[test]
fn a_changed_header_is_noticed_and_the_remedy_named() {
    let changed = GENERATED.replace("EVENTSOURCE_OK = 0", "EVENTSOURCE_OK = 1");
    let message = drift(&changed, GENERATED).expect("the change is noticed");
    assert!(message.contains("EVENTSOURCE_OK = 1"), "{message}");
    assert!(
        message.contains("EVENTSOURCE_WRITE_HEADER=1 cargo build"),
        "{message}"
    );

    let longer = format!("{GENERATED}\n");
    assert!(drift(&longer, GENERATED).is_some_and(|message| message.contains("(the end)")));
    assert!(drift("", GENERATED).is_some());
    assert_eq!(drift(GENERATED, GENERATED), None);
}

#[test]
fn the_version_macros_are_the_crates_version() {
    let header = checked_in();
    let macros = ["MAJOR", "MINOR", "PATCH"].map(|part| {
        let name = format!("#define EVENTSOURCE_VERSION_{part} ");
        let line = header.lines().find_map(|line| line.strip_prefix(&name));
        line.expect("the macro is defined").to_owned()
    });
    assert_eq!(macros.join("."), env!("CARGO_PKG_VERSION"));
}
