//! The program, as C tests start it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

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
        .write_all(b"GET /hang HTTP/1.1\r\n\r\n")
        .expect("a sent request");
    drop(child.stdin.take());
    assert_ends(child);
    assert_eq!(stream.read(&mut [0]).expect("an orderly end"), 0);
}

#[test]
fn ends_when_its_time_is_up() {
    let (child, _) = start(&["--for", "0"]);
    assert_ends(child);
    let (mut child, _) = start(&["--for", "1", "--ignore-stdin"]);
    drop(child.stdin.take());
    assert_ends(child);
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
