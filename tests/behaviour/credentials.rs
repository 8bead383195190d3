//! Credentials go to the origin that they were given for and to no other: each credential, on each way to another origin.

use crate::common::{Subject, Told, limit};
use eventsource::http::{ErrorKind, Following};
use eventsource::stream::Close;
use test_server::{Exchange, Identity, Request, Server};

/// What each credential holds, plain or in base64.
const SECRETS: [&str; 2] = ["secret", "c2VjcmV0"];

fn has_secret(request: &Request) -> bool {
    let mut values = request.headers.iter().map(|(_, value)| value);
    values.any(|value| SECRETS.iter().any(|secret| value.contains(secret)))
}

/// A way to give a credential: in the URL, or to a client that has been made.
type Give = fn(&Subject);

fn header(subject: &Subject, name: &str) {
    subject.configure(|settings| {
        settings
            .request
            .set_header(name, "secret")
            .expect("a header")
    });
}

const CREDENTIALS: [(&str, &str, Give); 8] = [
    ("the URL's user and password", "secret:secret@", |_| {}),
    ("the URL's user", "secret@", |_| {}),
    ("basic authentication", "", |subject| {
        subject.configure(|settings| {
            let request = &mut settings.request;
            request.set_basic_auth("secret", "secret").expect("a user");
        });
    }),
    ("Authorization", "", |subject| {
        header(subject, "Authorization")
    }),
    ("Cookie", "", |subject| header(subject, "cookie")),
    ("a second Cookie", "", |subject| {
        subject.configure(|settings| {
            let request = &mut settings.request;
            request.set_header("Cookie", "harmless").expect("a header");
            request.add_header("Cookie", "secret").expect("a header");
        });
    }),
    ("a header that is a secret", "", |subject| {
        subject.configure(|settings| {
            let request = &mut settings.request;
            request
                .set_sensitive_header("X-Key", "secret")
                .expect("a header");
        });
    }),
    ("the name of a host", "", |subject| header(subject, "Host")),
];

/// A way to another origin, which is given as a URL.
type Lead = fn(&mut Subject, String);

const WAYS: [(&str, Lead); 6] = [
    // The server redirects to what the query says.
    ("a redirect", |_, _| {}),
    ("a redirect that is to be followed", |subject, _| {
        subject.on_redirect(|_, _| Following::Plain);
    }),
    (
        "a redirect that is to be followed with the body",
        |subject, _| {
            subject.on_redirect(|_, _| Following::WithBody);
        },
    ),
    ("a changed URL", |subject, elsewhere| {
        subject.on_request(move |attempt| {
            attempt.request.set_url(&elsewhere).expect("a URL");
        });
    }),
    ("a changed URL and a change back", |subject, elsewhere| {
        subject.on_request(move |attempt| {
            let home = attempt.request.url().to_string();
            attempt.request.set_url(&elsewhere).expect("a URL");
            attempt.request.set_url(&home).expect("a URL");
            attempt.request.set_url(&elsewhere).expect("a URL");
        });
    }),
    ("a changed URL that continues", |subject, elsewhere| {
        subject.on_request(move |attempt| {
            if attempt.cause.is_some() {
                attempt.request.set_url(&elsewhere).expect("a URL");
            }
        });
    }),
];

/// Redirects to what the query says; without, it is the goal.
fn home(exchange: &mut Exchange) {
    match exchange.request.query("to") {
        Some(to) => {
            let to = to.to_owned();
            exchange.respond(307, &[("Location", &to)], b"");
        }
        None if exchange.request.path() == "/stream" => {
            exchange.event_stream();
            exchange.event("hello");
            exchange.end();
        }
        None => exchange.respond(204, &[], b""),
    }
}

#[test]
fn no_credential_reaches_another_origin_on_any_way_and_each_reaches_its_own() {
    let (server, other_port) = (Server::start(home), Server::start(home));
    let other_host = server.url("/other").replace("127.0.0.1", "localhost");
    for (credential, in_url, give) in CREDENTIALS {
        for (way, lead) in WAYS {
            for elsewhere in [&other_port.url("/other"), &other_host] {
                let path = match way.starts_with("a redirect") {
                    true => format!("/?to={elsewhere}"),
                    false => "/stream".to_owned(),
                };
                let url = server.url(&path).replace("://", &format!("://{in_url}"));
                let seen = [server.requests().len(), other_port.requests().len()];
                let mut subject = Subject::new(&url);
                give(&subject);
                // Twice: what one run drops, the next one has again.
                for _ in 0..2 {
                    lead(&mut subject, elsewhere.clone());
                    subject.start();
                    assert_eq!(subject.close(), Close::Server, "{credential}, {way}");
                    assert!(subject.client.wait(Some(limit())));
                }
                let new = [server.requests(), other_port.requests()];
                let new = new.iter().zip(seen).flat_map(|(all, seen)| &all[seen..]);
                let (there, at_home): (Vec<_>, Vec<_>) =
                    new.partition(|request| request.path() == "/other");
                let what = format!("{credential}, {way}, to {elsewhere}");
                assert!(!there.is_empty(), "{what}");
                assert!(!there.into_iter().any(has_secret), "{what}");
                assert!(at_home.into_iter().all(has_secret), "{what}");
            }
        }
    }
}

/// All but the name of the host, which is not another's.
#[test]
fn on_redirect_can_send_each_credential_along_and_the_next_redirect_drops_it_again() {
    let (first, third) = (Server::start(home), Server::start(home));
    for (credential, in_url, give) in CREDENTIALS {
        let second = Server::start(home);
        let url = first.url(&format!(
            "/?to={}%3Fto={}",
            second.url("/"),
            third.url("/other")
        ));
        let mut subject = Subject::new(&url.replace("://", &format!("://{in_url}")));
        give(&subject);
        let to = second.port();
        subject.on_redirect(move |_, redirect| {
            assert!(redirect.drops_credentials || credential == "the name of a host");
            match redirect.to.url().port() == Some(to) {
                true => Following::WithCredentials,
                false => Following::Plain,
            }
        });
        subject.start();
        assert_eq!(subject.close(), Close::Server, "{credential}");
        let requests = second.requests();
        assert_eq!(requests.len(), 1, "{credential}");
        assert_eq!(
            has_secret(&requests[0]),
            credential != "the name of a host",
            "{credential}"
        );
    }
    let requests = third.requests();
    assert_eq!(requests.len(), CREDENTIALS.len());
    assert!(!requests.iter().any(has_secret));
}

#[test]
fn no_credential_goes_along_to_another_scheme() {
    let identity = Identity::generate(&["127.0.0.1", "localhost"]);
    let secure = Server::start_tls(identity.clone(), home);
    let plain = Server::start(home);
    for (credential, in_url, give) in CREDENTIALS {
        let url = plain.url(&format!("/?to={}", secure.url("/other")));
        let mut subject = Subject::new(&url.replace("://", &format!("://{in_url}")));
        subject.trust(&identity);
        give(&subject);
        subject.start();
        assert_eq!(subject.close(), Close::Server, "{credential}");
    }
    let requests = secure.requests();
    assert_eq!(requests.len(), CREDENTIALS.len());
    assert!(!requests.iter().any(has_secret));
}

#[test]
fn what_on_request_sets_for_its_url_goes_there_and_no_further() {
    let (server, other) = (Server::start(home), Server::start(home));
    let (there, back) = (other.url("/"), server.url("/other"));
    for in_url in [false, true] {
        let mut subject = Subject::new(&server.url("/stream"));
        header(&subject, "Authorization");
        let url = format!("{there}?to={back}");
        subject.on_request(move |attempt| {
            if in_url {
                let url = url.replace("://", "://secret:for-the-other@");
                attempt.request.set_url(&url).expect("a URL");
            } else {
                attempt.request.set_url(&url).expect("a URL");
                let request = &mut attempt.request;
                request
                    .set_header("Authorization", "secret")
                    .expect("a header");
            }
        });
        subject.start();
        assert_eq!(subject.close(), Close::Server);
    }
    assert!(other.requests().iter().all(has_secret));
    let returned = server.requests();
    assert_eq!(returned.len(), 2);
    // Not even the first's own, which have been dropped on the way.
    assert!(!returned.iter().any(has_secret));
}

#[test]
fn a_changed_url_of_the_same_origin_keeps_credentials() {
    let server = Server::start(home);
    let elsewhere = server.url("/other?x");
    let mut subject = Subject::new(&server.url("/").replace("://", "://secret:secret@"));
    subject.on_request(move |attempt| attempt.request.set_url(&elsewhere).expect("a URL"));
    subject.start();
    assert_eq!(subject.close(), Close::Server);
    assert!(server.requests().iter().all(has_secret));
}

/// Two servers that each want the client's certificate, and a client that shows it. The first redirects to the second if it is
/// asked so.
fn with_certificate(path: &str) -> (Server, Server, Subject) {
    let client = Identity::generate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    let first = Server::start_tls(identity.clone(), home);
    let second = Server::start_tls(identity.clone(), home);
    let path = path.replace("ELSEWHERE", &second.url("/other"));
    let subject = Subject::new(&first.url(&path));
    subject.trust(&identity);
    subject.configure(|settings| {
        let (chain, key) = (client.chain_pem(), client.key_pem());
        let tls = &mut settings.http.tls;
        tls.set_client_cert(chain.as_bytes(), key.as_bytes())
            .expect("a certificate");
    });
    (first, second, subject)
}

#[test]
fn the_client_certificate_is_not_shown_to_another_origin() {
    for (way, path) in [
        ("a redirect", "/?to=ELSEWHERE"),
        ("a changed URL", "/stream"),
    ] {
        let (first, second, mut subject) = with_certificate(path);
        for _ in 0..2 {
            let elsewhere = second.url("/other");
            if way == "a changed URL" {
                subject.on_request(move |attempt| {
                    if attempt.cause.is_some() {
                        attempt.request.set_url(&elsewhere).expect("a URL");
                    }
                });
            }
            subject.start();
            loop {
                match subject.next() {
                    Told::Error(lost) if lost.kind == ErrorKind::EndOfStream => {}
                    Told::Error(lost) => {
                        assert_eq!(lost.kind, ErrorKind::Tls, "{way}: {}", lost.message);
                        assert!(lost.message.contains("certificate_required"), "{way}");
                        break;
                    }
                    Told::Close(close) => panic!("{way}: {close:?}"),
                    _ => {}
                }
            }
            subject.stop();
            subject.told_so_far();
        }
        assert!(first.requests().len() >= 2, "{way}: its own origin gets it");
        assert_eq!(second.requests().len(), 0, "{way}");
    }
}

#[test]
fn the_client_certificate_is_shown_to_its_own_origin_after_a_redirect_there() {
    let (first, _, mut subject) = with_certificate("/?to=/other");
    subject.start();
    assert_eq!(subject.close(), Close::Server);
    assert_eq!(first.requests().len(), 2);
}

#[test]
fn on_redirect_can_have_the_client_certificate_shown_to_another_origin() {
    let (first, second, mut subject) = with_certificate("/?to=ELSEWHERE");
    subject.on_redirect(|_, redirect| {
        assert!(redirect.drops_credentials);
        Following::WithCredentials
    });
    subject.start();
    assert_eq!(subject.close(), Close::Server);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}
