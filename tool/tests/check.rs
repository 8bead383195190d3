//! `eventsource check` against servers with a planted fault each: it is found, and no other is.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use test_server::script::Script;
use test_server::{Encoder, Exchange, Identity, Server, slowly};

/// A server, and what is to be found there, faults and warnings.
struct Planted {
    name: &'static str,
    server: Server,
    options: Vec<String>,
    found: &'static [&'static str],
}

fn planted(
    name: &'static str,
    found: &'static [&'static str],
    answer: impl Fn(&mut Exchange) + Send + Sync + 'static,
) -> Planted {
    Planted {
        name,
        server: Server::start(answer).forget_requests(),
        options: Vec::new(),
        found,
    }
}

fn scripted(name: &'static str, found: &'static [&'static str], steps: &str) -> Planted {
    let script = Script::parse(&format!("route /\n{steps}")).expect("a script");
    planted(name, found, move |exchange| script.answer(exchange))
}

impl Planted {
    fn with(mut self, options: &[&str]) -> Planted {
        let options = options.iter().map(|&option| option.to_owned());
        self.options.extend(options);
        self
    }
}

/// What a good server sends: numbered events after the last one that the client has.
fn continues(exchange: &mut Exchange, every: Duration) {
    let last = last_id(exchange);
    numbered(exchange, last.map_or(1, |last| last + 1), every);
}

fn last_id(exchange: &Exchange) -> Option<u64> {
    exchange.request.header("Last-Event-ID")?.parse().ok()
}

fn numbered(exchange: &mut Exchange, first: u64, every: Duration) {
    exchange.event_stream();
    exchange.chunk("retry: 2000\n\n");
    for id in first.. {
        if !exchange.event_with_id(&id.to_string(), "event") || !exchange.pause(every) {
            return;
        }
    }
}

const EVERY: Duration = Duration::from_millis(300);

fn servers() -> Vec<Planted> {
    let mut all = vec![
        planted("nothing", &[], |exchange| continues(exchange, EVERY)),
        scripted(
            "nothing, and heartbeats",
            &[],
            "retry 2000\nevents 1..3\ncomment\nwait 400ms\ncomment\nstall",
        ),
        scripted(
            "another type",
            &["content-type"],
            "header Content-Type: text/html\nevents 1..100 every 300ms",
        ),
        scripted(
            "another charset",
            &["content-type.charset"],
            "header Content-Type: text/event-stream; charset=iso-8859-1\nevents 1..100 every 300ms",
        ),
        scripted(
            "a public cache",
            &["cache.allowed"],
            "header Cache-Control: public, max-age=60\nevents 1..100 every 300ms",
        ),
        scripted(
            "no word of caches",
            &["cache.missing"],
            "header Cache-Control: -\nevents 1..100 every 300ms",
        ),
        scripted(
            "out of a cache",
            &["cache.hit"],
            "header Age: 12\nevents 1..100 every 300ms",
        ),
        scripted("503", &["retry-after", "status"], "respond 503 not now"),
        scripted("401", &["status"], "respond 401"),
        scripted("204", &["status.204"], "respond 204"),
        scripted("a head that never comes", &["answer.none"], "stall"),
        scripted("no HTTP", &["http"], "raw \\x00\\xffSSH-2.0\\r\\n\\r\\n"),
        scripted(
            "compressed unasked",
            &["compression.unasked"],
            "encode gzip\nevents 1..100 every 300ms",
        ),
        scripted(
            "a short retry",
            &["retry.short"],
            "retry 10\nevents 1..3\nstall",
        ),
        scripted(
            "a long retry",
            &["retry.long"],
            "retry 900000\nevents 1..3\nstall",
        ),
        scripted(
            "no ids",
            &["ids.none"],
            "event a\nwait 300ms\nevent b\nwait 300ms\nevent c\nstall",
        ),
        scripted(
            "one id",
            &["ids.same"],
            "event id=7 a\nwait 300ms\nevent id=7 b\nwait 300ms\nevent id=7 c\nstall",
        ),
        scripted("silence", &["silence"], "events 1..3\nstall").with(&["--silence", "1.5"]),
        scripted("a cut", &["stream.broken"], "events 1..3\nwait 300ms\ncut"),
        scripted("an end", &["stream.ends"], "events 1..3\nwait 300ms\nend"),
        scripted(
            "bytes that are not UTF-8",
            &["utf-8"],
            "events 1..3\nraw id: 4\\ndata: \\xff\\n\\n\nstall",
        ),
        scripted(
            "credentials for all origins",
            &["cors.credentials"],
            "header Access-Control-Allow-Origin: *\nheader Access-Control-Allow-Credentials: true\nevents 1..100 every 300ms",
        ),
        scripted(
            "two origins",
            &["cors.several"],
            "header Access-Control-Allow-Origin: https://a.example\nheader Access-Control-Allow-Origin: *\nevents 1..100 every 300ms",
        ),
        planted("a length", &["content-length"], |exchange| {
            let next = last_id(exchange).map_or(1, |last| last + 1);
            let body: String = (next..5).map(|id| format!("id: {id}\ndata\n\n")).collect();
            let headers = [
                ("Content-Type", "text/event-stream"),
                ("Cache-Control", "no-store"),
            ];
            exchange.respond(200, &headers, body.as_bytes());
        }),
        planted("HTTP/1.0", &["http.1.0"], |exchange| {
            exchange.send("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n");
            let next = last_id(exchange).map_or(1, |last| last + 1);
            for id in next.. {
                if !exchange.send(format!("id: {id}\ndata\n\n")) || !exchange.pause(EVERY) {
                    return;
                }
            }
        }),
        planted("a late head", &["head.late"], |exchange| {
            exchange.pause(Duration::from_millis(2500));
            continues(exchange, EVERY);
        })
        .with(&["--for", "20"]),
        planted("a buffer", &["buffering"], |exchange| {
            exchange.event_stream();
            let mut next = last_id(exchange).map_or(1, |last| last + 1);
            loop {
                let events: String = (next..next + 5)
                    .map(|id| format!("id: {id}\ndata\n\n"))
                    .collect();
                next += 5;
                if !exchange.chunk(events) || !exchange.pause(Duration::from_millis(600)) {
                    return;
                }
            }
        }),
        planted(
            "a compressor that is not flushed",
            &["compression.unflushed"],
            |exchange| {
                if exchange.request.header("Accept-Encoding").is_none() {
                    return continues(exchange, EVERY);
                }
                exchange.encode(Encoder::new("gzip").expect("gzip"));
                exchange.event_stream();
                exchange.wait_for_disconnect();
            },
        ),
        planted(
            "a compressor that keeps even the head",
            &["compression.unflushed"],
            |exchange| match exchange.request.header("Accept-Encoding") {
                None => continues(exchange, EVERY),
                Some(_) => exchange.wait_for_disconnect(),
            },
        ),
        planted(
            "Last-Event-ID is ignored",
            &["resume.ignored"],
            |exchange| numbered(exchange, 1, EVERY),
        ),
        planted(
            "the last event once more",
            &["resume.repeated"],
            |exchange| {
                let first = last_id(exchange).unwrap_or(1);
                numbered(exchange, first, EVERY);
            },
        ),
        planted(
            "a refused id",
            &["resume.refused"],
            |exchange| match last_id(exchange) {
                Some(_) => exchange.respond(400, &[], b""),
                None => numbered(exchange, 1, EVERY),
            },
        ),
    ];
    let begun = Instant::now();
    all.push(planted(
        "missed events are lost",
        &["resume.lost"],
        move |exchange| {
            let now = (begun.elapsed().as_millis() / EVERY.as_millis()) as u64 + 1;
            numbered(exchange, now, EVERY);
        },
    ));
    let open = Arc::new(AtomicUsize::new(0));
    all.push(planted(
        "a limit of connections",
        &["connections.limit"],
        move |exchange| {
            if open.fetch_add(1, SeqCst) < 4 {
                continues(exchange, EVERY);
            } else {
                exchange.respond(503, &[("Retry-After", "1")], b"");
            }
            open.fetch_sub(1, SeqCst);
        },
    ));
    let count = AtomicUsize::new(0);
    all.push(planted(
        "a limit of requests",
        &["reconnect.refused"],
        move |exchange| {
            // One, seven beside it, one that resumes.
            if count.fetch_add(1, SeqCst) < 10 {
                continues(exchange, EVERY);
            } else {
                exchange.respond(429, &[("Retry-After", "1")], b"");
            }
        },
    ));
    all.push(planted(
        "three redirects",
        &["redirect.chain"],
        |exchange| match exchange.request.path() {
            "/3" => continues(exchange, EVERY),
            path => {
                let next = path
                    .trim_start_matches('/')
                    .parse::<u32>()
                    .map_or(1, |number| number + 1);
                exchange.respond(307, &[("Location", &format!("/{next}"))], b"");
            }
        },
    ));
    all.extend(https());
    all
}

fn https() -> Vec<Planted> {
    let start = |identity: Identity, answer: fn(&mut Exchange)| {
        Server::start_tls(identity, answer).forget_requests()
    };
    let good = |exchange: &mut Exchange| continues(exchange, EVERY);
    let trusted = Identity::generate(&["localhost"]);
    let ca = std::env::temp_dir().join(format!("eventsource-check-{}.pem", std::process::id()));
    std::fs::write(&ca, trusted.ca_pem()).expect("a temporary file");
    let ca = ca.to_str().expect("a path in UTF-8").to_owned();
    let downgrade = {
        let plain = Server::start(good).forget_requests();
        Server::start_tls(trusted.clone(), move |exchange| {
            exchange.respond(302, &[("Location", &plain.url("/"))], b"");
        })
        .forget_requests()
    };
    vec![
        Planted {
            name: "nothing, by TLS",
            server: start(trusted, good),
            options: vec!["--cacert".into(), ca.clone()],
            found: &[],
        },
        Planted {
            name: "a certificate that nobody trusts",
            server: start(Identity::generate(&["localhost"]), good),
            options: Vec::new(),
            found: &["tls.certificate"],
        },
        Planted {
            name: "a certificate for another name",
            server: start(Identity::generate(&["elsewhere.example"]), good),
            options: Vec::new(),
            found: &["tls.certificate"],
        },
        Planted {
            name: "a redirect to http",
            server: downgrade,
            options: vec!["--cacert".into(), ca],
            found: &["redirect.downgrade"],
        },
    ]
}

fn check(planted: &Planted) -> Output {
    let seconds = slowly(Duration::from_secs(9)).as_secs().to_string();
    Command::new(env!("CARGO_BIN_EXE_eventsource"))
        .args(["check", "--json", "--for", &seconds])
        .args(&planted.options)
        .arg(planted.server.url("/"))
        .env_clear()
        .output()
        .expect("the program")
}

/// The names of faults and warnings, sorted.
fn found(output: &Output) -> Vec<String> {
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{error}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
    let findings = report["findings"].as_array().expect("findings");
    let counts = findings
        .iter()
        .filter(|finding| matches!(finding["level"].as_str(), Some("fault" | "warning")));
    let mut names: Vec<_> = counts
        .map(|finding| finding["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn each_planted_fault_is_found_and_none_is_invented() {
    let (give, take) = mpsc::channel();
    for planted in servers() {
        give.send(planted).expect("a receiver");
    }
    drop(give);
    // Most of the time, each waits.
    let take = Arc::new(Mutex::new(take));
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let take = take.clone();
            thread::spawn(move || {
                let mut problems = Vec::new();
                loop {
                    let next = take.lock().map(|take| take.recv());
                    let Ok(Ok(planted)) = next else {
                        return problems;
                    };
                    let output = check(&planted);
                    let seen = found(&output);
                    if seen != planted.found {
                        let said = String::from_utf8_lossy(&output.stdout).into_owned();
                        problems.push(format!(
                            "{}: planted {:?}, found {seen:?}\n{said}",
                            planted.name, planted.found
                        ));
                    }
                }
            })
        })
        .collect();
    let problems: Vec<_> = workers
        .into_iter()
        .flat_map(|worker| worker.join().expect("a worker"))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_exit_status_tells_of_faults_and_with_strict_of_warnings() {
    let warned = scripted(
        "no word of caches",
        &[],
        "header Cache-Control: -\nevents 1..3\nstall",
    );
    let failed = scripted("204", &[], "respond 204");
    let status = |planted: &Planted, options: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_eventsource"))
            .args(["check", "--for", "4"])
            .args(options)
            .arg(planted.server.url("/"))
            .env_clear()
            .output();
        output.expect("the program").status.code()
    };
    assert_eq!(status(&warned, &[]), Some(0));
    assert_eq!(status(&warned, &["--strict"]), Some(1));
    assert_eq!(
        status(&warned, &["--strict", "--ignore", "cache.missing"]),
        Some(0)
    );
    assert_eq!(status(&failed, &[]), Some(1));
    assert_eq!(status(&failed, &["--for", "none"]), Some(2));
}
