//! Unix domain sockets.

#[cfg(unix)]
pub use here::{Socket, connect};
#[cfg(not(unix))]
pub use nowhere::{Socket, connect};

#[cfg(unix)]
mod here {
    use crate::http::error::{Error, ErrorKind};
    use hyper::rt::{Read, ReadBufCursor, Write};
    use hyper_util::rt::TokioIo;
    use socket2::SockRef;
    use std::io;
    use std::path::Path;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use tokio::io::Interest;
    use tokio::net::UnixStream;

    /// A Unix socket that writes with `send` and MSG_NOSIGNAL, as not every standard library does for it: a peer that has
    /// gone would raise SIGPIPE in the program.
    #[derive(Debug)]
    pub struct Socket(TokioIo<UnixStream>);

    /// Connects.
    pub async fn connect(path: &Path) -> Result<Socket, Error> {
        let stream = UnixStream::connect(path).await.map_err(|error| {
            let what = format!("cannot connect to {}", path.display());
            Error::caused(ErrorKind::Connect, what, &error)
        })?;
        Ok(Socket(TokioIo::new(stream)))
    }

    // Not Apple's systems, which lack the flag: there mio sets SO_NOSIGPIPE.
    #[cfg(not(target_vendor = "apple"))]
    fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(stream).send_with_flags(bytes, libc::MSG_NOSIGNAL)
    }

    #[cfg(target_vendor = "apple")]
    fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(stream).send(bytes)
    }

    impl Read for Socket {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl Write for Socket {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let stream = self.0.inner();
            loop {
                ready!(stream.poll_write_ready(cx))?;
                match stream.try_io(Interest::WRITABLE, || send(stream, buf)) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    sent => return Poll::Ready(sent),
                }
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            // A peer that is gone already is as good as one that was told.
            let _ = ready!(Pin::new(&mut self.0).poll_shutdown(cx));
            Poll::Ready(Ok(()))
        }
    }
}

/// No path passes the check.
#[cfg(not(unix))]
mod nowhere {
    use crate::http::error::{Error, ErrorKind};
    use std::path::Path;

    pub type Socket = super::super::tcp::Socket;

    pub async fn connect(_: &Path) -> Result<Socket, Error> {
        Err(Error::new(ErrorKind::Connect, "no Unix sockets here").of_settings())
    }
}
