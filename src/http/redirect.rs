//! Following redirects (RFC 9110, section 15.4) as browsers do, without giving secrets away.

use super::error::{Error, ErrorKind};
use super::origin;
use super::request::Request;
use hyper::http::Method;
use hyper::http::header::{GetAll, HeaderValue};

/// Whether a status redirects.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Turns a request into the one that a redirect asks for.
pub fn follow(
    request: &mut Request,
    status: u16,
    locations: GetAll<'_, HeaderValue>,
) -> Result<(), Error> {
    let refuse =
        |reason: String| Error::new(ErrorKind::Redirect, format!("redirect {status}: {reason}"));
    let mut locations = locations.iter();
    let location = locations
        .next()
        .ok_or_else(|| refuse("it has no Location".into()))?;
    // Which of them is meant is not known; whoever added the other may want to lead elsewhere. Said twice is no more.
    if locations.any(|other| other != location) {
        return Err(refuse("it has two different Locations".into()));
    }
    let location = std::str::from_utf8(location.as_bytes())
        .map_err(|_| refuse("its Location is not UTF-8".into()))?;
    let from = request.url().clone();
    let to = from
        .join(location)
        .map_err(|error| refuse(format!("its Location is invalid: {error}")))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(refuse(format!("it leads from https to {}", origin(&to))));
    }
    request
        .redirect_to(to)
        .map_err(|invalid| refuse(invalid.message))?;
    if becomes_get(status, &request.method) {
        request.become_get();
    }
    Ok(())
}

/// The Fetch standard's "HTTP-redirect fetch", step 12.
fn becomes_get(status: u16, method: &Method) -> bool {
    match status {
        301 | 302 => method == Method::POST,
        303 => method != Method::GET && method != Method::HEAD,
        _ => false,
    }
}
