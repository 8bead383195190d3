//! A client, as the log tells it from others.

use super::settings::Settings;
use super::shared::Shared;
use crate::{http, log};
use std::sync::Arc;

/// What the records of a run are about. A task of its own keeps it where it is.
#[derive(Debug)]
pub struct Subject {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
}

impl Subject {
    /// A run with these.
    pub fn new(shared: &Arc<Shared>, settings: &Arc<Settings>) -> Subject {
        Subject {
            shared: shared.clone(),
            settings: settings.clone(),
        }
    }
}

impl log::Subject for Subject {
    fn log_client(&self) -> log::Client {
        describe(&self.shared, &self.settings)
    }
}

/// The client with these, as it is now.
pub fn describe(shared: &Shared, settings: &Settings) -> log::Client {
    let url = settings.request.url();
    // A URL that was refused leaves none of any origin.
    let origin = settings.request.has_url().then(|| http::origin(url));
    log::Client {
        number: shared.number,
        name: settings.name().cloned(),
        attempt: shared.counters.attempts(),
        origin: origin.map(|origin| origin.to_string()).unwrap_or_default(),
    }
}
