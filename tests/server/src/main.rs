//! The scripted server as a program, for tests in C and for people with curl.

mod routes;

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use test_server::{Identity, Server};

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
                     {silent}  the host and port of a server that lets connect and never says a word
                     {ca}      with --tls, the authority's file: that of --ca-file, or a temporary one
                     {cert}    with --mutual, a temporary file with a certificate for clients
                     {key}     likewise, with its key
  --help             print this

Routes (values are percent-decoded):

";

struct Options {
    port_file: Option<PathBuf>,
    tls: bool,
    ca_file: Option<PathBuf>,
    mutual: bool,
    tls12: bool,
    lifetime: Duration,
    ignore_stdin: bool,
    /// A program to run and its arguments.
    program: Option<(String, Vec<String>)>,
}

fn main() -> ExitCode {
    match parse(env::args().skip(1)) {
        Ok(Some(options)) => match run(&options) {
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
    let mut options = Options {
        port_file: None,
        tls: false,
        ca_file: None,
        mutual: false,
        tls12: false,
        lifetime: Duration::from_secs(600),
        ignore_stdin: false,
        program: None,
    };
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
                options.program = Some((program, arguments.by_ref().collect()));
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

fn run(options: &Options) -> io::Result<ExitCode> {
    let identity = options.tls.then(|| identity(options));
    let server = match identity.clone() {
        Some(identity) => Server::start_tls(identity, routes::answer),
        None => Server::start(routes::answer),
    }
    .forget_requests();
    let ca_file = match (&identity, &options.ca_file) {
        (Some(identity), Some(file)) => Some(PemFile::written(file.clone(), identity.ca_pem())?),
        (Some(identity), None) if options.program.is_some() => {
            Some(PemFile::temporary("ca", identity.ca_pem())?)
        }
        _ => None,
    };
    // Last, so that who waits for it finds the rest.
    if let Some(file) = &options.port_file {
        write_atomically(file, &format!("{}\n", server.port()))?;
    }
    let Some((program, arguments)) = &options.program else {
        return serve(&server, options).map(|()| ExitCode::SUCCESS);
    };
    // The system lets connect up to the backlog; nobody ever accepts.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let mut values = vec![
        ("{url}", server.url("")),
        ("{silent}", silent.local_addr()?.to_string()),
    ];
    let mut client_files = (None, None);
    if let Some(identity) = identity.filter(|_| options.mutual) {
        // A client may show the server's own certificate: it is one for clients, too.
        client_files = (
            Some(PemFile::temporary("cert", identity.chain_pem())?),
            Some(PemFile::temporary("key", identity.key_pem())?),
        );
    }
    let files = [
        ("{ca}", &ca_file),
        ("{cert}", &client_files.0),
        ("{key}", &client_files.1),
    ];
    for (name, file) in files {
        if let Some(file) = file {
            values.push((name, file.path.display().to_string()));
        }
    }
    let arguments = arguments.iter().map(|argument| {
        let fill_in = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        values.iter().fold(argument.clone(), fill_in)
    });
    run_program(program, arguments, options.lifetime)
}

/// The server's identity, and what it wants of clients.
fn identity(options: &Options) -> Identity {
    let mut identity = Identity::generate(&["localhost"]);
    if options.mutual {
        let clients = identity.clone();
        identity = identity.requiring(&clients);
    }
    if options.tls12 {
        identity = identity.only_tls12();
    }
    identity
}

/// A file that clients need, with an authority, a certificate or a key.
struct PemFile {
    path: PathBuf,
    temporary: bool,
}

impl PemFile {
    fn written(path: PathBuf, pem: &str) -> io::Result<PemFile> {
        write_atomically(&path, pem)?;
        Ok(PemFile {
            path,
            temporary: false,
        })
    }

    /// One that goes with this value.
    fn temporary(what: &str, pem: &str) -> io::Result<PemFile> {
        let name = format!("test-server-{what}-{}.pem", process::id());
        let mut file = PemFile::written(env::temp_dir().join(name), pem)?;
        file.temporary = true;
        Ok(file)
    }
}

impl Drop for PemFile {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn serve(server: &Server, options: &Options) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", server.url(""))?;
    stdout.flush()?;

    if options.ignore_stdin {
        thread::sleep(options.lifetime);
        return Ok(());
    }
    let (ended, end) = mpsc::channel();
    // Not joined: a read of standard input cannot be interrupted, and the process is about to end
    // anyway.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.recv_timeout(options.lifetime);
    Ok(())
}

/// Runs a program, and passes its exit status on.
fn run_program(
    program: &str,
    arguments: impl Iterator<Item = String>,
    limit: Duration,
) -> io::Result<ExitCode> {
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot run {program}: {error}")))?;
    let Some(status) = wait_until(&mut child, Instant::now() + limit)? else {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::other(format!(
            "{program} was still running after {limit:?} and has been killed"
        )));
    };
    match status.code().map(u8::try_from) {
        Some(Ok(code)) => Ok(code.into()),
        // "signal: 11 (SIGSEGV) (core dumped)"
        _ => Err(io::Error::other(format!("{program}: {status}"))),
    }
}

/// A child's exit status, unless it takes too long. The standard library has no wait with a limit,
/// and a child that another thread waits for cannot be killed; hence the loop.
fn wait_until(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Through a rename, so that who waits for the file never reads half a number.
fn write_atomically(file: &Path, text: &str) -> io::Result<()> {
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(format!(".{}", process::id()));
    fs::write(&temporary, text)?;
    fs::rename(&temporary, file)
}
