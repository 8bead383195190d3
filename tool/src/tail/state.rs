//! The last event id in a file, for the next run.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process;

/// What was kept, or nothing. A line end that an editor has added is not a part of it: no id has one.
pub fn load(path: &Path) -> Result<String, String> {
    let mut id = match fs::read(path) {
        Ok(id) => id,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    while id.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        id.pop();
    }
    String::from_utf8(id).map_err(|_| format!("{} is not valid UTF-8", path.display()))
}

/// Either the old id is in the file or the new one, whenever the program or the machine stops.
pub fn save(path: &Path, id: &[u8]) -> io::Result<()> {
    let mut temporary = OsString::from(path);
    temporary.push(format!(".{}", process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(id)?;
        file.sync_data()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
