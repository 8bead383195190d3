//! What clients share, and with whom: connections, sessions and configurations are shared by those alone whose policy and way
//! say the same, whatever leads to the server. One table of what a policy and a way say.

use crate::common::Subject;
use crate::common::http2::Http2Server;
use crate::common::relay::relay_all;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventsource::http::{ErrorKind, MinVersion, Tls, Version};
use eventsource::stream::Settings;
use ring::digest::{SHA256, digest};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::LazyLock;
use test_server::{Exchange, Identity, Server};

/// Everybody's, so that a policy says the same in each test.
static SERVER: LazyLock<Identity> = LazyLock::new(|| UNASKING.clone().requiring(&CLIENT));
/// The same, but it asks for no certificate: a client's stays at the origin that it was given for.
static UNASKING: LazyLock<Identity> = LazyLock::new(|| Identity::generate(&["localhost"]));
static CLIENT: LazyLock<Identity> = LazyLock::new(|| Identity::generate(&["client"]));
static STRANGER: LazyLock<Identity> = LazyLock::new(|| Identity::generate(&["localhost"]));

fn trust(tls: &mut Tls, identity: &Identity) {
    let set = tls.set_extra_roots(identity.ca_pem().as_bytes());
    set.expect("an authority");
}

fn show(tls: &mut Tls, identity: &Identity) {
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    let set = tls.set_client_cert(chain.as_bytes(), key.as_bytes());
    set.expect("a certificate");
}

fn pin(tls: &mut Tls, identity: &Identity) {
    let pin = STANDARD.encode(digest(&SHA256, identity.public_key()));
    let set = tls.set_pinned_keys(Some(&format!("sha256//{pin}")));
    set.expect("a pin");
}

/// What a policy says. With the kind of the error that it ends in, with a server that satisfies one which says nothing of it.
type Member = (&'static str, fn(&mut Tls), ErrorKind);

const POLICY: [Member; 7] = [
    (
        "authorities",
        |tls| trust(tls, &STRANGER),
        ErrorKind::Certificate,
    ),
    (
        "exclusive authorities",
        |tls| {
            trust(tls, &STRANGER);
            tls.set_exclusive_roots(true);
        },
        ErrorKind::Certificate,
    ),
    (
        "client certificate",
        |tls| show(tls, &STRANGER),
        ErrorKind::Tls,
    ),
    ("pins", |tls| pin(tls, &STRANGER), ErrorKind::Certificate),
    (
        "lowest version",
        |tls| tls.set_min_version(MinVersion::Tls13),
        ErrorKind::Tls,
    ),
    (
        "server name",
        |tls| tls.set_server_name(Some("example.org")).expect("a name"),
        ErrorKind::Certificate,
    ),
    (
        "verification",
        |tls| {
            tls.set_insecure(true);
            pin(tls, &STRANGER);
        },
        ErrorKind::Certificate,
    ),
];

/// What a way says.
type Part = (&'static str, fn(&mut Settings));

/// All but the Unix socket, which must be there.
const WAY: [Part; 4] = [
    ("proxy", |settings| {
        let set = settings
            .http
            .network
            .set_proxy(Some("http://other.example"));
        set.expect("a proxy");
    }),
    ("exceptions from the proxy", |settings| {
        settings.http.network.set_no_proxy(Some("*"));
    }),
    ("addresses", |settings| {
        let set = settings.http.network.set_resolve("sse.example:1:127.0.0.1");
        set.expect("an address");
    }),
    ("addresses of all", |settings| {
        let set = settings.http.network.set_resolve("*:1:127.0.0.1");
        set.expect("an address");
    }),
];

/// A client that speaks HTTP/2, with a proxy for other hosts; changed, and started.
fn client(url: &str, change: impl FnOnce(&mut Settings)) -> Subject {
    let mut subject = Subject::new(url);
    subject.configure(|settings| {
        settings.http.set_version(Version::Http2);
        let network = &mut settings.http.network;
        network
            .set_proxy(Some("http://proxy.example"))
            .expect("a proxy");
        network.set_no_proxy(Some("127.0.0.1"));
        change(settings);
    });
    subject.start();
    subject
}

#[test]
fn who_says_the_same_shares_a_connection_and_who_says_anything_else_has_another() {
    let server = Http2Server::start();
    let url = server.url("/");
    let _first = client(&url, |_| ());
    let mut streams = vec![server.open()];
    let mut connections = 0;
    let mut opens = |subject: Subject, what: &str| {
        connections += 1;
        let stream = server.open();
        assert_eq!(stream.connection.number, connections, "{what}");
        streams.push(stream);
        subject
    };
    let mut subjects = Vec::new();
    for (what, change, _) in POLICY {
        let other = client(&url, |settings| change(&mut settings.http.tls));
        subjects.push(opens(other, what));
    }
    for (what, change) in WAY {
        subjects.push(opens(client(&url, change), what));
    }
    let path = SocketFile::relay(&server);
    let other = client(&url, |settings| {
        let set = settings.http.network.set_unix_socket(Some(path.as_str()));
        set.expect("a path");
    });
    subjects.push(opens(other, "Unix socket"));

    // Each finds the one that says what it says, and no other.
    let same = |change: &dyn Fn(&mut Settings), number: usize, what: &str| {
        let subject = client(&url, change);
        assert_eq!(server.open().connection.number, number, "{what}");
        subject.stop();
    };
    same(&|_| (), 0, "nothing");
    for (index, (what, change, _)) in POLICY.iter().enumerate() {
        same(&|settings| change(&mut settings.http.tls), index + 1, what);
    }
    for (index, (what, change)) in WAY.iter().enumerate() {
        same(change, POLICY.len() + index + 1, what);
    }
}

/// A Unix socket that leads to a server, which goes with this.
struct SocketFile(PathBuf);

impl SocketFile {
    fn relay(server: &Http2Server) -> SocketFile {
        let name = format!("sharing-{}.sock", std::process::id());
        let path = SocketFile(std::env::temp_dir().join(name));
        let listener = UnixListener::bind(&path.0).expect("a socket");
        let url = server.url("");
        let (_, port) = url.rsplit_once(':').expect("a port");
        let port = port.parse().expect("a number");
        relay_all(move || listener.accept().map(|(near, _)| near), port);
        path
    }

    fn as_str(&self) -> &str {
        self.0.to_str().expect("a temporary folder in UTF-8")
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_order_of_the_setters_says_nothing() {
    for (one, first, _) in POLICY {
        for (other, second, _) in POLICY {
            // Those that set the same member are about what came last.
            let overlap = [one, other].map(|what| match what {
                "exclusive authorities" => "authorities",
                "verification" => "pins",
                what => what,
            });
            if overlap[0] == overlap[1] {
                continue;
            }
            let [there, back] = [[first, second], [second, first]].map(|order| {
                let mut tls = Tls::default();
                for change in order {
                    change(&mut tls);
                }
                tls
            });
            assert!(there == back, "{one} and {other}");
            let mut alone = Tls::default();
            first(&mut alone);
            assert!(there != alone, "{one} without {other}");
        }
    }
}

/// What a proxy does.
fn tunnel(exchange: &mut Exchange) {
    let (_, port) = exchange.request.target.rsplit_once(':').expect("a port");
    let port = port.parse().expect("a number");
    exchange.head(200, &[]);
    exchange.tunnel(port);
}

/// A server that has a secret.
fn target(identity: &Identity, speaks_tls13: bool) -> Server {
    let identity = match speaks_tls13 {
        true => identity.clone(),
        false => identity.clone().only_tls12(),
    };
    Server::start_tls(identity, |exchange| {
        exchange.event_stream();
        exchange.event("secret");
        exchange.wait_for_disconnect();
    })
}

const AFTER_A_REDIRECT: &str = "after a redirect";

/// Ways to a server: its identity, what leads there, the URL to ask for, and the proxy.
type Way = fn(&Server) -> (Server, String, Option<String>);

static WAYS: [(&str, &LazyLock<Identity>, Way); 3] = [
    ("directly", &SERVER, |target| {
        (Server::start(|_| ()), target.url("/"), None)
    }),
    (AFTER_A_REDIRECT, &UNASKING, |target| {
        let location = target.url("/");
        let redirecting = Server::start(move |exchange| {
            exchange.respond(307, &[("Location", &location)], b"");
        });
        let url = redirecting.url("/");
        (redirecting, url, None)
    }),
    ("through a proxy", &SERVER, |target| {
        let proxy = Server::start(tunnel);
        let url = proxy.url("");
        (proxy, target.url("/"), Some(url))
    }),
];

#[test]
fn what_one_client_trusts_helps_no_other_however_it_gets_there() {
    for speaks_tls13 in [true, false] {
        for (way, identity, lead) in WAYS {
            let target = target(identity, speaks_tls13);
            let (_leading, url, proxy) = lead(&target);
            let start = |change: Option<fn(&mut Tls)>| {
                let mut subject = Subject::new(&url);
                subject.configure(|settings| {
                    let network = &mut settings.http.network;
                    let set = network.set_proxy(Some(proxy.as_deref().unwrap_or_default()));
                    set.expect("a proxy, or none");
                    network.set_no_proxy(Some(""));
                    let tls = &mut settings.http.tls;
                    trust(tls, &SERVER);
                    show(tls, &CLIENT);
                    if let Some(change) = change {
                        change(tls);
                    }
                });
                subject.start();
                subject
            };
            // It has a session that can be resumed, and goes on.
            let satisfied = start(None);
            assert_eq!(satisfied.events(1), ["secret"], "{way}");
            let requests = target.requests().len();
            for (what, change, kind) in POLICY {
                let is_withheld = what == "client certificate" && way == AFTER_A_REDIRECT;
                if is_withheld || (what == "lowest version" && speaks_tls13) {
                    continue;
                }
                let lost = start(Some(change)).error();
                assert_eq!(lost.kind, kind, "{what}, {way}: {}", lost.message);
            }
            assert_eq!(target.requests().len(), requests, "{way}");
        }
    }
}

#[test]
fn of_a_policy_authorities_and_versions_alone_are_for_an_https_proxy() {
    let named = Identity::generate(&["sse.example"]).requiring(&CLIENT);
    let target = Server::start_tls(named.clone(), |exchange| {
        exchange.event_stream();
        exchange.event("secret");
        exchange.wait_for_disconnect();
    });
    // Its key is not the pinned one, nor its name the server's.
    let proxies = Identity::generate(&["localhost"]);
    let authorities = [named.ca_pem(), proxies.ca_pem()].concat();
    let through = |identity: Identity, change: fn(&mut Tls)| {
        let proxy = Server::start_tls(identity, tunnel);
        let mut subject = Subject::new(&target.url("/"));
        subject.configure(|settings| {
            let network = &mut settings.http.network;
            network.set_proxy(Some(&proxy.url(""))).expect("a proxy");
            network.set_no_proxy(Some(""));
            let tls = &mut settings.http.tls;
            let set = tls.set_extra_roots(authorities.as_bytes());
            set.expect("authorities");
            show(tls, &CLIENT);
            pin(tls, &named);
            tls.set_server_name(Some("sse.example")).expect("a name");
            change(tls);
        });
        subject.start();
        (subject, proxy)
    };
    let is_kept_out = |identity: Identity, change: fn(&mut Tls)| {
        let (subject, proxy) = through(identity, change);
        let lost = subject.error();
        assert_eq!(lost.kind, ErrorKind::Proxy, "{}", lost.message);
        assert_eq!(proxy.requests().len(), 0);
    };
    let (subject, _proxy) = through(proxies.clone(), |_| ());
    assert_eq!(subject.events(1), ["secret"]);
    let (subject, _proxy) = through(proxies.clone(), |tls| tls.set_insecure(true));
    assert_eq!(subject.events(1), ["secret"]);
    // It is shown no certificate, whatever it asks for.
    is_kept_out(proxies.clone().requiring(&CLIENT), |_| ());
    is_kept_out(STRANGER.clone(), |tls| tls.set_insecure(true));
    is_kept_out(proxies.only_tls12(), |tls| {
        tls.set_min_version(MinVersion::Tls13);
    });
}
