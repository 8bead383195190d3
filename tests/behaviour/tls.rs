//! TLS: whom the client trusts, what it shows of itself, and what it says when either will not do.

use crate::common::relay::relay_to;
use crate::common::{Lost, Subject, Told};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventsource::http::{
    ErrorKind, Invalid, InvalidKind, MinVersion, Tls, read_client_cert, read_roots,
};
use eventsource::stream::Decision;
use ring::digest::{SHA256, digest};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use test_server::{Exchange, Identity, Server};

fn server(identity: &Identity) -> Server {
    Server::start_tls(identity.clone(), answer)
}

fn answer(exchange: &mut Exchange) {
    exchange.event_stream();
    exchange.event("secret");
    exchange.wait_for_disconnect();
}

/// A client that trusts the authority of `trusted` and is otherwise as `change` wants it, started.
fn client(url: &str, trusted: &Identity, change: impl FnOnce(&mut Tls)) -> Subject {
    let mut subject = Subject::new(url);
    subject.trust(trusted);
    subject.configure(|settings| change(&mut settings.http.tls));
    subject.start();
    subject
}

/// That such a client reads.
#[track_caller]
fn assert_reads(server: &Server, trusted: &Identity, change: impl FnOnce(&mut Tls)) {
    let subject = client(&server.url("/"), trusted, change);
    assert_eq!(subject.events(1), ["secret"]);
}

/// That such a client ends with an error that begins with these words.
#[track_caller]
fn assert_fails(
    url: &str,
    trusted: &Identity,
    change: impl FnOnce(&mut Tls),
    (kind, message): (ErrorKind, &str),
) {
    let lost = client(url, trusted, change).error();
    assert_eq!(lost.kind, kind, "{}", lost.message);
    assert!(
        lost.message.starts_with(message),
        "expected: {message}\nbut got:  {}",
        lost.message
    );
}

fn as_it_is(_: &mut Tls) {}

// ---- Servers' certificates

#[test]
fn a_server_with_a_trusted_certificate_is_read() {
    let identity = Identity::generate(&["localhost"]);
    assert_reads(&server(&identity), &identity, as_it_is);
}

#[test]
fn an_unknown_authority_is_refused_before_anything_is_sent() {
    let server = server(&Identity::generate(&["localhost"]));
    let stranger = Identity::generate(&["localhost"]);
    let message =
        "the certificate of localhost is not trusted: no trusted authority vouches for it";
    assert_fails(
        &server.url("/"),
        &stranger,
        as_it_is,
        (ErrorKind::Certificate, message),
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_wrong_name_is_refused_and_the_right_ones_are_told() {
    let identity = Identity::generate(&["example.org", "*.example.org", "127.0.0.2"]);
    let message = "the certificate of localhost is not trusted: \
                   it is for example.org, *.example.org, 127.0.0.2, not for localhost";
    assert_fails(
        &server(&identity).url("/"),
        &identity,
        as_it_is,
        (ErrorKind::Certificate, message),
    );
}

#[test]
fn of_many_wrong_names_only_some_are_told() {
    let names: Vec<_> = (0..50).map(|n| format!("{n}.example.org")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let identity = Identity::generate(&names);
    let server = server(&identity);
    let subject = client(&server.url("/"), &identity, as_it_is);
    let message = subject.error().message;
    assert!(
        message.ends_with("7.example.org and 42 more, not for localhost"),
        "{message}"
    );
}

#[test]
fn a_certificate_without_names_is_refused() {
    let identity = Identity::generate(&[]);
    let message =
        "the certificate of localhost is not trusted: it is for no name, not for localhost";
    assert_fails(
        &server(&identity).url("/"),
        &identity,
        as_it_is,
        (ErrorKind::Certificate, message),
    );
}

#[test]
fn an_expired_certificate_is_refused_and_its_last_day_is_told() {
    let identity = Identity::generate_expired(&["localhost"]);
    let server = server(&identity);
    let subject = client(&server.url("/"), &identity, as_it_is);
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Certificate);
    assert_dated(
        &lost,
        "the certificate of localhost is not trusted: it, or one that vouches for it, expired on ",
        -1,
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused_and_its_first_day_is_told() {
    let identity = Identity::generate_for_later(&["localhost"]);
    let server = server(&identity);
    let subject = client(&server.url("/"), &identity, as_it_is);
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Certificate);
    assert_dated(
        &lost,
        "the certificate of localhost is not trusted: it, or one that vouches for it, is not valid before ",
        2,
    );
}

/// A message ends with a date that is so many days from now.
#[track_caller]
fn assert_dated(lost: &Lost, words: &str, days: i64) {
    let date = lost.message.strip_prefix(words).expect(&lost.message);
    let date = httpdate::parse_http_date(date).expect(date);
    let from_now = match date.duration_since(std::time::SystemTime::now()) {
        Ok(later) => later.as_secs() as f64,
        Err(earlier) => -(earlier.duration().as_secs() as f64),
    };
    let (most, days) = (86400.0, days as f64);
    assert!((from_now / most - days).abs() <= 1.1, "{}", lost.message);
}

#[test]
fn an_authority_between_the_trusted_one_and_the_server_may_vouch_for_it() {
    let identity = Identity::generate_with_intermediate(&["localhost"]);
    assert_reads(&server(&identity), &identity, as_it_is);
    let message =
        "the certificate of localhost is not trusted: no trusted authority vouches for it";
    assert_fails(
        &server(&identity.clone().without_intermediate()).url("/"),
        &identity,
        as_it_is,
        (ErrorKind::Certificate, message),
    );
}

/// A policy that trusts an identity's authority, beside the system's or alone, with one version of TLS or two.
fn each_policy() -> impl Iterator<Item = impl FnOnce(&mut Tls)> {
    let versions = [MinVersion::Tls12, MinVersion::Tls13];
    versions.into_iter().flat_map(|version| {
        [false, true].map(|is_exclusive| {
            move |tls: &mut Tls| {
                tls.set_exclusive_roots(is_exclusive);
                tls.set_min_version(version);
            }
        })
    })
}

#[test]
fn a_servers_own_certificate_that_is_given_as_an_authority_is_trusted() {
    for identity in [
        Identity::generate_as_authority(&["localhost"]),
        Identity::generate_self_signed(&["localhost"]),
    ] {
        let only_tls12 = server(&identity.clone().only_tls12());
        assert_reads(&only_tls12, &identity, as_it_is);
        let server = server(&identity);
        for policy in each_policy() {
            assert_reads(&server, &identity, policy);
        }
        assert_reads(&server, &identity, pinning(&pin(&identity)));
    }
}

#[test]
fn it_is_trusted_for_its_names_and_dates_and_with_its_key_alone() {
    let refused = |identity: &Identity, given: &Identity, (kind, reason): (ErrorKind, &str)| {
        for policy in each_policy() {
            assert_fails(&server(identity).url("/"), given, policy, (kind, reason));
        }
    };
    let another = Identity::generate_as_authority(&["example.org"]);
    let reason =
        "the certificate of localhost is not trusted: it is for example.org, not for localhost";
    refused(&another, &another, (ErrorKind::Certificate, reason));
    let nameless = Identity::generate_as_authority(&[]);
    let reason = "the certificate of localhost is not trusted: it is for no name, not for localhost. \
                  Names count in its subjectAltName alone";
    refused(&nameless, &nameless, (ErrorKind::Certificate, reason));
    let old = Identity::generate_expired_authority(&["localhost"]);
    let reason =
        "the certificate of localhost is not trusted: it, or one that vouches for it, expired on ";
    refused(&old, &old, (ErrorKind::Certificate, reason));
    let [good, stranger] = [(); 2].map(|()| Identity::generate_as_authority(&["localhost"]));
    let forged = good.clone().signing_as(&stranger);
    let reason = "the certificate of localhost is not trusted: a signature is wrong";
    refused(&forged, &good, (ErrorKind::Certificate, reason));
    let reason = "the certificate of localhost is not trusted: \
                  it is an authority's own, and was not given as one";
    refused(&good, &stranger, (ErrorKind::Certificate, reason));
    let reason = "the certificate of localhost is not trusted: its public key";
    assert_fails(
        &server(&good).url("/"),
        &good,
        pinning(&pin(&stranger)),
        (ErrorKind::Certificate, reason),
    );
}

#[test]
fn neither_pins_nor_the_insecure_switch_stand_in_for_the_key_that_signs() {
    let [good, stranger] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    for forged in [good.clone(), good.clone().only_tls12()] {
        let forged = forged.signing_as(&stranger);
        assert_fails(
            &server(&forged).url("/"),
            &good,
            |tls| {
                tls.set_insecure(true);
                pinning(&pin(&good))(tls);
            },
            (
                ErrorKind::Certificate,
                "the certificate of localhost is not trusted: a signature is wrong",
            ),
        );
    }
}

#[test]
fn a_file_of_authorities_that_is_renewed_needs_no_restart() {
    let [old, new] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let server = server(&new);
    let name = format!("renewed-{}.pem", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, old.ca_pem()).expect("a file");
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| {
        let tls = &mut settings.http.tls;
        tls.set_extra_roots_file(read_roots(&path).expect("an authority"));
    });
    let renewed = path.clone();
    subject.on_told(move |told| {
        if let Told::Error(lost) = told {
            assert_eq!(lost.kind, ErrorKind::Certificate, "{}", lost.message);
            std::fs::write(&renewed, new.ca_pem()).expect("a file");
        }
        Decision::Default
    });
    subject.start();
    assert_eq!(subject.events(1), ["secret"]);
    std::fs::remove_file(&path).expect("the file");
}

#[test]
fn a_refused_certificate_is_tried_again() {
    let identity = Identity::generate_expired(&["localhost"]);
    let server = server(&identity);
    let subject = client(&server.url("/"), &identity, as_it_is);
    assert!(subject.error().retry_in.is_some());
    assert_eq!(subject.error().attempt, 2);
}

#[test]
fn the_insecure_switch_accepts_anybody_and_is_off_by_default() {
    let server = server(&Identity::generate_expired(&["example.org"]));
    let mut subject = Subject::new(&server.url("/"));
    subject.configure(|settings| settings.http.tls.set_insecure(true));
    subject.start();
    assert_eq!(subject.events(1), ["secret"]);
    subject.stop();
    subject.told_so_far();

    subject.configure(|settings| settings.http.tls.set_insecure(false));
    subject.start();
    assert_eq!(subject.error().kind, ErrorKind::Certificate);
}

#[test]
fn bad_pem_is_refused_at_the_setter_and_changes_nothing() {
    let identity = Identity::generate(&["localhost"]);
    let server = server(&identity);
    assert_reads(&server, &identity, |tls| {
        for bad in [
            "no PEM at all",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n",
        ] {
            assert!(tls.set_extra_roots(bad.as_bytes()).is_err(), "{bad:?}");
        }
    });
}

// ---- Pinned keys

/// The pin of an identity's key, not by the code under test.
fn pin(identity: &Identity) -> String {
    pin_of(identity.public_key())
}

fn pin_of(public_key: &[u8]) -> String {
    format!("sha256//{}", STANDARD.encode(digest(&SHA256, public_key)))
}

fn pinning(pins: &str) -> impl FnOnce(&mut Tls) {
    move |tls| tls.set_pinned_keys(Some(pins)).expect("pins")
}

#[test]
fn a_server_with_a_pinned_key_is_read() {
    let [identity, other] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let server = server(&identity);
    assert_reads(&server, &identity, pinning(&pin(&identity)));
    let both = format!("{};{}", pin(&other), pin(&identity));
    assert_reads(&server, &identity, pinning(&both));
}

#[test]
fn a_server_whose_key_is_not_pinned_is_refused_before_anything_is_sent() {
    let [identity, other] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let server = server(&identity);
    let message = format!(
        "the certificate of localhost is not trusted: its public key, {}, is not pinned",
        pin(&identity)
    );
    assert_fails(
        &server.url("/"),
        &identity,
        pinning(&pin(&other)),
        (ErrorKind::Certificate, &message),
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn only_the_servers_own_key_counts_not_its_authoritys() {
    let identity = Identity::generate_with_intermediate(&["localhost"]);
    assert_fails(
        &server(&identity).url("/"),
        &identity,
        pinning(&pin_of(identity.issuer_public_key())),
        (
            ErrorKind::Certificate,
            "the certificate of localhost is not trusted: its public key",
        ),
    );
}

#[test]
fn a_pinned_key_does_not_stand_in_for_a_trusted_certificate() {
    let [identity, stranger] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let message =
        "the certificate of localhost is not trusted: no trusted authority vouches for it";
    assert_fails(
        &server(&identity).url("/"),
        &stranger,
        pinning(&pin(&identity)),
        (ErrorKind::Certificate, message),
    );
}

#[test]
fn the_insecure_switch_does_not_switch_pins_off() {
    let [identity, other] = [(); 2].map(|()| Identity::generate_expired(&["example.org"]));
    let server = server(&identity);
    let insecure = |pins: String| {
        move |tls: &mut Tls| {
            tls.set_insecure(true);
            tls.set_pinned_keys(Some(&pins)).expect("pins");
        }
    };
    assert_reads(&server, &other, insecure(pin(&identity)));
    assert_fails(
        &server.url("/"),
        &other,
        insecure(pin(&other)),
        (
            ErrorKind::Certificate,
            "the certificate of localhost is not trusted: its public key, sha256//",
        ),
    );
}

#[test]
fn bad_pins_are_refused_at_the_setter_and_change_nothing() {
    let [identity, other] = [(); 2].map(|()| Identity::generate(&["localhost"]));
    let (good, server) = (pin(&identity), server(&identity));
    let bad = [
        String::new(),
        "sha256//".into(),
        "sha256//AAAA".into(),
        good.replace("sha256//", "sha1//"),
        good.replace("sha256//", "sha256/"),
        good.replace("sha256//", ""),
        good.replace('=', ""),
        format!(" {good}"),
        format!("{good} "),
        format!("{good};"),
        format!(";{good}"),
        format!("{good},{good}"),
    ];
    let change = |tls: &mut Tls| {
        tls.set_pinned_keys(Some(&pin(&other))).expect("a pin");
        for bad in bad {
            let invalid = tls.set_pinned_keys(Some(&bad)).expect_err(&bad);
            assert_eq!(invalid.kind, InvalidKind::Value);
            assert_eq!(
                invalid.message,
                "a pinned key is sha256// and 44 characters of base64; several are separated by ;"
            );
        }
    };
    let subject = client(&server.url("/"), &identity, change);
    assert!(subject.error().message.contains("is not pinned"));
    assert_reads(&server, &identity, |tls| {
        tls.set_pinned_keys(Some(&pin(&other))).expect("a pin");
        tls.set_pinned_keys(None).expect("none");
    });
}

// ---- The client's certificate

fn showing(identity: &Identity) -> impl FnOnce(&mut Tls) {
    move |tls| {
        let (chain, key) = (identity.chain_pem(), identity.key_pem());
        tls.set_client_cert(chain.as_bytes(), key.as_bytes())
            .expect("a certificate");
    }
}

#[test]
fn a_server_that_wants_a_client_certificate_gets_it() {
    let client = Identity::generate_with_intermediate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    assert_reads(&server(&identity), &identity, showing(&client));
    let tls12 = identity.clone().only_tls12();
    assert_reads(&server(&tls12), &identity, showing(&client));
}

#[test]
fn certificate_and_key_may_be_one_text_in_any_order() {
    let client = Identity::generate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    let server = server(&identity);
    let (chain, key) = (client.chain_pem(), client.key_pem());
    for both in [format!("{chain}{key}"), format!("{key}{chain}")] {
        assert_reads(&server, &identity, |tls| {
            tls.set_client_cert(both.as_bytes(), b"")
                .expect("a certificate");
        });
    }
}

/// A certificate and its key in files, which go with this.
struct CertFiles([std::path::PathBuf; 2]);

impl CertFiles {
    fn of(identity: &Identity) -> CertFiles {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let files = CertFiles(["chain", "key"].map(|what| {
            let name = format!("{what}-{}-{number}.pem", std::process::id());
            std::env::temp_dir().join(name)
        }));
        files.write(identity);
        files
    }

    fn write(&self, identity: &Identity) {
        let texts = [identity.chain_pem(), identity.key_pem()];
        for (path, text) in self.0.iter().zip(texts) {
            std::fs::write(path, text).expect("a file");
        }
    }
}

impl Drop for CertFiles {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A client that shows these files' certificate, and that is `told` of its errors, started.
fn showing_files(
    server: &Server,
    trusted: &Identity,
    files: &CertFiles,
    told: impl Fn(&Lost) + Send + Sync + 'static,
) -> Subject {
    let mut subject = Subject::new(&server.url("/"));
    subject.trust(trusted);
    let read = read_client_cert(&files.0[0], Some(&files.0[1])).expect("a certificate");
    subject.configure(|settings| settings.http.tls.set_client_cert_files(Some(read)));
    subject.on_told(move |happened| {
        if let Told::Error(lost) = happened {
            told(lost);
        }
        Decision::Default
    });
    subject.start();
    subject
}

#[test]
fn a_client_certificate_that_was_refused_is_read_anew_from_its_files() {
    let [client, stranger] = [(); 2].map(|()| Identity::generate(&["client"]));
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    for required in [identity.clone(), identity.clone().only_tls12()] {
        let server = server(&required);
        let files = Arc::new(CertFiles::of(&stranger));
        let (renewed, client) = (files.clone(), client.clone());
        let subject = showing_files(&server, &identity, &files, move |lost| {
            assert_eq!(lost.kind, ErrorKind::Tls, "{}", lost.message);
            renewed.write(&client);
        });
        assert_eq!(subject.events(1), ["secret"]);
    }
}

/// Neither by the old certificate nor by a session that was begun with it.
#[test]
fn an_attempt_shows_the_client_certificate_that_its_files_hold_then() {
    let [old, new] = [(); 2].map(|()| Identity::generate(&["client"]));
    let identity = Identity::generate(&["localhost"]);
    let servers = [&old, &new].map(|client| {
        Server::start_tls(identity.clone().requiring(client), |exchange| {
            exchange.event_stream();
            exchange.event("secret");
            exchange.end();
        })
    });
    // At one origin, first the one and then the other.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let ports = servers.each_ref().map(Server::port);
    let attempts = AtomicUsize::new(0);
    let accept = move || listener.accept().map(|(stream, _)| stream);
    relay_to(accept, move || {
        ports[attempts.fetch_add(1, Ordering::Relaxed).min(1)]
    });

    let files = Arc::new(CertFiles::of(&old));
    let mut subject = Subject::new(&format!("https://localhost:{port}/"));
    subject.trust(&identity);
    let read = read_client_cert(&files.0[0], Some(&files.0[1])).expect("a certificate");
    subject.configure(|settings| settings.http.tls.set_client_cert_files(Some(read)));
    subject.on_told(move |told| {
        match told {
            Told::Event { .. } => files.write(&new),
            Told::Error(lost) => assert_eq!(lost.kind, ErrorKind::EndOfStream, "{lost:?}"),
            _ => {}
        }
        Decision::Default
    });
    subject.start();
    assert_eq!(subject.events(2), ["secret", "secret"]);
}

#[test]
fn files_that_do_not_belong_together_leave_the_certificate_as_it_was() {
    let [client, other] = [(); 2].map(|()| Identity::generate(&["client"]));
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    let server = Server::start_tls(identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.event("secret");
        exchange.end();
    });
    let files = Arc::new(CertFiles::of(&client));
    let half_written = files.clone();
    let subject = showing_files(&server, &identity, &files, move |lost| {
        assert_eq!(lost.kind, ErrorKind::EndOfStream, "{lost:?}");
        std::fs::write(&half_written.0[1], other.key_pem()).expect("a file");
    });
    assert_eq!(subject.events(2), ["secret", "secret"]);
}

/// With TLS 1.3 a server's refusal comes after the handshake, in place of the response.
#[test]
fn a_server_that_wants_a_client_certificate_and_gets_none_says_so() {
    let client = Identity::generate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    let alert = "the server refused: alert certificate_required: it wants a client certificate";
    assert_fails(
        &server(&identity).url("/"),
        &identity,
        as_it_is,
        (ErrorKind::Tls, &format!("TLS failed: {alert}")),
    );
    assert_fails(
        &server(&identity.clone().only_tls12()).url("/"),
        &identity,
        as_it_is,
        (
            ErrorKind::Tls,
            &format!("the TLS handshake with localhost failed: {alert}"),
        ),
    );
}

#[test]
fn a_server_that_does_not_accept_the_client_certificate_says_so() {
    let client = Identity::generate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client);
    let stranger = Identity::generate(&["client"]);
    let alert = "the server refused: alert unknown_ca: \
                 it does not accept the client certificate, or wants one";
    assert_fails(
        &server(&identity).url("/"),
        &identity,
        showing(&stranger),
        (ErrorKind::Tls, &format!("TLS failed: {alert}")),
    );
    let expired = Identity::generate_expired(&["client"]);
    let identity = identity.requiring(&expired).only_tls12();
    let alert = "the server refused: alert certificate_expired: \
                 it does not accept the client certificate, or wants one";
    assert_fails(
        &server(&identity).url("/"),
        &identity,
        showing(&expired),
        (
            ErrorKind::Tls,
            &format!("the TLS handshake with localhost failed: {alert}"),
        ),
    );
}

#[test]
fn a_request_too_large_for_the_sockets_does_not_hide_the_refusal() {
    let client_identity = Identity::generate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client_identity);
    let server = server(&identity);
    let mut subject = Subject::new(&server.url("/"));
    subject.trust(&identity);
    subject.configure(|settings| {
        settings.request.set_method("POST").expect("a method");
        settings.request.set_body(&vec![b'x'; 16 * 1024 * 1024]);
    });
    subject.start();
    let lost = subject.error();
    assert_eq!(lost.kind, ErrorKind::Tls, "{}", lost.message);
}

#[test]
fn keys_are_read_in_every_usual_form() {
    for text in [
        include_str!("../support/certificates/rsa-pkcs1.pem"),
        include_str!("../support/certificates/ec-sec1.pem"),
        // PKCS #8
        &format!("{0}{1}", IDENTITY.chain_pem(), IDENTITY.key_pem()),
    ] {
        let read = Tls::default().set_client_cert(text.as_bytes(), b"");
        assert!(read.is_ok(), "{read:?}");
    }
}

static IDENTITY: std::sync::LazyLock<Identity> =
    std::sync::LazyLock::new(|| Identity::generate(&["client"]));

#[test]
fn an_unusable_client_certificate_is_refused_at_the_setter_with_the_reason() {
    let (chain, key) = (IDENTITY.chain_pem(), IDENTITY.key_pem());
    let other = Identity::generate(&["client"]);
    let damaged = |text: &str| text.replacen("\nM", "\n!!", 1);
    let cut = &key[..key.len() / 2];
    for (chain, key, reason) in [
        (
            chain,
            other.key_pem(),
            "the private key does not belong to the client certificate",
        ),
        (chain, "", "the PEM text holds no private key"),
        (chain, "no PEM at all", "the PEM text holds no private key"),
        (chain, chain, "the PEM text holds no private key"),
        (
            key,
            "",
            "the client certificate's PEM text holds no certificate",
        ),
        (
            "",
            key,
            "the client certificate's PEM text holds no certificate",
        ),
        (
            "no PEM at all",
            key,
            "the client certificate's PEM text holds no certificate",
        ),
        (
            chain,
            &damaged(key),
            "the private key's PEM text is damaged",
        ),
        (chain, cut, "the private key's PEM text is damaged"),
        (&damaged(chain), key, "the PEM text is damaged: "),
        (
            chain,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "the private key cannot be used: ",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key,
            "the client certificate cannot be used: ",
        ),
        (
            include_str!("../support/certificates/ec-sec1.pem"),
            include_str!("../support/certificates/ec-encrypted-pkcs8.pem"),
            "the private key is encrypted: decrypt it first",
        ),
        (
            include_str!("../support/certificates/ec-sec1.pem"),
            include_str!("../support/certificates/ec-encrypted-sec1.pem"),
            "the private key is encrypted: decrypt it first",
        ),
    ] {
        let mut tls = Tls::default();
        let read = tls.set_client_cert(chain.as_bytes(), key.as_bytes());
        let Invalid { kind, message } = read.expect_err(reason);
        assert_eq!(kind, InvalidKind::Pem, "{reason}");
        assert!(message.starts_with(reason), "{message}, not {reason}");
    }
}

#[test]
fn a_refused_client_certificate_changes_nothing_and_an_empty_one_removes_it() {
    let client_identity = Identity::generate(&["client"]);
    let identity = Identity::generate(&["localhost"]).requiring(&client_identity);
    let server = server(&identity);
    assert_reads(&server, &identity, |tls| {
        showing(&client_identity)(tls);
        assert!(tls.set_client_cert(b"a", b"b").is_err());
    });
    let subject = client(&server.url("/"), &identity, |tls| {
        showing(&client_identity)(tls);
        tls.set_client_cert(b"", b"").expect("none");
    });
    assert_eq!(subject.error().kind, ErrorKind::Tls);
}

// ---- Versions and names

#[test]
fn a_server_with_too_old_a_version_is_refused() {
    let identity = Identity::generate(&["localhost"]).only_tls12();
    let server = server(&identity);
    assert_reads(&server, &identity, as_it_is);
    let message = "the TLS handshake with localhost failed: the server refused: \
                   alert protocol_version: it speaks no version of TLS that is allowed";
    assert_fails(
        &server.url("/"),
        &identity,
        |tls| tls.set_min_version(MinVersion::Tls13),
        (ErrorKind::Tls, message),
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn another_name_than_the_hosts_can_be_asked_for_and_verified_while_host_stays() {
    let identity = Identity::generate(&["example.org"]);
    let asked = Arc::new(Mutex::new(None));
    let server = Server::start_tls(identity.clone(), {
        let asked = asked.clone();
        move |exchange| {
            *asked.lock().expect("a lock") = exchange.server_name().map(str::to_owned);
            answer(exchange);
        }
    });
    assert_reads(&server, &identity, |tls| {
        tls.set_server_name(Some("example.org")).expect("a name");
    });
    assert_eq!(
        asked.lock().expect("a lock").as_deref(),
        Some("example.org")
    );
    let host = format!("localhost:{}", server.port());
    assert_eq!(server.requests()[0].header("Host"), Some(host.as_str()));

    let message =
        "the certificate of localhost is not trusted: it is for example.org, not for example.com";
    assert_fails(
        &server.url("/"),
        &identity,
        |tls| {
            tls.set_server_name(Some("example.com")).expect("a name");
            for bad in ["", "a b", "a/b", "a:1", "[::1", "é"] {
                let invalid = tls.set_server_name(Some(bad)).expect_err(bad);
                assert_eq!(invalid.kind, InvalidKind::Value);
                let words = "the server name is neither a DNS name nor an IP address";
                assert_eq!(invalid.message, words);
            }
        },
        (ErrorKind::Certificate, message),
    );
}

#[test]
fn an_address_can_be_verified_in_place_of_a_name() {
    let identity = Identity::generate(&["127.0.0.1"]);
    let server = server(&identity);
    let url = format!("https://127.0.0.1:{}/", server.port());
    assert_eq!(client(&url, &identity, as_it_is).events(1), ["secret"]);
}

// ---- The policy's reach

#[test]
fn the_policy_holds_over_redirects_and_reconnects() {
    let client_identity = Identity::generate(&["client"]);
    // It asks for no certificate: that is for the origin it was given for, which `credentials.rs` shows.
    let goal_identity = Identity::generate(&["localhost"]);
    let goal = Server::start_tls(goal_identity.clone(), |exchange| {
        exchange.event_stream();
        exchange.event("secret");
        exchange.end();
    });
    let location = goal.url("/");
    let identity = Identity::generate(&["localhost"]).requiring(&client_identity);
    let redirecting = Server::start_tls(identity.clone(), move |exchange| {
        exchange.respond(307, &[("Location", &location)], b"");
    });
    let both = [identity.ca_pem(), goal_identity.ca_pem()].concat();
    let pins = format!("{};{}", pin(&identity), pin(&goal_identity));
    let policy = |pins: String| {
        let (both, client_identity) = (both.clone(), client_identity.clone());
        move |tls: &mut Tls| {
            tls.set_extra_roots(both.as_bytes()).expect("authorities");
            showing(&client_identity)(tls);
            pinning(&pins)(tls);
        }
    };
    let subject = client(&redirecting.url("/"), &identity, policy(pins));
    assert_eq!(subject.events(3), ["secret"; 3]);
    drop(subject);

    let message = "the certificate of localhost is not trusted: its public key, ";
    assert_fails(
        &redirecting.url("/"),
        &identity,
        policy(pin(&identity)),
        (ErrorKind::Certificate, message),
    );
}

// ---- What is no TLS

#[test]
fn a_server_that_does_not_speak_tls_is_an_error() {
    let plain = Server::start_raw(|mut socket| {
        let _ = socket.read(&mut [0; 1024]);
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let url = plain
        .url("/")
        .replace("http://127.0.0.1", "https://localhost");
    let message = "the TLS handshake with localhost failed: the server does not speak TLS";
    assert_fails(&url, &IDENTITY, as_it_is, (ErrorKind::Tls, message));
}

#[test]
fn a_server_that_ends_the_connection_in_the_handshake_is_an_error() {
    let mute = Server::start_raw(|socket| {
        let _ = socket.shutdown(Shutdown::Write);
    });
    let url = mute
        .url("/")
        .replace("http://127.0.0.1", "https://localhost");
    let message = "the TLS handshake with localhost failed: the server ended the connection";
    assert_fails(&url, &IDENTITY, as_it_is, (ErrorKind::Tls, message));
}

#[test]
fn an_abrupt_end_of_a_tls_stream_is_not_taken_for_its_end() {
    let identity = Identity::generate(&["localhost"]);
    let server = Server::start_tls(identity.clone(), |exchange| {
        // Without framing the body ends with the connection, and only close_notify says that nothing was cut off.
        exchange.head(200, &[("Content-Type", "text/event-stream")]);
        exchange.send("data: whole\n\ndata: cut");
        exchange.abort();
    });
    let subject = client(&server.url("/"), &identity, as_it_is);
    assert_eq!(subject.events(1), ["whole"]);
    assert_eq!(subject.error().kind, ErrorKind::Disconnected);
}

/// Whether there is a record that is encrypted (RFC 8446, section 5.1): a client's first one is the end of its handshake.
fn has_encrypted(mut records: &[u8]) -> bool {
    const APPLICATION_DATA: u8 = 23;
    while let [kind, _, _, high, low, rest @ ..] = records {
        if *kind == APPLICATION_DATA {
            return true;
        }
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        records = &rest[len.min(rest.len())..];
    }
    false
}

/// A way to a server, at whose end there is something that is not TLS, together with all that the server sends after the
/// client's request.
fn with_nonsense_at_the_end(server: &Server) -> Server {
    let port = server.port();
    Server::start_raw(move |mut client| {
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server");
        let has_shaken_hands = Arc::new(AtomicBool::new(false));
        let (mut to_server, mut of_client) = (
            server.try_clone().expect("a descriptor"),
            client.try_clone().expect("a descriptor"),
        );
        let seen = has_shaken_hands.clone();
        let relay = thread::spawn(move || {
            let mut piece = [0; 16 * 1024];
            loop {
                let read = of_client.read(&mut piece).unwrap_or(0);
                if has_encrypted(&piece[..read]) {
                    seen.store(true, Ordering::SeqCst);
                }
                if read == 0 || to_server.write_all(&piece[..read]).is_err() {
                    let _ = to_server.shutdown(Shutdown::Both);
                    return;
                }
            }
        });
        let (mut piece, mut held) = ([0; 16 * 1024], Vec::new());
        while let Ok(read @ 1..) = server.read(&mut piece) {
            if has_shaken_hands.load(Ordering::SeqCst) {
                held.extend_from_slice(&piece[..read]);
            } else if client.write_all(&piece[..read]).is_err() {
                return; // the client that has tried again, in the end
            }
        }
        held.extend_from_slice(b"no TLS");
        let _ = client.write_all(&held);
        let _ = relay.join();
    })
}

#[test]
fn what_came_before_tls_broke_counts() {
    let identity = Identity::generate(&["localhost"]);
    let server = Server::start_tls(identity.clone(), |exchange| {
        exchange.head(200, &[("Content-Type", "text/event-stream")]);
        exchange.send("data: whole\n\ndata: cut");
        exchange.abort();
    });
    let way = with_nonsense_at_the_end(&server);
    let url = way
        .url("/")
        .replace("http://127.0.0.1", "https://localhost");
    let subject = client(&url, &identity, as_it_is);
    assert_eq!(subject.events(1), ["whole"]);
    assert_eq!(subject.error().kind, ErrorKind::Tls);
}
