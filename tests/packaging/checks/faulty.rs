//! A program with a fault, for the sanitizers to find where cargo's tests have them: `leak` loses memory, `read` looks at
//! memory that has been released.

fn main() {
    let text = String::from("gone");
    match std::env::args().nth(1).as_deref() {
        Some("leak") => std::mem::forget(text),
        Some("read") => {
            let first = text.as_ptr();
            drop(text);
            // SAFETY: this is the fault.
            let _ = unsafe { first.read_volatile() };
        }
        _ => {}
    }
}
