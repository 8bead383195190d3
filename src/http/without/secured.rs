//! No TLS over a transport.

use crate::http::facts::TlsVersion;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// TLS over `T`: there is none.
#[derive(Debug)]
pub struct Secured<T>(Infallible, PhantomData<fn() -> T>);

impl<T> Secured<T> {
    pub fn transport(&self) -> &T {
        match self.0 {}
    }

    pub fn has_negotiated_http2(&self) -> bool {
        match self.0 {}
    }

    pub fn version(&self) -> Option<TlsVersion> {
        match self.0 {}
    }
}

impl<T> Read for Secured<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl<T> Write for Secured<T> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
