//! The server as a program: `test-server`, and `eventsource serve`.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use crate::{Exchange, Identity, Server, routes};

/// What the program is to do.
pub struct Options {
    /// The port, or 0 for one that is free.
    pub port: u16,
    /// Where the port is written to.
    pub port_file: Option<PathBuf>,
    /// Serve https.
    pub tls: bool,
    /// Where the authority's certificate is written to.
    pub ca_file: Option<PathBuf>,
    /// Want certificates from clients.
    pub mutual: bool,
    /// Speak TLS 1.2 only.
    pub tls12: bool,
    /// How long it runs.
    pub lifetime: Duration,
    /// Go on when standard input ends.
    pub ignore_stdin: bool,
    /// A program to run and its arguments.
    pub program: Option<(OsString, Vec<OsString>)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 0,
            port_file: None,
            tls: false,
            ca_file: None,
            mutual: false,
            tls12: false,
            lifetime: Duration::from_secs(600),
            ignore_stdin: false,
            program: None,
        }
    }
}

/// Serves until standard input ends, the time is up, or the program that it runs has ended.
///
/// # Errors
///
/// When a file cannot be written, the port is taken, or the program does not run to its end.
pub fn run(
    options: &Options,
    script: impl Fn(&mut Exchange) + Send + Sync + 'static,
) -> io::Result<ExitCode> {
    let identity = options.tls.then(|| identity(options));
    let server = Server::start_on(options.port, identity.clone(), script)?.forget_requests();
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
    let plain = Server::start(routes::answer).forget_requests();
    let mut values = vec![
        ("{url}", server.url("")),
        ("{http}", plain.url("")),
        ("{silent}", silent.local_addr()?.to_string()),
    ];
    let socket = UnixSocket::leading_to(server.port())?;
    values.push(("{unix}", socket.path.display().to_string()));
    let others = identity.as_ref().map(others);
    if let Some([tls12, http2]) = &others {
        values.push(("{tls12}", tls12.url("")));
        values.push(("{http2}", http2.url("")));
    }
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
        let fill_in = |text: OsString, (name, value): &(&str, String)| replaced(&text, name, value);
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

/// Servers with the same certificate, but otherwise than clients would like them.
fn others(identity: &Identity) -> [Server; 2] {
    let start = |identity| Server::start_tls(identity, routes::answer).forget_requests();
    [
        start(identity.clone().only_tls12()),
        start(identity.clone().preferring_http2()),
    ]
}

/// A Unix socket whose connections are the server's.
struct UnixSocket {
    path: PathBuf,
}

impl UnixSocket {
    fn leading_to(port: u16) -> io::Result<UnixSocket> {
        let path = env::temp_dir().join(format!("test-server-{}.sock", process::id()));
        let listener = UnixListener::bind(&path)?;
        let socket = UnixSocket { path };
        // Not joined: like its connections, it ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", port));
                thread::spawn(move || server.and_then(|server| relay(&client, &server)));
            }
        });
        Ok(socket)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Carries bytes both ways until both ends are done.
fn relay(client: &UnixStream, server: &TcpStream) -> io::Result<()> {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &*server);
            server.shutdown(Shutdown::Write)
        });
        let _ = io::copy(&mut &*server, &mut &*client);
        client.shutdown(Shutdown::Both)
    })
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

/// An argument, which need not be UTF-8, with a value in place of each `name`.
fn replaced(text: &OsStr, name: &str, value: &str) -> OsString {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.windows(name.len()).position(|window| window == name) {
        result.extend_from_slice(&rest[..place]);
        result.extend_from_slice(value.as_bytes());
        rest = &rest[place + name.len()..];
    }
    result.extend_from_slice(rest);
    OsString::from_vec(result)
}

/// Runs a program, and passes its exit status on.
fn run_program(
    program: &OsStr,
    arguments: impl Iterator<Item = OsString>,
    limit: Duration,
) -> io::Result<ExitCode> {
    let program_name = program.display();
    let mut child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("cannot run {program_name}: {error}"))
        })?;
    let Some(status) = wait_until(&mut child, Instant::now() + limit)? else {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::other(format!(
            "{program_name} was still running after {limit:?} and has been killed"
        )));
    };
    match status.code().map(u8::try_from) {
        Some(Ok(code)) => Ok(code.into()),
        // "signal: 11 (SIGSEGV) (core dumped)"
        _ => Err(io::Error::other(format!("{program_name}: {status}"))),
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
