//! `eventsource serve`: the scripted server that the library is tested with, for tests and demos of others.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use test_server::program::{self, Options};
use test_server::routes;
use test_server::script::Script;

use crate::{BAD_USAGE, cli};

pub fn run(options: cli::Serve) -> ExitCode {
    let script = match options.script.as_ref().map(read).transpose() {
        Ok(script) => script,
        Err(problem) => {
            eprintln!("eventsource: {problem}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    let mut run = options.run.into_iter();
    let program = run.next().map(|program| (program, run.collect()));
    let options = Options {
        port: options.port,
        port_file: options.port_file,
        tls: options.tls,
        ca_file: options.ca_file,
        lifetime: Duration::from_secs(options.seconds.into()),
        ignore_stdin: options.ignore_stdin,
        program,
        ..Options::default()
    };
    let served = match script {
        Some(script) => program::run(&options, move |exchange| script.answer(exchange)),
        None => program::run(&options, routes::answer),
    };
    served.unwrap_or_else(|error| {
        eprintln!("eventsource: {error}");
        ExitCode::FAILURE
    })
}

fn read(path: &std::path::PathBuf) -> Result<Script, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Script::parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
}
