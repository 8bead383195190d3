//! A command for each event. The callback waits until it has ended, so the library reads on only then, and the server has to
//! wait, too: back-pressure.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::{self, Stdio};

use crate::client::Event;

pub struct Command(OsString);

impl Command {
    pub fn new(command: OsString) -> Command {
        Command(command)
    }

    /// Runs it to its end.
    pub fn run(&self, event: &Event, mut input: Vec<u8>) -> Result<(), String> {
        let mut child = process::Command::new("/bin/sh")
            .arg("-c")
            .arg(&self.0)
            .env("EVENTSOURCE_TYPE", variable(event.kind))
            .env("EVENTSOURCE_ID", variable(event.id))
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run /bin/sh: {error}"))?;
        input.push(b'\n');
        let written = child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(&input));
        let status = child
            .wait()
            .map_err(|error| format!("cannot wait for the command: {error}"))?;
        // One that does not read all of it may end well.
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                return Err(format!("cannot write to the command: {error}"));
            }
            _ => {}
        }
        match status.success() {
            true => Ok(()),
            false => Err(format!("the command failed: {status}")),
        }
    }
}

/// The environment has no NUL.
fn variable(value: &[u8]) -> OsString {
    OsString::from_vec(value.iter().copied().filter(|byte| *byte != 0).collect())
}
