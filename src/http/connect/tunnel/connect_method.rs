//! Through an HTTP proxy to a host: CONNECT (RFC 9110, section 9.3.6), by hyper's client connection.

use crate::http::connect::proxy_failure::refused;
use crate::http::connect::transport::Transport;
use crate::http::error::{Error, ErrorKind, causes};
use crate::http::head::{Head, LARGEST, MOST_FIELDS, MOST_INTERIM};
use crate::http::request::header::OWN_USER_AGENT;
use crate::http::way::host::port;
use crate::http::way::proxy::Proxy;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection};
use hyper::http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::http::{Method, Request, Response, Version};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper::{Uri, ext};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

/// Why there is no answer.
enum Unanswered {
    Http(hyper::Error),
    TooManyInterim,
}

/// Asks a proxy for a tunnel to a URL's host.
pub async fn open(proxy: &Proxy, uri: &Uri, transport: Transport) -> Result<Transport, Error> {
    let refuse = |what: &str| Error::new(ErrorKind::Proxy, format!("the proxy {proxy} {what}"));
    let interim = Interim::default();
    let mut request = request(proxy, uri)?;
    let counted = interim.clone();
    ext::on_informational(&mut request, move |_| counted.add());
    let transport = Held {
        transport,
        interim: interim.clone(),
    };
    let (mut sender, mut connection) = http1::Builder::new()
        // As browsers and curl write them: hyper's own are in lower case, which some proxies do not know.
        .title_case_headers(true)
        // What a server's head may be. By default, 400 KiB and 100 fields, and a folded field is an error.
        .max_buf_size(LARGEST)
        .max_headers(MOST_FIELDS)
        .allow_obsolete_multiline_headers_in_responses(true)
        .handshake(transport)
        .await
        .map_err(|error| failed(proxy, Unanswered::Http(error)))?;
    let answer = pin!(sender.send_request(request));
    let answer = answered(&mut connection, answer, &interim)
        .await
        .map_err(|unanswered| failed(proxy, unanswered))?;
    if !answer.status().is_success() {
        return Err(refused(proxy, head(answer)));
    }
    let taken_back = connection.into_parts();
    // No server is behind it yet that would speak unasked.
    if !taken_back.read_buf.is_empty() {
        return Err(refuse("sent more than its answer"));
    }
    Ok(taken_back.io.transport)
}

/// How many interim responses have come.
#[derive(Clone, Default)]
struct Interim(Arc<AtomicUsize>);

impl Interim {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn are_too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MOST_INTERIM
    }
}

/// A transport that reads little at once, and nothing after too many interim responses. hyper itself goes on for as long as
/// there is something to read, and a proxy can send them without end.
struct Held {
    transport: Transport,
    interim: Interim,
}

/// How much is read at once: some 250 interim responses at most.
const PIECE: usize = 4 * 1024;

impl Read for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.interim.are_too_many() {
            // What it is called is not told: `answered` looks first.
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let mut piece = [0; PIECE];
        let room = PIECE.min(buf.remaining());
        let mut read = ReadBuf::new(&mut piece[..room]);
        ready!(Pin::new(&mut self.transport).poll_read(cx, read.unfilled()))?;
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

/// Of the request that is to go through the tunnel, the proxy sees the host alone.
fn request(proxy: &Proxy, uri: &Uri) -> Result<Request<Empty<Bytes>>, Error> {
    let target = format!("{}:{}", uri.host().unwrap_or_default(), port(uri));
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&target)
        .header(HOST, &target)
        .header(USER_AGENT, OWN_USER_AGENT);
    if let Some(value) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    request.body(Empty::new()).map_err(|error| {
        let what = "the URL's host cannot stand in a request";
        Error::caused(ErrorKind::Protocol, what, &error).of_settings()
    })
}

/// Drives a connection until it has an answer. Then it is left as it is, not closed.
async fn answered(
    connection: &mut Connection<Held, Empty<Bytes>>,
    mut answer: Pin<&mut impl Future<Output = hyper::Result<Response<Incoming>>>>,
    interim: &Interim,
) -> Result<Response<Incoming>, Unanswered> {
    let mut end = None;
    poll_fn(|cx| {
        if end.is_none()
            && let Poll::Ready(ended) = connection.poll_without_shutdown(cx)
        {
            end = Some(ended);
        }
        if interim.are_too_many() {
            return Poll::Ready(Err(Unanswered::TooManyInterim));
        }
        answer.as_mut().poll(cx).map_err(|error| {
            // What broke the connection says more than that there is no answer.
            let broken = end.take().and_then(Result::err);
            Unanswered::Http(broken.unwrap_or(error))
        })
    })
    .await
}

fn failed(proxy: &Proxy, why: Unanswered) -> Error {
    let refuse = |what: String| Error::new(ErrorKind::Proxy, format!("the proxy {proxy}{what}"));
    let error = match why {
        Unanswered::Http(error) => error,
        Unanswered::TooManyInterim => {
            return refuse(format!(
                ": it sent more than {MOST_INTERIM} interim responses"
            ));
        }
    };
    if error.is_parse() {
        // Too large a head is an error of this kind, too, which hyper tells apart only for servers.
        return refuse(format!(
            ": the response is not HTTP within the library's limits: {error}"
        ));
    }
    match causes(&error).find_map(|cause| cause.downcast_ref::<io::Error>()) {
        Some(error) => {
            let what = format_args!("the connection to the proxy {proxy} broke");
            Error::caused(ErrorKind::Proxy, what, error)
        }
        None => refuse(" hung up without an answer".into()),
    }
}

fn head(answer: Response<Incoming>) -> Head {
    let (answer, _) = answer.into_parts();
    Head {
        status: answer.status.as_u16(),
        http_version: match answer.version {
            Version::HTTP_10 => 10,
            _ => 11,
        },
        headers: answer.headers,
    }
}
