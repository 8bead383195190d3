//! What is printed: events on stdout, all else on stderr. Colours and the status line are for terminals.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use crate::cli;
use crate::client::Event;
use crate::text::{quoted, quoted_json};

#[derive(Clone, Copy)]
pub enum Paint {
    None,
    Good,
    Bad,
    Dim,
    Type,
}

impl Paint {
    fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Paint::None => plain,
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Bad => AnsiColor::Red.on_default(),
            Paint::Dim => plain.dimmed(),
            Paint::Type => AnsiColor::Cyan.on_default(),
        }
    }
}

/// What the status line tells.
#[derive(Clone, Copy)]
pub struct Progress {
    pub what: &'static str,
    pub events: u64,
}

pub struct Output {
    pub progress: Progress,
    /// A write to stdout that failed.
    pub failure: Option<io::Error>,
    is_data_only: bool,
    is_json: bool,
    stdout_is_terminal: bool,
    stdout_has_colours: bool,
    stderr_has_colours: bool,
    has_status: bool,
    status_is_drawn: bool,
    begun: Instant,
    last_event: Option<Instant>,
}

impl Output {
    pub fn new(options: &cli::Tail) -> Output {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let is_able = env::var_os("TERM").is_none_or(|term| term != "dumb" && !term.is_empty());
        // https://no-color.org
        let is_wanted = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Output {
            progress: Progress {
                what: "connecting",
                events: 0,
            },
            failure: None,
            is_data_only: options.data_only,
            is_json: options.json,
            stdout_is_terminal: stdout,
            stdout_has_colours: stdout && is_able && is_wanted,
            stderr_has_colours: stderr && is_able && is_wanted,
            has_status: stderr && is_able,
            status_is_drawn: false,
            begun: Instant::now(),
            last_event: None,
        }
    }

    pub fn has_status(&self) -> bool {
        self.has_status
    }

    /// A line of stdout. JSON, of which a terminal gets no control characters.
    pub fn line(&mut self, line: &str) {
        if self.stdout_is_terminal {
            self.write(format!("{}\n", quoted_json(line)).as_bytes());
        } else {
            self.write(format!("{line}\n").as_bytes());
        }
    }

    /// An event, for people. With --data-only another program gets the bytes as they are, but a terminal does not.
    pub fn event(&mut self, event: &Event) {
        self.last_event = Some(Instant::now());
        let mut line = Vec::with_capacity(event.data.len() + 64);
        if self.is_data_only {
            match self.stdout_is_terminal {
                true => line.extend_from_slice(quoted(event.data).as_bytes()),
                false => line.extend_from_slice(event.data),
            }
        } else {
            line.extend_from_slice(
                self.painted_out(Paint::Type, &quoted(event.kind))
                    .as_bytes(),
            );
            if !event.id.is_empty() {
                let id = format!(" (id {})", quoted(event.id));
                line.extend_from_slice(self.painted_out(Paint::Dim, &id).as_bytes());
            }
            line.extend_from_slice(b": ");
            line.extend_from_slice(quoted(event.data).as_bytes());
        }
        line.push(b'\n');
        self.write(&line);
    }

    /// A change of state, for people. Who wants the data only wants to know of errors alone.
    pub fn state_line(&mut self, paint: Paint, line: &str) {
        if !self.is_data_only {
            self.note(paint, line);
        }
    }

    /// A line of stderr. Where that cannot be written, nobody wants it.
    pub fn note(&mut self, paint: Paint, line: &str) {
        self.clear_status();
        let _ = match self.stderr_has_colours {
            true => {
                let style = paint.style();
                writeln!(io::stderr(), "{style}{line}{style:#}")
            }
            false => writeln!(io::stderr(), "{line}"),
        };
    }

    /// Draws the status line anew.
    pub fn tick(&mut self) {
        if !self.has_status {
            return;
        }
        let Progress { what, events } = self.progress;
        let since = clock(self.begun.elapsed());
        let last = match self.last_event {
            Some(last) if !self.is_json => format!(", the last {} ago", clock(last.elapsed())),
            _ => String::new(),
        };
        let style = match self.stderr_has_colours {
            true => Paint::Dim.style(),
            false => Style::new(),
        };
        let plural = if events == 1 { "" } else { "s" };
        let line = format!("{what}, {events} event{plural} in {since}{last}");
        let _ = write!(io::stderr(), "\r\x1b[K{style}[{line}]{style:#}");
        self.status_is_drawn = true;
    }

    pub fn clear_status(&mut self) {
        if self.status_is_drawn {
            let _ = write!(io::stderr(), "\r\x1b[K");
            self.status_is_drawn = false;
        }
    }

    fn painted_out(&self, paint: Paint, text: &str) -> String {
        match self.stdout_has_colours {
            true => format!("{0}{text}{0:#}", paint.style()),
            false => text.to_owned(),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.clear_status();
        if self.failure.is_some() {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            self.failure = Some(error);
        }
    }
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}
