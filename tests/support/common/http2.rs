//! An HTTP/2 server that does nothing by itself: each request goes to the test, which answers call by call.

use super::limit;
use bytes::Bytes;
use eventsource::http::HeaderMap;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use hyper::http::request::Parts;
use hyper::http::{Request, Response};
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use test_server::Identity;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::interval;
use tokio_rustls::TlsAcceptor;

/// How a server is set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// TLS, with HTTP/2 offered; else clients need prior knowledge.
    pub identity: Option<Identity>,
    /// How many streams a connection may have.
    pub most_streams: Option<u32>,
    /// The server pings its clients as fast as they answer, but for a moment between.
    pub pings: bool,
}

/// The server. It is gone when this is dropped, with all its connections.
pub struct Http2Server {
    url: String,
    told: Receiver<Told>,
    runtime: Handle,
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

enum Told {
    Asked(Box<Asked>),
    Closed(usize),
}

/// A request.
pub struct Asked {
    /// On which connection, the first of which is 0.
    pub connection: Peer,
    pub head: Parts,
    body: RecvStream,
    answer: SendResponse<Bytes>,
    runtime: Handle,
}

/// A connection of the server's.
#[derive(Clone)]
pub struct Peer {
    pub number: usize,
    orders: UnboundedSender<Order>,
}

enum Order {
    /// To be told when it is the next that is sent.
    GoAway(Sender<()>),
    GoAwayBecause(Reason),
    Break,
}

/// A response whose head has been sent.
pub struct Stream {
    pub connection: Peer,
    stream: SendStream<Bytes>,
    runtime: Handle,
}

impl Http2Server {
    /// One that needs prior knowledge.
    pub fn start() -> Http2Server {
        Http2Server::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Http2Server {
        let (teller, told) = channel();
        let (over, is_over) = oneshot::channel();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let url = match setup.identity {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let handle = runtime.handle().clone();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, setup, teller) => {}
                    _ = is_over => {}
                }
            });
        });
        Http2Server {
            url,
            told,
            runtime: handle,
            over: Some(over),
            thread: Some(thread),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The next request.
    pub fn asked(&self) -> Asked {
        loop {
            match self.told.recv_timeout(limit()).expect("a request") {
                Told::Asked(asked) => return *asked,
                Told::Closed(_) => {}
            }
        }
    }

    /// The next request, answered with an event stream.
    pub fn open(&self) -> Stream {
        self.asked().event_stream()
    }

    /// Waits until a connection is closed, and answers which.
    pub fn closed(&self) -> usize {
        match self
            .told
            .recv_timeout(limit())
            .expect("a closed connection")
        {
            Told::Asked(asked) => panic!("another request: {:?}", asked.head),
            Told::Closed(number) => number,
        }
    }
}

impl Drop for Http2Server {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Asked {
    /// Answers with the head of an event stream.
    pub fn event_stream(self) -> Stream {
        let head = Response::builder().header("content-type", "text/event-stream");
        self.respond(head.body(()).expect("a head"))
    }

    /// Answers with a head, and may go on.
    pub fn respond(mut self, head: Response<()>) -> Stream {
        let stream = self.answer.send_response(head, false);
        Stream {
            connection: self.connection,
            stream: stream.expect("an open stream"),
            runtime: self.runtime,
        }
    }

    /// Breaks the stream off instead of an answer.
    pub fn reset(mut self, reason: Reason) {
        self.answer.send_reset(reason);
    }

    /// Waits until the client has reset the stream, and answers why.
    pub fn was_reset(mut self) -> Reason {
        let reset = poll_fn(|cx| self.answer.poll_reset(cx));
        within(&self.runtime, reset).expect("a reset")
    }

    /// What the client has sent.
    pub fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        let read = async {
            while let Some(data) = poll_fn(|cx| self.body.poll_data(cx)).await {
                let data = data.expect("a body");
                body.extend_from_slice(&data);
                let released = self.body.flow_control().release_capacity(data.len());
                released.expect("no more than came");
            }
        };
        within(&self.runtime, read);
        body
    }
}

impl Peer {
    /// Says that there will be no more streams, before whatever is sent from now on.
    pub fn go_away(&self) {
        let (teller, told) = channel();
        self.order(Order::GoAway(teller));
        told.recv_timeout(limit()).expect("an open connection");
    }

    /// Ends all streams at once, for a reason.
    pub fn go_away_because(&self, reason: Reason) {
        self.order(Order::GoAwayBecause(reason));
    }

    /// Closes the connection without a word.
    pub fn break_off(&self) {
        self.order(Order::Break);
    }

    fn order(&self, order: Order) {
        assert!(self.orders.send(order).is_ok(), "the connection is open");
    }
}

impl Stream {
    pub fn send(&mut self, data: &str) {
        let data = Bytes::copy_from_slice(data.as_bytes());
        let sent = self.stream.send_data(data, false);
        sent.expect("an open stream");
    }

    pub fn event(&mut self, data: &str) {
        self.send(&format!("data: {data}\n\n"));
    }

    /// Ends the stream as it should.
    pub fn end(mut self) {
        let sent = self.stream.send_data(Bytes::new(), true);
        sent.expect("an open stream");
    }

    /// Ends the stream, unless the client has done so.
    pub fn end_if_open(mut self) {
        let _ = self.stream.send_data(Bytes::new(), true);
    }

    /// Ends the stream with fields behind its body.
    pub fn end_with_trailers(mut self, trailers: HeaderMap) {
        let sent = self.stream.send_trailers(trailers);
        sent.expect("an open stream");
    }

    pub fn reset(mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }

    /// Waits until the client has reset the stream, and answers why.
    pub fn was_reset(mut self) -> Reason {
        let reset = poll_fn(|cx| self.stream.poll_reset(cx));
        within(&self.runtime, reset).expect("a reset")
    }

    /// Waits until the client takes no more, and answers how much it has taken.
    pub fn fill(&mut self, data: &str) -> usize {
        let mut taken = 0;
        loop {
            self.stream.reserve_capacity(data.len());
            let capacity = poll_fn(|cx| self.stream.poll_capacity(cx));
            let moment = Duration::from_millis(300);
            let capacity = async { tokio::time::timeout(moment, capacity).await };
            let Ok(capacity) = within(&self.runtime, capacity) else {
                self.stream.reserve_capacity(0);
                return taken;
            };
            let capacity = capacity.expect("an open stream").expect("capacity");
            if capacity >= data.len() {
                self.send(data);
                taken += data.len();
            }
        }
    }
}

/// Waits on this thread for what the server's does.
fn within<T>(runtime: &Handle, future: impl Future<Output = T>) -> T {
    let limited = async { tokio::time::timeout(limit(), future).await };
    runtime.block_on(limited).expect("it happens in time")
}

async fn accept(listener: TcpListener, setup: Setup, teller: Sender<Told>) {
    let acceptor = setup
        .identity
        .as_ref()
        .map(|identity| TlsAcceptor::from(identity.server_config_for(&["h2"])));
    let setup = Arc::new(setup);
    for number in 0.. {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (acceptor, setup, teller) = (acceptor.clone(), setup.clone(), teller.clone());
        tokio::spawn(async move {
            let _ = serve(number, stream, acceptor, &setup, &teller).await;
            let _ = teller.send(Told::Closed(number));
        });
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

async fn serve(
    number: usize,
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    setup: &Setup,
    teller: &Sender<Told>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let io: Box<dyn Io> = match acceptor {
        Some(acceptor) => Box::new(acceptor.accept(stream).await.ok()?),
        None => Box::new(stream),
    };
    let mut builder = Builder::new();
    if let Some(most) = setup.most_streams {
        builder.max_concurrent_streams(most);
    }
    let mut connection: Connection<_, Bytes> = builder.handshake(io).await.ok()?;
    if let Some(mut pings) = connection.ping_pong().filter(|_| setup.pings) {
        tokio::spawn(async move {
            let mut time = interval(Duration::from_millis(20));
            while pings.ping(h2::Ping::opaque()).await.is_ok() {
                time.tick().await;
            }
        });
    }
    let (orders, mut ordered) = unbounded_channel();
    let peer = Peer { number, orders };
    loop {
        let (request, answer) = tokio::select! {
            accepted = connection.accept() => accepted?.ok()?,
            order = order(&mut ordered) => match order {
                Order::GoAway(teller) => {
                    connection.graceful_shutdown();
                    let _ = teller.send(());
                    continue;
                }
                Order::GoAwayBecause(reason) => {
                    connection.abrupt_shutdown(reason);
                    continue;
                }
                Order::Break => return None,
            },
        };
        let (head, body) = Request::into_parts(request);
        let asked = Asked {
            connection: peer.clone(),
            head,
            body,
            answer,
            runtime: Handle::current(),
        };
        teller.send(Told::Asked(Box::new(asked))).ok()?;
    }
}

async fn order(orders: &mut UnboundedReceiver<Order>) -> Order {
    let order = pin!(orders.recv());
    order.await.expect("this holds a sender")
}
