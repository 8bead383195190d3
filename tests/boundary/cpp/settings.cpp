// Each setting of eventsource.hpp: what the other side sees of it, or what C sees where that sees nothing. What the settings
// do in detail is shown in ../c; here it is that they reach C as they were given, none in another's place.
//
//     settings URL TLS-URL CA CERTIFICATE KEY TLS12 HTTP2 UNIX SILENT [[-]NAME]
//
// TLS-URL: a server that speaks TLS as localhost and wants a certificate; CA, CERTIFICATE and KEY: files with its
// authority's certificate, and with a certificate for clients and its key; TLS12 and HTTP2: the URLs of such servers that
// speak TLS 1.2 only, and that would rather speak HTTP/2 and cannot; UNIX: a socket that leads to that of TLS-URL;
// SILENT: the host and port of one that never answers.
#include "calls.hpp"

#include <eventsource.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace {

using eventsource::client;
using eventsource::client_ref;
using eventsource::event;
using namespace std::chrono_literals;
using namespace std::string_literals;

const char *tls_url, *ca_file, *certificate_file, *key_file, *tls12_url, *http2_url, *unix_socket, *silent;

constexpr auto LONG = 100s; // check.h's deadlines are shorter

std::string port() { return std::string(check_url).substr(std::string(check_url).rfind(':') + 1); }

std::string contents(const char *path) {
    std::ifstream file(path);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    CHECK(!text.empty());
    return text;
}

// What comes first of a client: the data of an event, or the name of an error; after that it ends.
std::string outcome(client &es) {
    std::string first;
    es.on_event([&](client_ref ref, const event &event) {
          if (first.empty()) first = event.data();
          ref.stop();
      })
        .on_error([&](const eventsource::failure &failure) {
            if (first.empty()) first = eventsource::status_name(failure.code());
            return EVENTSOURCE_DECISION_CLOSE;
        });
    es.start();
    CHECK(es.wait_for(std::chrono::seconds(check_seconds * check_slow)));
    es.stop();
    CHECK(es.wait_for(LONG));
    return first;
}

// It has this in it.
bool has(const std::string &text, const std::string &part) { return text.find(part) != text.npos; }

#define CHECK_HAS(text, part) check_has((text), (part), __LINE__)
void check_has(const std::string &text, const std::string &part, int line) {
    check_that(has(text, part), __FILE__, line, "%s\n        has in it: %s", text.c_str(), part.c_str());
}

/* ---- The request ------------------------------------------------------------------------------------------------- */

void the_request_is_what_was_set() {
    client es(at("/echo"));
    es.set_method("REPORT").set_body("the body").set_basic_auth("user", "password").set_last_event_id("7");
    es.set_header("X-Name", "wrong").set_header("X-Name", "value").add_header("X-Name", "another");
    es.set_sensitive_header("X-Key", "secret").set_header("X-Gone", "wrong").remove_header("X-Gone");
    const std::string echo = outcome(es);
    CHECK_HAS(echo, "\"method\":\"REPORT\"");
    CHECK_HAS(echo, "\"body\":\"the body\"");
    CHECK_HAS(echo, "[\"authorization\",\"Basic dXNlcjpwYXNzd29yZA==\"]");
    CHECK_HAS(echo, "[\"last-event-id\",\"7\"]");
    CHECK_HAS(echo, "[\"x-name\",\"value\"]");
    CHECK_HAS(echo, "[\"x-name\",\"another\"]");
    CHECK_HAS(echo, "[\"x-key\",\"secret\"]");
    CHECK(!has(echo, "wrong") && !has(echo, "accept-encoding"));
}

void cookies_are_those_that_were_added_and_shared() {
    const char cookie[] = "127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n", sent[] = "[\"cookie\",\"kept=before\"]";
    client own(at("/echo")), sharing(at("/echo")), none(at("/echo"));
    own.set_cookies(true).add_cookies(cookie);
    sharing.share_cookies(own);
    CHECK_HAS(sharing.cookies(), cookie);
    CHECK_HAS(outcome(own), sent);
    CHECK_HAS(outcome(sharing), sent);
    CHECK(!has(outcome(none.share_cookies(own).set_cookies(false)), "cookie"));
}

void the_url_is_what_was_set_last() {
    client es(at("/status/404"));
    es.set_url(at("/echo?last"));
    CHECK_HAS(outcome(es), "\"target\":\"/echo?last\"");
}

void an_empty_body_is_none() {
    client es(at("/echo"));
    es.set_body("the body").set_body({});
    CHECK_HAS(outcome(es), "\"body\":\"\"");
}

void a_secret_is_not_sent_to_another_origin() {
    client es(at("/redirect?to=http://localhost:" + port() + "/echo"));
    es.set_sensitive_header("X-Key", "secret").set_header("X-Name", "value").add_header("X-Other", "value");
    const std::string echo = outcome(es);
    CHECK_HAS(echo, "x-name");
    CHECK_HAS(echo, "x-other");
    CHECK(!has(echo, "secret"));
}

void a_secret_of_one_attempt_is_not_sent_to_another_origin() {
    client es(at("/redirect?to=http://localhost:" + port() + "/echo"));
    es.on_request([](eventsource::request &request) {
        request.set_sensitive_header("X-Key", "secret");
        request.set_header("X-Name", "value");
        request.add_header("X-Other", "value");
    });
    const std::string echo = outcome(es);
    CHECK_HAS(echo, "x-name");
    CHECK_HAS(echo, "x-other");
    CHECK(!has(echo, "secret"));
}

void the_request_of_one_attempt_is_what_was_set() {
    client es("http://127.0.0.1:1/");
    es.set_header("X-Gone", "gone").set_body("old").on_request([](eventsource::request &request) {
        CHECK(request.method() == "GET" && request.body() == "old");
        CHECK(request.header("x-GONE") == "gone" && !request.header("x-gone", 1) && !request.header("x-name"));
        CHECK(request.headers().size() == 4 && request.headers()[3].name == "x-gone");
        request.set_url(at("/echo"));
        request.set_basic_auth("user", "password");
        request.set_method("REPORT");
        request.set_body("the body");
        request.set_header("X-Name", "wrong");
        request.set_header("X-Name", "value");
        request.add_header("X-Name", "another");
        request.remove_header("X-Gone");
    });
    const std::string echo = outcome(es);
    CHECK_HAS(echo, "\"method\":\"REPORT\"");
    CHECK_HAS(echo, "\"body\":\"the body\"");
    CHECK_HAS(echo, "[\"x-name\",\"value\"]");
    CHECK_HAS(echo, "[\"x-name\",\"another\"]");
    CHECK_HAS(echo, "[\"authorization\",\"Basic dXNlcjpwYXNzd29yZA==\"]");
    CHECK(!has(echo, "wrong") && !has(echo, "gone"));
}

void compression_is_asked_for_if_it_is_on() {
    client on(at("/echo")), off(at("/echo"));
    CHECK_HAS(outcome(on.set_compression(true)), "accept-encoding");
    CHECK(!has(outcome(off.set_compression(true).set_compression(false)), "accept-encoding"));
}

// The method of the second attempt of a client that begins with a POST.
std::string second_method(bool reconnects_with_get) {
    std::string method;
    int attempts = 0;
    client es(at("/events?count=9&per_connection=1"));
    eventsource::reconnect_policy policy = es.reconnect();
    policy.delay = policy.min_delay = 1ms;
    es.set_method("POST").set_mode(EVENTSOURCE_MODE_KEEP_ALIVE).set_reconnect(policy);
    es.set_reconnect_with_get(!reconnects_with_get).set_reconnect_with_get(reconnects_with_get);
    es.on_request([&](eventsource::request &request) {
          if (++attempts == 2) request.set_url(at("/echo"));
      }).on_event([&](client_ref ref, const event &event) {
        if (attempts < 2) return;
        method = event.data().substr(0, event.data().find(','));
        ref.stop();
    });
    es.start();
    CHECK(es.wait_for(std::chrono::seconds(check_seconds * check_slow)));
    es.stop();
    CHECK(es.wait_for(LONG));
    return method;
}

void a_stream_is_reconnected_with_get_if_that_is_on() {
    CHECK_HAS(second_method(true), "\"GET\"");
    CHECK_HAS(second_method(false), "\"POST\"");
}

/* ---- The stream -------------------------------------------------------------------------------------------------- */

void limits_are_those_that_were_set() {
    client none(at("/redirect?to=/echo")), one(at("/redirect?to=/echo"));
    CHECK_TEXT(outcome(none.set_max_redirects(0)).c_str(), "EVENTSOURCE_ERR_TOO_MANY_REDIRECTS");
    CHECK_HAS(outcome(one.set_max_redirects(1)), "\"GET\"");
    client small(at("/big?bytes=2000")), large(at("/big?bytes=2000"));
    CHECK_TEXT(outcome(small.set_max_event_size(1999)).c_str(), "EVENTSOURCE_ERR_EVENT_TOO_LARGE");
    CHECK_NUMBER(static_cast<int64_t>(outcome(large.set_max_event_size(2100)).size()), 2000);
}

void the_end_marker_is_that_which_was_set_or_none() {
    client marked(at("/events?count=3")), unset(at("/events?count=1"));
    std::string events;
    marked.set_end_marker("event 2").on_event([&](const eventsource::event &event) { events += event.data(); });
    marked.run();
    CHECK_TEXT(events.c_str(), "event 1");
    CHECK_TEXT(outcome(unset.set_end_marker("event 1").set_end_marker(nullptr)).c_str(), "event 1");
}

void the_body_of_an_error_is_as_long_as_is_set() {
    std::string body;
    client failing(at("/status/400?body=abcdef"));
    failing.set_max_error_body(3).on_error([&](const eventsource::failure &failure) { body = failure.body(); });
    std::error_code code;
    failing.run(code);
    CHECK_TEXT(body.c_str(), "abc");
}

void the_content_type_is_checked_if_that_is_on() {
    client off(at("/type?value=text/html")), on(at("/type?value=text/html"));
    CHECK_TEXT(outcome(off.set_check_content_type(false)).c_str(), "event");
    CHECK_TEXT(outcome(on.set_check_content_type(false).set_check_content_type(true)).c_str(),
               "EVENTSOURCE_ERR_CONTENT_TYPE");
}

void each_timeout_is_its_own() {
    client response(at("/hang")), read(at("/hang")), event(at("/events?count=0&comment=alive"));
    CHECK_TEXT(outcome(response.set_response_timeout(50ms)).c_str(), "EVENTSOURCE_ERR_RESPONSE_TIMEOUT");
    CHECK_TEXT(outcome(read.set_read_timeout(50ms)).c_str(), "EVENTSOURCE_ERR_READ_TIMEOUT");
    CHECK_TEXT(outcome(event.set_event_timeout(50ms)).c_str(), "EVENTSOURCE_ERR_EVENT_TIMEOUT");
    // Nothing answers the handshake. Without a limit of its own, it has ten seconds, on any machine.
    client connect("https://" + std::string(silent) + "/");
    const int64_t before = now_ms();
    CHECK_TEXT(outcome(connect.set_connect_timeout(50ms)).c_str(), "EVENTSOURCE_ERR_CONNECT_TIMEOUT");
    CHECK(now_ms() - before < 10000);
}

void the_mode_is_that_which_was_set() {
    for (const auto mode : {EVENTSOURCE_MODE_ONCE, EVENTSOURCE_MODE_KEEP_ALIVE}) {
        eventsource_close_reason_t reason = EVENTSOURCE_CLOSE_SERVER;
        client es(at("/events?count=2&per_connection=1"));
        es.set_mode(mode).on_error([] { return EVENTSOURCE_DECISION_CLOSE; }).on_close([&](const eventsource::closed &closed) {
            reason = closed.reason();
        });
        es.start();
        CHECK(es.wait_for(LONG));
        CHECK_NUMBER(reason, mode == EVENTSOURCE_MODE_ONCE ? EVENTSOURCE_CLOSE_END_OF_STREAM : EVENTSOURCE_CLOSE_STOPPED);
    }
}

// Of C's struct, not only through this class: two members that are exchanged on both ways would come out as they went in.
void the_policy_is_that_which_was_set() {
    client es(at("/"));
    es.set_reconnect({true, 2s, 3min, 4, 0.25, 5h, 6, 7s, 8min});
    eventsource_reconnect_t raw;
    eventsource_reconnect_init(&raw, sizeof raw);
    CHECK_STATUS(eventsource_get_reconnect(es.get(), &raw, sizeof raw), EVENTSOURCE_OK);
    CHECK_NUMBER(raw.retry_initial, 1);
    CHECK_NUMBER(raw.delay_ms, 2000);
    CHECK_NUMBER(raw.max_delay_ms, 180000);
    CHECK(raw.factor == 4 && raw.jitter == 0.25);
    CHECK_NUMBER(raw.reset_after_ms, 18000000);
    CHECK_NUMBER(raw.max_attempts, 6);
    CHECK_NUMBER(raw.min_delay_ms, 7000);
    CHECK_NUMBER(raw.max_server_delay_ms, 480000);
    const eventsource::reconnect_policy policy = es.reconnect();
    CHECK(policy.retry_initial && policy.delay == 2s && policy.max_delay == 3min && policy.factor == 4);
    CHECK(policy.jitter == 0.25 && policy.reset_after == 5h && policy.max_attempts == 6 && policy.min_delay == 7s);
    CHECK(policy.max_server_delay == 8min);
    es.set_reconnect({false, 2s, 3min, 4, 0.25, 5h, 6, 7s, 8min});
    CHECK(!es.reconnect().retry_initial);
}

void on_error_chooses_the_next_delay() {
    int events = 0;
    client es(at("/events?count=2&per_connection=1"));
    eventsource::reconnect_policy policy = es.reconnect();
    policy.delay = policy.max_delay = 1h;
    es.set_reconnect(policy)
        .on_error([](client_ref ref, const eventsource::failure &) { ref.set_next_delay(1ms); })
        .on_event([&](client_ref ref, const event &) {
            if (++events == 2) ref.stop();
        });
    es.start();
    CHECK(es.wait_for(std::chrono::seconds(check_seconds * check_slow)));
    CHECK_NUMBER(events, 2);
}

/* ---- The way ----------------------------------------------------------------------------------------------------- */

// Whether the request of this client came as a proxy gets it.
bool by_proxy(client &es) {
    const std::string echo = outcome(es);
    CHECK_HAS(echo, "/echo\"");
    return has(echo, "\"target\":\"http://");
}

// No client runs when the environment changes.
void the_proxy_is_that_which_was_set_or_none_or_that_of_the_environment() {
    client set(at("/echo")), none(at("/echo")), environment(at("/echo"));
    CHECK(by_proxy(set.set_proxy(check_url)));
    CHECK(setenv("http_proxy", check_url, 1) == 0);
    CHECK(!by_proxy(none.set_proxy("")));
    CHECK(by_proxy(environment.set_proxy("").set_proxy(nullptr)));
    CHECK(unsetenv("http_proxy") == 0);
}

void the_exceptions_are_those_that_were_set_or_none_or_those_of_the_environment() {
    client set(at("/echo")), none(at("/echo")), environment(at("/echo"));
    CHECK(!by_proxy(set.set_proxy(check_url).set_no_proxy("127.0.0.1")));
    CHECK(setenv("no_proxy", "127.0.0.1", 1) == 0);
    CHECK(by_proxy(none.set_proxy(check_url).set_no_proxy("")));
    CHECK(!by_proxy(environment.set_proxy(check_url).set_no_proxy("").set_no_proxy(nullptr)));
    CHECK(unsetenv("no_proxy") == 0);
}

void an_entry_says_where_a_host_is() {
    client es("http://settings.invalid:" + port() + "/echo"), forgotten("http://settings.invalid:" + port() + "/echo");
    es.set_resolve("settings.invalid:" + port() + ":127.0.0.1");
    CHECK_HAS(outcome(es), "[\"host\",\"settings.invalid:" + port() + "\"]");
    forgotten.set_resolve("settings.invalid:" + port() + ":127.0.0.1").remove_resolve("settings.invalid:" + port());
    CHECK_TEXT(outcome(forgotten).c_str(), "EVENTSOURCE_ERR_RESOLVE");
}

void addresses_are_added_to_those_that_are_there() {
    client es("http://settings.invalid:" + port() + "/echo");
    es.set_resolve("settings.invalid:" + port() + ":127.0.0.1").add_resolve("settings.invalid:" + port() + ":127.9.9.9");
    CHECK_HAS(outcome(es), "[\"host\",\"settings.invalid:" + port() + "\"]");
}

/* ---- TLS --------------------------------------------------------------------------------------------------------- */

// A client that trusts the authority and has a certificate.
client trusting(const std::string &url) {
    client es(url);
    es.set_ca_file(ca_file).set_client_cert_pem(contents(certificate_file), contents(key_file));
    return es;
}

std::string secure(const char *target) { return std::string(tls_url) + target; }

#define CHECK_OUTCOME(es, expected) check_text(outcome(es).c_str(), (expected), __FILE__, __LINE__, "what comes first")
const char *const EVENT = "event 1", *const NOT_TRUSTED = "EVENTSOURCE_ERR_CERTIFICATE", *const REFUSED = "EVENTSOURCE_ERR_TLS";

void authorities_are_those_that_were_set() {
    client file(secure("/events")), pem(secure("/events")), taken_back(secure("/events")), nowhere(secure("/events"));
    for (client *es : {&file, &pem, &taken_back, &nowhere}) {
        es->set_client_cert_pem(contents(certificate_file), contents(key_file));
    }
    CHECK_OUTCOME(file.set_ca_file(ca_file), EVENT);
    CHECK_OUTCOME(pem.set_ca_pem(contents(ca_file)), EVENT);
    CHECK_OUTCOME(taken_back.set_ca_file(ca_file).set_ca_pem(""), NOT_TRUSTED);
    CHECK_OUTCOME(nowhere, NOT_TRUSTED);
}

void only_authorities_that_were_set_are_trusted_if_they_are_exclusive() {
    const std::string certificate = contents(certificate_file), key = contents(key_file);
    client on(secure("/events")), off(secure("/events"));
    CHECK(setenv("SSL_CERT_FILE", ca_file, 1) == 0);
    CHECK_OUTCOME(on.set_client_cert_pem(certificate, key).set_ca_exclusive(true), NOT_TRUSTED);
    CHECK_OUTCOME(off.set_client_cert_pem(certificate, key).set_ca_exclusive(true).set_ca_exclusive(false), EVENT);
    CHECK(unsetenv("SSL_CERT_FILE") == 0);
}

void the_certificate_of_the_client_is_shown() {
    const std::string certificate = contents(certificate_file), key = contents(key_file);
    client two(secure("/events")), one(secure("/events")), none(secure("/events"));
    CHECK_OUTCOME(two.set_ca_file(ca_file).set_client_cert_pem(certificate, key), EVENT);
    CHECK_OUTCOME(one.set_ca_file(ca_file).set_client_cert_pem(certificate + key), EVENT);
    CHECK_OUTCOME(none.set_ca_file(ca_file).set_client_cert_pem(certificate, key).set_client_cert_pem(""), REFUSED);
}

void the_certificate_of_the_client_comes_from_files() {
    client two(secure("/events")), one(secure("/events")), none(secure("/events"));
    char both[] = "/tmp/eventsource-XXXXXX";
    close(mkstemp(both));
    std::ofstream(both) << contents(certificate_file) << contents(key_file);
    CHECK_OUTCOME(two.set_ca_file(ca_file).set_client_cert_file(certificate_file, key_file), EVENT);
    CHECK_OUTCOME(one.set_ca_file(ca_file).set_client_cert_file(both), EVENT);
    unlink(both);
    none.set_ca_file(ca_file).set_client_cert_file(certificate_file, key_file).set_client_cert_file(nullptr);
    CHECK_OUTCOME(none, REFUSED);
}

void nothing_is_verified_if_that_is_switched_off() {
    const std::string certificate = contents(certificate_file), key = contents(key_file);
    client skips(secure("/events")), verifies(secure("/events"));
    CHECK_OUTCOME(skips.set_client_cert_pem(certificate, key).set_insecure_skip_verification(true), EVENT);
    verifies.set_client_cert_pem(certificate, key).set_insecure_skip_verification(true).set_insecure_skip_verification(false);
    CHECK_OUTCOME(verifies, NOT_TRUSTED);
}

void secrets_are_written_to_the_file_that_was_set_until_none_is() {
    char path[] = "/tmp/eventsource-keys-XXXXXX";
    close(mkstemp(path));
    client none = trusting(secure("/events")), writes = trusting(secure("/events"));
    CHECK_OUTCOME(none.set_key_log_file(path).set_key_log_file(nullptr), EVENT);
    CHECK(std::ifstream(path).peek() == std::char_traits<char>::eof());
    CHECK_OUTCOME(writes.set_key_log_file(path), EVENT);
    CHECK(contents(path).find("CLIENT_TRAFFIC_SECRET_0 ") != std::string::npos);
    unlink(path);
}

void keys_are_pinned_until_any_will_do() {
    const char *const other = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    client pinned = trusting(secure("/events")), any = trusting(secure("/events"));
    CHECK_OUTCOME(pinned.set_pinned_keys(other), NOT_TRUSTED);
    CHECK_OUTCOME(any.set_pinned_keys(other).set_pinned_keys(nullptr), EVENT);
}

void the_name_of_the_server_is_that_which_was_set_or_the_hosts() {
    const std::string url = "https://127.0.0.1" + std::string(tls_url).substr(std::string(tls_url).rfind(':')) + "/events";
    client named = trusting(url), hosts = trusting(url);
    CHECK_OUTCOME(named.set_server_name("localhost"), EVENT);
    CHECK_OUTCOME(hosts.set_server_name("localhost").set_server_name(nullptr), NOT_TRUSTED);
}

void versions_are_those_that_were_set() {
    const std::string old = std::string(tls12_url) + "/events", newer = std::string(http2_url) + "/events";
    client high = trusting(old), low = trusting(old), by_default = trusting(newer), http1 = trusting(newer);
    CHECK_OUTCOME(high.set_min_tls_version(EVENTSOURCE_TLS_1_3), REFUSED);
    CHECK_OUTCOME(low.set_min_tls_version(EVENTSOURCE_TLS_1_3).set_min_tls_version(EVENTSOURCE_TLS_1_2), EVENT);
    CHECK(outcome(by_default) != EVENT);
    CHECK_OUTCOME(http1.set_http_version(EVENTSOURCE_HTTP_1_1), EVENT);
}

void the_unix_socket_is_that_which_was_set_or_none() {
    client socket = trusting("https://localhost:1/events"), none = trusting("https://localhost:1/events");
    CHECK_OUTCOME(socket.set_unix_socket(unix_socket), EVENT);
    CHECK_OUTCOME(none.set_unix_socket(unix_socket).set_unix_socket(nullptr), "EVENTSOURCE_ERR_CONNECT");
}

void the_interface_is_that_which_was_set_or_none() {
    client own(at("/events")), foreign(at("/events")), none(at("/events"));
    CHECK_OUTCOME(own.set_interface("127.0.0.2"), EVENT);
    CHECK_OUTCOME(foreign.set_interface("192.0.2.1"), "EVENTSOURCE_ERR_CONNECT");
    CHECK_OUTCOME(none.set_interface("192.0.2.1").set_interface(nullptr), EVENT);
}

// A client that watches the network has a socket that hears of it.
void the_network_is_watched_unless_that_is_off() {
#ifdef __linux__
    const auto watchers = [] {
        int count = 0;
        for (int fd = 0; fd < 1024; fd++) {
            sockaddr_storage address = {};
            socklen_t length = sizeof address;
            const bool is_socket = getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length) == 0;
            if (is_socket && address.ss_family == AF_NETLINK) count++;
        }
        return count;
    };
    const auto watched = [&watchers](bool first, bool last) {
        const int others = watchers();
        int count = 0;
        client es(at("/events?count=1"));
        es.set_watch_network(first).set_watch_network(last);
        es.on_event([&](client_ref ref, const event &) {
            count = watchers();
            ref.stop();
        });
        es.start();
        CHECK(es.wait_for(LONG));
        return count - others;
    };
    CHECK_NUMBER(watched(true, false), 0);
    CHECK_NUMBER(watched(false, true), 1);
#endif
}

/* ---- Runtimes and parsers ---------------------------------------------------------------------------------------- */

void threads_and_dispatch_reach_the_runtime() {
    eventsource::runtime_options options;
    options.dispatch = EVENTSOURCE_DISPATCH_INLINE;
    options.threads = 2; // only one will do
    CHECK_NUMBER(refusal([&] { eventsource::runtime runtime(std::move(options)); }), EVENTSOURCE_ERR_VALUE);
    options.dispatch = EVENTSOURCE_DISPATCH_ISOLATED;
    options.threads = 2;
    eventsource::runtime runtime(std::move(options));
    CHECK_NUMBER(refusal([&] { runtime.dispatch(0ms); }), EVENTSOURCE_ERR_STATE);
}

void the_runtime_is_that_which_was_set_and_its_threads_have_its_name() {
#ifdef __linux__
    for (const bool own : {true, false}) {
        char name[32] = "";
        eventsource::runtime_options options;
        options.thread_name = "settings";
        eventsource::runtime runtime(std::move(options));
        client es(at("/events?count=1"));
        es.set_runtime(runtime).on_open([&] { pthread_getname_np(pthread_self(), name, sizeof name); });
        if (!own) es.set_runtime(nullptr);
        CHECK_TEXT(outcome(es).c_str(), EVENT);
        CHECK_TEXT(name, own ? "settings" : "eventsource");
    }
#endif
}

void the_parts_that_the_library_has_are_told_by_name() {
    CHECK(eventsource::has_feature("tls"));
    CHECK(!eventsource::has_feature("carrier pigeons"));
}

void a_runtime_tells_what_its_clients_have_done_and_measures_if_asked() {
    for (const bool measures : {true, false}) {
        eventsource::runtime_options options;
        options.measure_latency = measures;
        eventsource::runtime runtime(std::move(options));
        client es(at("/events?count=1"));
        es.set_runtime(runtime);
        CHECK_TEXT(outcome(es).c_str(), EVENT);
        const eventsource_metrics_t metrics = runtime.metrics();
        CHECK(metrics.starts == 1 && metrics.events == 1 && metrics.threads >= 1);
        CHECK((metrics.latency_sum_ns > 0) == measures);
        CHECK_NUMBER(static_cast<int64_t>(eventsource::runtime::shared_metrics().starts), 0);
    }
}

void dispatch_runs_no_more_turns_than_were_asked_for() {
    constexpr std::size_t CLIENTS = 8;
    int requests = 0;
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    std::vector<client> clients;
    for (std::size_t i = 0; i < CLIENTS; i++) {
        clients.emplace_back(at("/hang"));
        clients.back().set_runtime(runtime).on_request([&] { requests++; });
        clients.back().start();
    }
    // For all of them to be due; that they are cannot be seen. Too little of it hides a fault, and makes up none.
    struct timespec moment = {0, 50 * 1000 * 1000};
    nanosleep(&moment, nullptr);
    CHECK_NUMBER(static_cast<int64_t>(runtime.dispatch(10s, 1)), 1);
    CHECK_NUMBER(requests, 1);
    CHECK_NUMBER(static_cast<int64_t>(runtime.dispatch(10s, 3)), 3);
    CHECK_NUMBER(requests, 4);
    while (requests < static_cast<int>(CLIENTS) && runtime.dispatch(10s) > 0) continue;
    CHECK_NUMBER(requests, static_cast<int64_t>(CLIENTS));
}

void the_limit_of_a_parser_is_that_which_was_set() {
    std::size_t bytes = 0;
    eventsource::parser_options options;
    options.max_event_size = 100;
    options.on_event = [&](const event &event) { bytes = event.data().size(); };
    eventsource::parser parser(std::move(options));
    parser.feed("data:" + std::string(80, 'x') + "\n\n");
    CHECK_NUMBER(static_cast<int64_t>(bytes), 80);
    CHECK_NUMBER(refusal([&] { parser.feed("data:" + std::string(101, 'x') + "\n\n"); }), EVENTSOURCE_ERR_EVENT_TOO_LARGE);
}

void the_log_has_what_its_level_asks_for() {
    int details = 0, others = 0;
    for (const auto level : {EVENTSOURCE_LOG_WARNING, EVENTSOURCE_LOG_DEBUG}) {
        eventsource::log_set_callback(level, [&](const eventsource::log_record &record) {
            (record.level() > EVENTSOURCE_LOG_WARNING && record.name() == "prices" ? details : others)++;
        });
        CHECK_NUMBER(details, 0);
        static_cast<void>(refusal([] { client(at("/")).set_name("prices").set_method("G ET"); })); // told at DEBUG
    }
    eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, nullptr);
    CHECK(details > 0);
    CHECK_NUMBER(others, 0);
}

} // namespace

int main(int argc, char **argv) {
    static const test_t tests[] = {
        TEST(the_request_is_what_was_set),
        TEST(cookies_are_those_that_were_added_and_shared),
        TEST(the_url_is_what_was_set_last), TEST(an_empty_body_is_none),
        TEST(a_secret_is_not_sent_to_another_origin),
        TEST(a_secret_of_one_attempt_is_not_sent_to_another_origin),
        TEST(the_request_of_one_attempt_is_what_was_set),
        TEST(compression_is_asked_for_if_it_is_on),
        TEST(a_stream_is_reconnected_with_get_if_that_is_on),
        TEST(limits_are_those_that_were_set),
        TEST(the_end_marker_is_that_which_was_set_or_none),
           TEST(the_body_of_an_error_is_as_long_as_is_set),
           TEST(the_content_type_is_checked_if_that_is_on),
        TEST(each_timeout_is_its_own),
        TEST(the_mode_is_that_which_was_set),
        TEST(the_policy_is_that_which_was_set),
        TEST(on_error_chooses_the_next_delay),
        TEST(the_proxy_is_that_which_was_set_or_none_or_that_of_the_environment),
        TEST(the_exceptions_are_those_that_were_set_or_none_or_those_of_the_environment),
        TEST(an_entry_says_where_a_host_is),
        TEST(addresses_are_added_to_those_that_are_there),
        TEST(authorities_are_those_that_were_set),
        TEST(only_authorities_that_were_set_are_trusted_if_they_are_exclusive),
        TEST(the_certificate_of_the_client_is_shown),
        TEST(the_certificate_of_the_client_comes_from_files),
        TEST(nothing_is_verified_if_that_is_switched_off),
        TEST(secrets_are_written_to_the_file_that_was_set_until_none_is),
        TEST(keys_are_pinned_until_any_will_do),
        TEST(the_name_of_the_server_is_that_which_was_set_or_the_hosts),
        TEST(versions_are_those_that_were_set),
        TEST(the_unix_socket_is_that_which_was_set_or_none),
        TEST(the_interface_is_that_which_was_set_or_none),
        TEST(the_network_is_watched_unless_that_is_off),
        TEST(threads_and_dispatch_reach_the_runtime),
        TEST(the_runtime_is_that_which_was_set_and_its_threads_have_its_name),
        TEST(the_parts_that_the_library_has_are_told_by_name),
        TEST(a_runtime_tells_what_its_clients_have_done_and_measures_if_asked),
        TEST(dispatch_runs_no_more_turns_than_were_asked_for),
        TEST(the_limit_of_a_parser_is_that_which_was_set),
        TEST(the_log_has_what_its_level_asks_for),
    };
    constexpr int SERVERS = 8; // beside the first URL
    if (argc < SERVERS + 2) {
        std::fprintf(stderr, "Usage: %s URL TLS-URL CA CERTIFICATE KEY TLS12 HTTP2 UNIX SILENT [[-]NAME]\n", argv[0]);
        return 2;
    }
    const char **const places[] = {&tls_url,   &ca_file,   &certificate_file, &key_file,
                                   &tls12_url, &http2_url, &unix_socket,      &silent};
    for (int i = 0; i < SERVERS; i++) *places[i] = argv[i + 2];
    argv[SERVERS] = argv[0];
    argv[SERVERS + 1] = argv[1];
    return check_main(argc - SERVERS, argv + SERVERS, tests, sizeof tests / sizeof *tests);
}
