//! HTTP/2 (RFC 9113), by the h2 crate: streams to one origin share a connection.
//!
//! [`sharing`] finds a stream a slot on a connection, or opens one; [`connection`] keeps it alive. The connection's frames
//! are read and written by a task of tokio's, whichever thread drives the reactor, so that no stream waits for another: one
//! that is not read fills its own window, and then the server sends no more for it.

mod connection;
mod failure;
mod filtered;
mod frames;
mod sharing;

pub use sharing::{Reached, reach};

use super::error::{Error, ErrorKind, Failed};
use super::head::{Head, MOST_FIELDS};
use super::request::Request;
use bytes::Bytes;
use connection::Slot;
use frames::Reader;
use h2::RecvStream;
use h2::client::ResponseFuture;
use hyper::http::header::{CONTENT_LENGTH, HOST};
use hyper::http::uri::Authority;
use hyper::http::{self, StatusCode, Uri, Version};
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Sends the request, and waits for the response's head.
pub async fn exchange(slot: Slot, request: &Request) -> Result<(Head, Content), Failed> {
    let has_body = !request.body.is_empty();
    let (answer, mut body, reader) = match slot.send(head(request)?, !has_body) {
        Ok(sent) => sent,
        Err(error) => return Err(slot.not_sent(&error).await),
    };
    if has_body && let Err(error) = body.send_data(request.body.clone(), true) {
        return Err(slot.not_sent(&error).await);
    }
    let response = match final_response(answer).await {
        Ok(response) => response,
        Err(Unanswered::Error(error)) => return Err(error.into()),
        Err(Unanswered::Http2(error)) => return Err(slot.not_answered(&error).await),
    };
    let (head, stream) = response.into_parts();
    if head.headers.len() > MOST_FIELDS {
        let message = format!("the response's head has more than {MOST_FIELDS} fields");
        return Err(Error::new(ErrorKind::Http2, message).into());
    }
    let head = Head {
        status: head.status.as_u16(),
        http_version: 20,
        headers: head.headers,
    };
    let content = Content {
        stream,
        rest: Bytes::new(),
        reader,
        slot,
        ending: None,
    };
    Ok((head, content))
}

/// Why there is no response's head.
enum Unanswered {
    Error(Error),
    Http2(h2::Error),
}

/// Waits for the response's head, behind those of interim responses.
async fn final_response(
    mut answer: ResponseFuture,
) -> Result<http::Response<RecvStream>, Unanswered> {
    poll_fn(|cx| {
        loop {
            match ready!(answer.poll_informational(cx)) {
                // RFC 9113, section 8.6.
                Some(Ok(head)) if head.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    let what =
                        "the server switches protocols (status 101), which HTTP/2 does not have";
                    let error = Error::new(ErrorKind::Http2, what);
                    return Poll::Ready(Err(Unanswered::Error(error)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(Unanswered::Http2(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
    })
    .await?;
    answer.await.map_err(Unanswered::Http2)
}

/// A request's head, without what HTTP/2 says in other ways (RFC 9113, section 8.3.1).
fn head(request: &Request) -> Result<http::Request<()>, Error> {
    let mut uri = request.uri()?.into_parts();
    if let Some(host) = request.header(&HOST) {
        let authority = Authority::try_from(host.as_bytes()).map_err(|error| {
            let what = "the header Host cannot stand in a request over HTTP/2";
            Error::caused(ErrorKind::Protocol, what, &error).of_settings()
        })?;
        uri.authority = Some(authority);
    }
    let invalid = |error: http::Error| {
        let what = "the request cannot be made over HTTP/2";
        Error::caused(ErrorKind::Protocol, what, &error).of_settings()
    };
    let mut head = http::Request::new(());
    *head.version_mut() = Version::HTTP_2;
    *head.method_mut() = request.method.clone();
    *head.uri_mut() = Uri::from_parts(uri).map_err(|error| invalid(error.into()))?;
    let headers = head.headers_mut();
    for field in request.fields().filter(|field| *field.name != HOST) {
        headers.append(field.name, field.value.clone());
    }
    if let Some(length) = request.content_length() {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    Ok(head)
}

/// The content of a response. Dropped before its end, it tells the server to send no more.
pub struct Content {
    stream: RecvStream,
    /// What of the last DATA frame has not been asked for yet.
    rest: Bytes,
    reader: Reader,
    /// Behind the stream, so that it is given back last.
    slot: Slot,
    /// The connection has ended, and is about to say why.
    ending: Option<Pin<Box<dyn Future<Output = Error> + Send + Sync>>>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("stream", &self.stream.stream_id())
            .finish_non_exhaustive()
    }
}

impl Content {
    /// The network has changed: has the connection verified.
    pub fn doubt(&self) {
        self.slot.doubt();
    }

    /// Lends to `take` what has come, `limit` bytes at most, in as many pieces as it came in. Returns whether more can
    /// follow. What has been taken makes room in the stream's window, and nothing else does.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<bool, Error>> {
        if let Some(ending) = &mut self.ending {
            return ending.as_mut().poll(cx).map(Err);
        }
        let (mut taken, mut frames) = (0, 0);
        while taken < limit {
            let mut data = match mem::take(&mut self.rest) {
                rest if rest.is_empty() => match self.stream.poll_data(cx) {
                    Poll::Ready(Some(Ok(data))) => {
                        frames += 1;
                        data
                    }
                    // Whatever it is, it will be the same when it is asked for again.
                    _ if taken > 0 => break,
                    Poll::Ready(Some(Err(error))) => return self.poll_failed(cx, &error),
                    Poll::Ready(None) => return Poll::Ready(Ok(false)),
                    Poll::Pending => return Poll::Pending,
                },
                rest => rest,
            };
            if data.len() > limit - taken {
                self.rest = data.split_off(limit - taken);
            }
            take(&data);
            taken += data.len();
        }
        // All at once: for many small frames, each time costs as much as parsing one. Fails only for more than has come.
        let _ = self.stream.flow_control().release_capacity(taken);
        self.reader.has_read(frames);
        Poll::Ready(Ok(true))
    }

    fn poll_failed(
        &mut self,
        cx: &mut Context<'_>,
        error: &h2::Error,
    ) -> Poll<Result<bool, Error>> {
        if let Some(error) = failure::of_stream(error) {
            return Poll::Ready(Err(error));
        }
        let ending = self.ending.insert(Box::pin(self.slot.ended()));
        Poll::Ready(Err(ready!(ending.as_mut().poll(cx))))
    }
}
