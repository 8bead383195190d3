/* The settings for TLS do what the manual says, through the C boundary; what else they do is checked in ../tls.rs. The test
 * server speaks TLS as localhost.
 *
 *     trust URL CA TLS12 HTTP2    CA: a file with the certificate of the servers' authority; TLS12 and HTTP2: the URLs of
 *                                 servers that speak TLS 1.2 only, and that would rather speak HTTP/2 and cannot
 */
#include "check.h"
#include "recorder.h"

static const char *ca_file, *tls12_url, *http2_url;

static recorder_t *recorder_that_trusts(const char *target) {
    recorder_t *r = recorder_new(target);
    CHECK_STATUS(eventsource_set_ca_file(r->es, ca_file), EVENTSOURCE_OK);
    return r;
}

/* Starts a client that must get an event, or fail so. */
static void check_outcome(recorder_t *r, const char *line) {
    start(r);
    WAIT_FOR(r, line, 1);
    recorder_end(r);
}

static void an_authority_from_a_file_is_trusted(void) {
    check_outcome(recorder_that_trusts("/events"), "event");
}

static void an_authority_that_is_not_set_is_not_trusted(void) {
    check_outcome(recorder_new("/events"), "error CERTIFICATE, final");
}

/* A client in a process whose operating system trusts the server's authority, as far as the library can tell. */
static recorder_t *recorder_of_trusted(const char *target) {
    CHECK(setenv("SSL_CERT_FILE", ca_file, 1) == 0); /* no thread reads the environment: no client runs */
    return recorder_new(target);
}

static void exclusive_authorities_are_those_that_are_set(void) {
    recorder_t *r = recorder_of_trusted("/events");
    check_outcome(r, "event");

    r = recorder_of_trusted("/events");
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 1), EVENTSOURCE_OK);
    check_outcome(r, "error CERTIFICATE, final");

    r = recorder_of_trusted("/events");
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_ca_file(r->es, ca_file), EVENTSOURCE_OK);
    check_outcome(r, "event");

    r = recorder_of_trusted("/events");
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 0), EVENTSOURCE_OK);
    check_outcome(r, "event");
    CHECK(unsetenv("SSL_CERT_FILE") == 0);
}

/* The pin that would do, as the error tells it. */
static int32_t keep_pin(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    const char *pin = strstr(((const eventsource_error_t *)payload)->message, "sha256");
    CHECK(pin);
    r->pointer = join("%s", pin ? pin : "");
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void no_key_is_trusted_but_those_that_are_pinned(void) {
    recorder_t *r = recorder_that_trusts("/events");
    const char *pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    CHECK_STATUS(eventsource_set_pinned_keys(r->es, pin), EVENTSOURCE_OK);
    r->then = keep_pin;
    start(r);
    WAIT_FOR(r, "error CERTIFICATE, final", 1);
    char *servers = r->pointer;
    recorder_end(r);
    if (!servers) return;

    servers[strcspn(servers, ",")] = '\0';
    r = recorder_that_trusts("/events");
    CHECK_STATUS(eventsource_set_pinned_keys(r->es, servers), EVENTSOURCE_OK);
    check_outcome(r, "event");
    free(servers);
}

/* Each server, by each lowest version. */
static void the_lowest_version_is_that_which_is_set(void) {
    char *url = join("%s/events", tls12_url);
    check_outcome(recorder_that_trusts(url), "event");

    recorder_t *r = recorder_that_trusts(url);
    CHECK_STATUS(eventsource_set_min_tls_version(r->es, EVENTSOURCE_TLS_1_3), EVENTSOURCE_OK);
    check_outcome(r, "error TLS, final");

    r = recorder_that_trusts(url);
    CHECK_STATUS(eventsource_set_min_tls_version(r->es, EVENTSOURCE_TLS_1_3), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_min_tls_version(r->es, EVENTSOURCE_TLS_1_2), EVENTSOURCE_OK);
    check_outcome(r, "event");

    r = recorder_that_trusts("/events");
    CHECK_STATUS(eventsource_set_min_tls_version(r->es, EVENTSOURCE_TLS_1_3), EVENTSOURCE_OK);
    check_outcome(r, "event");
    free(url);
}

/* The server takes HTTP/2 wherever it is offered. */
static void http_1_1_alone_is_offered_where_that_is_set(void) {
    char *url = join("%s/events", http2_url);
    check_outcome(recorder_that_trusts(url), "error");
    recorder_t *r = recorder_that_trusts(url);
    CHECK_STATUS(eventsource_set_http_version(r->es, EVENTSOURCE_HTTP_1_1), EVENTSOURCE_OK);
    check_outcome(r, "event");
    free(url);
}

static void another_name_than_the_hosts_is_verified(void) {
    const char *port = strrchr(check_url, ':') + 1;
    char *by_address = join("https://127.0.0.1:%s/events", port);
    check_outcome(recorder_that_trusts(by_address), "error CERTIFICATE, final");
    recorder_t *r = recorder_that_trusts(by_address);
    CHECK_STATUS(eventsource_set_server_name(r->es, "localhost"), EVENTSOURCE_OK);
    check_outcome(r, "event");
    free(by_address);
    r = recorder_that_trusts("/events");
    CHECK_STATUS(eventsource_set_server_name(r->es, "example.org"), EVENTSOURCE_OK);
    check_outcome(r, "error CERTIFICATE, final");
}

int main(int argc, char **argv) {
    static const test_t tests[] = {
        TEST(an_authority_from_a_file_is_trusted),
        TEST(an_authority_that_is_not_set_is_not_trusted),
        TEST(exclusive_authorities_are_those_that_are_set),
        TEST(no_key_is_trusted_but_those_that_are_pinned),
        TEST(the_lowest_version_is_that_which_is_set),
        TEST(http_1_1_alone_is_offered_where_that_is_set),
        TEST(another_name_than_the_hosts_is_verified),
    };
    if (argc < 5) {
        fprintf(stderr, "Usage: %s URL CA TLS12 HTTP2 [[-]NAME]\n", argv[0]);
        return 2;
    }
    ca_file = argv[2];
    tls12_url = argv[3];
    http2_url = argv[4];
    argv[4] = argv[1];
    return check_main(argc - 3, argv + 3, tests, sizeof tests / sizeof *tests);
}
