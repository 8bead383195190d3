//! The scripted server as a program, for tests in C and for people with curl.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use test_server::program::{Options, run};
use test_server::routes;

const USAGE: &str = "\
Usage: test-server [OPTIONS] [--ignore-stdin]
       test-server [OPTIONS] --run -- PROGRAM ARGUMENTS...

An HTTP server on an ephemeral port of 127.0.0.1 that answers right and wrong, to test clients of
Server-Sent Events. Prints one line, `listening on http://127.0.0.1:PORT`, and runs until its
standard input ends or SIGTERM.

  --port-file FILE   also write the bare port number to FILE, whole or not at all
  --tls              serve https://localhost:PORT, with a certificate and an authority made for this
                     run
  --ca-file FILE     write the authority's certificate to FILE, whole or not at all
  --mutual           want a certificate of the same authority from clients
  --tls12            speak TLS 1.2 only
  --for SECONDS      run no longer than this (default 600)
  --ignore-stdin     go on when standard input ends; in a script's background it does so at once
  --run              run PROGRAM and end with its exit status; print nothing. When the time is up, or
                     a signal ends PROGRAM, say so and end with 1. In the arguments is replaced:
                     {url}     the server's URL, as http://127.0.0.1:PORT
                     {http}    with --tls, the URL of a second server with the same routes, without TLS
                     {silent}  the host and port of a server that lets connect and never says a word
                     {unix}    the path of a Unix socket that leads to the server
                     {tls12}   with --tls, the URL of a server that speaks TLS 1.2 only
                     {http2}   with --tls, the URL of a server that would rather speak HTTP/2 and
                               cannot: a client that offers it gets no answer
                     {ca}      with --tls, the authority's file: that of --ca-file, or a temporary one
                     {cert}    with --mutual, a temporary file with a certificate for clients
                     {key}     likewise, with its key
  --help             print this

Routes (values are percent-decoded):

";

fn main() -> ExitCode {
    match parse(env::args().skip(1)) {
        Ok(Some(options)) => match run(&options, routes::answer) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("test-server: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(None) => {
            print!("{USAGE}{}", routes::list());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("test-server: {problem}; --help tells more");
            ExitCode::from(2)
        }
    }
}

/// None when help was asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut to_run = false;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--port-file" => options.port_file = Some(value()?.into()),
            "--tls" => options.tls = true,
            "--ca-file" => options.ca_file = Some(value()?.into()),
            "--mutual" => options.mutual = true,
            "--tls12" => options.tls12 = true,
            "--for" => {
                let seconds: u32 = value()?.parse().map_err(|_| "--for needs whole seconds")?;
                options.lifetime = Duration::from_secs(seconds.into());
            }
            "--ignore-stdin" => options.ignore_stdin = true,
            "--run" => to_run = true,
            "--" if to_run => {
                let program = arguments.next().ok_or("no program after --")?;
                options.program =
                    Some((program.into(), arguments.by_ref().map(Into::into).collect()));
            }
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown argument {argument}")),
        }
    }
    if to_run && options.program.is_none() {
        return Err("--run needs a program after --".into());
    }
    if (options.ca_file.is_some() || options.mutual || options.tls12) && !options.tls {
        return Err("--ca-file, --mutual and --tls12 need --tls".into());
    }
    Ok(Some(options))
}
