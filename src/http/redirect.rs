//! Following redirects (RFC 9110, section 15.4) as browsers do, without giving secrets away.

use super::error::{Error, ErrorKind};
use super::http_url::HttpUrl;
use super::options::Options;
use super::request::Request;
use hyper::http::Method;
use hyper::http::header::{GetAll, HeaderValue};

/// Whether a status redirects.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// A redirect that can be followed.
#[derive(Debug)]
pub struct Redirect {
    /// The status code.
    pub status: u16,
    /// Where it leads.
    pub to: HttpUrl,
    /// To be followed without it, what is for the first origin alone must be left behind: credentials, a client certificate.
    pub drops_credentials: bool,
    /// The request has a body, which another origin is not sent unless that is asked for.
    pub drops_body: bool,
    becomes_get: bool,
}

/// How a redirect is dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Following {
    /// Followed. Another origin gets neither credentials nor the body; if there is a body, that is an error.
    #[default]
    Plain,
    /// Not followed: an error.
    Refused,
    /// Followed with the body, without credentials.
    WithBody,
    /// Followed with all that its origin was given.
    WithCredentials,
}

impl Redirect {
    /// What a response to this request asks for, with these values of `Location`.
    pub fn of(
        request: &Request,
        options: &Options,
        status: u16,
        locations: GetAll<'_, HeaderValue>,
    ) -> Result<Redirect, Error> {
        let refuse = |reason: String| refused(status, reason);
        let mut locations = locations.iter();
        let location = locations
            .next()
            .ok_or_else(|| refuse("it has no Location".into()))?;
        // Which of them is meant is not known; an attacker may have added the other. The same URL twice counts as one.
        if locations.any(|other| other != location) {
            return Err(refuse("it has two different Locations".into()));
        }
        let location = std::str::from_utf8(location.as_bytes())
            .map_err(|_| refuse("its Location is not UTF-8".into()))?;
        let from = request.url();
        let to = from
            .url()
            .join(location)
            .map_err(|error| refuse(format!("its Location is invalid: {error}")))?;
        if from.scheme() == "https" && to.scheme() != "https" {
            let to = to.origin().ascii_serialization();
            return Err(refuse(format!("it leads from https to {to}")));
        }
        let to = request
            .destination(to)
            .map_err(|invalid| refuse(invalid.message))?;
        let is_elsewhere = to.origin() != from.origin();
        let becomes_get = becomes_get(status, &request.method);
        let shows_certificate = !request.is_elsewhere() && options.tls.has_client_cert();
        Ok(Redirect {
            status,
            drops_credentials: is_elsewhere && (shows_certificate || request.has_credentials()),
            drops_body: is_elsewhere && !becomes_get && !request.body.is_empty(),
            becomes_get,
            to,
        })
    }

    /// Turns the request into the one that it asks for.
    pub fn follow(self, request: &mut Request, following: Following) -> Result<(), Error> {
        let reason = match following {
            Following::Refused => Some("on_redirect refused it"),
            Following::Plain if self.drops_body => Some(
                "it leads to another origin, which is not sent the request's body unless on_redirect says so",
            ),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(refused(self.status, reason.into()));
        }
        request.redirect_to(self.to, following == Following::WithCredentials);
        if self.becomes_get {
            request.become_get();
        }
        Ok(())
    }
}

fn refused(status: u16, reason: String) -> Error {
    Error::new(ErrorKind::Redirect, format!("redirect {status}: {reason}"))
}

/// The Fetch standard's "HTTP-redirect fetch", step 12.
fn becomes_get(status: u16, method: &Method) -> bool {
    match status {
        301 | 302 => method == Method::POST,
        303 => method != Method::GET && method != Method::HEAD,
        _ => false,
    }
}
