//! One request and its answer, under the control of a script.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::coding::Encoder;
use crate::request::Request;
use crate::server::Shared;

/// How long a connection whose script has returned waits for the peer to close too.
const LINGER: Duration = Duration::from_secs(1);

/// How long a tunnel listens to one end before it turns to the other.
const TUNNEL_TURN: Duration = Duration::from_millis(2);

/// A request, and the connection to answer it on. What a script sends is not checked: it may break
/// any rule of HTTP.
///
/// When the script returns the connection is closed in an orderly way. All functions may be called
/// in any order and after the connection is gone; sending then does nothing.
pub struct Exchange {
    /// The request that started it.
    pub request: Request,
    /// None once the connection is gone.
    transport: Option<Transport>,
    connection: u64,
    /// How the event stream is encoded.
    encoder: Option<Encoder>,
    shared: Arc<Shared>,
}

impl Exchange {
    /// Reads a request from the connection; None when no proper one came.
    pub(crate) fn read(
        connection: u64,
        socket: Arc<TcpStream>,
        tls: Option<Arc<ServerConfig>>,
        shared: Arc<Shared>,
    ) -> Option<Exchange> {
        let transport = Transport::new(socket, tls)?;
        let mut stream = BufReader::new(transport);
        let mut request = Request::read(&mut stream).ok()?;
        request.connection = connection;
        let request = shared.arrived(request);
        Some(Exchange {
            request,
            transport: Some(stream.into_inner()),
            connection,
            encoder: None,
            shared,
        })
    }

    /// The name that the client asked for in its TLS handshake (SNI); none for an address.
    pub fn server_name(&self) -> Option<&str> {
        match self.transport.as_ref()? {
            Transport::Plain(_) => None,
            Transport::Tls(stream) => stream.conn.server_name(),
        }
    }

    /// Has the event stream that follows encoded: its head names the coding, and each chunk is flushed on its own.
    pub fn encode(&mut self, encoder: Encoder) {
        self.encoder = Some(encoder);
    }

    /// What `Content-Encoding` is to say; none without [`Exchange::encode`].
    pub fn coding(&self) -> Option<String> {
        self.encoder
            .as_ref()
            .map(|encoder| encoder.name().to_owned())
    }

    /// Sends what follows as it is, without the end of the coding.
    pub fn encode_no_more(&mut self) {
        self.encoder = None;
    }

    /// Sends raw bytes and flushes them. False when the peer is gone; the first bytes after it
    /// closed may still seem to get through, as in any TCP program.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let Some(transport) = &mut self.transport else {
            return false;
        };
        let sent = transport
            .write_all(bytes.as_ref())
            .and_then(|()| transport.flush());
        if sent.is_err() {
            self.drop_connection();
        }
        sent.is_ok()
    }

    /// Sends a status line and these headers, nothing of its own.
    pub fn head(&mut self, status: u16, headers: &[(&str, &str)]) -> bool {
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        self.send(head)
    }

    /// Sends a complete answer. Adds `Content-Length` (where the status allows a body) and
    /// `Connection: close`, unless `headers` holds a framing of its own.
    pub fn respond(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let given = |names: &[&str]| {
            headers
                .iter()
                .any(|(header, _)| names.iter().any(|name| header.eq_ignore_ascii_case(name)))
        };
        let bodiless = matches!(status, 100..=199 | 204 | 304);
        let length = body.len().to_string();
        let mut all = headers.to_vec();
        if !bodiless && !given(&["Content-Length", "Transfer-Encoding"]) {
            all.push(("Content-Length", &length));
        }
        if !given(&["Connection"]) {
            all.push(("Connection", "close"));
        }
        if self.head(status, &all) && !bodiless && self.request.method != "HEAD" {
            self.send(body);
        }
    }

    /// Sends the head of an event stream: 200, `text/event-stream`, chunked.
    pub fn event_stream(&mut self) {
        let coding = self.coding();
        let mut headers = vec![
            ("Content-Type", "text/event-stream"),
            ("Cache-Control", "no-store"),
            ("Transfer-Encoding", "chunked"),
            // Every connection carries one request; a client that believed otherwise would race
            // with the close.
            ("Connection", "close"),
        ];
        if let Some(coding) = &coding {
            headers.push(("Content-Encoding", coding));
        }
        self.head(200, &headers);
    }

    /// Sends one HTTP chunk and flushes it. Nothing for no bytes, since an empty chunk is the last
    /// one.
    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match &mut self.encoder {
            Some(encoder) => {
                let bytes = encoder.encode(bytes.as_ref());
                self.chunk_as_it_is(&bytes)
            }
            None => self.chunk_as_it_is(bytes.as_ref()),
        }
    }

    fn chunk_as_it_is(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return self.transport.is_some();
        }
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk)
    }

    /// Sends an event as one chunk, with a `data` field for each line of `data`.
    pub fn event(&mut self, data: &str) -> bool {
        self.chunk(event_text(None, data))
    }

    /// Sends an event with an id as one chunk.
    pub fn event_with_id(&mut self, id: &str, data: &str) -> bool {
        self.chunk(event_text(Some(id), data))
    }

    /// Sends the last chunk: a clean end, that of the coding before it.
    pub fn end(&mut self) {
        if let Some(mut encoder) = self.encoder.take() {
            self.chunk_as_it_is(&encoder.finish());
        }
        self.send("0\r\n\r\n");
    }

    /// Closes the connection in the orderly way at once, as the return of the script does. It is up
    /// to the script whether the answer was complete.
    pub fn close(&mut self) {
        let Some(mut transport) = self.transport.take() else {
            return;
        };
        transport.close_notify();
        let mut socket = transport.into_socket();
        let _ = socket.0.shutdown(Shutdown::Write);
        // To close a socket with unread bytes, or before the peer's last ones came, resets it, and
        // the peer might lose what was sent last. So wait for the peer, but only so long: it need
        // not close.
        let deadline = Instant::now() + LINGER;
        while let Some(left) = time_left(deadline) {
            let read = socket
                .0
                .set_read_timeout(Some(left))
                .and_then(|()| socket.read(&mut [0; 4096]));
            if !matches!(read, Ok(1..)) {
                break;
            }
        }
        drop(socket);
        self.drop_connection();
    }

    /// Ends TCP in the orderly way but TLS not: no `close_notify`, as when an answer was cut short
    /// by an attacker. Without TLS it is the same as [`Exchange::close`].
    pub fn abort(&mut self) {
        self.transport = self
            .transport
            .take()
            .map(|transport| Transport::Plain(transport.into_socket()));
        self.close();
    }

    /// Resets the connection (TCP RST). The peer may lose what it has not read yet; Linux lets it
    /// read that first.
    pub fn reset(&mut self) {
        if let Some(transport) = self.transport.take() {
            let socket = transport.into_socket();
            let _ = SockRef::from(&*socket.0).set_linger(Some(Duration::ZERO));
        }
        self.drop_connection();
    }

    /// Waits until the peer closes, or the server is dropped. What the peer still sends is thrown
    /// away.
    pub fn wait_for_disconnect(&mut self) {
        while self.pause(Duration::from_secs(3600)) {}
    }

    /// Waits for this time; at most until the peer closes or the server is dropped, and false then.
    pub fn pause(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while let Some(left) = time_left(deadline) {
            let Some(transport) = &mut self.transport else {
                return false;
            };
            if transport.socket().set_read_timeout(Some(left)).is_err() {
                self.drop_connection();
                return false;
            }
            match transport.read(&mut [0; 4096]) {
                Ok(1..) => {}
                Err(error) if is_timeout(&error) => {}
                Ok(0) | Err(_) => self.drop_connection(),
            }
        }
        self.transport.is_some()
    }

    /// Becomes a tunnel to this port of loopback, until either end closes, as a proxy does once it has answered CONNECT. Answers
    /// what the client has sent through it.
    pub fn tunnel(&mut self, port: u16) -> Vec<u8> {
        let mut sent = Vec::new();
        let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .map(Arc::new)
            .map(Socket)
        else {
            return sent;
        };
        let mut bytes = [0; 4096];
        while let Some(near) = &mut self.transport {
            let moved = near
                .socket()
                .set_read_timeout(Some(TUNNEL_TURN))
                .and_then(|()| far.0.set_read_timeout(Some(TUNNEL_TURN)))
                .and_then(|()| pass_on(near, &mut far, &mut bytes))
                .inspect(|moved| sent.extend_from_slice(&bytes[..*moved]))
                .and_then(|_| pass_on(&mut far, near, &mut bytes));
            if moved.is_err() {
                break;
            }
        }
        sent
    }

    /// Closes the socket, by letting go of every hold on it.
    fn drop_connection(&mut self) {
        self.transport = None;
        self.shared.closed(self.connection);
    }
}

/// Reads once and writes that; an error at the end.
fn pass_on(from: &mut impl Read, to: &mut impl Write, bytes: &mut [u8]) -> io::Result<usize> {
    match from.read(bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => {
            to.write_all(&bytes[..count])?;
            to.flush()?;
            Ok(count)
        }
        Err(error) if is_timeout(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

/// None once the time is up, since a socket takes no timeout of zero.
fn time_left(deadline: Instant) -> Option<Duration> {
    deadline
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

fn event_text(id: Option<&str>, data: &str) -> String {
    let mut text = id.map_or(String::new(), |id| format!("id: {id}\n"));
    for line in data.split('\n') {
        text += &format!("data: {line}\n");
    }
    text + "\n"
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}

/// The connection, with or without TLS.
enum Transport {
    Plain(Socket),
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Transport {
    fn new(socket: Arc<TcpStream>, tls: Option<Arc<ServerConfig>>) -> Option<Transport> {
        let socket = Socket(socket);
        Some(match tls {
            None => Transport::Plain(socket),
            // The handshake happens at the first read.
            Some(config) => Transport::Tls(Box::new(StreamOwned::new(
                ServerConnection::new(config).ok()?,
                socket,
            ))),
        })
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Transport::Plain(socket) => &socket.0,
            Transport::Tls(stream) => &stream.sock.0,
        }
    }

    fn into_socket(self) -> Socket {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(stream) => stream.into_parts().1,
        }
    }

    fn close_notify(&mut self) {
        if let Transport::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.read(buffer),
            Transport::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(socket) => socket.write(bytes),
            Transport::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(socket) => socket.flush(),
            Transport::Tls(stream) => stream.flush(),
        }
    }
}

/// A socket that the server can shut down while a script is blocked on it. It leaves out vectored
/// writes: std makes them without MSG_NOSIGNAL, and a test may run under the default disposition of
/// SIGPIPE.
struct Socket(Arc<TcpStream>);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
