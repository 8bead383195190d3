//! What the body of a call runs in: a panic stops here, and a refusal becomes a status.

use super::refusal::Refusal;
use crate::abi::types::status::{eventsource_status_t, *};
use crate::buffer::has_memory_for;
use crate::log::{self, Kind, Level};
use crate::panics;
pub use crate::runtime::in_callback;
use std::ptr;

/// Runs the body of a call that is not on a client.
pub fn call(body: impl FnOnce() -> Result<(), Refusal>) -> eventsource_status_t {
    call_about(|_| body())
}

/// Runs the body of a call that may be on a client. If it refuses, it says on which, for the log, which is told when the body
/// has let go of the client.
pub fn call_about(
    body: impl FnOnce(&mut Option<log::Client>) -> Result<(), Refusal>,
) -> eventsource_status_t {
    #[inline(never)]
    fn run(
        body: &mut dyn FnMut(&mut Option<log::Client>) -> Result<(), Refusal>,
    ) -> eventsource_status_t {
        let mut client = None;
        match contained(|| body(&mut client)) {
            Ok(()) => EVENTSOURCE_OK,
            Err(refusal) => {
                log_refusal(&refusal, client.as_ref());
                refusal.status
            }
        }
    }
    run(&mut once_mut(body))
}

/// Makes of a body that is called once one that can be lent: what runs bodies is compiled once, and not for each of more than a
/// hundred functions.
pub fn once<A>(
    body: impl FnOnce(&A) -> Result<(), Refusal>,
) -> impl FnMut(&A) -> Result<(), Refusal> {
    let mut body = Some(body);
    move |argument| body.take().map_or(Ok(()), |body| body(argument))
}

/// The same, for a body that changes something.
pub fn once_mut<A>(
    body: impl FnOnce(&mut A) -> Result<(), Refusal>,
) -> impl FnMut(&mut A) -> Result<(), Refusal> {
    let mut body = Some(body);
    move |argument| body.take().map_or(Ok(()), |body| body(argument))
}

/// Tells the log of a refusal.
pub fn log_refusal(refusal: &Refusal, client: Option<&log::Client>) {
    let text = format_args!("call refused: {}", refusal.message);
    match client {
        Some(client) => log::write_of(client, LEVEL, Kind::Call, text),
        // About the one in whose callback it was made, if any.
        None => log::write(LEVEL, Kind::Call, text),
    }
}

/// The client that a refused call is about, if the log wants to know.
pub fn whose(client: &impl log::Subject) -> Option<log::Client> {
    log::is_wanted(LEVEL).then(|| client.log_client())
}

const LEVEL: Level = Level::Debug;

/// Runs the body of a constructor, whose handle tells what was refused. NULL if there is no memory for a handle.
pub fn make<H>(body: impl FnOnce() -> *mut H) -> *mut H {
    match has_memory_for::<u8>(ENOUGH) {
        true => contained(|| Ok(body())).unwrap_or(ptr::null_mut()),
        false => ptr::null_mut(),
    }
}

/// Memory for what a handle stands for. Asked for beforehand, because an allocation that fails ends the process.
const ENOUGH: usize = 16 * 1024;

/// A panic becomes a refusal: nothing unwinds into C.
pub fn contained<T>(body: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    panics::contain(body).unwrap_or_else(|panic| {
        Err(Refusal::new(
            EVENTSOURCE_ERR_PANIC,
            format!("internal error: {panic}"),
        ))
    })
}

/// Runs something that has no status to answer with.
pub fn contain(body: impl FnOnce()) {
    call(|| {
        body();
        Ok(())
    });
}

/// For what waits: inside a callback it would wait for ever.
pub fn may_wait() -> Result<(), Refusal> {
    if in_callback() {
        return Err(Refusal::new(
            EVENTSOURCE_ERR_IN_CALLBACK,
            "waiting inside a callback would deadlock",
        ));
    }
    Ok(())
}
