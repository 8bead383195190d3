//! The command line. Help, man pages and completions are written from it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::client;

#[derive(Parser)]
#[command(
    name = "eventsource",
    about = "Follows, checks and serves event streams (Server-Sent Events)",
    disable_help_subcommand = true,
    propagate_version = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Commands,
}

#[derive(Subcommand)]
pub enum Commands {
    /// Print the events of a stream as they come, and keep the stream alive
    #[command(after_help = "\
SECONDS may have decimals. -H, -d and -u read a file for @FILE, so that secrets are not on the command line.

Exit status: 0 after --count events, --once, SIGINT or SIGTERM; 1 when the stream has ended by itself, or something failed; \
2 for bad usage. A second signal ends the program at once.")]
    Tail(Box<Tail>),
    /// Look at a server as a client sees it, and say what is wrong and how to mend it
    #[command(after_help = "\
Each finding is a fault (clients lose events, or get none), a warning (it will hurt some day, or some clients), or a note.

Exit status: 0 without faults, 1 with faults (with --strict also warnings), 2 for bad usage.")]
    Check(Box<Check>),
    /// Serve scripted event streams, to test clients with
    Serve(Box<Serve>),
    /// Write the completions of a shell to stdout
    Completions { shell: clap_complete::Shell },
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man { folder: PathBuf },
}

/// How the request is made.
#[derive(Args, Clone)]
pub struct RequestOptions {
    /// The event stream, http or https
    pub url: String,

    /// Send this header; may be repeated. @FILE: those in FILE, one a line, kept secret
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "Request"
    )]
    pub headers: Vec<String>,
    /// Use this method instead of GET
    #[arg(
        short = 'X',
        long = "request",
        value_name = "METHOD",
        help_heading = "Request"
    )]
    pub method: Option<String>,
    /// Send this body, by POST unless -X says another. @FILE: what is in FILE; - or @-: standard input
    #[arg(
        short = 'd',
        long = "data",
        value_name = "BODY",
        help_heading = "Request"
    )]
    pub body: Option<OsString>,
    /// Send basic authentication. @FILE: what is in FILE
    #[arg(
        short = 'u',
        long = "user",
        value_name = "USER:PASSWORD",
        help_heading = "Request"
    )]
    pub user: Option<String>,

    /// 0 for no limit
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = milliseconds, help_heading = "Limits")]
    pub connect_timeout: i64,
    /// For the response's head; 0 for no limit
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = milliseconds, help_heading = "Limits")]
    pub response_timeout: i64,
    /// 0 to follow none
    #[arg(long, value_name = "N", default_value = "16", value_parser = whole_number::<0, { i32::MAX as i64 }>, help_heading = "Limits")]
    pub max_redirects: i64,

    /// Use this http, https, socks5 or socks5h proxy; '' for none
    #[arg(long, value_name = "URL", help_heading = "Network")]
    pub proxy: Option<String>,
    /// Use no proxy for these, separated by commas
    #[arg(long, value_name = "HOSTS", help_heading = "Network")]
    pub noproxy: Option<String>,
    /// Connect to this socket, whatever the URL's host
    #[arg(long, value_name = "PATH", help_heading = "Network")]
    pub unix_socket: Option<String>,
    /// Where a host is; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDRESS", help_heading = "Network")]
    pub resolve: Vec<String>,
    /// Speak HTTP/1.1
    #[arg(long = "http1.1", help_heading = "Network")]
    pub http1: bool,
    /// Speak HTTP/2 without asking
    #[arg(long, help_heading = "Network")]
    pub http2_prior_knowledge: bool,

    /// Trust the PEM certificates in FILE, too
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub cacert: Option<String>,
    /// Show the PEM certificate in FILE to servers that want one
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub cert: Option<String>,
    /// Its private key, if FILE of --cert has it not
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub key: Option<String>,
    /// Accept only servers with these keys: sha256//...;sha256//...
    #[arg(long, value_name = "PINS", help_heading = "TLS")]
    pub pinnedpubkey: Option<String>,
    /// Speak TLS 1.2 or newer (the default)
    #[arg(long = "tlsv1.2", help_heading = "TLS")]
    pub tls12: bool,
    /// Speak TLS 1.3 or newer
    #[arg(long = "tlsv1.3", help_heading = "TLS")]
    pub tls13: bool,
    /// Accept any certificate: anybody can read and forge
    #[arg(long, help_heading = "TLS")]
    pub insecure: bool,
}

#[derive(Args)]
pub struct Tail {
    #[command(flatten)]
    pub request: RequestOptions,
    /// Continue after this event
    #[arg(long, value_name = "ID", help_heading = "Request")]
    pub last_event_id: Option<String>,
    /// Keep cookies in FILE, in the format of curl's cookies.txt, and send those that are in it
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    pub cookies: Option<PathBuf>,
    /// Ask for a compressed stream
    #[arg(long, help_heading = "Request")]
    pub compressed: bool,

    /// Longest silence; 0 for no limit
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = milliseconds, help_heading = "Limits")]
    pub read_timeout: i64,
    /// The largest event
    #[arg(long, value_name = "BYTES", default_value = "16777216", value_parser = whole_number::<1, { isize::MAX as i64 }>, help_heading = "Limits")]
    pub max_event_size: i64,

    /// First delay before reconnecting
    #[arg(long, value_name = "MS", default_value = "1000", value_parser = whole_number::<1, { i64::MAX }>, help_heading = "Reconnecting")]
    pub delay: i64,
    /// The longest delay
    #[arg(long, value_name = "MS", default_value = "60000", value_parser = whole_number::<1, { i64::MAX }>, help_heading = "Reconnecting")]
    pub max_delay: i64,
    /// Make the request again also if it is no GET
    #[arg(long, help_heading = "Reconnecting")]
    pub reconnect: bool,
    /// Make one request, whatever becomes of it
    #[arg(long, help_heading = "Reconnecting")]
    pub no_reconnect: bool,
    /// Retry even if the very first attempt fails
    #[arg(long, help_heading = "Reconnecting")]
    pub retry_initial: bool,
    /// Keep the last event id in FILE, and continue after it
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "last_event_id",
        help_heading = "Reconnecting"
    )]
    pub state: Option<PathBuf>,

    /// End after N events
    #[arg(long, value_name = "N", value_parser = whole_number::<1, { i64::MAX }>, help_heading = "Output")]
    pub count: Option<i64>,
    /// End after the first event, as --count 1
    #[arg(long, conflicts_with = "count", help_heading = "Output")]
    pub once: bool,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", help_heading = "Output")]
    pub types: Vec<String>,
    /// Print a JSON object per line for all that happens
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Print the data of events and nothing else
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    pub data_only: bool,
    /// Run COMMAND by the shell for each event, with its data on standard input (with --json, its JSON object), and
    /// EVENTSOURCE_TYPE and EVENTSOURCE_ID in the environment. The next event waits until it has ended. If it fails, the
    /// program ends
    #[arg(long, value_name = "COMMAND", help_heading = "Output")]
    pub exec: Option<OsString>,
    /// Tell at the end what was received
    #[arg(long, help_heading = "Output")]
    pub stats: bool,
    /// Tell what the client does; twice, in detail
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// Show heads of requests and responses, and when events and comments came; what looks like a secret is masked
    #[arg(long, help_heading = "Output")]
    pub trace: bool,
}

#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    pub request: RequestOptions,
    /// Take no longer than this
    #[arg(long = "for", value_name = "SECONDS", default_value = "30", value_parser = check_time)]
    pub limit: i64,
    /// Warn of silences that are longer than this
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = milliseconds)]
    pub silence: i64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Warnings count as faults
    #[arg(long)]
    pub strict: bool,
    /// The Origin that a page would have, for CORS
    #[arg(long, value_name = "ORIGIN", default_value = "https://app.example")]
    pub origin: String,
    /// Do not look for this finding, by its name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub ignore: Vec<String>,
}

#[derive(Args)]
pub struct Serve {
    /// What to answer; docs/testing.md tells how. Without, the routes below alone
    pub script: Option<PathBuf>,
    /// Listen on this port; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value = "0")]
    pub port: u16,
    /// Also write the port to FILE, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// Serve https://localhost, with a certificate and an authority made for this run
    #[arg(long)]
    pub tls: bool,
    /// Write the authority's certificate to FILE
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca_file: Option<PathBuf>,
    /// Run no longer than this
    #[arg(long = "for", value_name = "SECONDS", default_value = "600")]
    pub seconds: u32,
    /// Go on when standard input ends; in a script's background it does so at once
    #[arg(long)]
    pub ignore_stdin: bool,
    /// Run this program, and end with its exit status; {url} in its arguments is the server's URL
    #[arg(last = true, value_name = "PROGRAM")]
    pub run: Vec<OsString>,
}

/// The command, as it is parsed and described.
pub fn command() -> Command {
    let version = format!(
        "{} (libeventsource {})",
        env!("CARGO_PKG_VERSION"),
        client::library_version()
    );
    // clap keeps no string of its own, unless a feature of its is on.
    // Values may begin with a hyphen, as everywhere: `-d -1`. Of an option that is given twice, the last counts.
    let mut command = Cli::command().version(&*version.leak());
    for name in ["tail", "check", "serve"] {
        command = command.mut_subcommand(name, |command| {
            command.args_override_self(true).mut_args(|argument| {
                let takes_value = argument.get_action().takes_values() && !argument.is_positional();
                argument.allow_hyphen_values(takes_value)
            })
        });
    }
    command.mut_subcommand("serve", |command| {
        command.after_long_help(format!(
            "Routes (values are percent-decoded):\n\n{}",
            test_server::routes::list()
        ))
    })
}

/// Parses, or ends the program with a message.
pub fn parse() -> Cli {
    let matches = command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// A whole number and nothing else.
fn whole_number<const LEAST: i64, const MOST: i64>(text: &str) -> Result<i64, String> {
    let number = digits(text).then(|| text.parse().ok()).flatten();
    number
        .filter(|number| (LEAST..=MOST).contains(number))
        .ok_or_else(|| format!("a whole number from {LEAST} to {MOST} is expected"))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds with decimals, as milliseconds. Rounded up: 0 would be no limit.
fn milliseconds(text: &str) -> Result<i64, String> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let plain = (digits(whole) || (whole.is_empty() && digits(decimals)))
        && (decimals.is_empty() || digits(decimals));
    let milliseconds = text
        .parse::<f64>()
        .ok()
        .map(|seconds| (seconds * 1000.0).ceil());
    match milliseconds.filter(|milliseconds| plain && *milliseconds <= 1e15) {
        Some(milliseconds) => Ok(milliseconds as i64),
        None => Err("seconds are expected, such as 2 or 0.5".to_owned()),
    }
}

fn check_time(text: &str) -> Result<i64, String> {
    milliseconds(text)?;
    milliseconds(text)
        .ok()
        .filter(|time| (1000..=3_600_000).contains(time))
        .ok_or_else(|| "from 1 to 3600 seconds are expected".to_owned())
}
