//! Findings, and how they are told.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use std::{cmp, env};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::text::{quoted_json, quoted_line};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Clients lose events, or get none.
    Fault,
    /// It will hurt some day, or some clients.
    Warning,
    /// What is worth knowing.
    Note,
    /// Looked at, and as it should be.
    Good,
}

#[derive(Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub level: Level,
    pub message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remedy: &'static str,
}

#[derive(Default)]
pub struct Report {
    pub findings: Vec<Finding>,
    ignored: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    url: &'a str,
    seconds: f64,
    faults: usize,
    warnings: usize,
    findings: &'a [Finding],
}

impl Report {
    pub fn new(ignored: Vec<String>) -> Report {
        Report {
            findings: Vec::new(),
            ignored,
        }
    }

    pub fn add(
        &mut self,
        level: Level,
        name: &'static str,
        message: impl Into<String>,
        remedy: &'static str,
    ) {
        let is_known = self.findings.iter().any(|finding| finding.name == name);
        if !is_known && !self.ignored.iter().any(|ignored| ignored == name) {
            self.findings.push(Finding {
                name,
                level,
                message: message.into(),
                remedy,
            });
        }
    }

    pub fn fault(&mut self, name: &'static str, message: impl Into<String>, remedy: &'static str) {
        self.add(Level::Fault, name, message, remedy);
    }

    pub fn warning(
        &mut self,
        name: &'static str,
        message: impl Into<String>,
        remedy: &'static str,
    ) {
        self.add(Level::Warning, name, message, remedy);
    }

    pub fn note(&mut self, name: &'static str, message: impl Into<String>, remedy: &'static str) {
        self.add(Level::Note, name, message, remedy);
    }

    pub fn good(&mut self, name: &'static str, message: impl Into<String>) {
        self.add(Level::Good, name, message, "");
    }

    pub fn count(&self, level: Level) -> usize {
        let of_level = self
            .findings
            .iter()
            .filter(|finding| finding.level == level);
        of_level.count()
    }

    /// Prints it: JSON, or text for people.
    pub fn print(&mut self, url: &str, took: Duration, json: bool) -> io::Result<()> {
        self.findings
            .sort_by_key(|finding| cmp::Reverse(cmp::Reverse(finding.level)));
        let mut stdout = io::stdout().lock();
        if json {
            let document = Document {
                url,
                seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
                faults: self.count(Level::Fault),
                warnings: self.count(Level::Warning),
                findings: &self.findings,
            };
            let text = serde_json::to_string(&document).unwrap_or_default();
            let text = match stdout.is_terminal() {
                true => quoted_json(&text),
                false => text,
            };
            return writeln!(stdout, "{text}");
        }
        let is_plain =
            !stdout.is_terminal() || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        writeln!(stdout, "{}", quoted_line(url.as_bytes()))?;
        for finding in &self.findings {
            let (word, style) = match finding.level {
                Level::Fault => ("FAULT", AnsiColor::Red.on_default().bold()),
                Level::Warning => ("warning", AnsiColor::Yellow.on_default()),
                Level::Note => ("note", Style::new()),
                Level::Good => ("good", AnsiColor::Green.on_default()),
            };
            let style = if is_plain { Style::new() } else { style };
            let message = quoted_line(finding.message.as_bytes());
            writeln!(
                stdout,
                "{style}{word:>8}{style:#}  {}: {message}",
                finding.name
            )?;
            if !finding.remedy.is_empty() {
                writeln!(stdout, "          → {}", finding.remedy)?;
            }
        }
        writeln!(
            stdout,
            "{}, {}, {}; looked for {:.1} s",
            counted(self.count(Level::Fault), "fault"),
            counted(self.count(Level::Warning), "warning"),
            counted(self.count(Level::Note), "note"),
            took.as_secs_f64()
        )
    }
}

pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time, as people say it.
pub fn time(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms => format!("{:.1} s", ms as f64 / 1000.0),
    }
}
