//! Files that the next run reads: replaced as a whole.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;

/// The permissions of a file that others may read, as far as the umask lets them.
pub const PUBLIC: u32 = 0o666;

/// Those of a file with secrets.
pub const PRIVATE: u32 = 0o600;

/// What is in a file, or nothing if there is none.
pub fn read(path: &Path) -> Result<String, String> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    String::from_utf8(bytes).map_err(|_| format!("{} is not valid UTF-8", path.display()))
}

/// Either the old content is in the file or the new one, whenever the program or the machine stops.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), String> {
    let mut temporary = OsString::from(path);
    temporary.push(format!(".{}", process::id()));
    let written =
        write_new(temporary.as_ref(), content, mode).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        format!("cannot write {}: {error}", path.display())
    })
}

/// Never into a file that is there: it might have other permissions, or be a link.
fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // What a program of the same number left when it was killed.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_data()
}
