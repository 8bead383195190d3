/* What a build can leave out: what it has, it takes, and what it has not, it refuses. These hold for each build; the test
 * consumer.small runs them with the smallest. */
#include "check.h"
#include "recorder.h"

/* A call that needs a part, and what it returns in a build that has it. */
#define CALLS(CALL)                                                                                           \
    CALL("codings", EVENTSOURCE_OK, eventsource_set_compression(es, 1))                                       \
    CALL("http2", EVENTSOURCE_OK, eventsource_set_http_version(es, EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE))       \
    CALL("proxies", EVENTSOURCE_OK, eventsource_set_proxy(es, "http://127.0.0.1:1"))                          \
    CALL("proxies", EVENTSOURCE_OK, eventsource_set_proxy(es, "socks5h://127.0.0.1:1"))                       \
    CALL("tls", EVENTSOURCE_OK, eventsource_set_url(es, "https://127.0.0.1:1/"))                              \
    CALL("tls", EVENTSOURCE_ERR_PEM, eventsource_set_ca_pem(es, "no PEM", 6))                                 \
    CALL("tls", EVENTSOURCE_ERR_PEM, eventsource_set_ca_file(es, "/nowhere"))                                 \
    CALL("tls", EVENTSOURCE_OK, eventsource_set_ca_exclusive(es, 1))                                          \
    CALL("tls", EVENTSOURCE_ERR_PEM, eventsource_set_client_cert_pem(es, "no PEM", 6, NULL, 0))               \
    CALL("tls", EVENTSOURCE_ERR_PEM, eventsource_set_client_cert_file(es, "/nowhere", NULL))                  \
    CALL("tls", EVENTSOURCE_ERR_VALUE, eventsource_set_pinned_keys(es, "no pin"))                             \
    CALL("tls", EVENTSOURCE_OK, eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_3))                     \
    CALL("cookies", EVENTSOURCE_OK, eventsource_set_cookies(es, 1))                                           \
    CALL("tls", EVENTSOURCE_OK, eventsource_set_server_name(es, "example.com"))                               \
    CALL("tls", EVENTSOURCE_ERR_VALUE, eventsource_set_key_log_file(es, "/nowhere/keys"))                     \
    CALL("tls", EVENTSOURCE_OK, eventsource_set_insecure_skip_verification(es, 1))

static void check_refused(eventsource_t *es, const char *call) {
    char text[256] = "";
    static const char REASON[] = "this library was built without ";
    CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
    check_that(strncmp(text, REASON, sizeof REASON - 1) == 0, __FILE__, __LINE__, "%s tells why, not: %s", call, text);
    /* No client goes on without a setting that it was to have. */
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_UNSUPPORTED);
}

static void a_call_is_refused_if_what_it_needs_is_left_out(void) {
#define CALL(part, status, call)                                                                              \
    {                                                                                                         \
        eventsource_t *es = eventsource_new(check_url);                                                       \
        int has = eventsource_has_feature(part);                                                              \
        CHECK_STATUS(call, has ? (status) : EVENTSOURCE_ERR_UNSUPPORTED);                                     \
        if (!has) check_refused(es, #call);                                                                   \
        eventsource_free(es);                                                                                 \
    }
    CALLS(CALL)
#undef CALL
}

static void a_call_that_needs_nothing_is_taken_by_each_build(void) {
    recorder_t *r = recorder_new("/events?count=1&then=204");
    CHECK_STATUS(eventsource_set_compression(r->es, 0), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_http_version(r->es, EVENTSOURCE_HTTP_DEFAULT), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_http_version(r->es, EVENTSOURCE_HTTP_1_1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(r->es, "*"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(r->es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(r->es, ""), EVENTSOURCE_OK);
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
}

static void a_new_client_is_refused_a_url_that_needs_tls(void) {
    eventsource_t *es = eventsource_new("https://127.0.0.1:1/");
    CHECK_STATUS(eventsource_check(es), eventsource_has_feature("tls") ? EVENTSOURCE_OK : EVENTSOURCE_ERR_UNSUPPORTED);
    eventsource_free(es);
}

static void a_redirect_leads_to_no_url_that_needs_what_is_left_out(void) {
    if (eventsource_has_feature("tls")) return;
    recorder_t *r = recorder_new("/redirect?to=https://127.0.0.1:1/");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "error REDIRECT 302, final\nclose failed REDIRECT\n");
    recorder_end(r);
}

static void no_events_are_read_of_a_coding_that_is_left_out(void) {
    if (eventsource_has_feature("codings")) return;
    recorder_t *r = recorder_new("/status/200?header=Content-Type:text/event-stream&header=Content-Encoding:gzip");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "error CONTENT_ENCODING 200, final\nclose failed CONTENT_ENCODING\n");
    recorder_end(r);
}

/* Nothing goes past a proxy that the environment names. */
static void a_proxy_of_the_environments_is_not_gone_around(void) {
    if (eventsource_has_feature("proxies")) return;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    recorder_t *r = recorder_new("/events");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "error PROXY, final\nclose failed PROXY\n");
    recorder_end(r);
    unsetenv("http_proxy");
}

static void what_no_version_knows_is_not_there(void) {
    CHECK_NUMBER(eventsource_has_feature(NULL), 0);
    CHECK_NUMBER(eventsource_has_feature(""), 0);
    CHECK_NUMBER(eventsource_has_feature("TLS"), 0);
    CHECK_NUMBER(eventsource_has_feature("\xFF"), 0);
}

CHECK_MAIN(TEST(a_call_is_refused_if_what_it_needs_is_left_out),
           TEST(a_call_that_needs_nothing_is_taken_by_each_build),
           TEST(a_new_client_is_refused_a_url_that_needs_tls),
           TEST(a_redirect_leads_to_no_url_that_needs_what_is_left_out),
           TEST(no_events_are_read_of_a_coding_that_is_left_out),
           TEST(a_proxy_of_the_environments_is_not_gone_around),
           TEST(what_no_version_knows_is_not_there))
