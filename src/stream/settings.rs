//! What a client is told before it starts.

use crate::http::{self, Invalid, InvalidKind, Request};
use crate::sync::PerProcess;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

/// The longest name of a client, in bytes.
const LONGEST_NAME: usize = 128;

/// The event limit unless another is set.
pub const DEFAULT_MAX_EVENT_SIZE: usize = 16 * 1024 * 1024;

/// What a run needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the log calls the client, beside its number.
    name: Option<Arc<str>>,
    /// What every attempt sends.
    pub request: Request,
    /// How requests are made.
    pub http: http::Options,
    /// Whether to try again.
    pub mode: Mode,
    /// When to try again.
    pub reconnect: SharedPolicy,
    /// Whether only a run's first stream is asked for with the request's own method and body.
    pub reconnect_with_get: bool,
    /// For silence between events, whatever else comes; `None` for no limit.
    pub event_timeout: Option<Duration>,
    /// Whether changes of the network are watched.
    pub watch_network: bool,
    /// The data of the event that ends the stream; without it, an end is a loss.
    end_marker: Option<Arc<str>>,
    /// Whether a response must be `text/event-stream`.
    pub check_content_type: bool,
    max_event_size: usize,
}

/// Which failures and ends are followed by another attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A GET is kept alive. Any other request is made once, because it may cost or do something each time.
    #[default]
    Auto,
    /// All that may pass by itself.
    KeepAlive,
    /// None: there is one request, and the stream's end is the end.
    Once,
    /// All that may pass by itself, until the server ends a stream without error.
    UntilEnd,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReconnectPolicy {
    /// Whether to retry if the very first attempt fails.
    pub retry_initial: bool,
    /// The first delay.
    pub delay: Duration,
    /// The largest delay, jitter included, unless the server asks for a longer one.
    pub max_delay: Duration,
    /// How the delay grows.
    pub factor: f64,
    /// The largest share of the delay that is added at random, or taken off near the maximum.
    pub jitter: f64,
    /// A stream that lives this long ends the growth.
    pub reset_after: Duration,
    /// How many attempts may fail in a row; `None` for no limit.
    pub max_attempts: Option<NonZeroU32>,
    /// The shortest delay, for each request, that a server can bring about; the program's own delay where that is shorter.
    pub min_delay: Duration,
    /// The largest delay that a server can ask for.
    pub max_server_delay: Duration,
}

/// A policy that copies share until one of them changes: a client is to be small, and most say nothing of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedPolicy(Arc<ReconnectPolicy>);

impl Default for SharedPolicy {
    fn default() -> SharedPolicy {
        static DEFAULT: PerProcess<Arc<ReconnectPolicy>> = PerProcess::new();
        SharedPolicy(DEFAULT.get().clone())
    }
}

impl From<ReconnectPolicy> for SharedPolicy {
    fn from(policy: ReconnectPolicy) -> SharedPolicy {
        SharedPolicy(Arc::new(policy))
    }
}

impl Deref for SharedPolicy {
    type Target = ReconnectPolicy;

    fn deref(&self) -> &ReconnectPolicy {
        &self.0
    }
}

impl DerefMut for SharedPolicy {
    fn deref_mut(&mut self) -> &mut ReconnectPolicy {
        Arc::make_mut(&mut self.0)
    }
}

impl Default for ReconnectPolicy {
    fn default() -> ReconnectPolicy {
        ReconnectPolicy {
            retry_initial: false,
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            factor: 2.0,
            jitter: 0.5,
            reset_after: Duration::from_secs(60),
            max_attempts: None,
            min_delay: Duration::from_millis(100),
            max_server_delay: Duration::from_secs(3600),
        }
    }
}

impl Settings {
    /// The defaults, for a URL.
    pub fn new(url: &str) -> Result<Settings, Invalid> {
        Ok(Settings::with(Request::new(url)?))
    }

    /// The defaults. The request has to be given a URL.
    pub fn without_url() -> Settings {
        Settings::with(Request::without_url())
    }

    fn with(request: Request) -> Settings {
        Settings {
            name: None,
            request,
            http: http::Options::default(),
            mode: Mode::default(),
            reconnect: SharedPolicy::default(),
            reconnect_with_get: false,
            event_timeout: None,
            watch_network: true,
            end_marker: None,
            check_content_type: true,
            max_event_size: DEFAULT_MAX_EVENT_SIZE,
        }
    }

    /// What the log calls the client.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// Sets what the log calls the client. It stands in lines of text, so it has no line ends.
    pub fn set_name(&mut self, name: Option<&str>) -> Result<(), Invalid> {
        let refuse = |message: String| Err(Invalid::new(InvalidKind::Value, message));
        match name {
            Some("") => return refuse("the name is empty: pass NULL for none".into()),
            Some(name) if name.len() > LONGEST_NAME => {
                return refuse(format!(
                    "the name has {} bytes; {LONGEST_NAME} are allowed",
                    name.len()
                ));
            }
            Some(name) if name.chars().any(char::is_control) => {
                return refuse("the name has a control character".into());
            }
            _ => {}
        }
        self.name = name.map(Into::into);
        Ok(())
    }

    /// Sets when to try again.
    pub fn set_reconnect(&mut self, policy: ReconnectPolicy) -> Result<(), Invalid> {
        let refuse = |message: &str| Err(Invalid::new(InvalidKind::Value, message));
        let delays = [
            policy.delay,
            policy.max_delay,
            policy.min_delay,
            policy.max_server_delay,
        ];
        if delays.iter().any(Duration::is_zero) {
            return refuse("the delays must be at least 1 ms");
        }
        // Written so that NaN is refused, too.
        if !(1.0..=100.0).contains(&policy.factor) {
            return refuse("the factor must be from 1 to 100");
        }
        if !(0.0..=1.0).contains(&policy.jitter) {
            return refuse("the jitter must be from 0 to 1");
        }
        self.reconnect = policy.into();
        Ok(())
    }

    /// The data of the event that ends the stream.
    pub fn end_marker(&self) -> Option<&Arc<str>> {
        self.end_marker.as_ref()
    }

    /// Sets the data of the event that ends the stream.
    pub fn set_end_marker(&mut self, data: Option<&str>) -> Result<(), Invalid> {
        let refuse = |message: &str| Err(Invalid::new(InvalidKind::Value, message));
        match data {
            Some("") => return refuse("the end marker is empty: pass NULL for none"),
            Some(data) if data.contains('\r') => {
                return refuse(
                    "the end marker holds a CR, as no event's data can: its lines end with LF",
                );
            }
            _ => {}
        }
        self.end_marker = data.map(Into::into);
        Ok(())
    }

    /// How much an event may hold.
    pub fn max_event_size(&self) -> usize {
        self.max_event_size
    }

    /// Sets how much an event may hold.
    pub fn set_max_event_size(&mut self, bytes: usize) -> Result<(), Invalid> {
        if bytes == 0 {
            return Err(Invalid::new(
                InvalidKind::Value,
                "the event size limit must be at least 1",
            ));
        }
        self.max_event_size = bytes;
        Ok(())
    }
}
