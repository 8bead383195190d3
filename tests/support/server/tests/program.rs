//! The program, as C tests start it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

fn start(arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_test-server"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output"))
        .read_line(&mut line)
        .expect("a line");
    (child, line)
}

fn assert_ends(mut child: Child) {
    let deadline = Instant::now() + test_server::LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("a status") {
            return assert!(status.success(), "{status}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("a child");
    panic!("the program did not end");
}

#[test]
fn tells_its_port_and_ends_with_its_input() {
    let file = std::env::temp_dir().join(format!("test-server-port-{}", std::process::id()));
    let (mut child, line) = start(&["--port-file", file.to_str().expect("a path")]);
    let port = fs::read_to_string(&file).expect("a port file");
    fs::remove_file(&file).expect("a port file");
    assert_eq!(
        line,
        format!("listening on http://127.0.0.1:{}\n", port.trim())
    );

    let mut stream = TcpStream::connect(line.trim().trim_start_matches("listening on http://"))
        .expect("a server");
    stream
        .write_all(b"GET /hang-body HTTP/1.1\r\n\r\n")
        .expect("a sent request");
    // Once it answers, it has read the request: unread bytes would turn the end into a reset.
    stream.read_exact(&mut [0]).expect("an answer");
    drop(child.stdin.take());
    assert_ends(child);
    stream.read_to_end(&mut Vec::new()).expect("an orderly end");
}

#[test]
fn ends_when_its_time_is_up() {
    let (child, _) = start(&["--for", "0"]);
    assert_ends(child);
    let (mut child, _) = start(&["--for", "1", "--ignore-stdin"]);
    drop(child.stdin.take());
    assert_ends(child);
}

/// Runs a shell script beside a server.
fn run(options: &[&str], script: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_test-server"))
        .args(options)
        .args(["--run", "--", "sh", "-c", script, "sh"])
        .args(arguments)
        .output()
        .expect("the program")
}

#[test]
fn runs_a_program_that_is_told_the_url() {
    let output = run(
        &[],
        r#"for url; do echo "$url"; done; cat; exit 7"#,
        &["{url}", "{url}/events?first={url}", "url"],
    );
    assert_eq!(output.status.code(), Some(7), "the program's own status");
    let text = String::from_utf8_lossy(&output.stdout);
    let (url, rest) = text.split_once('\n').expect("a line");
    let port = url.strip_prefix("http://127.0.0.1:").expect("a URL");
    assert!(port.parse::<u16>().is_ok(), "{url}");
    assert_eq!(rest, format!("{url}/events?first={url}\nurl\n"));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn serves_while_the_program_runs() {
    let (mut child, line) = start(&["--run", "--", "sh", "-c", "echo $0; cat", "{url}"]);
    let address = line.trim().strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(address).expect("a server");
    stream
        .write_all(b"GET /status/204 HTTP/1.1\r\n\r\n")
        .expect("a sent request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    drop(child.stdin.take());
    assert_ends(child);
}

#[test]
fn serves_https_with_an_authority_of_its_own() {
    let file = std::env::temp_dir().join(format!("test-server-ca-{}", std::process::id()));
    let file = file.to_str().expect("a path");
    let (mut child, line) = start(&["--tls", "--ca-file", file]);
    let pem = fs::read_to_string(file).expect("a CA file");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
    let port = line.trim().strip_prefix("listening on https://localhost:");
    let port = port.expect("a URL").parse().expect("a port");

    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    roots.add(authority).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(("127.0.0.1", port)).expect("a server");
    let mut stream = StreamOwned::new(client, socket);
    stream
        .write_all(b"GET /status/204 HTTP/1.1\r\n\r\n")
        .expect("a sent request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");

    drop(child.stdin.take());
    assert_ends(child);
    fs::remove_file(file).expect("a CA file that stays");
}

#[test]
fn tells_the_program_the_authority_as_long_as_it_runs() {
    let output = run(
        &["--tls"],
        r#"echo "$1"; echo "$2"; grep -c BEGIN "$2""#,
        &["{url}", "{ca}"],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().collect();
    let [url, ca, certificates] = lines[..] else {
        panic!("{output:?}");
    };
    assert!(url.starts_with("https://localhost:"), "{url}");
    assert_eq!(certificates, "1");
    assert!(!fs::exists(ca).expect("an answer"), "{ca} is left behind");

    let file = std::env::temp_dir().join(format!("test-server-run-ca-{}", std::process::id()));
    let file = file.to_str().expect("a path");
    let output = run(&["--tls", "--ca-file", file], r#"echo "$1""#, &["{ca}"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{file}\n"));
    fs::remove_file(file).expect("a CA file that stays");
}

#[test]
fn wants_a_certificate_of_clients_and_tells_the_program_one() {
    let output = run(
        &["--tls", "--mutual"],
        r#"for file; do echo "$file"; grep BEGIN "$file"; done"#,
        &["{cert}", "{key}"],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().collect();
    let [cert, certificate, key, private_key] = lines[..] else {
        panic!("{output:?}");
    };
    assert_eq!(certificate, "-----BEGIN CERTIFICATE-----");
    assert_eq!(private_key, "-----BEGIN PRIVATE KEY-----");
    for file in [cert, key] {
        assert!(
            !fs::exists(file).expect("an answer"),
            "{file} is left behind"
        );
    }
}

#[test]
fn has_a_port_that_never_says_a_word() {
    let (mut child, line) = start(&["--run", "--", "sh", "-c", "echo $0; cat", "{silent}"]);
    let mut stream = TcpStream::connect(line.trim()).expect("a server");
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("a sent request");
    stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a timeout");
    let error = stream.read(&mut [0]).expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(child.stdin.take());
    assert_ends(child);
}

#[test]
fn tells_of_a_program_that_a_signal_ends() {
    let output = run(&[], "kill -9 $$", &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("sh: signal: 9"), "{text}");
}

#[test]
fn kills_the_program_when_its_time_is_up() {
    let start = Instant::now();
    let output = run(&["--for", "1"], "exec sleep 1000", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(start.elapsed() < test_server::LIMIT);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("still running after 1s"), "{text}");
}

#[test]
fn refuses_options_that_lack_others() {
    let program = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_test-server"))
            .args(arguments)
            .output()
            .expect("the program");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    for arguments in [&["--run"][..], &["--run", "--"], &["--", "true"]] {
        let (code, text) = program(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
    }
    for arguments in [&["--ca-file", "file"][..], &["--mutual"], &["--tls12"]] {
        let (code, text) = program(arguments);
        assert_eq!(code, Some(2));
        assert!(text.contains("need --tls"), "{text}");
    }
    let (code, text) = program(&["--run", "--", "/no/such/program"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("cannot run /no/such/program"), "{text}");
}

#[test]
fn helps() {
    let program = || Command::new(env!("CARGO_BIN_EXE_test-server"));
    let help = program().arg("--help").output().expect("the program");
    assert!(
        help.status.success() && String::from_utf8_lossy(&help.stdout).contains("/events?count=N")
    );
    let unknown = program().arg("--what").output().expect("the program");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("--what"));
}
