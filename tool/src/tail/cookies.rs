//! Cookies in a file, in the format of curl's, for the next run.

use std::path::{Path, PathBuf};

use super::file;
use crate::client::{Client, Refusal, Stream};
use crate::request::{Checked, OfOption};
use crate::sys;

/// The file, and what is in it.
pub struct Cookies {
    path: PathBuf,
    kept: String,
}

impl Cookies {
    /// Makes the client keep cookies, first those of the file.
    pub fn load(path: &Path, client: &Client) -> Checked<Cookies> {
        let kept = file::read(path).of("--cookies")?;
        client
            .set_number(sys::eventsource_set_cookies, 1)
            .of("--cookies")?;
        client
            .set(sys::eventsource_add_cookies, &kept)
            .map_err(|Refusal(reason)| format!("{}: {reason}", path.display()))
            .of("--cookies")?;
        Ok(Cookies {
            path: path.to_owned(),
            kept,
        })
    }

    /// Writes what the client has now, if that is something else.
    pub fn save(&mut self, stream: Stream) -> Result<(), String> {
        let cookies = stream.cookies();
        if self.kept != cookies {
            file::replace(&self.path, cookies.as_bytes(), file::PRIVATE)?;
            self.kept = cookies;
        }
        Ok(())
    }
}
