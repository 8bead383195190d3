//! Cookies: whether there is a jar, and what is in it.

use super::set::set;
use crate::abi::guard::arguments::{switch, text, text_out};
use crate::abi::guard::refusal::Refusal;
use crate::abi::objects::client::{client, client_call, setting_call};
use crate::abi::objects::refused::Setting;
use crate::abi::types::handles::eventsource_t;
use crate::abi::types::status::{
    EVENTSOURCE_ERR_STATE, EVENTSOURCE_ERR_VALUE, eventsource_status_t,
};
use crate::http::Jar;
use crate::stream::Client;
use std::ffi::c_char;

/// The jar of a client that has one.
fn jar_of(client: &Client, or: eventsource_status_t) -> Result<Jar, Refusal> {
    let none = || {
        let message = "the client keeps no cookies: call eventsource_set_cookies first";
        Refusal::new(or, message)
    };
    client.settings().http.cookies.clone().ok_or_else(none)
}

/// Sets whether the client keeps the cookies that servers set, and sends them back by the rules of RFC 6265. Default: 0.
///
/// Every response counts, also a redirect, such as that of a login, and an error. Cookies go by domain, path and `Secure`, not
/// by origin: to another host only if the server has said so with `Domain`. A domain of one label, such as `com`, is refused;
/// the library has no list of public suffixes, so a server of `a.co.uk` can set cookies for all of `co.uk`. Share no jar among
/// clients that do not trust each other's servers. A host with a zone (`eventsource_set_url`) gets no cookies.
///
/// `on_request` sees the header `Cookie` that is about to be sent. A header `Cookie` that the program sets is sent in its
/// place. If `on_request` removes the header, none is sent to that URL; redirects get theirs.
///
/// A jar is in memory only: `eventsource_get_cookies` and `eventsource_add_cookies` read and fill it. It holds 1000 cookies, 50
/// of each domain, of at most 5120 bytes with their attributes; what comes beyond that is dropped, and the log says so at
/// level `DEBUG`.
///
/// @param es the client
/// @param on 1: keep cookies, in a jar of the client's own unless it has one; 0: keep none, and leave the jar
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for another number, `ERR_UNSUPPORTED` for 1 in a library that was built
///         without cookies, `ERR_STATE` while the client runs
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_set_cookies(
    es: *mut eventsource_t,
    on: i32,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("cookies"), |settings| {
            let cookies = &mut settings.http.cookies;
            match switch(on, "on")? {
                true if cookies.is_none() => *cookies = Some(Jar::new()?),
                true => {}
                false => *cookies = None,
            }
            Ok(())
        })
    }
}

/// Makes the client keep cookies in the jar of another client, which both then use. Any number can share one; it stays as long
/// as the last of them.
///
/// @param es the client
/// @param other a client that keeps cookies; it may run, and be freed before this one
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` if the other keeps no cookies, `ERR_STATE` while the client runs,
///         `ERR_FREED`
///
/// Any thread, while the client does not run.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_share_cookies(
    es: *mut eventsource_t,
    other: *const eventsource_t,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        set(es, Setting::new("cookies"), |settings| {
            settings.http.cookies = Some(jar_of(client(other)?.client(), EVENTSOURCE_ERR_VALUE)?);
            Ok(())
        })
    }
}

/// Adds cookies to the client's jar, for example those that an earlier process has kept: all of them, or none if one cannot be
/// added. Those that have expired are passed over.
///
/// @param es the client, which keeps cookies
/// @param cookies as `eventsource_get_cookies` writes them, copied
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a text that has another format, holds a cookie that no
///         server could have set, or is too much for the jar, `ERR_STATE` if the client keeps no cookies
///
/// Any thread, any time, also while the client runs.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_add_cookies(
    es: *mut eventsource_t,
    cookies: *const c_char,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        setting_call(es, Setting::new("added cookies"), |es| {
            Ok(jar_of(es.client(), EVENTSOURCE_ERR_STATE)?.add(text(cookies, "the cookies")?)?)
        })
    }
}

/// Copies all cookies of the client's jar, those of sessions included, for example to keep them for the next process. They are
/// secrets.
///
/// The format is that of Netscape's `cookies.txt`, which curl reads and writes, too: a line for each cookie, of seven fields
/// with TABs between them. They are the domain, `TRUE` if hosts below it get the cookie, the path, `TRUE` if it is sent over
/// TLS only, the time at which it expires in seconds since 1970 or 0, the name and the value.
///
/// @param es the client, which keeps cookies
/// @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
/// @param capacity bytes of `buffer`
/// @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the text and the NUL do not fit: nothing is copied, `ERR_STATE` if
///         the client keeps no cookies
///
/// Any thread, any time.
///
/// @since 0.9.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eventsource_get_cookies(
    es: *const eventsource_t,
    buffer: *mut c_char,
    capacity: usize,
    len: *mut usize,
) -> eventsource_status_t {
    // SAFETY: the header's rules for pointers.
    unsafe {
        client_call(es, |es| {
            let jar = jar_of(es.client(), EVENTSOURCE_ERR_STATE)?;
            text_out(&jar.text(), buffer, capacity, len)
        })
    }
}
