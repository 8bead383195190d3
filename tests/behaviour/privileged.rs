//! A program that has more rights than whoever started it (set-user-id): of the environment, which is a stranger's, nothing
//! counts.
#![cfg(target_os = "linux")]

#[path = "../support/common/mod.rs"]
mod common;

use common::{Subject, Told};
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_server::{Exchange, Identity, Server};

/// Who has no rights.
const NOBODY: u32 = 65534;

/// The program, in a process of its own, where it says what becomes of its stream. A role that the other test starts, with a
/// URL; without, it does nothing.
#[test]
fn the_program() {
    let Ok(url) = env::var("CLIENT_URL") else {
        return;
    };
    let mut subject = Subject::with_defaults(&url);
    subject.start();
    match subject.next() {
        Told::Open { .. } => println!("> {}", subject.events(1).concat()),
        Told::Error(lost) => println!("> {}", lost.message),
        told => panic!("{told:?}"),
    }
}

/// A folder that goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let name = format!("privileged-{}", std::process::id());
        let folder = Folder(env::temp_dir().join(name));
        fs::create_dir(&folder.0).expect("a folder");
        fs::set_permissions(&folder.0, Permissions::from_mode(0o755)).expect("its owner's");
        folder
    }

    /// This program once more, for everybody, with these bits.
    fn program(&self, bits: u32) -> PathBuf {
        let copy = self.0.join(format!("program-{bits:o}"));
        fs::copy(env::current_exe().expect("this program"), &copy).expect("room");
        fs::set_permissions(&copy, Permissions::from_mode(bits)).expect("its owner's");
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What becomes of the stream of a program that nobody starts, with this environment.
fn outcome(program: &Path, url: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new(program)
        .args(["--exact", "the_program", "--nocapture"])
        .env_clear()
        .env("CLIENT_URL", url)
        .envs(environment.iter().copied())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .expect("it runs");
    let output = String::from_utf8_lossy(&output.stdout);
    let said = output.lines().find_map(|line| line.split_once("> "));
    said.expect(&output).1.to_owned()
}

fn says(word: &'static str) -> impl Fn(&mut Exchange) + Send + Sync + 'static {
    move |exchange| {
        exchange.event_stream();
        exchange.event(word);
        exchange.wait_for_disconnect();
    }
}

#[test]
fn nothing_of_the_environment_counts_in_a_set_user_id_program() {
    // SAFETY: no pointers.
    if unsafe { libc::geteuid() } != 0 {
        assert!(env::var_os("CI").is_none(), "this needs root");
        return eprintln!("skipped: only root can make a program that others run with its rights");
    }
    let folder = Folder::new();
    let (plain, privileged) = (folder.program(0o755), folder.program(0o4755));
    let target = Server::start(says("the target"));
    let proxy = Server::start(says("the proxy"));
    let proxy_url = proxy.url("");
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        let environment = [(variable, proxy_url.as_str())];
        let outcome = |program| outcome(program, &target.url("/"), &environment);
        assert_eq!(outcome(&plain), "the proxy", "{variable}");
        assert_eq!(outcome(&privileged), "the target", "{variable}");
    }

    let identity = Identity::generate(&["localhost"]);
    let target = Server::start_tls(identity.clone(), says("the target"));
    let authority = folder.0.join("authority.pem");
    fs::write(&authority, identity.ca_pem()).expect("a file");
    let authority = authority.to_str().expect("a temporary folder in UTF-8");
    let places = folder.0.join("authorities");
    fs::create_dir(&places).expect("a folder");
    fs::copy(authority, places.join("one.pem")).expect("a file");
    let places = places.to_str().expect("a temporary folder in UTF-8");
    for environment in [("SSL_CERT_FILE", authority), ("SSL_CERT_DIR", places)] {
        let outcome = |program| outcome(program, &target.url("/"), &[environment]);
        assert_eq!(outcome(&plain), "the target", "{environment:?}");
        let refused = outcome(&privileged);
        // By the system's authorities, or because there are none.
        assert!(
            refused.contains("trusted: no "),
            "{environment:?}: {refused}"
        );
    }
    assert_eq!(target.requests().len(), 2);
}
