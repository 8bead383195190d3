//! Settings that were refused: a client does not start without them.

use crate::abi::guard::refusal::Refusal;
use crate::abi::types::status::EVENTSOURCE_ERR_STATE;
use crate::sync::lock;
use std::sync::Mutex;

/// How many refusals are told apart. One more is kept for all others, and cannot be taken back.
const MOST: usize = 16;

/// Which setting a call is about. Calls that replace each other's values have the same one.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    name: &'static str,
    /// Which, of those that there are several of: a header's name, for example.
    of: Option<&'a str>,
}

impl<'a> Setting<'a> {
    /// The URL, which a client has from the beginning.
    pub const URL: Setting<'static> = Setting {
        name: "url",
        of: None,
    };

    /// The only one of that name.
    pub fn new(name: &'static str) -> Setting<'a> {
        Setting { name, of: None }
    }

    /// One of several; `None` if the caller's text does not say which, "" for all of them.
    pub fn of(name: &'static str, of: Option<&'a str>) -> Setting<'a> {
        Setting { name, of }
    }
}

/// The settings of a client that were refused and have not been set well since, in order.
#[derive(Debug, Default)]
pub struct RefusedSettings(Mutex<Vec<Refused>>);

#[derive(Debug)]
struct Refused {
    name: &'static str,
    of: Option<Box<str>>,
    refusal: Refusal,
}

impl Refused {
    fn is(&self, setting: Setting<'_>) -> bool {
        let is_of = match (&self.of, setting.of) {
            (Some(of), Some(other)) => of.eq_ignore_ascii_case(other),
            (of, other) => of.is_none() && other.is_none(),
        };
        self.name == setting.name && is_of
    }
}

impl RefusedSettings {
    /// A setter returns so: that is what counts of its setting from now on.
    pub fn note(&self, setting: Setting<'_>, outcome: &Result<(), Refusal>) {
        let mut refused = lock(&self.0);
        match outcome {
            Ok(()) if refused.is_empty() => {}
            Ok(()) if setting.of == Some("") => {
                refused.retain(|refused| refused.name != setting.name)
            }
            Ok(()) => refused.retain(|refused| !refused.is(setting)),
            // It says nothing about the setting.
            Err(refusal) if refusal.status == EVENTSOURCE_ERR_STATE => {}
            Err(refusal) => Self::add(&mut refused, setting, refusal),
        }
    }

    /// Takes back what was refused of a setting. Returns whether there was anything.
    pub fn take_back(&self, setting: Setting<'_>) -> bool {
        if setting.of.is_none() {
            // The caller does not say which.
            return false;
        }
        let mut refused = lock(&self.0);
        let before = refused.len();
        refused.retain(|refused| !refused.is(setting));
        refused.len() < before
    }

    fn add(refused: &mut Vec<Refused>, setting: Setting<'_>, refusal: &Refusal) {
        let (name, of) = match refused.len() {
            _ if refused.iter().any(|refused| refused.is(setting)) => return,
            ..MOST => (setting.name, setting.of),
            MOST => ("", None),
            _ => return,
        };
        refused.push(Refused {
            name,
            of: of.map(Into::into),
            refusal: refusal.clone(),
        });
    }

    /// The first of those that are left.
    pub fn first(&self) -> Option<Refusal> {
        let refused = lock(&self.0);
        refused.first().map(|refused| refused.refusal.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::types::status::{EVENTSOURCE_ERR_HEADER, EVENTSOURCE_ERR_VALUE};

    fn refused(message: &'static str) -> Result<(), Refusal> {
        Err(Refusal::new(EVENTSOURCE_ERR_HEADER, message))
    }

    fn first(settings: &RefusedSettings) -> Option<String> {
        Some(settings.first()?.message.into_owned())
    }

    #[test]
    fn the_first_is_told_until_it_is_set_well() {
        let settings = RefusedSettings::default();
        settings.note(Setting::of("header", Some("X-A")), &refused("a"));
        settings.note(Setting::of("header", Some("X-B")), &refused("b"));
        settings.note(Setting::new("method"), &Ok(()));
        assert_eq!(first(&settings).as_deref(), Some("a"));
        settings.note(Setting::of("header", Some("x-a")), &Ok(()));
        assert_eq!(first(&settings).as_deref(), Some("b"));
        settings.note(Setting::of("header", Some("x-b")), &Ok(()));
        assert_eq!(first(&settings), None);
    }

    #[test]
    fn a_call_at_the_wrong_time_is_not_kept() {
        let settings = RefusedSettings::default();
        let running = Err(Refusal::new(EVENTSOURCE_ERR_STATE, "the client is running"));
        settings.note(Setting::new("method"), &running);
        assert_eq!(first(&settings), None);
    }

    #[test]
    fn of_any_number_of_refusals_a_few_are_kept_and_none_is_forgotten() {
        let settings = RefusedSettings::default();
        let names: Vec<_> = (0..1000).map(|i| format!("X-{i}")).collect();
        for name in &names {
            let refusal = Refusal::new(EVENTSOURCE_ERR_VALUE, name.clone());
            settings.note(Setting::of("header", Some(name)), &Err(refusal));
        }
        assert_eq!(lock(&settings.0).len(), MOST + 1);
        for name in &names {
            settings.note(Setting::of("header", Some(name)), &Ok(()));
        }
        assert_eq!(first(&settings).as_deref(), Some("X-16"));
    }
}
