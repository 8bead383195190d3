//! A run: attempt, stream, back-off, again, until it is stopped or an error is final.

use super::backoff::{Backoff, Health};
use super::control::{Control, Interrupt};
use super::handler::{Attempt, Cause, Close, Decision, Failure, Handler, Opened};
use super::policy::{self, Verdict};
use super::settings::Settings;
use super::shared::{Shared, State};
use crate::http::{self, Body, Error, ErrorKind};
use crate::log::{self, Level};
use crate::panics;
use crate::parser::{Item, Parser};
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How many reads a stream may take before others get a turn.
const READS_PER_TURN: u32 = 16;

/// Lives a client's run from its start to `on_close`, whatever happens.
pub async fn run(
    shared: Arc<Shared>,
    control: Arc<Control>,
    settings: Settings,
    handler: Box<dyn Handler>,
) {
    let mut parser = Parser::new(settings.max_event_size());
    parser.set_last_event_id(&shared.last_event_id().value);
    let mut run = Run {
        parser,
        backoff: Backoff::new(settings.reconnect),
        shared: shared.clone(),
        settings,
        handler,
        control,
        first_attempt: true,
        failed_attempts: 0,
        credentials_renewed: false,
    };
    let close = match contained(run.live()).await {
        Ok(close) => close,
        Err(panic) => run.panicked(panic),
    };
    shared.set_state(State::Closed);
    run.log(Level::Info, format_args!("{close}"));
    // Each of these may run code of the handler's. The order is promised: on_close, then the handler is gone and with
    // it what it keeps alive, and only then whoever waits may go on.
    let _ = panics::contain(|| run.handler.on_close(close));
    let _ = panics::contain(|| drop(run));
    shared.ended();
}

/// Polls a future; a panic in it becomes its message.
async fn contained<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|cx| match panics::contain(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}

struct Run {
    shared: Arc<Shared>,
    control: Arc<Control>,
    settings: Settings,
    handler: Box<dyn Handler>,
    parser: Parser,
    backoff: Backoff,
    /// The attempt under way is the first of this run.
    first_attempt: bool,
    /// Failed attempts since the stream was last open.
    failed_attempts: u32,
    /// New credentials have been asked for since the stream was last open.
    credentials_renewed: bool,
}

impl Run {
    async fn live(&mut self) -> Close {
        let control = self.control.clone();
        let mut cause = None;
        loop {
            // An interrupt drops the attempt where it stands: in the resolver, the handshake, the stream or the wait.
            cause = tokio::select! {
                biased;
                interrupt = control.interrupted() => match interrupt {
                    Interrupt::Stop => return Close::Stopped,
                    Interrupt::Reconnect => None,
                },
                next = self.attempt(cause) => match next {
                    ControlFlow::Continue(cause) => Some(cause),
                    ControlFlow::Break(close) => return close,
                },
            };
        }
    }

    /// One attempt, its stream if it opens, and the wait that follows. Answers why the next attempt is made.
    async fn attempt(&mut self, cause: Option<Cause>) -> ControlFlow<Close, Cause> {
        self.shared.set_state(State::Connecting);
        let (error, was_open) = match self.open(cause).await {
            Ok(Some(body)) => (self.stream(body).await, true),
            Ok(None) => return ControlFlow::Break(Close::Server),
            Err(error) => (error, false),
        };
        self.recover(error, was_open).await
    }

    /// From the request to an open stream; `None` when the server wants no more requests.
    async fn open(&mut self, cause: Option<Cause>) -> Result<Option<Body>, Error> {
        let mut attempt = Attempt {
            request: self.settings.request.clone(),
            number: self.failed_attempts + 1,
            cause,
        };
        self.adopt_last_event_id();
        if !attempt
            .request
            .set_last_event_id(self.parser.last_event_id().as_str())
        {
            self.log(
                Level::Warning,
                format_args!("the last event id cannot stand in a header and is not sent"),
            );
        }
        if self.handler.wants_request() {
            self.handler.on_request(&mut attempt);
            self.heed_interrupt().await;
        }
        self.shared.counters.attempt();
        let response = http::open(attempt.request, &self.settings.http).await?;
        match policy::judge(
            response.status,
            &response.headers,
            self.settings.check_content_type,
        ) {
            Verdict::Stream => {}
            Verdict::Close => return Ok(None),
            Verdict::Error(error) => return Err(error.with_answer(response.into_answer().await)),
        }

        self.log(Level::Info, format_args!("open"));
        self.first_attempt = false;
        self.failed_attempts = 0;
        self.credentials_renewed = false;
        self.parser.reset();
        self.shared.counters.open();
        self.shared.set_state(State::Open);
        self.handler.on_open(&Opened {
            url: response.url.as_str(),
            status: response.status,
            http_version: response.http_version,
            headers: &response.headers,
        });
        self.heed_interrupt().await;
        Ok(Some(response.body))
    }

    /// Delivers a stream until it ends, and answers how.
    async fn stream(&mut self, mut body: Body) -> Error {
        let mut delivered = false;
        let mut reads = 0;
        let error = loop {
            let bytes = match body.read().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    break Error::new(ErrorKind::EndOfStream, "the server ended the stream");
                }
                Err(error) => break error,
            };
            self.shared.counters.read(bytes.len());
            if let Err(error) = self.feed(bytes, &mut delivered) {
                break error;
            }
            self.heed_interrupt().await;
            reads += 1;
            if reads % READS_PER_TURN == 0 {
                yield_now().await;
            }
        };
        self.backoff.stream_ended(Health {
            open_for: self.shared.counters.open_for(),
            delivered,
            ended_cleanly: error.kind == ErrorKind::EndOfStream,
        });
        self.parser.reset();
        self.parser.shrink();
        error
    }

    /// Parses what was read and delivers what it completes.
    fn feed(&mut self, bytes: &[u8], delivered: &mut bool) -> Result<(), Error> {
        self.adopt_last_event_id();
        let Run {
            parser,
            handler,
            shared,
            control,
            backoff,
            ..
        } = self;
        let wants_comments = handler.wants_comments();
        let fed = parser.feed(bytes, &mut |item| {
            match item {
                Item::Event(event) => {
                    shared.counters.event();
                    *delivered = true;
                    handler.on_event(&event);
                }
                Item::Comment(text) if wants_comments => handler.on_comment(text),
                Item::Comment(_) => {}
                Item::Retry(milliseconds) => backoff.set_base(milliseconds),
                Item::LastEventId(id) => {
                    let mut last = shared.last_event_id();
                    last.value.clear();
                    last.value.push_str(id.as_str());
                    last.set_by_program = false;
                    // Whoever stops now gets the event of this block, too: its id says that it was delivered.
                    return ControlFlow::Continue(());
                }
            }
            if control.is_interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        fed.map(drop)
            .map_err(|too_large| Error::new(ErrorKind::EventTooLarge, too_large.to_string()))
    }

    /// Takes over an id that the program has set.
    fn adopt_last_event_id(&mut self) {
        let mut last = self.shared.last_event_id();
        if std::mem::take(&mut last.set_by_program) {
            self.parser.set_last_event_id(&last.value);
        }
    }

    /// Tells of an error, and waits for the next attempt if there is to be one.
    async fn recover(&mut self, error: Error, was_open: bool) -> ControlFlow<Close, Cause> {
        let mut failure = self.failure(error, was_open);
        let (cause, retry_after) = (
            Cause {
                kind: failure.kind,
                http_status: failure.http_status,
            },
            failure
                .headers
                .as_ref()
                .and_then(|headers| policy::retry_after(headers, SystemTime::now())),
        );
        if self.may_renew_credentials(&failure) {
            self.credentials_renewed = true;
            failure.retry_in = Some(Duration::ZERO);
        } else if self.will_retry(&failure, was_open) {
            failure.retry_in = Some(self.backoff.next_delay(retry_after, fastrand::f64()));
        }
        self.first_attempt = false;

        self.shared.set_state(match failure.retry_in {
            Some(_) => State::Waiting,
            None => State::Closed,
        });
        let decision = self.tell(&failure);
        self.heed_interrupt().await;
        let delay = match (decision, failure.retry_in) {
            (Decision::Stop, _) => return ControlFlow::Break(Close::Stopped),
            (_, Some(delay)) => delay,
            (Decision::Reconnect, None) => self.backoff.next_delay(retry_after, fastrand::f64()),
            (Decision::Default, None) => return ControlFlow::Break(Close::Failed(failure.kind)),
        };
        drop(failure);
        self.shared.set_state(State::Waiting);
        tokio::time::sleep(delay).await;
        ControlFlow::Continue(cause)
    }

    fn failure(&mut self, error: Error, was_open: bool) -> Failure {
        if !was_open {
            self.failed_attempts = self.failed_attempts.saturating_add(1);
        }
        let (http_status, headers, body) = match error.answer {
            Some(answer) => (answer.status, Some(answer.headers), answer.body),
            None => (0, None, Vec::new()),
        };
        Failure {
            kind: error.kind,
            message: error.message,
            os_error: error.os_error,
            http_status,
            headers,
            body,
            attempt: self.failed_attempts,
            retry_in: None,
        }
    }

    /// A 401 is final, unless somebody can be asked for new credentials, once.
    fn may_renew_credentials(&self, failure: &Failure) -> bool {
        failure.http_status == 401 && self.handler.wants_request() && !self.credentials_renewed
    }

    fn will_retry(&self, failure: &Failure, was_open: bool) -> bool {
        let policy = &self.settings.reconnect;
        let given_up = policy.max_attempts > 0 && failure.attempt >= policy.max_attempts;
        let initial = self.first_attempt && !was_open && !policy.retry_initial;
        policy.enabled
            && !given_up
            && !initial
            && policy::is_transient(failure.kind, failure.http_status)
    }

    /// Everybody who is told of an error: the log, the statistics, the last-error text, the handler.
    fn tell(&mut self, failure: &Failure) -> Decision {
        let next = failure
            .retry_in
            .map_or("final".into(), |delay| format!("next attempt in {delay:?}"));
        match failure.http_status {
            0 => self.log(Level::Info, format_args!("{}; {next}", failure.message)),
            // The text may quote a header of the answer, which has no place in a log.
            status => self.log(
                Level::Info,
                format_args!("{} (HTTP {status}); {next}", failure.kind),
            ),
        }
        self.shared.counters.error();
        self.shared.set_last_error(&failure.message);
        self.handler.on_error(failure)
    }

    /// The library has a bug. The program is told as of any final error; the run is over.
    fn panicked(&mut self, panic: String) -> Close {
        let error = Error::new(ErrorKind::Panic, format!("internal error: {panic}"));
        // Whatever it decides, what has panicked once is not tried again.
        let _ = panics::contain(|| {
            let failure = self.failure(error, true);
            self.tell(&failure)
        });
        Close::Failed(ErrorKind::Panic)
    }

    /// Logs, with what tells this client from others.
    fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        let origin = http::origin(self.settings.request.url());
        log::write(level, format_args!("{origin}: {message}"));
    }

    /// After a callback: what was asked in it comes before anything else. `live` drops the attempt here.
    async fn heed_interrupt(&mut self) {
        if self.control.is_interrupted() {
            pending::<()>().await;
        }
    }
}

/// Goes to the end of the queue.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
