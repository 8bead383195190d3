//! The last event id in a file, for the next run.

use std::path::Path;

use super::file;

/// What was kept, or nothing. A line end that an editor has added is not a part of it: no id has one.
pub fn load(path: &Path) -> Result<String, String> {
    let mut id = file::read(path)?;
    id.truncate(id.trim_end_matches(['\n', '\r']).len());
    Ok(id)
}

pub fn save(path: &Path, id: &[u8]) -> Result<(), String> {
    file::replace(path, id, file::PUBLIC)
}
