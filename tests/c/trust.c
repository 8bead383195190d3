/* The settings for TLS do what the manual says, through the C boundary; what else they do is checked in ../tls.rs. The test
 * server speaks TLS as localhost.
 *
 *     trust URL CA    CA: a file with the certificate of the server's authority
 */
#include "check.h"
#include "recorder.h"

static const char *ca_file;

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

static void exclusive_authorities_are_those_that_are_set(void) {
    recorder_t *r = recorder_that_trusts("/events");
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 1), EVENTSOURCE_OK);
    check_outcome(r, "event");
    r = recorder_new("/events");
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 1), EVENTSOURCE_OK);
    check_outcome(r, "error CERTIFICATE, final");
}

static void a_key_that_is_not_pinned_is_not_trusted(void) {
    recorder_t *r = recorder_that_trusts("/events");
    const char *pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    CHECK_STATUS(eventsource_set_pinned_keys(r->es, pin), EVENTSOURCE_OK);
    check_outcome(r, "error CERTIFICATE, final");
}

static void the_lowest_version_may_be_the_highest(void) {
    recorder_t *r = recorder_that_trusts("/events");
    CHECK_STATUS(eventsource_set_min_tls_version(r->es, EVENTSOURCE_TLS_1_3), EVENTSOURCE_OK);
    check_outcome(r, "event");
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
        TEST(a_key_that_is_not_pinned_is_not_trusted),
        TEST(the_lowest_version_may_be_the_highest),
        TEST(another_name_than_the_hosts_is_verified),
    };
    if (argc < 3) {
        fprintf(stderr, "Usage: %s URL CA [[-]NAME]\n", argv[0]);
        return 2;
    }
    ca_file = argv[2];
    argv[2] = argv[1];
    return check_main(argc - 1, argv + 1, tests, sizeof tests / sizeof *tests);
}
