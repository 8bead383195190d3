/* Each setter that no other program here looks at has one test: of what the other side sees, or, if that sees nothing,
 * of what the program sees. The list of all setters and their tests is settings.txt.
 *
 *     settings URL TLS-URL CA CERTIFICATE KEY [[-]NAME]
 *
 * TLS-URL: a server that speaks TLS as localhost and wants a certificate; CA, CERTIFICATE and KEY: files with its
 * authority's certificate, and with a certificate for clients and its key.
 */
#include "check.h"
#include "gate.h"
#include "peer.h"
#include "recorder.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <sys/un.h>

static const char *tls_url, *ca_file, *certificate_file, *key_file;

static char *contents(const char *path) {
    char *text = calloc(1, 1 << 16);
    FILE *file = fopen(path, "r");
    if (!text || !file) abort();
    CHECK(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

/* Starts a client that must have such a line, and ends it. */
static void check_outcome(recorder_t *r, const char *line) {
    start(r);
    WAIT_FOR(r, line, 1);
    recorder_end(r);
}

/* Starts a client whose request, as the server tells it, must have this in it, and ends it. */
static void check_echo(recorder_t *r, const char *text) {
    start(r);
    CHECK(echoed(r, text));
    recorder_end(r);
}

/* ---- The request ------------------------------------------------------------------------------------------------- */

static void a_body_of_no_bytes_is_none(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_body(r->es, "body", 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, NULL, 0), EVENTSOURCE_OK);
    check_echo(r, "\"body\":\"\"");
}

static void a_header_is_removed_and_so_is_one_of_the_librarys(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_header(r->es, "X-Gone", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_add_header(r->es, "X-Gone", "2"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Kept", "3"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_remove_header(r->es, "x-gone"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_remove_header(r->es, "User-Agent"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_remove_header(r->es, "X-Never"), EVENTSOURCE_OK);
    start(r);
    CHECK(echoed(r, "[\"x-kept\",\"3\"]"));
    CHECK(!echoed(r, "x-gone"));
    CHECK(!echoed(r, "user-agent"));
    recorder_end(r);
}

static void compression_asks_for_the_codings(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_compression(r->es, 1), EVENTSOURCE_OK);
    check_echo(r, "[\"accept-encoding\",\"gzip, deflate, br, zstd\"]");
    r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_compression(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_compression(r->es, 0), EVENTSOURCE_OK);
    start(r);
    CHECK(!echoed(r, "accept-encoding"));
    recorder_end(r);
}

/* A client that has been at a peer twice, with a POST at first; `second` is the beginning of the second request. */
static void check_second_request(int reconnect_with_get, const char *second) {
    char request[4096] = "";
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_method(r->es, "POST"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "body", 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_KEEP_ALIVE), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_reconnect_with_get(r->es, reconnect_with_get), EVENTSOURCE_OK);
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "id: 7\n\n");
    close(fd);
    fd = peer_accept(&peer);
    CHECK(fd >= 0 && recv(fd, request, sizeof request - 1, 0) > 0);
    CHECK(strncmp(request, second, strlen(second)) == 0);
    CHECK(strstr(request, "\r\nLast-Event-ID: 7\r\n"));
    close(fd);
    peer_close(&peer);
    recorder_end(r);
}

static void cookies_that_are_added_are_sent_by_all_clients_that_share_them(void) {
    static const char COOKIES[] = "127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n";
    recorder_t *r = recorder_new("/echo"), *sharing = recorder_new("/echo"), *other = recorder_new("/echo");
    char text[256];
    size_t length;
    CHECK_STATUS(eventsource_set_cookies(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_share_cookies(sharing->es, r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_cookies(other->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_add_cookies(r->es, COOKIES), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_cookies(sharing->es, text, sizeof text, &length), EVENTSOURCE_OK);
    CHECK(strstr(text, COOKIES) != NULL && length == strlen(text));
    check_echo(r, "[\"cookie\",\"kept=before\"]");
    check_echo(sharing, "[\"cookie\",\"kept=before\"]");
    start(other);
    CHECK(!echoed(other, "cookie"));
    recorder_end(other);
}

static void a_stream_is_reconnected_with_get_if_that_is_set(void) {
    check_second_request(1, "GET / HTTP/1.1\r\n");
    check_second_request(0, "POST / HTTP/1.1\r\n");
}

static int32_t add_a_secret(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    CHECK_STATUS(eventsource_request_set_sensitive_header(r->request, "X-Key", "secret"), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_secret_of_one_attempt_is_sent_and_dropped_on_the_way_to_another_origin(void) {
    /* The same server under another name is another origin. */
    char *elsewhere = join("/redirect?to=http://localhost%s/echo", strrchr(check_url, ':'));
    const char *const TARGETS[] = {"/redirect?to=/echo", elsewhere};
    for (int i = 0; i < 2; i++) {
        recorder_t *r = recorder_new(TARGETS[i]);
        CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
        r->then = add_a_secret;
        start(r);
        CHECK(echoed(r, "[\"x-key\",\"secret\"]") == (i == 0));
        recorder_end(r);
    }
    free(elsewhere);
}

/* ---- The way ----------------------------------------------------------------------------------------------------- */

static void a_proxy_gets_the_request(void) {
    recorder_t *r = recorder_new("http://settings.invalid/echo"); /* which no resolver knows */
    CHECK_STATUS(eventsource_set_proxy(r->es, check_url), EVENTSOURCE_OK);
    check_echo(r, "\"target\":\"http://settings.invalid/echo\"");
}

static void an_exception_is_reached_without_the_proxy(void) {
    char *by_proxy = join("\"target\":\"%s/echo\"", check_url);
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_proxy(r->es, check_url), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(r->es, "example.org"), EVENTSOURCE_OK);
    check_echo(r, by_proxy);
    r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_proxy(r->es, check_url), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(r->es, "127.0.0.0/8"), EVENTSOURCE_OK);
    check_echo(r, "\"target\":\"/echo\"");
    free(by_proxy);
}

/* No client runs when the environment changes. */
static void null_is_what_the_environment_says_and_empty_is_none(void) {
    char *by_proxy = join("\"target\":\"%s/echo\"", check_url);
    recorder_t *r = recorder_new("/echo");
    CHECK(setenv("http_proxy", check_url, 1) == 0);
    CHECK_STATUS(eventsource_set_proxy(r->es, ""), EVENTSOURCE_OK);
    check_echo(r, "\"target\":\"/echo\"");
    r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_proxy(r->es, ""), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(r->es, NULL), EVENTSOURCE_OK);
    check_echo(r, by_proxy);
    CHECK(setenv("no_proxy", "127.0.0.1", 1) == 0);
    r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_no_proxy(r->es, ""), EVENTSOURCE_OK);
    check_echo(r, by_proxy);
    r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_no_proxy(r->es, ""), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(r->es, NULL), EVENTSOURCE_OK);
    check_echo(r, "\"target\":\"/echo\"");
    CHECK(unsetenv("http_proxy") == 0 && unsetenv("no_proxy") == 0);
    free(by_proxy);
}

static void a_unix_socket_gets_the_request(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *folder = getenv("TMPDIR");
    peer_t peer = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/eventsource-%ld-settings", folder ? folder : "/tmp",
             (long)getpid());
    CHECK(bind(peer.fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(peer.fd, 1) == 0);
    recorder_t *r = recorder_new("http://settings.invalid/");
    CHECK_STATUS(eventsource_set_unix_socket(r->es, address.sun_path), EVENTSOURCE_OK);
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: by the socket\n\n");
    WAIT_FOR(r, "event message [by the socket]", 1);
    recorder_end(r);
    close(fd);
    r = recorder_new("/events");
    CHECK_STATUS(eventsource_set_unix_socket(r->es, address.sun_path), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_unix_socket(r->es, NULL), EVENTSOURCE_OK);
    check_outcome(r, "event message 1 [event 1]");
    peer_close(&peer);
    unlink(address.sun_path);
}

/* From which address the client with this setting connects. */
static void check_connects_from(const char *interface, const char *address) {
    struct sockaddr_in peer_address = {.sin_family = AF_UNSPEC};
    socklen_t length = sizeof peer_address;
    char text[INET_ADDRSTRLEN] = "", *url;
    peer_t peer = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t own_length = sizeof own;
    CHECK(bind(peer.fd, (struct sockaddr *)&own, sizeof own) == 0 && listen(peer.fd, 1) == 0);
    CHECK(getsockname(peer.fd, (struct sockaddr *)&own, &own_length) == 0);
    url = join("http://127.0.0.1:%d/", ntohs(own.sin_port));
    recorder_t *r = recorder_new(url);
    CHECK_STATUS(eventsource_set_interface(r->es, interface), EVENTSOURCE_OK);
    start(r);
    int fd = peer_open(&peer);
    CHECK(getpeername(fd, (struct sockaddr *)&peer_address, &length) == 0);
    inet_ntop(AF_INET, &peer_address.sin_addr, text, sizeof text);
    CHECK_TEXT(text, address);
    recorder_end(r);
    close(fd);
    close(peer.fd);
    free(url);
}

static void connections_are_made_from_the_address_or_through_the_interface_that_is_set(void) {
    check_connects_from(NULL, "127.0.0.1");
#ifdef __linux__
    check_connects_from("127.0.0.2", "127.0.0.2");
    check_connects_from("host!127.0.0.3", "127.0.0.3");
    check_connects_from("if!lo", "127.0.0.1");
    recorder_t *r = recorder_new("/events");
    CHECK_STATUS(eventsource_set_interface(r->es, "none0"), EVENTSOURCE_OK);
    check_outcome(r, "error CONNECT");
    r = recorder_new("/events");
    CHECK_STATUS(eventsource_set_interface(r->es, "::1"), EVENTSOURCE_OK);
    check_outcome(r, "error CONNECT");
#endif
}

#ifdef __linux__
/* How many sockets of this process hear of the network: a client that watches it has one. */
static int watchers(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof address;
        if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 && address.ss_family == AF_NETLINK) count++;
    }
    return count;
}

static void wait_for_watchers(int count) {
    struct timespec deadline = check_deadline(), now, moment = {.tv_nsec = 1000000};
    do {
        if (watchers() == count) return;
        nanosleep(&moment, NULL);
        clock_gettime(CLOCK_REALTIME, &now);
    } while (now.tv_sec < deadline.tv_sec);
    CHECK_NUMBER(watchers(), count);
}

#endif

static void the_network_is_watched_unless_that_is_off(void) {
#ifdef __linux__
    int others = watchers(); /* those of who started this program */
    recorder_t *off = recorder_new("/events?count=2&interval_ms=3600000");
    CHECK_STATUS(eventsource_set_watch_network(off->es, 0), EVENTSOURCE_OK);
    start(off);
    WAIT_FOR(off, "event message 1 [event 1]", 1);
    CHECK_NUMBER(watchers(), others);
    recorder_t *on = recorder_new("/events?count=2&interval_ms=3600000");
    CHECK_STATUS(eventsource_set_watch_network(on->es, 0), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_watch_network(on->es, 1), EVENTSOURCE_OK);
    start(on);
    wait_for_watchers(others + 1);
    recorder_end(on);
    wait_for_watchers(others);
    recorder_end(off);
#endif
}

static void an_entry_says_where_a_host_is(void) {
    const char *port = strrchr(check_url, ':') + 1;
    char *url = join("http://settings.invalid:%s/echo", port);
    char *entry = join("settings.invalid:%s:127.0.0.1", port);
    char *host = join("[\"host\",\"settings.invalid:%s\"]", port);
    char *sixteen = join("%s,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1", entry);
    char *place = join("SETTINGS.invalid:%s", port), *another = join("another.invalid:%s", port);
    recorder_t *r = recorder_new(url);
    CHECK_STATUS(eventsource_set_resolve(r->es, sixteen), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_resolve(r->es, entry), EVENTSOURCE_OK); /* in place of them */
    CHECK_STATUS(eventsource_remove_resolve(r->es, another), EVENTSOURCE_OK);
    check_echo(r, host);
    r = recorder_new(url);
    CHECK_STATUS(eventsource_set_resolve(r->es, entry), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_remove_resolve(r->es, place), EVENTSOURCE_OK);
    check_outcome(r, "error RESOLVE, final");
    free(url);
    free(entry);
    free(host);
    free(sixteen);
    free(place);
    free(another);
}

static void addresses_are_added_to_those_that_are_there(void) {
    const char *port = strrchr(check_url, ':') + 1;
    char *url = join("http://settings.invalid:%s/echo", port), *host = join("[\"host\",\"settings.invalid:%s\"]", port);
    char *dead = join("settings.invalid:%s:127.9.9.9", port), *entry = join("settings.invalid:%s:127.0.0.1", port);
    const char *const ORDERS[][2] = {{dead, entry}, {entry, dead}};
    for (int i = 0; i < 2; i++) {
        recorder_t *r = recorder_new(url);
        CHECK_STATUS(eventsource_set_resolve(r->es, ORDERS[i][0]), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_add_resolve(r->es, ORDERS[i][1]), EVENTSOURCE_OK);
        check_echo(r, host);
    }
    recorder_t *r = recorder_new(url);
    CHECK_STATUS(eventsource_add_resolve(r->es, entry), EVENTSOURCE_OK); /* to nothing */
    check_echo(r, host);
    free(url);
    free(host);
    free(dead);
    free(entry);
}

static void prior_knowledge_begins_with_the_preface_of_http2(void) {
    static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    char request[sizeof PREFACE] = "";
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_http_version(r->es, EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE), EVENTSOURCE_OK);
    start(r);
    int fd = peer_accept(&peer);
    CHECK(fd >= 0 && recv(fd, request, sizeof PREFACE - 1, MSG_WAITALL) > 0);
    CHECK_TEXT(request, PREFACE);
    close(fd);
    peer_close(&peer);
    recorder_end(r);
}

static void connecting_is_given_up_after_the_timeout(void) {
    enum { DEFAULT = 10000 }; /* what it is without the setter, on any machine */
    peer_t peer = peer_listen("https"); /* which never answers */
    recorder_t *r = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_connect_timeout(r->es, 50), EVENTSOURCE_OK);
    int64_t before = now_ms();
    start(r);
    WAIT_FOR(r, "error CONNECT_TIMEOUT, final", 1);
    CHECK(now_ms() - before < DEFAULT);
    recorder_end(r);
    peer_close(&peer);
}

/* ---- TLS --------------------------------------------------------------------------------------------------------- */

/* A client for the server that speaks TLS; `shows`: it has a certificate to show. */
static recorder_t *tls_recorder(int shows) {
    char *url = join("%s/events", tls_url), *certificate = contents(certificate_file), *key = contents(key_file);
    recorder_t *r = recorder_new(url);
    if (shows) {
        CHECK_STATUS(eventsource_set_client_cert_pem(r->es, certificate, strlen(certificate), key, strlen(key)),
                     EVENTSOURCE_OK);
    }
    free(url);
    free(certificate);
    free(key);
    return r;
}

static recorder_t *tls_recorder_that_trusts(int shows) {
    char *ca = contents(ca_file);
    recorder_t *r = tls_recorder(shows);
    CHECK_STATUS(eventsource_set_ca_pem(r->es, ca, strlen(ca)), EVENTSOURCE_OK);
    free(ca);
    return r;
}

static void an_authority_is_trusted_until_it_is_taken_back(void) {
    check_outcome(tls_recorder_that_trusts(1), "event");
    recorder_t *r = tls_recorder_that_trusts(1);
    CHECK_STATUS(eventsource_set_ca_pem(r->es, "", 0), EVENTSOURCE_OK);
    check_outcome(r, "error CERTIFICATE, final");
}

static void the_certificate_of_the_client_is_shown(void) {
    check_outcome(tls_recorder_that_trusts(1), "event");
    check_outcome(tls_recorder_that_trusts(0), "error TLS, final");
    recorder_t *r = tls_recorder_that_trusts(1);
    CHECK_STATUS(eventsource_set_client_cert_pem(r->es, "", 0, "", 0), EVENTSOURCE_OK);
    check_outcome(r, "error TLS, final");
}

/* A client that shows what is in these files. */
static recorder_t *shows_files(const char *certificate, const char *key) {
    recorder_t *r = tls_recorder_that_trusts(0);
    CHECK_STATUS(eventsource_set_client_cert_file(r->es, certificate, key), EVENTSOURCE_OK);
    return r;
}

static void the_certificate_of_the_client_comes_from_files(void) {
    char *certificate = contents(certificate_file), *key = contents(key_file);
    char both[] = "/tmp/eventsource-XXXXXX";
    int fd = mkstemp(both);
    CHECK(fd >= 0 && dprintf(fd, "%s%s", certificate, key) > 0);
    close(fd);
    check_outcome(shows_files(certificate_file, key_file), "event");
    check_outcome(shows_files(both, NULL), "event");
    recorder_t *r = shows_files(certificate_file, key_file);
    CHECK_STATUS(eventsource_set_client_cert_file(r->es, NULL, NULL), EVENTSOURCE_OK);
    check_outcome(r, "error TLS, final");
    r = shows_files(certificate_file, key_file);
    CHECK_STATUS(eventsource_set_client_cert_pem(r->es, NULL, 0, NULL, 0), EVENTSOURCE_OK);
    check_outcome(r, "error TLS, final");
    unlink(both);
    free(certificate);
    free(key);
}

/* The server's certificate is localhost's. */
static void null_is_any_key_and_the_hosts_name(void) {
    const char *other = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    recorder_t *r = tls_recorder_that_trusts(1);
    CHECK_STATUS(eventsource_set_pinned_keys(r->es, other), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_pinned_keys(r->es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_server_name(r->es, "example.org"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_server_name(r->es, NULL), EVENTSOURCE_OK);
    check_outcome(r, "event");
}

static void nothing_is_verified_if_that_is_switched_off(void) {
    recorder_t *r = tls_recorder(1);
    CHECK_STATUS(eventsource_set_insecure_skip_verification(r->es, 1), EVENTSOURCE_OK);
    check_outcome(r, "event");
    r = tls_recorder(1);
    CHECK_STATUS(eventsource_set_insecure_skip_verification(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_insecure_skip_verification(r->es, 0), EVENTSOURCE_OK);
    check_outcome(r, "error CERTIFICATE, final");
}

/* How many secrets of this label a file has. */
static int secrets(const char *path, const char *label) {
    char line[1024];
    int count = 0;
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (file && fgets(line, sizeof line, file)) count += strncmp(line, label, strlen(label)) == 0;
    if (file) fclose(file);
    return count;
}

static void the_secrets_of_connections_are_written_if_that_is_set(void) {
    char path[] = "/tmp/eventsource-keys-XXXXXX"; /* which mkstemp makes with the mode 0600 */
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    for (int connections = 1; connections <= 2; connections++) {
        recorder_t *r = tls_recorder_that_trusts(1);
        CHECK_STATUS(eventsource_set_key_log_file(r->es, path), EVENTSOURCE_OK);
        check_outcome(r, "event");
        CHECK_NUMBER(secrets(path, "SERVER_HANDSHAKE_TRAFFIC_SECRET "), connections);
        CHECK_NUMBER(secrets(path, "CLIENT_TRAFFIC_SECRET_0 "), connections);
    }
    check_outcome(tls_recorder_that_trusts(1), "event");
    recorder_t *r = tls_recorder_that_trusts(1);
    CHECK_STATUS(eventsource_set_key_log_file(r->es, path), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_key_log_file(r->es, NULL), EVENTSOURCE_OK);
    check_outcome(r, "event");
    CHECK_NUMBER(secrets(path, "CLIENT_TRAFFIC_SECRET_0 "), 2);
    unlink(path);
}

/* ---- Reconnecting ------------------------------------------------------------------------------------------------ */

enum { DELAYS = 30 };

/* What on_error was told, of a client that does not wait so long. */
typedef struct {
    int64_t delays[DELAYS];
    int count;
} delays_t;

static int32_t keep_delays(recorder_t *r, kind_t kind, const void *payload) {
    delays_t *kept = r->pointer;
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    kept->delays[kept->count++] = ((const eventsource_error_t *)payload)->delay_ms;
    CHECK_STATUS(eventsource_set_next_delay(r->es, 0), EVENTSOURCE_OK);
    return kept->count == DELAYS ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static delays_t delays_of(const char *target, const eventsource_reconnect_t *policy) {
    delays_t kept = {.count = 0};
    recorder_t *r = recorder_new(target);
    CHECK_STATUS(eventsource_set_reconnect(r->es, policy), EVENTSOURCE_OK);
    r->then = keep_delays;
    r->pointer = &kept;
    start(r);
    wait_closed(r);
    recorder_end(r);
    CHECK_NUMBER(kept.count, DELAYS);
    return kept;
}

static eventsource_reconnect_t policy_of(int64_t delay_ms) {
    eventsource_reconnect_t policy;
    eventsource_reconnect_init(&policy, sizeof policy);
    recorder_t *r = recorder_new("/");
    policy = fast_policy(r->es);
    recorder_end(r);
    policy.retry_initial = 1;
    policy.delay_ms = delay_ms;
    policy.max_delay_ms = 3600000;
    return policy;
}

static void jitter_is_a_share_of_the_delay_up_to_what_is_set(void) {
    eventsource_reconnect_t policy = policy_of(1000);
    policy.factor = 1;
    policy.jitter = 1;
    delays_t kept = delays_of("/status/503", &policy);
    int below = 0, above = 0;
    for (int i = 0; i < DELAYS; i++) {
        CHECK(kept.delays[i] >= 1000 && kept.delays[i] <= 2000);
        below += kept.delays[i] < 1500; /* one in two: all 30 on one side is one in a thousand million */
        above += kept.delays[i] > 1500;
    }
    CHECK(below > 0 && above > 0);
}

static void a_stream_that_was_open_for_long_ends_the_growth(void) {
    static const char EMPTY[] = "/status/200?header=Content-Type:text/event-stream&header=Connection:close&body=";
    eventsource_reconnect_t policy = policy_of(1000);
    policy.factor = 1.5;
    policy.reset_after_ms = 0;
    delays_t kept = delays_of(EMPTY, &policy);
    for (int i = 0; i < DELAYS; i++) CHECK_NUMBER(kept.delays[i], 1000);
    policy.reset_after_ms = 3600000;
    kept = delays_of(EMPTY, &policy);
    CHECK(kept.delays[DELAYS - 1] > 1000);
}

static void no_server_brings_about_a_shorter_delay_than_the_floor(void) {
    eventsource_reconnect_t policy = policy_of(1000);
    policy.min_delay_ms = 300;
    delays_t kept = delays_of("/events?count=100&per_connection=1&retry=1", &policy);
    for (int i = 0; i < DELAYS; i++) CHECK_NUMBER(kept.delays[i], 300);
}

/* ---- Runtimes ---------------------------------------------------------------------------------------------------- */

/* Callbacks that compute for a moment, so shortly that none is taken for blocked, and how often two of them ran at the
 * same time. */
typedef struct {
    atomic_int inside, calls, overlaps;
    gate_t enough;
} busy_t;

enum { BUSY_CLIENTS = 32, BUSY_CALLS = 80 };

static int64_t computed_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void compute(eventsource_t *es, const eventsource_event_t *event, void *user) {
    busy_t *busy = user;
    int64_t until = computed_ns() + 1000 * 1000;
    (void)es;
    (void)event;
    if (atomic_fetch_add(&busy->inside, 1) > 0) atomic_fetch_add(&busy->overlaps, 1);
    while (computed_ns() < until) continue;
    atomic_fetch_sub(&busy->inside, 1);
    if (atomic_fetch_add(&busy->calls, 1) == BUSY_CALLS) gate_pass(&busy->enough);
}

static int overlaps_with(int32_t threads) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.threads = threads;
    eventsource_t *clients[BUSY_CLIENTS] = {NULL};
    busy_t busy = {0, 0, 0, GATE_CLOSED};
    char *url = url_of("/events?count=100000&per_connection=1"); /* or one turn had many callbacks */
    eventsource_reconnect_t policy = policy_of(1);
    gate_open(&busy.enough);
    check_slow *= 4; /* it needs processors, of which there may be little */
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    for (int i = 0; i < BUSY_CLIENTS; i++) {
        clients[i] = eventsource_new(url);
        CHECK_STATUS(eventsource_check(clients[i]), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_runtime(clients[i], runtime), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_reconnect(clients[i], &policy), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_user_data(clients[i], &busy, NULL), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_event(clients[i], compute), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_start(clients[i]), EVENTSOURCE_OK);
    }
    gate_wait(&busy.enough, 1);
    for (int i = 0; i < BUSY_CLIENTS; i++) eventsource_free(clients[i]);
    eventsource_runtime_free(runtime);
    check_slow /= 4;
    free(url);
    return atomic_load(&busy.overlaps);
}

static void one_thread_runs_one_callback_at_a_time_and_more_run_more(void) {
    int one = overlaps_with(1), four = overlaps_with(4);
    /* A thread that the machine holds up may be taken for one that is blocked, and be replaced. */
    check_that(one * 4 <= four && four > BUSY_CALLS / 5, __FILE__, __LINE__,
               "callbacks that ran at the same time: few on one thread, many on four\n        but: %d and %d", one, four);
}

int main(int argc, char **argv) {
    static const test_t tests[] = {
        TEST(a_body_of_no_bytes_is_none),
        TEST(a_header_is_removed_and_so_is_one_of_the_librarys),
        TEST(compression_asks_for_the_codings),
        TEST(cookies_that_are_added_are_sent_by_all_clients_that_share_them),
        TEST(a_stream_is_reconnected_with_get_if_that_is_set),
        TEST(a_secret_of_one_attempt_is_sent_and_dropped_on_the_way_to_another_origin),
        TEST(a_proxy_gets_the_request),
        TEST(an_exception_is_reached_without_the_proxy),
        TEST(null_is_what_the_environment_says_and_empty_is_none),
        TEST(a_unix_socket_gets_the_request),
        TEST(connections_are_made_from_the_address_or_through_the_interface_that_is_set),
        TEST(the_network_is_watched_unless_that_is_off),
        TEST(an_entry_says_where_a_host_is),
        TEST(addresses_are_added_to_those_that_are_there),
        TEST(prior_knowledge_begins_with_the_preface_of_http2),
        TEST(connecting_is_given_up_after_the_timeout),
        TEST(an_authority_is_trusted_until_it_is_taken_back),
        TEST(the_certificate_of_the_client_is_shown),
        TEST(the_certificate_of_the_client_comes_from_files),
        TEST(null_is_any_key_and_the_hosts_name),
        TEST(nothing_is_verified_if_that_is_switched_off),
        TEST(the_secrets_of_connections_are_written_if_that_is_set),
        TEST(jitter_is_a_share_of_the_delay_up_to_what_is_set),
        TEST(a_stream_that_was_open_for_long_ends_the_growth),
        TEST(no_server_brings_about_a_shorter_delay_than_the_floor),
        TEST(one_thread_runs_one_callback_at_a_time_and_more_run_more),
    };
    if (argc < 6) {
        fprintf(stderr, "Usage: %s URL TLS-URL CA CERTIFICATE KEY [[-]NAME]\n", argv[0]);
        return 2;
    }
    tls_url = argv[2];
    ca_file = argv[3];
    certificate_file = argv[4];
    key_file = argv[5];
    argv[4] = argv[0];
    argv[5] = argv[1];
    return check_main(argc - 4, argv + 4, tests, sizeof tests / sizeof *tests);
}
