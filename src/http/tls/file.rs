//! Files that the caller or the environment names: read whole, never waited for, and looked at again.

use std::env;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most that is read of a file: many times what all authorities of a system take.
pub const MOST: u64 = 16 * 1024 * 1024;

/// Reads a regular file of no more than [`MOST`] bytes. What is none, as a pipe or a device, might never end or never begin.
pub fn read(path: &Path) -> io::Result<(Vec<u8>, Snapshot)> {
    let mut file = opened(path)?;
    let begun = Version::of(&file.metadata()?);
    // It may grow meanwhile, or not know its length, as those of /proc.
    let mut bytes = Vec::new();
    (&mut file).take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(too_large());
    }
    if Version::of(&file.metadata()?) != begun {
        return Err(refused("it is being written"));
    }
    let snapshot = Snapshot {
        path: lasting(path),
        version: Some(begun).filter(Version::is_settled),
    };
    Ok((bytes, snapshot))
}

/// A path that still leads there when the process has changed its directory.
pub fn lasting(path: &Path) -> PathBuf {
    env::current_dir().unwrap_or_default().join(path)
}

/// A file as it was when it was read. Equal are those of the same file.
#[derive(Clone, Debug)]
pub struct Snapshot {
    path: PathBuf,
    /// `None` if a change after it was read might not show.
    version: Option<Version>,
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Snapshot) -> bool {
        self.path == other.path
    }
}

impl Eq for Snapshot {}

impl Snapshot {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what is there may be other than what was read. That it cannot be looked at is a change, too.
    pub fn may_have_changed(&self) -> bool {
        let now = fs::metadata(&self.path).ok();
        now.is_none_or(|now| self.version != Some(Version::of(&now)))
    }
}

/// What tells a file's contents from earlier ones without reading them.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    len: u64,
    modified: Option<SystemTime>,
    /// Device, inode and time of the last change: a file that another was renamed to may have an old date.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

/// The coarsest step of a file system's clock (FAT): within it, two changes may look the same.
const STEP: Duration = Duration::from_secs(2);

impl Version {
    fn of(about: &Metadata) -> Version {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Version {
            len: about.len(),
            modified: about.modified().ok(),
            #[cfg(unix)]
            inode: (about.dev(), about.ino(), about.ctime(), about.ctime_nsec()),
        }
    }

    /// Whether it is so old that the next change shows.
    fn is_settled(&self) -> bool {
        #[cfg(unix)]
        let changed = {
            let seconds = self.inode.2.try_into().unwrap_or_default();
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        };
        #[cfg(not(unix))]
        let changed = self.modified;
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age > STEP)
    }
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
                read.as_ref().ok().map(|(bytes, _)| bytes.len() as u64),
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
        let (bytes, _) = read(Path::new("/proc/self/status")).expect("a file");
        assert!(!bytes.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_change_of_any_kind_shows() {
        let [path, other] = ["changed", "other"].map(temporary);
        fs::write(&path, "a").expect("a file");
        let (_, fresh) = read(&path).expect("a file");
        assert!(
            fresh.may_have_changed(),
            "a change in the same moment would not show"
        );
        // As if it had been there for long.
        let settled = || {
            let (_, mut snapshot) = read(&path).expect("a file");
            let version = Version::of(&fs::metadata(&path).expect("a file"));
            snapshot.version = Some(version);
            snapshot
        };
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(&path, "ab").expect("longer"),
            &|| {
                let file = File::options().append(true).open(&path).expect("a file");
                let long_ago = SystemTime::UNIX_EPOCH + STEP;
                file.set_modified(long_ago).expect("another date");
            },
            &|| {
                let of_the_first = fs::metadata(&path).and_then(|about| about.modified());
                fs::write(&other, "cd").expect("a file of the same length");
                let file = File::options().append(true).open(&other).expect("a file");
                file.set_modified(of_the_first.expect("a date"))
                    .expect("and date");
                fs::rename(&other, &path).expect("in its place");
            },
            &|| fs::remove_file(&path).expect("it is there"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let snapshot = settled();
            assert!(!snapshot.may_have_changed(), "{number}");
            change();
            assert!(snapshot.may_have_changed(), "{number}");
        }
    }
}
