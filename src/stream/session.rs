//! A run: attempt, stream, back-off, again, until it is stopped or an error is final.

use super::backoff::{Backoff, Health};
use super::control::{Control, Doubt, Interrupt};
use super::handler::{Attempt, Cause, Close, Decision, Document, End, Failure, Handler, Opened};
use super::handler_sink::HandlerSink;
use super::screened::Screened;
use super::settings::{Mode, Settings};
use super::shared::{Shared, State};
use super::subject::{self, Subject};
use super::verdict::{self, Verdict};
use crate::http::{self, Answer, Body, Error, ErrorKind, Following, Redirected, Response};
use crate::log::{self, Kind, Level};
use crate::panics;
use crate::parser::{Event, KeptText, Parser, Refused};
use crate::place::callers_code;
use crate::runtime::{Entry, Reason, Stage, Totals, reschedule};
use crate::words;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::mem;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep, timeout};

/// How many reads, and how many bytes, a stream may have before it lets others run: no more than is dealt with in about a
/// millisecond, if callbacks are quick.
const BUDGET: (u32, usize) = (16, 128 * 1024);

/// How much is read where it has to be held until its callbacks can run.
const READ_TO_HOLD: usize = 16 * 1024;

/// How long a stream is silent before it gives back memory that it does not need for now.
const IDLE: Duration = Duration::from_secs(1);

/// For how long after a change of the network the loss of a stream is put down to that: a little longer than it takes to
/// verify a connection.
const AFTERMATH: Duration = Duration::from_secs(10);

/// Lives a client's run from its start to `on_close`, whatever happens.
///
/// Not an async function: that would have room for each argument twice, once before its first poll and once after.
pub fn run(
    shared: Arc<Shared>,
    control: Arc<Control>,
    stage: Stage,
    mut entry: Entry,
    settings: Arc<Settings>,
    handler: Box<dyn Handler>,
) -> impl Future<Output = ()> + Send {
    let totals = entry.totals().clone();
    let handler = measured(handler, &shared, &totals);
    let handler = ended_by_marker(handler, &settings, &control, &shared);
    let mut parser = Parser::new(settings.max_event_size());
    parser.set_last_event_id(&shared.last_event_id());
    let mut run = Run {
        parser,
        backoff: Backoff::new(settings.reconnect.clone()),
        attempts_before: shared.counters.attempts(),
        totals,
        final_failure: None,
        shared,
        settings,
        handler,
        control,
        stage,
        first_attempt: true,
        has_been_open: false,
        failed_attempts: 0,
        asked_to_retry: false,
        credentials_renewed: false,
        id_is_refused: false,
        repeats: true,
        requests: 0,
        brought: false,
        doubted_at: None,
        waits_cut: false,
        bytes_used: 0,
        has_paused: false,
        held_body: Vec::new(),
        held_comment: None,
    };
    async move {
        if run.settings.watch_network {
            entry.watch_network();
        }
        let subject = Subject::new(&run.shared, &run.settings);
        let ended = {
            let mut live = pin!(run.live());
            contained(live.as_mut(), &subject).await
        };
        run.stage.enter().await;
        let close = ended.unwrap_or_else(|panic| run.panicked(panic));
        run.shared.set_state(State::Closed);
        run.keep_end(close);
        run.log(Level::Info, Kind::Close, format_args!("{close}"));
        // Each of these may run code of the handler's. The order is promised: on_close, then the handler is gone and
        // with it what it keeps alive, and only then whoever waits may go on.
        let shared = run.shared.clone();
        log::about(&subject, || {
            let _ = panics::contain(|| run.handler.on_close(close));
            let _ = panics::contain(|| drop(run));
        });
        entry.count_no_more();
        shared.gate.ended();
        drop(entry);
    }
}

impl log::Subject for Run {
    fn log_client(&self) -> log::Client {
        subject::describe(&self.shared, &self.settings)
    }
}

/// Has the time measured that each event takes to its handler, if the runtime measures that.
fn measured(
    handler: Box<dyn Handler>,
    shared: &Arc<Shared>,
    totals: &Arc<Totals>,
) -> Box<dyn Handler> {
    if totals.latency().is_none() {
        return handler;
    }
    let (shared, totals) = (shared.clone(), totals.clone());
    let screen = Box::new(move |_: &Event<'_>| {
        if let Some(latency) = totals.latency() {
            latency.count(shared.counters.since_read());
        }
        true
    });
    Box::new(Screened { handler, screen })
}

/// Has the run ended by the event that ends a stream, as language models' endpoints send it (`data: [DONE]`), if the settings
/// name one. The handler does not see it.
fn ended_by_marker(
    handler: Box<dyn Handler>,
    settings: &Settings,
    control: &Arc<Control>,
    shared: &Arc<Shared>,
) -> Box<dyn Handler> {
    let Some(marker) = settings.end_marker().cloned() else {
        return handler;
    };
    let (control, shared) = (control.clone(), shared.clone());
    let screen = Box::new(move |event: &Event<'_>| {
        let is_marker = event.data.as_str() == &*marker;
        if is_marker {
            shared.counters.no_event();
            control.interrupt(Interrupt::End);
        }
        !is_marker
    });
    Box::new(Screened { handler, screen })
}

/// The error of an attempt whose request the program did not make.
fn not_made(decision: Decision, refused: Option<String>) -> Result<(), Error> {
    let error = |message: String| Error::new(ErrorKind::Request, message);
    match (decision, refused) {
        (Decision::Default, None) => Ok(()),
        (Decision::Default, Some(refused)) => Err(error(refused)),
        (Decision::Reconnect, _) => Err(error("on_request wants another attempt".into())),
        (Decision::Stop, _) => Err(error("on_request ends the stream".into()).of_settings()),
    }
}

/// Adds to a document what has come of it.
fn hold_document(document: &mut Vec<u8>, data: &[u8], limit: usize) -> Option<Error> {
    if data.len() > limit - document.len() {
        let message = format!("the document is larger than {limit} bytes");
        return Some(Error::new(ErrorKind::EventTooLarge, message));
    }
    // One more for the NUL that C expects.
    if document.try_reserve(data.len() + 1).is_err() {
        return Some(Error::no_memory());
    }
    document.extend_from_slice(data);
    None
}

/// Polls a future; a panic in it becomes its message. What it logs is about the subject.
async fn contained<T>(
    mut future: Pin<&mut impl Future<Output = T>>,
    subject: &Subject,
) -> Result<T, String> {
    poll_fn(|cx| {
        let poll = || panics::contain(|| future.as_mut().poll(cx));
        match log::about(subject, poll) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
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
    /// Attempts of the client's earlier runs.
    attempts_before: u64,
    /// What all runs of the runtime count.
    totals: Arc<Totals>,
    /// What ends this run, if that is a failure.
    final_failure: Option<Box<Failure>>,
    /// The attempt under way is the first of this run.
    first_attempt: bool,
    /// A stream of this run has been open.
    has_been_open: bool,
    /// Failed attempts since the stream was last open.
    failed_attempts: u32,
    /// This attempt failed because the program wants another one instead.
    asked_to_retry: bool,
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
    /// When the network has changed while the stream was open.
    doubted_at: Option<Instant>,
    /// The network has cut a wait short since the stream was last open.
    waits_cut: bool,
    /// How many bytes of its budget the stream has used.
    bytes_used: usize,
    /// There has been a pause since the stream was last read.
    has_paused: bool,
    /// Body that has been read and not yet parsed: because of a pause, or because callbacks run elsewhere.
    held_body: Vec<u8>,
    /// A comment that came before it: the events in front of it were delivered only when it had been parsed, and the
    /// program asked for a pause then.
    held_comment: Option<KeptText>,
}

impl Run {
    async fn live(&mut self) -> Close {
        let control = self.control.clone();
        let mut cause = None;
        loop {
            // An attempt may have been dropped where callbacks are called.
            self.stage.leave().await;
            // An interrupt drops the attempt where it stands: in the resolver, the handshake, the stream or the wait.
            cause = tokio::select! {
                biased;
                interrupt = poll_fn(|cx| control.poll_interrupt(cx)) => match interrupt {
                    Interrupt::Stop => return Close::Stopped,
                    Interrupt::End => return Close::EndOfStream,
                    Interrupt::Reconnect => {
                        if self.shared.state() == State::Open {
                            self.tell_backoff(false);
                        }
                        // The program does not wait, and what it asks for is no server's doing.
                        self.backoff.waited(Duration::ZERO);
                        self.requests = 0;
                        self.totals.reconnect(Reason::Program);
                        None
                    }
                },
                next = self.attempt(cause) => match next {
                    ControlFlow::Continue(cause) => {
                        self.totals.reconnect(verdict::reason(cause.kind));
                        Some(cause)
                    }
                    ControlFlow::Break(close) => return close,
                },
            };
        }
    }

    /// One attempt, its stream if it opens, and the wait that follows. Returns why the next attempt is made.
    async fn attempt(&mut self, cause: Option<Cause>) -> ControlFlow<Close, Cause> {
        self.shared.set_state(State::Connecting);
        // What is not needed while a stream is open has boxes of its own: an open stream is to be small.
        let opened = match Box::pin(self.open(cause)).await {
            Ok(ControlFlow::Continue(body)) => Ok(body),
            Ok(ControlFlow::Break(close)) => return ControlFlow::Break(close),
            Err(error) => Err(error),
        };
        let (error, was_open) = match opened {
            Ok(body) => (self.stream(body).await, true),
            Err(error) => (error, false),
        };
        // With an end marker, an end without it is a loss.
        let ends_with_stream = self.settings.end_marker().is_none()
            && matches!(self.mode(), Mode::Once | Mode::UntilEnd);
        if ends_with_stream && error.kind == ErrorKind::EndOfStream {
            return ControlFlow::Break(Close::EndOfStream);
        }
        Box::pin(self.recover(error, was_open)).await
    }

    /// From the request to an open stream, or to the end: when the server wants no more requests, or has sent a whole document.
    async fn open(&mut self, cause: Option<Cause>) -> Result<ControlFlow<Close, Box<Body>>, Error> {
        let mut attempt = Attempt {
            request: self.settings.request.clone(),
            number: self.failed_attempts + 1,
            cause,
            refused: None,
        };
        if self.settings.reconnect_with_get && self.has_been_open {
            attempt.request.become_get();
        }
        if let Some(jar) = &self.settings.http.cookies {
            attempt.request.set_jar(jar.clone());
        }
        self.shared.counters.attempt();
        self.send_last_event_id(&mut attempt.request);
        let mut decision = Decision::Default;
        if self.handler.wants_request() {
            decision = self
                .in_callback(|run| run.handler.on_request(&mut attempt))
                .await;
        }
        self.repeats = attempt.request.is_get();
        self.asked_to_retry = decision == Decision::Reconnect;
        not_made(decision, attempt.refused.take())?;
        let response = self.ask(&mut attempt.request).await;
        self.requests = self.requests.saturating_add(attempt.request.times_made());
        let mut response = response?;
        match verdict::judge(
            attempt.request.method(),
            response.status,
            &response.headers,
            self.settings.check_content_type,
        ) {
            Verdict::Stream => {}
            Verdict::Close => return Ok(ControlFlow::Break(Close::Server)),
            Verdict::Error(error)
                if error.kind == ErrorKind::ContentType && self.handler.wants_document() =>
            {
                Box::pin(self.document(&attempt.request, response)).await?;
                return Ok(ControlFlow::Break(Close::EndOfStream));
            }
            Verdict::Error(error) => {
                let settings = self.settings.clone();
                let response = response.into_error_response(&settings.http);
                return Err(error.with_response(Box::pin(response).await));
            }
        }

        self.begin_stream(&mut response);
        let opened = Opened {
            url: attempt.request.url(),
            status: response.status,
            http_version: response.http_version,
            headers: &response.headers,
            facts: &response.facts,
        };
        self.in_callback(|run| run.handler.on_open(&opened)).await;
        response.body.expect_events(self.settings.event_timeout);
        Ok(ControlFlow::Continue(response.body))
    }

    /// A response has opened a stream: what was counted and held for the attempts and the stream before is over.
    fn begin_stream(&mut self, response: &mut Response) {
        self.log(Level::Info, Kind::Open, format_args!("open"));
        if http::has_unknown_coding(&response.headers) {
            self.log(
                Level::Warning,
                Kind::Http,
                format_args!(
                    "the response's Content-Encoding is not known; its bytes are read as they are"
                ),
            );
        }
        response.body.allow(self.settings.max_event_size());
        self.first_attempt = false;
        self.has_been_open = true;
        self.repeats |= self.settings.reconnect_with_get;
        self.failed_attempts = 0;
        self.credentials_renewed = false;
        self.parser.reset();
        self.parser.has_passed_over();
        self.brought = false;
        self.doubted_at = None;
        self.waits_cut = false;
        self.held_body.clear();
        self.held_comment = None;
        self.shared.counters.open();
        self.shared.set_state(State::Open);
    }

    /// Reads a response that is no event stream to its end, and delivers it whole.
    async fn document(
        &mut self,
        request: &http::Request,
        mut response: Response,
    ) -> Result<(), Error> {
        let limit = self.settings.max_event_size();
        response.body.allow(limit);
        let mut body = Vec::new();
        let mut failed = None;
        let (mut reads, mut bytes) = (0, 0);
        loop {
            response.body.listen();
            let read = response.body.read(READ_TO_HOLD, |data| {
                bytes += data.len();
                failed = failed
                    .take()
                    .or_else(|| hold_document(&mut body, data, limit));
            });
            let more = read.await?;
            if let Some(error) = failed.take() {
                return Err(error);
            }
            if !more {
                break;
            }
            reads += 1;
            if reads >= BUDGET.0 || bytes >= BUDGET.1 {
                (reads, bytes) = (0, 0);
                reschedule().await;
            }
        }
        self.log(Level::Info, Kind::Open, format_args!("document"));
        self.first_attempt = false;
        self.failed_attempts = 0;
        let document = Document {
            opened: Opened {
                url: request.url(),
                status: response.status,
                http_version: response.http_version,
                headers: &response.headers,
                facts: &response.facts,
            },
            body,
        };
        self.in_callback(|run| run.handler.on_document(document))
            .await;
        Ok(())
    }

    /// Makes a request and follows its redirects; then it is the one that was answered.
    async fn ask(&mut self, request: &mut http::Request) -> Result<Response, Error> {
        let settings = self.settings.clone();
        let mut redirects = 0;
        loop {
            let redirected = match http::open(request, &settings.http, redirects).await? {
                Answer::Response(response) => return Ok(response),
                Answer::Redirect(redirected) => redirected,
            };
            // In a box: what waits for a head would have room for it.
            Box::pin(self.follow(request, redirected)).await?;
            redirects += 1;
        }
    }

    async fn follow(
        &mut self,
        request: &mut http::Request,
        redirected: Box<Redirected>,
    ) -> Result<(), Error> {
        let mut following = Following::default();
        if self.handler.wants_redirect() {
            let (from, redirect) = (request.url(), &redirected.redirect);
            following = self
                .in_callback(|run| run.handler.on_redirect(from, redirect))
                .await;
        }
        let settings = self.settings.clone();
        redirected.follow(request, &settings.http, following).await
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
                Kind::Http,
                format_args!("the last event id is not sent: {message}"),
            );
        }
        self.id_is_refused = sent.is_err();
    }

    /// Delivers a stream until it ends, and returns how.
    async fn stream(&mut self, mut body: Box<Body>) -> Error {
        let control = self.control.clone();
        let mut reads = 0;
        let mut is_verified = false;
        let error = loop {
            self.unpaused().await;
            match mem::take(&mut self.has_paused) {
                true => body.listen_anew(),
                // A change of the network is no sign of life.
                false if mem::take(&mut is_verified) => {}
                false => body.listen(),
            }
            let events_before = self.shared.counters.events();
            // A pause ends the wait for bytes, and with it the read timeout. `live` has polled for interrupts by the time
            // that this is polled, so that the task is woken.
            let paused = poll_fn(|_| match control.is_paused() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            });
            let read = tokio::select! {
                biased;
                () = paused => continue,
                doubt = self.doubt() => {
                    self.doubted_at = Some(Instant::now());
                    is_verified = true;
                    match body.verify(doubt == Doubt::Slept) {
                        Ok(()) => continue,
                        Err(error) => break error,
                    }
                }
                read = self.read(&mut body) => read,
            };
            if let Err(error) = self.follow_up(&mut body, read, events_before).await {
                break error;
            }
            reads += 1;
            if reads >= BUDGET.0 || self.bytes_used >= BUDGET.1 {
                (reads, self.bytes_used) = (0, 0);
                reschedule().await;
            }
        };
        self.tell_backoff(error.kind == ErrorKind::EndOfStream);
        self.parser.reset();
        self.parser.shrink();
        error
    }

    /// Deals with what a read has brought. Apart, so that what it holds takes no room while a stream waits for bytes. Returns
    /// the stream's end as an error.
    async fn follow_up(
        &mut self,
        body: &mut Body,
        read: Result<bool, Error>,
        events_before: u64,
    ) -> Result<(), Error> {
        self.heed_interrupt().await;
        // What came before an error counts.
        let delivered = self.deliver_held().await;
        let in_time = if self.shared.counters.events() != events_before {
            body.brought_event();
            Ok(())
        } else {
            body.brought_no_event().await
        };
        let ended = match read.and_then(|more| delivered.and(in_time).map(|()| more)) {
            Ok(true) => return Ok(()),
            Ok(false) => self.end_of_stream(),
            Err(error) => error,
        };
        // It came with events, and one of their callbacks has asked for a pause.
        self.unpaused().await;
        Err(ended)
    }

    /// Waits until the network has changed.
    fn doubt(&self) -> impl Future<Output = Doubt> + Send + use<> {
        let (control, heeds_it) = (self.control.clone(), self.settings.watch_network);
        poll_fn(move |_| match control.take_doubt() {
            Some(doubt) if heeds_it => Poll::Ready(doubt),
            _ => Poll::Pending,
        })
    }

    /// Whether the network has changed just before an attempt failed or a stream was lost.
    fn network_has_changed(&mut self) -> bool {
        let doubted = self.doubted_at.take();
        let has_changed = self.control.take_doubt().is_some() && self.settings.watch_network;
        has_changed || doubted.is_some_and(|at| at.elapsed() < AFTERMATH)
    }

    /// The error of a stream that the server has ended.
    fn end_of_stream(&self) -> Error {
        let message = match self.settings.end_marker() {
            None => "the server ended the stream",
            Some(_) => "the server ended the stream without its end marker",
        };
        Error::new(ErrorKind::EndOfStream, message)
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
        // In a box: an idle stream waits here.
        let mut refused: Option<Box<Error>> = None;
        let read = body.read(limit, |body| {
            if mem::take(&mut is_first) {
                self.shared.counters.read();
            }
            self.shared.counters.bytes(body.len());
            self.bytes_used += body.len();
            if refused.is_none() {
                refused = self.receive(body).err().map(Box::new);
            }
        });
        let read = read.await;
        self.handler.deliver_collected();
        refused.map_or(read, |error| Err(*error))
    }

    /// Delivers what has come of the body, and holds what cannot be delivered now.
    fn receive(&mut self, body: &[u8]) -> Result<(), Error> {
        let delivered = match self.stage.is_elsewhere() || self.holds_something() {
            true => 0,
            false => self.feed(body)?,
        };
        let rest = &body[delivered..];
        if self.held_body.try_reserve(rest.len()).is_err() {
            return Err(Error::no_memory());
        }
        self.held_body.extend_from_slice(rest);
        Ok(())
    }

    fn holds_something(&self) -> bool {
        !self.held_body.is_empty() || self.held_comment.is_some()
    }

    /// Delivers what is held, if anything is: what came in a pause, after that.
    async fn deliver_held(&mut self) -> Result<(), Error> {
        while self.holds_something() {
            self.unpaused().await;
            let delivered = self.in_callback(|run| {
                let body = mem::take(&mut run.held_body);
                let delivered = run.feed(&body);
                run.handler.deliver_collected();
                run.held_body = body;
                delivered
            });
            let delivered = delivered.await?;
            self.held_body.drain(..delivered);
            if self.held_body.is_empty() {
                self.held_body = Vec::new();
            }
        }
        Ok(())
    }

    /// Waits while the program wants a pause.
    async fn unpaused(&mut self) {
        if self.control.is_paused() {
            self.has_paused = true;
            poll_fn(|cx| self.control.poll_unpaused(cx)).await;
        }
    }

    /// Parses what has come of the body and delivers what that completes. Returns how many bytes it has parsed: all, unless
    /// that was interrupted, as it may have been since there was reason to call this.
    fn feed(&mut self, body: &[u8]) -> Result<usize, Error> {
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
        let mut sink = HandlerSink {
            handler: &mut **handler,
            shared,
            control,
            backoff,
            brought,
            held_comment,
            out_of_memory: &mut is_out_of_memory,
        };
        // Said here for all events of a read. Other callbacks, which are few, say it where they are called.
        let fed = callers_code(|| parser.feed(body, &mut sink));
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
                .and_then(|headers| verdict::retry_after(headers, SystemTime::now())),
        );
        let shortest = self
            .backoff
            .shortest(retry_after, self.requests, self.waits_cut);
        if self.may_renew_credentials(&failure) {
            self.credentials_renewed = true;
            failure.retry_in = Some(Duration::ZERO);
        } else if self.will_retry(&failure, was_open) {
            let delay = self.next_delay(retry_after);
            let is_cut = self.network_has_changed();
            self.waits_cut |= is_cut;
            failure.retry_in = Some(if is_cut { delay.min(shortest) } else { delay });
        }
        self.first_attempt = false;
        let shortest = shortest.min(failure.retry_in.unwrap_or(shortest));

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
                    // As any other stop, it outranks a reconnect that is asked for meanwhile.
                    run.control.interrupt(Interrupt::Stop);
                }
                (decision, chosen)
            })
            .await;
        let delay = match (decision, failure.retry_in) {
            (Decision::Stop, _) => return ControlFlow::Break(Close::Stopped),
            (_, Some(delay)) => delay,
            (Decision::Reconnect, None) => self.next_delay(retry_after),
            (Decision::Default, None) => {
                let kind = failure.kind;
                self.final_failure = Some(Box::new(failure));
                return ControlFlow::Break(Close::Failed(kind));
            }
        };
        drop(failure);
        // What is repeated at once goes on counting: the next delay is for its requests, too.
        let is_a_wait = chosen.is_some() || !delay.is_zero();
        self.shared.set_state(State::Waiting);
        let delay = chosen.unwrap_or(delay);
        self.log_wait(delay);
        // What the program chooses is its affair.
        let shortest = chosen.unwrap_or(shortest);
        let waited = self.wait(delay, shortest).await;
        if is_a_wait {
            self.backoff.waited(waited);
            self.requests = 0;
        }
        ControlFlow::Continue(cause)
    }

    /// Waits for the next attempt, and no longer than `shortest` once the network has changed.
    async fn wait(&mut self, delay: Duration, shortest: Duration) -> Duration {
        let begun = Instant::now();
        let whole = sleep(delay);
        if shortest >= delay {
            whole.await;
            return delay;
        }
        tokio::select! {
            () = whole => delay,
            _ = self.doubt() => {
                self.waits_cut = true;
                let left = shortest.saturating_sub(begun.elapsed());
                self.log_wait(left);
                sleep(left).await;
                begun.elapsed()
            }
        }
    }

    fn log_wait(&self, delay: Duration) {
        let write = |text: fmt::Arguments<'_>| self.log(Level::Info, Kind::Wait, text);
        match delay {
            Duration::ZERO => write(format_args!("next attempt at once")),
            delay => write(format_args!("next attempt in {}", words::duration(delay))),
        }
    }

    fn next_delay(&mut self, retry_after: Option<Duration>) -> Duration {
        let chance = fastrand::f64();
        self.backoff.next_delay(retry_after, self.requests, chance)
    }

    fn failure(&mut self, error: Error, was_open: bool) -> Failure {
        if !was_open {
            self.failed_attempts = self.failed_attempts.saturating_add(1);
        }
        let (http_status, headers, body) = match error.response {
            Some(response) => (response.status, Some(response.headers), response.body),
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
        let given_up = policy
            .max_attempts
            .is_some_and(|most| failure.attempt >= most.get());
        if failure.kind == ErrorKind::Request && self.asked_to_retry {
            return !given_up;
        }
        let initial = self.first_attempt && !was_open && !policy.retry_initial;
        self.mode() != Mode::Once
            && !given_up
            && !initial
            && !failure.is_of_settings
            && verdict::is_transient(failure.kind, failure.http_status)
    }

    /// Tells an error to the log, the statistics, the last-error text and the handler.
    fn tell(&mut self, failure: &Failure) -> Decision {
        let (level, end) = match failure.retry_in {
            Some(_) => (Level::Info, ""),
            None => (Level::Warning, "; final"),
        };
        match failure.http_status {
            0 => self.log(level, Kind::Error, format_args!("{}{end}", failure.message)),
            // The text may quote a header of the response, which has no place in a log.
            status => self.log(
                level,
                Kind::Error,
                format_args!("{} (HTTP {status}){end}", failure.kind),
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
            let failure = Box::new(self.failure(error, true));
            let decision = self.tell(&failure);
            self.final_failure = Some(failure);
            decision
        });
        Close::Failed(ErrorKind::Panic)
    }

    /// Leaves the result for the threads that wait for the end.
    fn keep_end(&mut self, close: Close) {
        let mut end = End {
            close,
            http_status: 0,
            os_error: 0,
            attempts: self.shared.counters.attempts() - self.attempts_before,
            message: String::new(),
        };
        match (close, self.final_failure.take()) {
            (Close::Failed(_), Some(failure)) => {
                end.http_status = failure.http_status;
                end.os_error = failure.os_error;
                end.message = failure.message;
            }
            (Close::Server, _) => end.http_status = 204,
            _ => {}
        }
        self.shared.set_end(end);
    }

    fn log(&self, level: Level, kind: Kind, text: fmt::Arguments<'_>) {
        log::write_of(self, level, kind, text);
    }

    /// Calls what calls the handler, where that may be called. What was asked in it comes before anything else.
    async fn in_callback<T>(&mut self, call: impl FnOnce(&mut Run) -> T) -> T {
        self.stage.enter().await;
        let result = call(self);
        self.heed_interrupt().await;
        self.stage.leave().await;
        result
    }

    /// `live` drops the attempt here if it is to be.
    async fn heed_interrupt(&mut self) {
        if self.control.is_interrupted() {
            pending::<()>().await;
        }
    }
}
