//! Files that the caller or the environment names: read whole, and never waited for.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most that is read of a file: many times what all authorities of a system take.
pub const MOST: u64 = 16 * 1024 * 1024;

/// Reads a regular file of no more than [`MOST`] bytes. What is none, as a pipe or a device, might never end or never begin.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = opened(path)?;
    // It may grow meanwhile, or not know its length, as those of /proc.
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(too_large());
    }
    Ok(bytes)
}

/// A path that still leads there when the process has changed its directory.
pub fn lasting(path: &Path) -> PathBuf {
    env::current_dir().unwrap_or_default().join(path)
}

/// Whether a file is one that could be read so, for those that others read: where the platform's authorities are files.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
pub fn check(path: &Path) -> io::Result<()> {
    opened(path).map(drop)
}

fn opened(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if about.len() > MOST {
        return Err(too_large());
    }
    Ok(file)
}

/// To open a pipe waits for its other end, unless it is told not to.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn too_large() -> io::Error {
    let mib = MOST / (1024 * 1024);
    refused(&format!("it is larger than {mib} MiB"))
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("eventsource-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_file_up_to_the_limit_is_read_and_no_other() {
        let path = temporary("sparse");
        let file = File::create(&path).expect("a file");
        for (len, is_read) in [(0, true), (MOST, true), (MOST + 1, false), (1 << 32, false)] {
            file.set_len(len).expect("a length");
            let read = read(&path);
            assert_eq!(
                read.as_ref().ok().map(|bytes| bytes.len() as u64),
                is_read.then_some(len)
            );
            if let Err(error) = read {
                assert_eq!(error.to_string(), "it is larger than 16 MiB");
            }
        }
        std::fs::remove_file(path).expect("it is there");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        use std::os::unix::ffi::OsStrExt;
        let pipe = temporary("pipe");
        let name = std::ffi::CString::new(pipe.as_os_str().as_bytes()).expect("no NUL");
        // SAFETY: a string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        for path in [&*pipe, Path::new("/dev/zero"), Path::new("/")] {
            let error = read(path).expect_err("no file");
            assert_eq!(
                error.to_string(),
                "it is not a regular file",
                "{}",
                path.display()
            );
        }
        std::fs::remove_file(pipe).expect("it is there");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_does_not_know_its_length_is_read() {
        assert!(
            !read(Path::new("/proc/self/status"))
                .expect("a file")
                .is_empty()
        );
    }
}
