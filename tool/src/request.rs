//! A client as the options of the request say.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{env, fs, io};

use crate::cli::RequestOptions;
use crate::client::{Client, Refusal};
use crate::sys;

/// The environment's variable for a file with the secrets of TLS connections.
const KEY_LOG: &str = "SSLKEYLOGFILE";

/// An option, and what is wrong with its value.
pub struct BadOption {
    option: &'static str,
    reason: String,
}

impl std::fmt::Display for BadOption {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.option, self.reason)
    }
}

pub type Checked<T = ()> = Result<T, BadOption>;

/// Names the option whose value the library has refused.
pub trait OfOption<T> {
    fn of(self, option: &'static str) -> Checked<T>;
}

impl<T> OfOption<T> for Result<T, Refusal> {
    fn of(self, option: &'static str) -> Checked<T> {
        self.map_err(|Refusal(reason)| BadOption { option, reason })
    }
}

impl<T> OfOption<T> for Result<T, String> {
    fn of(self, option: &'static str) -> Checked<T> {
        self.map_err(|reason| BadOption { option, reason })
    }
}

/// What is read once, however many clients are made of it.
#[derive(Clone)]
pub struct Given {
    options: RequestOptions,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
    user: Option<(String, String)>,
}

#[derive(Clone)]
struct Header {
    name: String,
    value: String,
    is_secret: bool,
}

impl Given {
    /// Reads the files that the options name.
    pub fn read(options: &RequestOptions) -> Checked<Given> {
        let mut headers = Vec::new();
        for header in &options.headers {
            if let Some(file) = header.strip_prefix('@') {
                let text = read_text(file).of("-H")?;
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    headers.push(parse_header(line, true).of("-H")?);
                }
            } else {
                headers.push(parse_header(header, false).of("-H")?);
            }
        }
        let body = options
            .body
            .as_deref()
            .map(read_body)
            .transpose()
            .of("-d")?;
        let user = options
            .user
            .as_deref()
            .map(read_user)
            .transpose()
            .of("-u")?;
        Ok(Given {
            options: options.clone(),
            headers,
            body,
            user,
        })
    }

    pub fn url(&self) -> &str {
        &self.options.url
    }

    pub fn url_is_https(&self) -> bool {
        let scheme = self.options.url.trim_start().get(..6);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    }

    pub fn is_get(&self) -> bool {
        match &self.options.method {
            Some(method) => method == "GET",
            None => self.body.is_none(),
        }
    }

    pub fn speaks_http1_only(&self) -> bool {
        self.options.http1
    }

    /// With these changes to what was given.
    pub fn with(&self, change: impl FnOnce(&mut RequestOptions)) -> Given {
        let mut given = self.clone();
        change(&mut given.options);
        given
    }

    /// Headers that came from a file, by name.
    pub fn secret_headers(&self) -> HashSet<String> {
        let secret = self.headers.iter().filter(|header| header.is_secret);
        secret
            .map(|header| header.name.to_ascii_lowercase())
            .collect()
    }

    pub fn client(&self) -> Checked<Client> {
        let options = &self.options;
        let client = Client::new(&options.url).of("URL")?;
        if let Some(body) = &self.body {
            client.set_body(body).of("-d")?;
            client.set(sys::eventsource_set_method, "POST").of("-d")?;
        }
        if let Some(method) = &options.method {
            client.set(sys::eventsource_set_method, method).of("-X")?;
        }
        if let Some((user, password)) = &self.user {
            client
                .set_pair(sys::eventsource_set_basic_auth, user, password)
                .of("-u")?;
        }
        self.set_headers(&client)?;
        client
            .set_number(
                sys::eventsource_set_connect_timeout,
                limit(options.connect_timeout),
            )
            .of("--connect-timeout")?;
        client
            .set_number(
                sys::eventsource_set_response_timeout,
                limit(options.response_timeout),
            )
            .of("--response-timeout")?;
        client
            .set_number(
                sys::eventsource_set_max_redirects,
                options.max_redirects as i32,
            )
            .of("--max-redirects")?;
        self.set_network(&client)?;
        self.set_tls(&client)?;
        Ok(client)
    }

    /// Headers of one name add up, but replace the library's own.
    fn set_headers(&self, client: &Client) -> Checked {
        let mut seen = HashSet::new();
        for Header {
            name,
            value,
            is_secret,
        } in &self.headers
        {
            let is_first = seen.insert(name.to_ascii_lowercase());
            let setter = match (is_first, is_secret) {
                (true, true) => sys::eventsource_set_sensitive_header,
                (true, false) => sys::eventsource_set_header,
                (false, true) => {
                    return Err(format!("a file may have {name} once: it is a secret")).of("-H");
                }
                (false, false) => sys::eventsource_add_header,
            };
            client.set_pair(setter, name, value).of("-H")?;
        }
        Ok(())
    }

    /// Unless they are set, the proxy and its exceptions are what the environment says.
    fn set_network(&self, client: &Client) -> Checked {
        let options = &self.options;
        if let Some(proxy) = &options.proxy {
            client
                .set(sys::eventsource_set_proxy, proxy)
                .of("--proxy")?;
        }
        if let Some(hosts) = &options.noproxy {
            client
                .set(sys::eventsource_set_no_proxy, hosts)
                .of("--noproxy")?;
        }
        if let Some(path) = &options.unix_socket {
            client
                .set(sys::eventsource_set_unix_socket, path)
                .of("--unix-socket")?;
        }
        for place in &options.resolve {
            client
                .set(sys::eventsource_set_resolve, place)
                .of("--resolve")?;
        }
        if options.http1 {
            client
                .set_number(sys::eventsource_set_http_version, sys::HTTP_1_1)
                .of("--http1.1")?;
        }
        if options.http2_prior_knowledge {
            client
                .set_number(
                    sys::eventsource_set_http_version,
                    sys::HTTP_2_PRIOR_KNOWLEDGE,
                )
                .of("--http2-prior-knowledge")?;
        }
        Ok(())
    }

    fn set_tls(&self, client: &Client) -> Checked {
        let options = &self.options;
        if let Some(file) = &options.cacert {
            client
                .set(sys::eventsource_set_ca_file, file)
                .of("--cacert")?;
        }
        match (&options.cert, &options.key) {
            (None, Some(_)) => return Err("it is of no use without --cert".to_owned()).of("--key"),
            (Some(cert), key) => client.set_client_cert(cert, key.as_deref()).of("--cert")?,
            (None, None) => {}
        }
        if let Some(pins) = &options.pinnedpubkey {
            client
                .set(sys::eventsource_set_pinned_keys, pins)
                .of("--pinnedpubkey")?;
        }
        // As browsers and curl. In the library, it is the program that decides.
        let key_log = env::var(KEY_LOG).ok().filter(|path| !path.is_empty());
        if let Some(path) = key_log {
            client
                .set(sys::eventsource_set_key_log_file, &path)
                .of(KEY_LOG)?;
        }
        if options.tls12 {
            client
                .set_number(sys::eventsource_set_min_tls_version, sys::TLS_1_2)
                .of("--tlsv1.2")?;
        }
        if options.tls13 {
            client
                .set_number(sys::eventsource_set_min_tls_version, sys::TLS_1_3)
                .of("--tlsv1.3")?;
        }
        let skip = i32::from(options.insecure);
        client
            .set_number(sys::eventsource_set_insecure_skip_verification, skip)
            .of("--insecure")
    }
}

/// As for curl, 0 is no limit.
pub fn limit(ms: i64) -> i64 {
    if ms == 0 { sys::NO_LIMIT } else { ms }
}

fn parse_header(header: &str, is_secret: bool) -> Result<Header, String> {
    let Some((name, value)) = header.split_once(':') else {
        // Not quoted: it may be a secret whose name was forgotten.
        return Err("NAME: VALUE is expected, but there is no colon".to_owned());
    };
    Ok(Header {
        name: name.to_owned(),
        value: value.trim_start_matches([' ', '\t']).to_owned(),
        is_secret,
    })
}

fn read_body(body: &OsStr) -> Result<Vec<u8>, String> {
    match body.as_bytes() {
        b"-" | b"@-" => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map(|_| bytes)
                .map_err(|error| format!("cannot read standard input: {error}"))
        }
        [b'@', file @ ..] => read_file(Path::new(OsStr::from_bytes(file))),
        bytes => Ok(bytes.to_vec()),
    }
}

fn read_user(user: &str) -> Result<(String, String), String> {
    let user = match user.strip_prefix('@') {
        Some(file) => read_text(file)?.trim_end_matches(['\r', '\n']).to_owned(),
        None => user.to_owned(),
    };
    let (user, password) = user
        .split_once(':')
        .ok_or("USER:PASSWORD is expected, but there is no colon")?;
    Ok((user.to_owned(), password.to_owned()))
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn read_text(path: &str) -> Result<String, String> {
    String::from_utf8(read_file(Path::new(path))?).map_err(|_| format!("{path} is not valid UTF-8"))
}
