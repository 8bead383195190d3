//! A connection: the slots on it, and the task that reads and writes it.

use super::failure::{self, Broken, Ended};
use super::filtered::Filtered;
use super::frames::{Reader, Streams};
use crate::http::connect::tcp::has_gone;
use crate::http::error::{ADDRESS_GONE, Error, Failed};
use crate::http::facts::Facts;
use crate::http::head;
use crate::http::patience::within;
use crate::words;
use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, SendStream};
use hyper::http::Request;
use std::any::Any;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, SetOnce, oneshot};
use tokio::time::sleep;

/// How often the server is asked for a sign of life, and how long it may take: a dead one is noticed within a minute, as by
/// TCP keep-alive without HTTP/2, but also where something between answers for a server that is gone.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(20));

/// How long the answer may take once the network has changed: then the connection may lead nowhere.
const VERIFIED_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection without streams may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// How much the server may send for a stream that is not read: about as much as a stream may read at once. A larger window
/// would be faster over long ways, and multiply what streams hold that are not read.
const STREAM_WINDOW: u32 = 128 * 1024;

/// The same for all streams together: as much as can be, so that those that are not read leave the others their share.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The most streams that the connection's window suffices for.
const MOST_STREAMS: usize = (CONNECTION_WINDOW / STREAM_WINDOW) as usize;

/// How many streams that were stopped are remembered, and for how long, so that what is still on its way for them is no
/// fault: h2 ends a connection with 1,024 faults. As many as there can be, and until the server has heard of it over any way
/// that is of use; h2 itself would have 50 and a second.
const STOPPED_STREAMS: (usize, Duration) = (MOST_STREAMS, Duration::from_secs(30));

/// A connection, for as long as a stream has a slot on it.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Bytes>,
    streams: Streams,
    slots: AtomicUsize,
    /// The server has refused a stream, although its limit allows one.
    refuses: AtomicBool,
    ended: Arc<SetOnce<Ended>>,
    doubt: Arc<Doubt>,
    facts: Box<Facts>,
    /// Kept, so that other clients of the same server find this connection.
    _origin: Arc<dyn Any + Send + Sync>,
    /// Dropping it tells the task that no slot is left.
    _in_use: oneshot::Sender<()>,
}

impl Connection {
    /// Begins to speak HTTP/2, with a slot for who opens it. Others come when the server's limits are known: `greeted` is told
    /// then. As long as the connection is there, so is what it is to an `origin`.
    pub async fn open<T>(
        io: T,
        local: Option<SocketAddr>,
        facts: Box<Facts>,
        origin: Arc<dyn Any + Send + Sync>,
        greeted: impl FnOnce(&Arc<Connection>) + Send + 'static,
    ) -> Result<Slot, Error>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let streams = Streams::default();
        let transport = Filtered::new(io, streams.clone());
        let broken = transport.broken();
        let failed = |error| Ended::at_the_beginning(Err(error), &broken).error();
        // What is not said here is h2's default, above all: a table of 4 KiB for HPACK, frames of 16 KiB, 20 continuations of
        // a head at most, and 1,024 faults of the server's, each of which it is told of (RUSTSEC-2024-0003).
        let (sender, connection) = client::Builder::new()
            // Nobody wants what was not asked for.
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // As over HTTP/1. By default, 16 MiB.
            .max_header_list_size(head::LARGEST as u32)
            // For the one who opens it; a request beyond the server's limit would wait in h2 for ever.
            .initial_max_send_streams(1)
            .max_concurrent_reset_streams(STOPPED_STREAMS.0)
            .reset_stream_duration(STOPPED_STREAMS.1)
            .handshake(transport)
            .await
            .map_err(failed)?;
        let (in_use, abandoned) = oneshot::channel();
        let ended = Arc::new(SetOnce::new());
        let doubt = Arc::new(Doubt {
            arises: Notify::new(),
            local,
        });
        let this = Arc::new(Connection {
            sender,
            streams,
            slots: AtomicUsize::new(1),
            refuses: AtomicBool::new(false),
            ended: ended.clone(),
            doubt: doubt.clone(),
            facts,
            _origin: origin,
            _in_use: in_use,
        });
        let known = Arc::downgrade(&this);
        let greeted = move || {
            if let Some(connection) = known.upgrade() {
                greeted(&connection);
            }
        };
        let ending = Ending(ended);
        tokio::spawn(async move {
            let ended = drive(connection, &broken, &doubt, greeted, abandoned).await;
            ending.is(ended);
        });
        Ok(Slot(this))
    }

    /// A slot for one more stream, if the server takes one.
    pub fn slot(self: Arc<Connection>) -> Option<Slot> {
        let mut sender = self.sender.clone();
        let is_open = sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        if !matches!(is_open, Poll::Ready(Ok(()))) || self.refuses.load(Ordering::Relaxed) {
            return None;
        }
        let limit = sender.current_max_send_streams().min(MOST_STREAMS);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let one_more = |slots| (slots < limit).then_some(slots + 1);
        let taken = self.slots.fetch_update(set, fetch, one_more);
        taken.is_ok().then(|| Slot(self))
    }
}

/// A stream's slot on a connection.
#[derive(Debug)]
pub struct Slot(Arc<Connection>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.slots.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    /// What is known of the connection.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// The network has changed: has the connection verified, once for all streams on it.
    pub fn doubt(&self) {
        self.0.doubt.arises.notify_one();
    }

    /// Sends a request.
    pub fn send(
        &self,
        head: Request<()>,
        is_all: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>, Reader), h2::Error> {
        // Locked, so that nothing comes for the stream before it is known.
        let mut lines = self.0.streams.lock();
        let (answer, body) = self.0.sender.clone().send_request(head, is_all)?;
        let reader = self.0.streams.add(&mut lines, answer.stream_id().as_u32());
        Ok((answer, body, reader))
    }

    /// Why a request has not been sent.
    pub async fn not_sent(&self, error: &h2::Error) -> Failed {
        let is_unprocessed = error.is_io() || error.is_go_away();
        Failed {
            error: self.error(error).await,
            is_unprocessed,
        }
    }

    /// Why a request has not been answered.
    pub async fn not_answered(&self, error: &h2::Error) -> Failed {
        let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        if is_refused {
            self.0.refuses.store(true, Ordering::Relaxed);
        }
        Failed {
            error: self.error(error).await,
            // After GOAWAY it reaches those streams alone that the server has not begun with.
            is_unprocessed: error.is_remote() && (is_refused || error.is_go_away()),
        }
    }

    async fn error(&self, error: &h2::Error) -> Error {
        match failure::of_stream(error) {
            Some(error) => error,
            None => self.ended().await,
        }
    }

    /// How the connection ended, when it has.
    pub fn ended(&self) -> impl Future<Output = Error> + Send + Sync + use<> {
        let ended = self.0.ended.clone();
        async move { ended.wait().await.error() }
    }
}

/// Whether a connection leads anywhere after the network has changed.
#[derive(Debug, Default)]
struct Doubt {
    arises: Notify,
    /// From which address the connection is.
    local: Option<SocketAddr>,
}

impl Doubt {
    /// Waits until there is one. An error where there is none any more.
    async fn arises(&self) -> Result<(), Ended> {
        self.arises.notified().await;
        match self.local {
            Some(local) if has_gone(local) => Err(Ended::lost(ADDRESS_GONE)),
            _ => Ok(()),
        }
    }
}

/// Says how a connection ended, whatever happens to its task.
struct Ending(Arc<SetOnce<Ended>>);

impl Ending {
    fn is(&self, ended: Ended) {
        // Refused is only what comes second.
        let _ = self.0.set(ended);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.is(Ended::lost("the connection was given up"));
    }
}

/// Reads and writes a connection until it ends, by the server or because it is of no use any more.
async fn drive<T>(
    mut connection: client::Connection<T, Bytes>,
    broken: &Broken,
    doubt: &Doubt,
    greeted: impl FnOnce(),
    abandoned: oneshot::Receiver<()>,
) -> Ended
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut pings = connection.ping_pong();
    let mut given_up = pin!(async {
        let _ = abandoned.await;
        sleep(FAREWELL).await;
        Ended::lost("nobody uses the connection")
    });
    // A server speaks first of its limits. The answer to a ping comes behind that.
    tokio::select! {
        biased;
        end = &mut connection => return Ended::at_the_beginning(end, broken),
        ended = ping(&mut pings, doubt, PING.1) => if let Err(ended) = ended {
            return ended;
        },
        ended = &mut given_up => return ended,
    }
    if connection.max_concurrent_send_streams() == 0 {
        return Ended::broken("the server allows no streams");
    }
    greeted();
    tokio::select! {
        // A pong that has come already counts, however late this task gets to read it.
        biased;
        end = &mut connection => Ended::of(end, broken),
        ended = keep_alive(&mut pings, doubt) => ended,
        ended = &mut given_up => ended,
    }
}

async fn keep_alive(pings: &mut Option<PingPong>, doubt: &Doubt) -> Ended {
    loop {
        let patience = tokio::select! {
            () = sleep(PING.0) => PING.1,
            doubted = doubt.arises() => match doubted {
                Ok(()) => VERIFIED_WITHIN,
                Err(ended) => return ended,
            },
        };
        if let Err(ended) = ping(pings, doubt, patience).await {
            return ended;
        }
    }
}

/// Asks for a sign of life, with less patience from when there is doubt.
async fn ping(
    pings: &mut Option<PingPong>,
    doubt: &Doubt,
    mut patience: Duration,
) -> Result<(), Ended> {
    let mut answer = pin!(async {
        match pings {
            Some(pings) => pings.ping(Ping::opaque()).await.is_ok(),
            None => false,
        }
    });
    let answered = tokio::select! {
        biased;
        answered = within(patience, answer.as_mut()) => answered,
        doubted = doubt.arises() => {
            doubted?;
            patience = patience.min(VERIFIED_WITHIN);
            within(patience, answer).await
        }
    };
    match answered {
        Ok(true) => Ok(()),
        // The connection has ended, and will say why.
        Ok(false) => pending().await,
        Err(_) => Err(Ended::lost(format!(
            "the server has not answered a ping within {}",
            words::duration(patience)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::ErrorKind;
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::{Instant, timeout};

    type Ours = (SendRequest<Bytes>, client::Connection<DuplexStream, Bytes>);

    /// A connection whose server answers for so long, and then neither answers nor closes.
    async fn connection(answers_for: Duration) -> Ours {
        let (ours, theirs) = duplex(64 * 1024);
        tokio::spawn(async move {
            let mut theirs = h2::server::handshake(theirs).await.expect("a client");
            let _ = timeout(answers_for, theirs.accept()).await;
            pending::<()>().await;
        });
        client::handshake(ours).await.expect("a server")
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_is_kept_and_one_that_does_not_is_given_up_within_a_minute() {
        const HOUR: Duration = Duration::from_secs(3600);
        let (_sender, connection) = connection(HOUR).await;
        let (_in_use, abandoned) = oneshot::channel();
        let began = Instant::now();
        let mut is_greeted = false;
        let ended = drive(
            connection,
            &Broken::default(),
            &Doubt::default(),
            || is_greeted = true,
            abandoned,
        )
        .await;
        assert!(is_greeted);
        assert!(began.elapsed() >= HOUR, "{:?}", began.elapsed());
        assert!(began.elapsed() <= HOUR + Duration::from_secs(60));
        let error = ended.error();
        assert_eq!(error.kind, ErrorKind::Disconnected);
        assert!(error.message.contains("ping"), "{error}");
    }

    /// As for a process that was stopped meanwhile: what waits in its socket is seen when the timer has fired.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_seen_just_after_the_time_for_it_is_one() {
        const HOUR: Duration = Duration::from_secs(3600);
        let late = PING.0 + PING.1 + Duration::from_millis(5);
        let (ours, theirs) = duplex(64 * 1024);
        tokio::spawn(async move {
            let mut theirs = h2::server::handshake(theirs).await.expect("a client");
            let began = Instant::now();
            // The first ping is answered, the second late.
            let _ = timeout(PING.0 / 2, theirs.accept()).await;
            sleep(late - began.elapsed()).await;
            theirs.accept().await;
        });
        let (_sender, connection) = client::handshake(ours).await.expect("a server");
        let (_in_use, abandoned) = oneshot::channel();
        let (doubt, broken) = (Doubt::default(), Broken::default());
        let driven = drive(connection, &broken, &doubt, || {}, abandoned);
        assert!(timeout(HOUR, driven).await.is_err(), "it goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_given_up() {
        let (_sender, connection) = connection(Duration::ZERO).await;
        let (_in_use, abandoned) = oneshot::channel();
        let mut is_greeted = false;
        let ended = drive(
            connection,
            &Broken::default(),
            &Doubt::default(),
            || is_greeted = true,
            abandoned,
        )
        .await;
        assert!(!is_greeted);
        assert_eq!(ended.error().kind, ErrorKind::Disconnected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_uses_is_soon_given_up() {
        // This keeps it from saying goodbye by itself.
        let (_sender, connection) = connection(Duration::MAX).await;
        let (in_use, abandoned) = oneshot::channel();
        drop(in_use);
        let began = Instant::now();
        drive(
            connection,
            &Broken::default(),
            &Doubt::default(),
            || {},
            abandoned,
        )
        .await;
        assert!(began.elapsed() <= FAREWELL, "{:?}", began.elapsed());
    }
    /// When a connection ends whose server answers one ping and no more, if it is doubted after so long.
    async fn ends_after(doubted: Duration, local: Option<SocketAddr>) -> (Duration, Error) {
        let (_sender, connection) = connection(PING.0 / 2).await;
        let (_in_use, abandoned) = oneshot::channel();
        let doubt = Doubt {
            local,
            ..Doubt::default()
        };
        let began = Instant::now();
        let doubting = async {
            sleep(doubted).await;
            doubt.arises.notify_one();
            pending::<()>().await;
        };
        let broken = Broken::default();
        let ended = tokio::select! {
            ended = drive(connection, &broken, &doubt, || {}, abandoned) => ended,
            () = doubting => unreachable!("it goes on for ever"),
        };
        (began.elapsed(), ended.error())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_doubted_is_verified_at_once() {
        let moment = Duration::from_secs(1);
        // Between pings, and while one is on its way.
        for doubted in [PING.0 - 2 * moment, PING.0 + moment] {
            let (ended, error) = ends_after(doubted, None).await;
            assert!(ended >= doubted + VERIFIED_WITHIN, "{ended:?}");
            assert!(ended <= doubted + VERIFIED_WITHIN + moment, "{ended:?}");
            assert_eq!(error.kind, ErrorKind::Disconnected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_address_has_gone_is_given_up_at_once() {
        let doubted = Duration::from_secs(20);
        let gone = "192.0.2.1:80".parse().ok();
        let (ended, error) = ends_after(doubted, gone).await;
        assert!(ended < doubted + Duration::from_secs(1), "{ended:?}");
        assert_eq!(error.message, ADDRESS_GONE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_answers_is_kept_however_often_it_is_doubted() {
        const HOUR: Duration = Duration::from_secs(3600);
        let (_sender, connection) = connection(HOUR).await;
        let (_in_use, abandoned) = oneshot::channel();
        let (doubt, broken) = (Doubt::default(), Broken::default());
        let doubting = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                doubt.arises.notify_one();
            }
        };
        let driven = async {
            tokio::select! {
                _ = drive(connection, &broken, &doubt, || {}, abandoned) => {}
                () = doubting => {}
            }
        };
        assert!(timeout(HOUR / 2, driven).await.is_err(), "it goes on");
    }
}
