//! The secrets of TLS connections in a file, so that tools can decrypt what was captured.
//!
//! Not rustls' own `KeyLogFile`: that takes its path from the environment, which is the program's affair, and goes on silently
//! without a file.

use super::file;
use crate::http::invalid::{Invalid, InvalidKind};
use crate::log::{self, Kind, Level};
use std::fmt::Write as _;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A file of lines in the format of NSS, open for as long as a policy has it.
#[derive(Debug)]
pub struct KeyLog {
    file: File,
    identity: Identity,
    /// The last line could not be written, or only a part of it, as when the disk is full.
    is_cut: AtomicBool,
}

/// What tells a file from others: also from one that had the same path before.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    path: PathBuf,
    /// Device and inode.
    #[cfg(unix)]
    number: (u64, u64),
}

/// Equal are those that write to the same file.
impl PartialEq for KeyLog {
    fn eq(&self, other: &KeyLog) -> bool {
        self.identity == other.identity
    }
}

impl Eq for KeyLog {}

impl KeyLog {
    /// Opens a file, to append to it; a new one is this user's alone. Refused for one that others may read.
    pub fn open(path: &Path) -> Result<KeyLog, Invalid> {
        open(path).map_err(|error| {
            let message = format!(
                "the key log file {} cannot be used: {error}",
                path.display()
            );
            Invalid::new(InvalidKind::Value, message)
        })
    }
}

fn open(path: &Path) -> io::Result<KeyLog> {
    let refused = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    let file = for_this_user().append(true).create(true).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return refused("it is not a regular file");
    }
    if others_may_use(&about) {
        return refused("others may use it; it must belong to this user and have the mode 0600");
    }
    let identity = Identity {
        path: file::lasting(path),
        #[cfg(unix)]
        number: (about.dev(), about.ino()),
    };
    Ok(KeyLog {
        file,
        identity,
        is_cut: AtomicBool::new(false),
    })
}

/// What is no file is not waited for.
#[cfg(unix)]
fn for_this_user() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .mode(0o600)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

/// Elsewhere the folder's permissions are the file's.
#[cfg(not(unix))]
fn for_this_user() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn others_may_use(file: &Metadata) -> bool {
    // SAFETY: no arguments, and it cannot fail.
    let user = unsafe { libc::geteuid() };
    file.uid() != user || file.mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_use(_file: &Metadata) -> bool {
    false
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // In one write, so that no line of another connection comes between.
        let mut line = match self.is_cut.swap(false, Ordering::Relaxed) {
            true => format!("\n{label}"),
            false => String::from(label),
        };
        for bytes in [client_random, secret] {
            line.push(' ');
            for byte in bytes {
                let _ = write!(line, "{byte:02x}");
            }
        }
        line.push('\n');
        if let Err(error) = (&self.file).write_all(line.as_bytes()) {
            self.is_cut.store(true, Ordering::Relaxed);
            let text = format_args!("the key log lacks a line: {error}");
            log::write(Level::Warning, Kind::Tls, text);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::{env, fs, mem, process};

    fn temporary(name: &str) -> PathBuf {
        env::temp_dir().join(format!("eventsource-{}-{name}", process::id()))
    }

    #[test]
    fn a_file_is_made_for_its_user_alone_and_one_that_others_may_read_is_refused() {
        let path = temporary("keys");
        let made = KeyLog::open(&path).expect("a file");
        let mode = || {
            fs::metadata(&path)
                .expect("it is there")
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(), 0o600);
        assert_eq!(KeyLog::open(&path).expect("the same"), made);
        fs::remove_file(&path).expect("it is there");
        assert_ne!(KeyLog::open(&path).expect("another"), made);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let refused = KeyLog::open(&path).expect_err("others may read it");
        assert!(refused.message.contains("0600"), "{}", refused.message);
        fs::remove_file(&path).expect("it is there");
        for path in [Path::new("/"), Path::new("/dev/null"), &path.join("none")] {
            assert!(KeyLog::open(path).is_err(), "{}", path.display());
        }
    }

    #[test]
    fn a_line_has_label_random_and_secret_in_hexadecimal_digits() {
        let path = temporary("lines");
        let keys = KeyLog::open(&path).expect("a file");
        for label in ["CLIENT_RANDOM", "SERVER_TRAFFIC_SECRET_0"] {
            rustls::KeyLog::log(&keys, label, &[0, 0xab], &[1, 0xff]);
        }
        let text = fs::read_to_string(&path).expect("lines");
        fs::remove_file(&path).expect("it is there");
        assert_eq!(
            text,
            "CLIENT_RANDOM 00ab 01ff\nSERVER_TRAFFIC_SECRET_0 00ab 01ff\n"
        );
    }

    #[test]
    fn a_line_that_is_cut_spoils_no_other() {
        let path = temporary("cut");
        let mut keys = KeyLog::open(&path).expect("a file");
        let log = |keys: &KeyLog| rustls::KeyLog::log(keys, "CLIENT_RANDOM", &[0], &[1]);
        // As on a full disk: a part of the line, and an error.
        fs::write(&path, "CLIENT_RAN").expect("a part");
        let writable = mem::replace(&mut keys.file, File::open(&path).expect("it is there"));
        log(&keys);
        keys.file = writable;
        log(&keys);
        log(&keys);
        let text = fs::read_to_string(&path).expect("lines");
        fs::remove_file(&path).expect("it is there");
        let line = "CLIENT_RANDOM 00 01\n";
        assert_eq!(text, format!("CLIENT_RAN\n{line}{line}"));
    }
}
