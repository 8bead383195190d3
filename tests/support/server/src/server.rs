//! The listener, its threads, and what they share.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::exchange::Exchange;
use crate::request::Request;
use crate::tls::Identity;

/// The longest that any function of [`Server`] waits, before it panics; see [`slowly`].
pub const LIMIT: Duration = Duration::from_secs(30);

/// A limit of time on this machine, which may be busy or simulated: CHECK_SLOW in the environment multiplies all of them, as
/// in the tests in C.
pub fn slowly(limit: Duration) -> Duration {
    static FACTOR: LazyLock<u32> = LazyLock::new(|| {
        let slow = std::env::var("CHECK_SLOW").ok();
        slow.and_then(|slow| slow.parse().ok()).unwrap_or(1).max(1)
    });
    limit * *FACTOR
}

/// Enough for the tests that connect thousands of clients at once; std's 128 makes some of them
/// wait a second.
const BACKLOG: i32 = 4096;

/// A server on an ephemeral port of 127.0.0.1, with a thread for each connection.
///
/// Dropping it closes every connection and joins every thread. The drop panics when a script has
/// panicked, so that the test fails even though it happened on another thread, and when a script
/// does not return within [`LIMIT`].
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    origin: String,
    acceptor: Option<JoinHandle<()>>,
    /// [`LIMIT`], but for the tests of it.
    limit: Duration,
}

impl Server {
    /// An http server that runs `script` for each request.
    pub fn start(script: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Server {
        Server::start_http(None, script)
    }

    /// An https server that runs `script` for each request.
    pub fn start_tls(
        identity: Identity,
        script: impl Fn(&mut Exchange) + Send + Sync + 'static,
    ) -> Server {
        Server::start_http(Some(identity), script)
    }

    /// A server that reads nothing by itself and runs `script` for each connection. The socket is
    /// closed when the script returns: to close it earlier, shut it down.
    pub fn start_raw(script: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let listener = bind(0).expect("a free port on loopback");
        Server::listen(listener, "http://127.0.0.1", move |_, socket, _| {
            script(socket.try_clone().expect("a file descriptor"));
        })
    }

    fn start_http(
        identity: Option<Identity>,
        script: impl Fn(&mut Exchange) + Send + Sync + 'static,
    ) -> Server {
        Server::start_on(0, identity, script).expect("a free port on loopback")
    }

    /// A server on this port, or on one that is free for 0; with an identity, of https.
    ///
    /// # Errors
    ///
    /// When the port is taken or not for this user.
    pub fn start_on(
        port: u16,
        identity: Option<Identity>,
        script: impl Fn(&mut Exchange) + Send + Sync + 'static,
    ) -> io::Result<Server> {
        let tls = identity.map(|identity| identity.server_config());
        let origin = if tls.is_some() {
            "https://localhost"
        } else {
            "http://127.0.0.1"
        };
        Ok(Server::listen(
            bind(port)?,
            origin,
            move |connection, socket, shared| {
                if let Some(mut exchange) = Exchange::read(connection, socket, tls.clone(), shared)
                {
                    script(&mut exchange);
                    exchange.close();
                }
            },
        ))
    }

    fn listen(
        listener: TcpListener,
        origin: &str,
        serve: impl Fn(u64, Arc<TcpStream>, Arc<Shared>) + Send + Sync + 'static,
    ) -> Server {
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared::default());
        let acceptor = thread::Builder::new().name("test-server".into()).spawn({
            let shared = shared.clone();
            move || accept(listener, &shared, Arc::new(serve))
        });
        Server {
            shared,
            address,
            origin: format!("{origin}:{}", address.port()),
            acceptor: Some(acceptor.expect("a thread for the server")),
            limit: LIMIT,
        }
    }

    /// The URL of a path (and query) on this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Keeps no record of requests, which would grow for as long as the server runs.
    pub fn forget_requests(self) -> Server {
        self.shared.lock().forgetful = true;
        self
    }

    /// All requests so far, in order of arrival; none from a server that forgets them.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Waits until `n` requests have arrived; all that have.
    #[track_caller]
    pub fn wait_for_requests(&self, n: usize) -> Vec<Request> {
        self.wait(&format!("{n} requests"), |state| state.requests.len() >= n)
            .requests
            .clone()
    }

    /// How many connections have been accepted so far, whatever became of them.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Waits until `n` connections have been accepted.
    #[track_caller]
    pub fn wait_for_connections(&self, n: u64) {
        drop(self.wait(&format!("{n} connections"), |state| state.connections >= n));
    }

    /// How many connections are open. One that the peer has closed counts until its script has
    /// noticed.
    pub fn open_connections(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// Waits until no connection is open. It is true before the first was accepted, so wait for
    /// its request first.
    #[track_caller]
    pub fn wait_for_no_connections(&self) {
        drop(self.wait("the end of all connections", |state| state.open.is_empty()));
    }

    #[track_caller]
    fn wait(&self, what: &str, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let pending = |state: &mut State| !done(state) && state.panic.is_none();
        let state = self
            .shared
            .wait_while(self.shared.lock(), slowly(self.limit), pending);
        if done(&state) {
            return state;
        }
        let outcome = match &state.panic {
            Some(message) => format!("a script of the test server panicked: {message}"),
            None => format!("the test server waited {:?}", slowly(self.limit)),
        };
        let requests: Vec<_> = state
            .requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.target))
            .collect();
        let (connections, open) = (state.connections, state.open.len());
        drop(state);
        let had = format!("{connections} connections, {open} open, requests {requests:?}");
        panic!("{outcome}; wanted: {what}; had: {had}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
        let deadline = Instant::now() + slowly(self.limit);
        let mut state = self.shared.lock();
        while !state.finished && Instant::now() < deadline {
            if !state.deaf {
                // Nothing else wakes an accept everywhere. The lock keeps the listener alive
                // meanwhile, so this can't reach the next server to get the port. It may fail while
                // file descriptors are short; hence the loop.
                let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(100));
            }
            state = self
                .shared
                .wait_while(state, Duration::from_millis(100), |state| !state.finished);
        }
        let finished = state.finished;
        let mut problem = state
            .panic
            .take()
            .map(|message| format!("a script of the test server panicked: {message}"));
        drop(state);
        match self.acceptor.take() {
            Some(acceptor) if finished => drop(acceptor.join()),
            _ => {
                problem = Some(format!(
                    "a script of the test server has not returned {:?} after the drop",
                    slowly(self.limit)
                ))
            }
        }
        if let Some(problem) = problem {
            if thread::panicking() {
                eprintln!("{problem}");
            } else {
                panic!("{problem}");
            }
        }
    }
}

fn bind(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if port != 0 {
        // One that ran a moment ago may have left connections behind.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The accept thread. It ends after all threads of connections.
fn accept<F>(listener: TcpListener, shared: &Arc<Shared>, serve: Arc<F>)
where
    F: Fn(u64, Arc<TcpStream>, Arc<Shared>) + Send + Sync + 'static,
{
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let accepted = listener.accept();
        let mut state = shared.lock();
        if state.stopping {
            state.deaf = true;
            break;
        }
        let Ok((socket, _)) = accepted else {
            drop(state);
            // Out of file descriptors, most likely, and nothing to do but wait for some.
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        let _ = socket.set_nodelay(true);
        let socket = Arc::new(socket);
        let connection = state.connections;
        state.connections += 1;
        state.open.insert(connection, socket.clone());
        drop(state);
        shared.changed.notify_all();

        join_finished(&mut threads);
        let thread = thread::Builder::new()
            .name(format!("test-server {connection}"))
            .spawn({
                let (shared, serve) = (shared.clone(), serve.clone());
                move || run(connection, socket, &shared, &*serve)
            });
        match thread {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                shared.failed(format!("no thread for a connection: {error}"));
                shared.closed(connection);
            }
        }
    }
    drop(listener);
    for thread in threads {
        let _ = thread.join();
    }
    shared.lock().finished = true;
    shared.changed.notify_all();
}

/// Joins rather than forgets them, so that none outlives the server even by a moment.
fn join_finished(threads: &mut Vec<JoinHandle<()>>) {
    for at in (0..threads.len()).rev() {
        if threads[at].is_finished() {
            let _ = threads.swap_remove(at).join();
        }
    }
}

/// The thread of one connection.
fn run(
    connection: u64,
    socket: Arc<TcpStream>,
    shared: &Arc<Shared>,
    serve: &impl Fn(u64, Arc<TcpStream>, Arc<Shared>),
) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        serve(connection, socket, shared.clone())
    }));
    if let Err(payload) = result {
        shared.failed(panic_message(&*payload));
    }
    shared.closed(connection);
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// What the threads share.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    /// How many there were, recorded or not.
    arrived: usize,
    /// Requests are not recorded.
    forgetful: bool,
    /// Accepted so far.
    connections: u64,
    /// Held here so that a drop of the server can shut down what a script is blocked on.
    open: HashMap<u64, Arc<TcpStream>>,
    /// The message of the first script that panicked.
    panic: Option<String>,
    /// The server is being dropped.
    stopping: bool,
    /// The listener is gone, or about to go.
    deaf: bool,
    /// All threads of connections have been joined.
    finished: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        limit: Duration,
        pending: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout_while(state, limit, pending)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Records a request and gives it its number.
    pub(crate) fn arrived(&self, mut request: Request) -> Request {
        let mut state = self.lock();
        request.number = state.arrived;
        state.arrived += 1;
        if !state.forgetful {
            state.requests.push(request.clone());
        }
        drop(state);
        self.changed.notify_all();
        request
    }

    /// Lets go of a connection's socket.
    pub(crate) fn closed(&self, connection: u64) {
        // Under the lock, so that whoever sees it gone finds it closed.
        let mut state = self.lock();
        drop(state.open.remove(&connection));
        drop(state);
        self.changed.notify_all();
    }

    fn failed(&self, message: String) {
        self.lock().panic.get_or_insert(message);
        self.changed.notify_all();
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        for socket in state.open.values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    fn panic_of(action: impl FnOnce()) -> String {
        panic_message(&*catch_unwind(AssertUnwindSafe(action)).expect_err("a panic"))
    }

    #[test]
    fn waiting_in_vain_ends_with_what_there_was() {
        let mut server = Server::start_raw(|_| {});
        drop(TcpStream::connect(server.address).expect("a connection"));
        server.wait_for_connections(1);
        let start = Instant::now();
        server.limit = SHORT;
        let message = panic_of(|| server.wait_for_connections(2));
        assert!(start.elapsed() >= SHORT, "{:?}", start.elapsed());
        assert!(
            message.contains("wanted: 2 connections; had: 1 connections"),
            "{message}"
        );
    }

    #[test]
    fn a_script_that_never_returns_does_not_hang_the_drop() {
        let mut server = Server::start_raw(|_| thread::sleep(SHORT * 10));
        server.limit = SHORT;
        let _client = TcpStream::connect(server.address).expect("a connection");
        server.wait_for_connections(1);
        let message = panic_of(|| drop(server));
        assert!(message.contains("has not returned"), "{message}");
    }
}
