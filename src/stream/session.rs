//! A run: attempt, stream, back-off, again, until it is stopped or an error is final.

use super::backoff::{Backoff, Health};
use super::control::{Control, Interrupt};
use super::deliver::Deliver;
use super::handler::{Attempt, Cause, Close, Decision, Failure, Handler, Opened};
use super::policy::{self, Verdict};
use super::settings::{Mode, Settings};
use super::shared::{Shared, State};
use crate::http::{self, Body, Error, ErrorKind};
use crate::log::{self, Level};
use crate::panics;
use crate::parser::{KeptText, Parser, Refused};
use crate::place::callers_code;
use crate::runtime::{Entry, Stage, reschedule};
use crate::words;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::mem;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// How many reads, and how many bytes, a stream may take before others get a turn: no more than is dealt with in about a
/// millisecond, if callbacks are quick.
const PER_TURN: (u32, usize) = (16, 128 * 1024);

/// How much is read where it has to be held until its callbacks can run.
const READ_TO_HOLD: usize = 16 * 1024;

/// How long a stream is silent before it gives back memory that it does not need for now.
const IDLE: Duration = Duration::from_secs(1);

/// Lives a client's run from its start to `on_close`, whatever happens.
///
/// Not an async function: that would have room for each argument twice, once before its first poll and once after.
pub fn run(
    shared: Arc<Shared>,
    control: Arc<Control>,
    stage: Stage,
    entry: Entry,
    settings: Arc<Settings>,
    handler: Box<dyn Handler>,
) -> impl Future<Output = ()> + Send {
    let mut parser = Parser::new(settings.max_event_size());
    parser.set_last_event_id(&shared.last_event_id());
    let mut run = Run {
        parser,
        backoff: Backoff::new(settings.reconnect),
        shared,
        settings,
        handler,
        control,
        stage,
        first_attempt: true,
        has_been_open: false,
        failed_attempts: 0,
        credentials_renewed: false,
        id_is_refused: false,
        repeats: true,
        requests: 0,
        brought: false,
        read_in_turn: 0,
        has_paused: false,
        held: Vec::new(),
        held_comment: None,
    };
    async move {
        let ended = {
            let mut live = pin!(run.live());
            contained(live.as_mut()).await
        };
        run.stage.enter().await;
        let close = ended.unwrap_or_else(|panic| run.panicked(panic));
        run.shared.set_state(State::Closed);
        run.log(Level::Info, format_args!("{close}"));
        // Each of these may run code of the handler's. The order is promised: on_close, then the handler is gone and
        // with it what it keeps alive, and only then whoever waits may go on.
        let _ = panics::contain(|| run.handler.on_close(close));
        let shared = run.shared.clone();
        let _ = panics::contain(|| drop(run));
        shared.gate.ended();
        drop(entry);
    }
}

/// Polls a future; a panic in it becomes its message.
async fn contained<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, String> {
    poll_fn(|cx| match panics::contain(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

struct Run {
    shared: Arc<Shared>,
    control: Arc<Control>,
    stage: Stage,
    settings: Arc<Settings>,
    handler: Box<dyn Handler>,
    parser: Parser,
    backoff: Backoff,
    /// The attempt under way is the first of this run.
    first_attempt: bool,
    /// A stream of this run has been open.
    has_been_open: bool,
    /// Failed attempts since the stream was last open.
    failed_attempts: u32,
    /// New credentials have been asked for since the stream was last open.
    credentials_renewed: bool,
    /// The last event id cannot be sent, and the log says so.
    id_is_refused: bool,
    /// The next request does no more than get the stream, as far as its method says.
    repeats: bool,
    /// Requests made since the client last waited.
    requests: u32,
    /// The stream has brought something: an event, an id, a retry, a comment.
    brought: bool,
    /// How many bytes have been read since others had a turn.
    read_in_turn: usize,
    /// There has been a pause since the stream was last read.
    has_paused: bool,
    /// Bytes of the stream that have been read and not yet parsed: because of a pause, or because callbacks run elsewhere.
    held: Vec<u8>,
    /// A comment that came before them: the events in front of it were delivered only when it had been parsed, and the
    /// program asked for a pause then.
    held_comment: Option<KeptText>,
}

impl Run {
    async fn live(&mut self) -> Close {
        let control = self.control.clone();
        let mut cause = None;
        loop {
            // An attempt may have been dropped inside a callback's turn.
            self.stage.leave().await;
            // An interrupt drops the attempt where it stands: in the resolver, the handshake, the stream or the wait.
            cause = tokio::select! {
                biased;
                interrupt = poll_fn(|cx| control.poll_interrupt(cx)) => match interrupt {
                    Interrupt::Stop => return Close::Stopped,
                    Interrupt::Reconnect => {
                        if self.shared.state() == State::Open {
                            self.tell_backoff(false);
                        }
                        // The program does not wait, and what it asks for is no server's doing.
                        self.backoff.waited(Duration::ZERO);
                        self.requests = 0;
                        None
                    }
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
        // What is not needed while a stream is open has boxes of its own: an open stream is to be small.
        let (error, was_open) = match Box::pin(self.open(cause)).await {
            Ok(Some(body)) => (self.stream(body).await, true),
            Ok(None) => return ControlFlow::Break(Close::Server),
            Err(error) => (error, false),
        };
        let ends_with_stream = matches!(self.mode(), Mode::Once | Mode::UntilEnd);
        if ends_with_stream && error.kind == ErrorKind::EndOfStream {
            return ControlFlow::Break(Close::EndOfStream);
        }
        Box::pin(self.recover(error, was_open)).await
    }

    /// From the request to an open stream; `None` when the server wants no more requests.
    async fn open(&mut self, cause: Option<Cause>) -> Result<Option<Box<Body>>, Error> {
        let mut attempt = Attempt {
            request: self.settings.request.clone(),
            number: self.failed_attempts + 1,
            cause,
        };
        if self.settings.resume_with_get && self.has_been_open {
            attempt.request.become_get();
        }
        self.send_last_event_id(&mut attempt.request);
        if self.handler.wants_request() {
            self.in_callback(|run| run.handler.on_request(&mut attempt))
                .await;
        }
        self.repeats = attempt.request.is_get();
        self.shared.counters.attempt();
        let response = http::open(&mut attempt.request, &self.settings.http).await;
        self.requests = self.requests.saturating_add(attempt.request.times_made());
        let mut response = response?;
        match policy::judge(
            attempt.request.method(),
            response.status,
            &response.headers,
            self.settings.check_content_type,
        ) {
            Verdict::Stream => {}
            Verdict::Close => return Ok(None),
            Verdict::Error(error) => {
                return Err(error.with_answer(Box::pin(response.into_answer()).await));
            }
        }

        self.log(Level::Info, format_args!("open"));
        if http::has_unknown_coding(&response.headers) {
            self.log(
                Level::Warning,
                format_args!(
                    "the response's Content-Encoding is not known; its bytes are read as they are"
                ),
            );
        }
        response.body.allow(self.settings.max_event_size());
        self.first_attempt = false;
        self.has_been_open = true;
        self.repeats |= self.settings.resume_with_get;
        self.failed_attempts = 0;
        self.credentials_renewed = false;
        self.parser.reset();
        self.parser.has_passed_over();
        self.brought = false;
        self.held.clear();
        self.held_comment = None;
        self.shared.counters.open();
        self.shared.set_state(State::Open);
        let opened = Opened {
            url: attempt.request.url().as_str(),
            status: response.status,
            http_version: response.http_version,
            headers: &response.headers,
        };
        self.in_callback(|run| run.handler.on_open(&opened)).await;
        Ok(Some(response.body))
    }

    /// Puts the last event id into a request. One that cannot be sent is kept for the program; the log says so once.
    fn send_last_event_id(&mut self, request: &mut http::Request) {
        self.adopt_last_event_id();
        let sent = request.set_last_event_id(self.parser.last_event_id().as_str());
        if let Err(reason) = &sent
            && !self.id_is_refused
        {
            let message = &reason.message;
            self.log(
                Level::Warning,
                format_args!("the last event id is not sent: {message}"),
            );
        }
        self.id_is_refused = sent.is_err();
    }

    /// Delivers a stream until it ends, and answers how.
    async fn stream(&mut self, mut body: Box<Body>) -> Error {
        let control = self.control.clone();
        let mut reads = 0;
        let error = loop {
            self.resumed().await;
            match mem::take(&mut self.has_paused) {
                true => body.listen_anew(),
                false => body.listen(),
            }
            let events = self.shared.counters.events();
            // A pause ends the wait for bytes, and with it the read timeout. `live` has polled for interrupts by the time
            // that this is polled, so that the task is woken.
            let paused = poll_fn(|_| match control.is_paused() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            });
            let read = tokio::select! {
                biased;
                () = paused => continue,
                read = self.read(&mut body) => read,
            };
            // What came before an error counts.
            let delivered = self.deliver_held().await;
            if self.shared.counters.events() != events {
                body.brought_event();
            }
            let ended = match read.and_then(|more| delivered.map(|()| more)) {
                Ok(true) => None,
                Ok(false) => Some(Error::new(
                    ErrorKind::EndOfStream,
                    "the server ended the stream",
                )),
                Err(error) => Some(error),
            };
            if let Some(error) = ended {
                // It came with events, and one of their callbacks has asked for a pause.
                self.resumed().await;
                break error;
            }
            reads += 1;
            if reads >= PER_TURN.0 || self.read_in_turn >= PER_TURN.1 {
                (reads, self.read_in_turn) = (0, 0);
                reschedule().await;
            }
        };
        self.tell_backoff(error.kind == ErrorKind::EndOfStream);
        self.parser.reset();
        self.parser.shrink();
        error
    }

    /// An open stream has ended.
    fn tell_backoff(&mut self, ended_cleanly: bool) {
        self.backoff.stream_ended(Health {
            open_for: self.shared.counters.open_for(),
            brought: self.brought | self.parser.has_passed_over(),
            ended_cleanly,
        });
    }

    /// Reads on. A stream that falls silent gives back what a large event took: at once would be too soon, if another one
    /// is to follow.
    async fn read(&mut self, body: &mut Body) -> Result<bool, Error> {
        if self.parser.has_much_to_spare() {
            match timeout(IDLE, self.read_now(body)).await {
                Ok(read) => return read,
                Err(_) => self.parser.shrink(),
            }
        }
        self.read_now(body).await
    }

    /// Reads once, and delivers what came from where it is, in the reading thread's buffer. What cannot be delivered there
    /// and then is held.
    async fn read_now(&mut self, body: &mut Body) -> Result<bool, Error> {
        let limit = match self.stage.is_elsewhere() {
            true => READ_TO_HOLD,
            false => usize::MAX,
        };
        let mut is_first = true;
        let mut delivered = Ok(());
        let read = body.read(limit, |piece| {
            if mem::take(&mut is_first) {
                self.shared.counters.read();
            }
            self.shared.counters.bytes(piece.len());
            self.read_in_turn += piece.len();
            if delivered.is_ok() {
                delivered = self.take(piece);
            }
        });
        let read = read.await;
        self.handler.deliver_collected();
        self.heed_interrupt().await;
        delivered.and(read)
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        let delivered = match self.stage.is_elsewhere() || self.holds_something() {
            true => 0,
            false => self.feed(piece)?,
        };
        let rest = &piece[delivered..];
        if self.held.try_reserve(rest.len()).is_err() {
            return Err(Error::no_memory());
        }
        self.held.extend_from_slice(rest);
        Ok(())
    }

    fn holds_something(&self) -> bool {
        !self.held.is_empty() || self.held_comment.is_some()
    }

    /// Delivers what is held, if anything is: what came in a pause, after that.
    async fn deliver_held(&mut self) -> Result<(), Error> {
        while self.holds_something() {
            self.resumed().await;
            let delivered = self.in_callback(|run| {
                let held = mem::take(&mut run.held);
                let delivered = run.feed(&held);
                run.handler.deliver_collected();
                run.held = held;
                delivered
            });
            let delivered = delivered.await?;
            self.held.drain(..delivered);
            if self.held.is_empty() {
                self.held = Vec::new();
            }
        }
        Ok(())
    }

    /// Waits while the program wants a pause.
    async fn resumed(&mut self) {
        if self.control.is_paused() {
            self.has_paused = true;
            poll_fn(|cx| self.control.poll_resumed(cx)).await;
        }
    }

    /// Parses bytes and delivers what they complete. Answers how many it has parsed: all, unless that was interrupted, as it
    /// may have been since there was reason to call this.
    fn feed(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if !self.control.holds_events()
            && let Some(comment) = self.held_comment.take()
        {
            self.handler.on_comment(comment.text());
        }
        if self.control.holds_events() {
            return Ok(0);
        }
        self.adopt_last_event_id();
        let Run {
            parser,
            handler,
            shared,
            control,
            backoff,
            brought,
            held_comment,
            ..
        } = self;
        let mut is_out_of_memory = false;
        let mut deliver = Deliver {
            handler: &mut **handler,
            shared,
            control,
            backoff,
            brought,
            held_comment,
            out_of_memory: &mut is_out_of_memory,
        };
        // Said here for all events of a read. Other callbacks, which are few, say it where they are called.
        let fed = callers_code(|| parser.feed(bytes, &mut deliver));
        match fed {
            Ok(_) if is_out_of_memory => Err(Error::no_memory()),
            Ok(parsed) => Ok(parsed),
            Err(refused) => Err(Error::new(
                match refused {
                    Refused::TooLarge { .. } => ErrorKind::EventTooLarge,
                    Refused::NoMemory(_) => ErrorKind::Memory,
                },
                refused.to_string(),
            )),
        }
    }

    /// Takes over an id that the program has set.
    fn adopt_last_event_id(&mut self) {
        if let Some(id) = self.shared.imposed_last_event_id() {
            self.parser.set_last_event_id(&id);
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
            failure.retry_in = Some(self.next_delay(retry_after));
        }
        self.first_attempt = false;

        self.shared.set_state(match failure.retry_in {
            Some(_) => State::Waiting,
            None => State::Closed,
        });
        let (decision, chosen) = self
            .in_callback(|run| {
                run.shared.next_delay.ask();
                let decision = run.tell(&failure);
                let chosen = run.shared.next_delay.take();
                if decision == Decision::Stop {
                    // As any other stop, it outranks a reconnect that somebody asks for meanwhile.
                    run.control.interrupt(Interrupt::Stop);
                }
                (decision, chosen)
            })
            .await;
        let delay = match (decision, failure.retry_in) {
            (Decision::Stop, _) => return ControlFlow::Break(Close::Stopped),
            (_, Some(delay)) => delay,
            (Decision::Reconnect, None) => self.next_delay(retry_after),
            (Decision::Default, None) => return ControlFlow::Break(Close::Failed(failure.kind)),
        };
        drop(failure);
        // What is repeated at once goes on counting: the next delay is for its requests, too.
        let is_a_wait = chosen.is_some() || !delay.is_zero();
        self.shared.set_state(State::Waiting);
        let delay = chosen.unwrap_or(delay);
        tokio::time::sleep(delay).await;
        if is_a_wait {
            self.backoff.waited(delay);
            self.requests = 0;
        }
        ControlFlow::Continue(cause)
    }

    fn next_delay(&mut self, retry_after: Option<Duration>) -> Duration {
        let chance = fastrand::f64();
        self.backoff.next_delay(retry_after, self.requests, chance)
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
            message: words::one_line(&error.message).into_owned(),
            os_error: error.os_error,
            http_status,
            headers,
            body,
            attempt: self.failed_attempts,
            is_of_settings: error.is_of_settings,
            retry_in: None,
        }
    }

    /// A 401 is final, unless somebody can be asked for new credentials, once.
    fn may_renew_credentials(&self, failure: &Failure) -> bool {
        let is_servers = failure.kind == ErrorKind::Status && failure.http_status == 401;
        is_servers && self.handler.wants_request() && !self.credentials_renewed
    }

    /// What follows this attempt: a mode that says so by itself.
    fn mode(&self) -> Mode {
        match self.settings.mode {
            Mode::Auto if self.repeats => Mode::KeepAlive,
            Mode::Auto => Mode::Once,
            mode => mode,
        }
    }

    fn will_retry(&self, failure: &Failure, was_open: bool) -> bool {
        let policy = &self.settings.reconnect;
        let given_up = policy.max_attempts > 0 && failure.attempt >= policy.max_attempts;
        let initial = self.first_attempt && !was_open && !policy.retry_initial;
        self.mode() != Mode::Once
            && !given_up
            && !initial
            && !failure.is_of_settings
            && policy::is_transient(failure.kind, failure.http_status)
    }

    /// Everybody who is told of an error: the log, the statistics, the last-error text, the handler.
    fn tell(&mut self, failure: &Failure) -> Decision {
        let next = match failure.retry_in {
            None => "final".into(),
            Some(Duration::ZERO) => "next attempt at once".into(),
            Some(delay) => format!("next attempt in {}", words::duration(delay)),
        };
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

    /// Calls what calls the handler, where that may be called. What was asked in it comes before anything else.
    async fn in_callback<T>(&mut self, call: impl FnOnce(&mut Run) -> T) -> T {
        self.stage.enter().await;
        let answer = call(self);
        self.heed_interrupt().await;
        self.stage.leave().await;
        answer
    }

    /// `live` drops the attempt here if it is to be.
    async fn heed_interrupt(&mut self) {
        if self.control.is_interrupted() {
            pending::<()>().await;
        }
    }
}
