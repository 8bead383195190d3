//! The response to a request.

use super::body::Body;
use super::error::ErrorResponse;
use super::facts::Facts;
use super::options::Options;
use hyper::http::HeaderMap;

/// A response whose head has arrived.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    pub http_version: i32,
    /// The headers.
    pub headers: HeaderMap,
    /// What is known of the connection that brought it. In a box for the same reason as the body.
    pub facts: Box<Facts>,
    /// The rest. In a box, because each future that it is handed on through would have room for it.
    pub body: Box<Body>,
}

impl Response {
    /// What an error may tell of this response, the first bytes of its body included.
    pub async fn into_error_response(mut self, options: &Options) -> ErrorResponse {
        let body = self.body.excerpt(options.max_error_body).await;
        ErrorResponse {
            status: self.status,
            headers: self.headers,
            body,
        }
    }
}
