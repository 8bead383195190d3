//! A request, and those that its redirects ask for, one at a time.

use super::error::{Error, ErrorKind};
use super::exchange::exchange;
use super::options::Options;
use super::origin::origin;
use super::redirect::{self, Following, Redirect};
use super::request::Request;
use super::response::Response;
use crate::log::{self, Kind, Level};
use hyper::http::header::LOCATION;
use std::pin::Pin;

/// What a request has led to.
#[derive(Debug)]
pub enum Answer {
    /// A response that does not redirect.
    Response(Response),
    /// A redirect, which is to be followed or not.
    Redirect(Box<Redirected>),
}

/// A response that redirects.
#[derive(Debug)]
pub struct Redirected {
    /// Where to, and what goes along.
    pub redirect: Redirect,
    response: Response,
}

impl Redirected {
    /// Turns the request into the one that the redirect asks for.
    pub async fn follow(
        self: Box<Self>,
        request: &mut Request,
        options: &Options,
        following: Following,
    ) -> Result<(), Error> {
        let status = self.redirect.status;
        if let Err(error) = self.redirect.follow(request, following) {
            return Err(error.with_response(self.response.into_error_response(options).await));
        }
        let with = match following {
            Following::WithCredentials => ", with credentials",
            _ => "",
        };
        log::write(
            Level::Debug,
            Kind::Redirect,
            format_args!("{status}: redirected to {}{with}", origin(request.url())),
        );
        Ok(())
    }
}

/// Makes a request that was redirected so many times before. Dropping the future ends whatever it is doing at once.
pub async fn open(
    request: &mut Request,
    options: &Options,
    redirects: u32,
) -> Result<Answer, Error> {
    let response = match request.is_elsewhere() {
        false => exchange(request, options).await?,
        true => exchange_elsewhere(request, options).await?,
    };
    if !redirect::is_redirect(response.status) {
        return Ok(Answer::Response(response));
    }
    let redirect = if redirects == options.max_redirects {
        Err(Error::new(
            ErrorKind::TooManyRedirects,
            format!("more redirects than the limit of {}", options.max_redirects),
        ))
    } else {
        let locations = response.headers.get_all(LOCATION);
        Redirect::of(request, options, response.status, locations)
    };
    match redirect {
        Ok(redirect) => Ok(Answer::Redirect(Box::new(Redirected {
            redirect,
            response,
        }))),
        // In a box: this future waits for most of its time, for a head.
        Err(error) => {
            Err(error.with_response(Box::pin(response.into_error_response(options)).await))
        }
    }
}

/// In a box: it is rare, and what waits for it would have room for its options.
fn exchange_elsewhere<'r>(
    request: &'r mut Request,
    options: &'r Options,
) -> Pin<Box<impl Future<Output = Result<Response, Error>> + 'r>> {
    Box::pin(async move {
        let options = options.for_other_origin();
        exchange(request, &options).await
    })
}
