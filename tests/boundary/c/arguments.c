/* Bad input is refused at the call: with a status, with a text that says why, and with nothing half-done. */
#include "check.h"
#include "recorder.h"

#include <math.h>

#define BAD_UTF8 "\xFF"

static char *last_error(eventsource_t *es) {
    static char text[4096];
    size_t len = 0;
    CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, &len), EVENTSOURCE_OK);
    CHECK(strlen(text) == len);
    return text;
}

/* The call is refused, and the last-error text says why: it has `why` in it. */
#define REFUSED(es, call, expected, why)                                                                              \
    do {                                                                                                              \
        CHECK_STATUS(call, expected);                                                                                 \
        check_that(strstr(last_error(es), why) != NULL, __FILE__, __LINE__, "\"%s\" tells of \"%s\"", last_error(es), \
                   why);                                                                                              \
    } while (0)

static eventsource_t *new_client(void) {
    eventsource_t *es = eventsource_new("http://127.0.0.1:1/");
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    return es;
}

/* A runtime with such options can only tell why it could not be made, wherever it is used. */
static void check_refused_runtime(const eventsource_runtime_options_t *options, int32_t status, const char *why) {
    char text[256] = "";
    size_t ran = 99;
    eventsource_fd_t fd = 99;
    eventsource_metrics_t metrics;
    eventsource_t *es = new_client();
    eventsource_runtime_t *runtime = eventsource_runtime_new(options);
    CHECK_STATUS(eventsource_runtime_get_last_error(runtime, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, why) != NULL);
    CHECK_STATUS(eventsource_runtime_check(runtime), status);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, &ran), status);
    CHECK_STATUS(eventsource_runtime_get_fd(runtime, &fd), status);
    CHECK_STATUS(eventsource_runtime_get_metrics(runtime, &metrics, sizeof metrics), status);
    CHECK(ran == 99 && fd == 99);
    REFUSED(es, eventsource_set_runtime(es, runtime), status, why);
    eventsource_runtime_free(runtime);
    REFUSED(es, eventsource_start(es), status, why);
    CHECK_STATUS(eventsource_set_runtime(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    eventsource_free(es);
}

/* So can a parser. */
static void check_refused_parser(const eventsource_parser_options_t *options, int32_t status, const char *why) {
    char text[256] = "";
    size_t len = 99;
    eventsource_parser_t *parser = eventsource_parser_new(options);
    CHECK_STATUS(eventsource_parser_check(parser), status);
    CHECK_STATUS(eventsource_parser_feed(parser, "a", 1), status);
    CHECK_STATUS(eventsource_parser_reset(parser), status);
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, text, sizeof text, &len), status);
    CHECK_NUMBER(len, 99);
    CHECK_STATUS(eventsource_parser_get_last_error(parser, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, why) != NULL);
    eventsource_parser_free(parser);
}

static void ignore_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)event;
    (void)user;
}

static void count_destroy(void *user) {
    ++*(int *)user;
}

/* ---- NULL -------------------------------------------------------------------------------------------------------- */

static void every_function_refuses_a_client_that_is_null(void) {
    eventsource_state_t state = 99;
    eventsource_reconnect_t policy;
    eventsource_reconnect_init(&policy, sizeof policy);
    eventsource_stats_t stats;
    void *user = NULL;
    char text[8];
    int destroys = 0;
    CHECK_STATUS(eventsource_check(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_url(NULL, "http://127.0.0.1/"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_start(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_stop(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_wait(NULL, 0), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_pause(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_unpause(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_runtime(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_reconnect_now(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_user_data(NULL, &destroys, count_destroy), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_event(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_event_type(NULL, "a", NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_events(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_comment(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_open(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_error(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_request(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_on_close(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_method(NULL, "GET"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_body(NULL, "a", 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_header(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_add_header(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_sensitive_header(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_basic_auth(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_compression(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_reconnect_with_get(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_last_event_id(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_reconnect(NULL, &policy, sizeof policy), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_reconnect(NULL, &policy), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_connect_timeout(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_response_timeout(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_read_timeout(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_event_timeout(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_mode(NULL, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_next_delay(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_max_redirects(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_max_event_size(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_check_content_type(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_watch_network(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_cookies(NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_share_cookies(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_add_cookies(NULL, ""), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_cookies(NULL, NULL, 0, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_proxy(NULL, "http://proxy"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_no_proxy(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_unix_socket(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_interface(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_resolve(NULL, "a:80:127.0.0.1"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_add_resolve(NULL, "a:80:127.0.0.1"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_remove_resolve(NULL, "a:80"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_remove_header(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_user_data(NULL, &user), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_client_cert_file(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_http_version(NULL, EVENTSOURCE_HTTP_1_1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_ca_pem(NULL, "a", 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_ca_file(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_key_log_file(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_ca_exclusive(NULL, 0), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_client_cert_pem(NULL, "a", 1, "b", 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_pinned_keys(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_min_tls_version(NULL, EVENTSOURCE_TLS_1_3), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_server_name(NULL, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_insecure_skip_verification(NULL, 0), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_state(NULL, &state), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_last_event_id(NULL, text, sizeof text, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_last_error(NULL, text, sizeof text, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_get_stats(NULL, &stats, sizeof stats), EVENTSOURCE_ERR_NULL);
    eventsource_free(NULL);
    CHECK_NUMBER(state, 99);
    CHECK_NUMBER(destroys, 0);
}

static void every_function_refuses_a_request_that_is_null(void) {
    int64_t number = 99;
    int32_t code = 99, status = 99;
    size_t len = 99;
    char text[8];
    CHECK_STATUS(eventsource_request_get_attempt(NULL, &number), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_get_cause(NULL, &code, &status), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_get_url(NULL, text, sizeof text, &len), EVENTSOURCE_ERR_NULL);
    const eventsource_header_t *headers = NULL;
    const char *value = NULL;
    const void *body = NULL;
    CHECK_STATUS(eventsource_request_get_method(NULL, text, sizeof text, &len), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_get_headers(NULL, &headers, &len), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_get_header(NULL, "a", 0, &value, &len), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_get_body(NULL, &body, &len), EVENTSOURCE_ERR_NULL);
    CHECK(!headers && !value && !body);
    CHECK_STATUS(eventsource_request_set_basic_auth(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_set_header(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_add_header(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_set_sensitive_header(NULL, "a", "b"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_remove_header(NULL, "a"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_set_method(NULL, "GET"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_set_url(NULL, "http://127.0.0.1/"), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_request_set_body(NULL, "a", 1), EVENTSOURCE_ERR_NULL);
    CHECK(number == 99 && code == 99 && status == 99 && len == 99);
}

static void every_function_refuses_a_runtime_that_is_null(void) {
    size_t ran = 99;
    eventsource_fd_t fd = 99;
    char text[8];
    CHECK_STATUS(eventsource_runtime_dispatch(NULL, 0, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_runtime_get_fd(NULL, &fd), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_runtime_check(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_runtime_get_last_error(NULL, text, sizeof text, NULL), EVENTSOURCE_ERR_NULL);
    eventsource_runtime_free(NULL);
    CHECK(ran == 99 && fd == 99);
}

static void every_function_refuses_a_parser_that_is_null(void) {
    size_t len = 99;
    char text[8];
    CHECK_STATUS(eventsource_parser_feed(NULL, "a", 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_parser_reset(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_parser_check(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_parser_get_last_error(NULL, text, sizeof text, &len), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_parser_get_last_event_id(NULL, text, sizeof text, &len), EVENTSOURCE_ERR_NULL);
    eventsource_parser_free(NULL);
    CHECK_NUMBER(len, 99);
}

static void every_other_pointer_that_is_null_is_refused(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_url(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_on_event_type(es, NULL, ignore_event), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_body(es, NULL, 1), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_header(es, NULL, "b"), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_header(es, "a", NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_add_header(es, NULL, "b"), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_add_header(es, "a", NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_sensitive_header(es, NULL, "b"), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_sensitive_header(es, "a", NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_basic_auth(es, NULL, "b"), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_basic_auth(es, "a", NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_get_reconnect(es, NULL, 0), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_reconnect(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_resolve(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_add_resolve(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_remove_resolve(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_remove_header(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_get_user_data(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_client_cert_file(es, NULL, "a"), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_ca_pem(es, NULL, 1), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_client_cert_pem(es, NULL, 1, "a", 1), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_client_cert_pem(es, "a", 1, NULL, 1), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_get_state(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_get_last_event_id(es, NULL, 1, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_get_stats(es, NULL, 0), EVENTSOURCE_ERR_NULL, "NULL");
    CHECK_STATUS(eventsource_get_last_error(es, NULL, 1, NULL), EVENTSOURCE_ERR_NULL);
    eventsource_free(es);

    eventsource_runtime_options_t runtime_options;
    eventsource_runtime_options_init(&runtime_options, sizeof runtime_options);
    runtime_options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&runtime_options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_runtime_get_fd(runtime, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_runtime_get_metrics(runtime, NULL, 0), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_runtime_get_metrics(NULL, NULL, 0), EVENTSOURCE_ERR_NULL);
    eventsource_runtime_free(runtime);

    eventsource_parser_t *parser = eventsource_parser_new(NULL);
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_ERR_NULL);
    eventsource_parser_free(parser);
    parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, NULL, 1), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, NULL, 1, NULL), EVENTSOURCE_ERR_NULL);
    eventsource_parser_free(parser);
}

static void null_is_fine_where_the_manual_says_so(void) {
    eventsource_t *es = new_client();
    CHECK_STATUS(eventsource_set_user_data(es, NULL, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(es, "never-set", NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_events(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_comment(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_open(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_error(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_close(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(es, NULL, 0), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_ca_pem(es, NULL, 0), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_client_cert_pem(es, NULL, 0, NULL, 0), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_pinned_keys(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_server_name(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, NULL, NULL, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_runtime(es, NULL), EVENTSOURCE_OK);
    eventsource_runtime_t *runtime = eventsource_runtime_new(NULL);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    eventsource_runtime_free(runtime);
    /* All callbacks are missing; it runs to its end all the same. */
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(es, check_seconds * 1000 * check_slow), EVENTSOURCE_ERR_CONNECT);
    eventsource_free(es);
}

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

static void text_that_is_not_utf8_is_refused(void) {
    eventsource_t *es = new_client(), *other = eventsource_new("http://127.0.0.1/" BAD_UTF8);
    REFUSED(other, eventsource_start(other), EVENTSOURCE_ERR_UTF8, "UTF-8");
    eventsource_free(other);
    REFUSED(es, eventsource_on_event_type(es, BAD_UTF8, ignore_event), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_method(es, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_header(es, BAD_UTF8, "b"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_header(es, "a", BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_add_header(es, BAD_UTF8, "b"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_add_header(es, "a", BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_sensitive_header(es, BAD_UTF8, "b"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_sensitive_header(es, "a", BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_basic_auth(es, BAD_UTF8, "b"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_basic_auth(es, "a", BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_last_event_id(es, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    eventsource_free(es);

    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.thread_name = BAD_UTF8;
    check_refused_runtime(&options, EVENTSOURCE_ERR_UTF8, "UTF-8");
}

static void a_url_that_is_not_absolute_http_is_refused(void) {
    static const char *const BAD[] = {"", " ", "example.com", "/path", "//example.com/", "?query", "#fragment", "http:",
        "http://", "http://:80/", "http://[::1/", "http://exa mple.com/", "http://example.com:99999/",
        "ftp://example.com/", "localhost:18080/x", "http://example.com:0/", "http://exa{mple.com/",
        "file:///etc/passwd", "ws://example.com/", "data:text/event-stream,data", "javascript:alert(1)", "\x01\x02",
        /* a user and password that cannot be basic authentication */
        "http://us%3Aer:password@example.com/", "http://user:pass%0Aword@example.com/"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        eventsource_t *es = eventsource_new(BAD[i]);
        int32_t status = eventsource_start(es);
        check_that(status == EVENTSOURCE_ERR_URL, __FILE__, __LINE__, "URL \"%s\" is refused as a URL, but: %s", BAD[i],
                   eventsource_status_name(status));
        eventsource_free(es);
    }
}

static void a_url_with_which_no_attempt_could_succeed_is_refused_at_the_call(void) {
    static char long_url[70000] = "http://127.0.0.1/";
    static char long_value[300000];
    memset(long_url + strlen(long_url), 'x', sizeof long_url - 1 - strlen(long_url));
    memset(long_value, 'x', sizeof long_value - 1);
    eventsource_t *es = eventsource_new(long_url);
    REFUSED(es, eventsource_check(es), EVENTSOURCE_ERR_URL, "69999 bytes, more than the 65534");
    eventsource_free(es);
    es = new_client();
    REFUSED(es, eventsource_set_header(es, "X-Long", long_value), EVENTSOURCE_ERR_HEADER, "room for 1000");
    REFUSED(es, eventsource_set_basic_auth(es, "user", long_value), EVENTSOURCE_ERR_HEADER, "room for 1000");
    REFUSED(es, eventsource_set_header(es, "Host", "not a host"), EVENTSOURCE_ERR_HEADER, "not a host");
    REFUSED(es, eventsource_set_proxy(es, "http://127.0.0.1:0"), EVENTSOURCE_ERR_URL, "port is 0");
    eventsource_free(es);
}

static void a_url_may_have_any_form_that_browsers_take(void) {
    static const char *const GOOD[] = {"http://example.com", "HTTPS://EXAMPLE.com:1/a?b#c", "http://[::1]:80/",
        "http://user:pass%20word@example.com/", "http://\xC3\xBC.example/\xC3\xBC?\xC3\xBC", "http://example.com/a b"};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        eventsource_t *es = eventsource_new(GOOD[i]);
        CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
        eventsource_free(es);
    }
}

static void a_header_with_a_bad_name_is_refused(void) {
    static const char *const BAD[] = {"", " ", "a b", "a:", ":a", "a\r", "a\nb", "a\tb", "a\x01", "a\x7F", "\xC3\xA4",
                                      "(a)", "a,b", "a\"b", "a/b", "a@b"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        REFUSED(es, eventsource_set_header(es, BAD[i], "b"), EVENTSOURCE_ERR_HEADER, "name");
        REFUSED(es, eventsource_add_header(es, BAD[i], "b"), EVENTSOURCE_ERR_HEADER, "name");
        REFUSED(es, eventsource_set_sensitive_header(es, BAD[i], "b"), EVENTSOURCE_ERR_HEADER, "name");
    }
    eventsource_free(es);
}

static void a_header_with_a_bad_value_is_refused(void) {
    static const char *const BAD[] = {"a\r", "a\nb", "\r\nInjected: header", "\x01", "a\x1F", "a\x7F"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        REFUSED(es, eventsource_set_header(es, "x-name", BAD[i]), EVENTSOURCE_ERR_HEADER, "x-name");
        REFUSED(es, eventsource_add_header(es, "x-name", BAD[i]), EVENTSOURCE_ERR_HEADER, "x-name");
        REFUSED(es, eventsource_set_sensitive_header(es, "x-name", BAD[i]), EVENTSOURCE_ERR_HEADER, "x-name");
    }
    CHECK_STATUS(eventsource_set_header(es, "x-name", ""), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(es, "x-name", "\xC3\xA4 \"quoted\""), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void headers_that_the_library_writes_are_refused(void) {
    static const char *const OWN[] = {"Connection", "content-length", "EXPECT", "Keep-Alive", "Last-Event-ID",
                                      "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
                                      "Upgrade"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++) {
        REFUSED(es, eventsource_set_header(es, OWN[i], "1"), EVENTSOURCE_ERR_HEADER, "library");
        REFUSED(es, eventsource_add_header(es, OWN[i], "1"), EVENTSOURCE_ERR_HEADER, "library");
        REFUSED(es, eventsource_set_sensitive_header(es, OWN[i], "1"), EVENTSOURCE_ERR_HEADER, "library");
    }
    eventsource_free(es);
}

static void a_bad_method_is_refused(void) {
    static const char *const BAD[] = {"", " ", "GET ", "GET /", "G\r\nET", "G\xC3\x8BT", "GET:", "CONNECT"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CHECK_STATUS(eventsource_set_method(es, BAD[i]), EVENTSOURCE_ERR_METHOD);
    }
    REFUSED(es, eventsource_set_method(es, "G ET"), EVENTSOURCE_ERR_METHOD, "method");
    REFUSED(es, eventsource_set_method(es, "CONNECT"), EVENTSOURCE_ERR_METHOD, "CONNECT");
    CHECK_STATUS(eventsource_set_method(es, "SUBSCRIBE"), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void a_last_event_id_with_control_characters_is_refused(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_last_event_id(es, "a\nb"), EVENTSOURCE_ERR_VALUE, "line break");
    REFUSED(es, eventsource_set_last_event_id(es, "a\r"), EVENTSOURCE_ERR_VALUE, "line break");
    CHECK_STATUS(eventsource_set_last_event_id(es, "a\tb"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(es, "\x01"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(es, "\xC3\xA4 1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(es, ""), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void basic_auth_refuses_a_colon_in_the_user_and_control_characters(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_basic_auth(es, "us:er", "b"), EVENTSOURCE_ERR_VALUE, "colon");
    REFUSED(es, eventsource_set_basic_auth(es, "us\ner", "b"), EVENTSOURCE_ERR_VALUE, "control");
    REFUSED(es, eventsource_set_basic_auth(es, "user", "\x7F"), EVENTSOURCE_ERR_VALUE, "control");
    CHECK_STATUS(eventsource_set_basic_auth(es, "us\xC3\xABr", "pass:word"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_basic_auth(es, "", ""), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void a_bad_proxy_is_refused_and_its_credentials_are_not_quoted(void) {
    static const char *const BAD[] = {"http://", "ftp://us:secret@proxy", "socks4://us:secret@proxy",
                                      "http://us:secret@proxy:65536", "http://us:secret@pro xy",
                                      "http://us:secret@proxy/path", "http://us%3Aer:secret@proxy",
                                      "socks5h://secret@proxy"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        REFUSED(es, eventsource_set_proxy(es, BAD[i]), EVENTSOURCE_ERR_URL, "proxy");
        char text[256];
        CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
        CHECK(!strstr(text, "secret"));
    }
    REFUSED(es, eventsource_set_proxy(es, "http://\xFF"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_no_proxy(es, "\xFF"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    CHECK_STATUS(eventsource_set_proxy(es, "http://us%40er:pass:word@proxy.example:3128/"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(es, "socks5h://user:password@[::1]"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(es, "proxy.example:3128"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(es, ""), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(es, "*"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_no_proxy(es, ""), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void a_path_that_no_socket_can_have_is_refused(void) {
    char too_long[200];
    memset(too_long, 'a', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_unix_socket(es, too_long), EVENTSOURCE_ERR_VALUE, "path");
    REFUSED(es, eventsource_set_unix_socket(es, "\xFF"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    CHECK_STATUS(eventsource_set_unix_socket(es, "does/not/exist"), EVENTSOURCE_OK);
    REFUSED(es, eventsource_set_unix_socket(es, ""), EVENTSOURCE_ERR_VALUE, "empty");
    eventsource_free(es);
}

static void a_bad_interface_is_refused(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_interface(es, ""), EVENTSOURCE_ERR_VALUE, "empty");
    REFUSED(es, eventsource_set_interface(es, "a/b"), EVENTSOURCE_ERR_VALUE, "interface");
    REFUSED(es, eventsource_set_interface(es, "host!eth0"), EVENTSOURCE_ERR_VALUE, "address");
    REFUSED(es, eventsource_set_interface(es, "\xFF"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    CHECK_STATUS(eventsource_set_interface(es, NULL), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void cookies_that_no_server_could_have_set_are_refused_and_need_a_jar(void) {
    eventsource_t *es = new_client(), *other = new_client();
    char text[16];
    REFUSED(es, eventsource_add_cookies(es, ""), EVENTSOURCE_ERR_STATE, "keeps no cookies");
    REFUSED(es, eventsource_get_cookies(es, text, sizeof text, NULL), EVENTSOURCE_ERR_STATE, "keeps no cookies");
    REFUSED(es, eventsource_share_cookies(es, other), EVENTSOURCE_ERR_VALUE, "keeps no cookies");
    REFUSED(es, eventsource_share_cookies(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_set_cookies(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    CHECK_STATUS(eventsource_set_cookies(es, 1), EVENTSOURCE_OK);
    REFUSED(es, eventsource_add_cookies(es, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_add_cookies(es, "\xFF"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_add_cookies(es, "a=b"), EVENTSOURCE_ERR_VALUE, "line 1");
    REFUSED(es, eventsource_add_cookies(es, "#\ncom\tTRUE\t/\tFALSE\t0\ta\tb\n"), EVENTSOURCE_ERR_VALUE, "line 2");
    REFUSED(es, eventsource_get_cookies(es, NULL, 1, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    CHECK_STATUS(eventsource_get_cookies(es, text, sizeof text, NULL), EVENTSOURCE_ERR_BUFFER);
    CHECK_STATUS(eventsource_share_cookies(other, es), EVENTSOURCE_OK);
    eventsource_free(es);
    CHECK_STATUS(eventsource_add_cookies(other, "a.example\tFALSE\t/\tFALSE\t0\ta\tb\n"), EVENTSOURCE_OK);
    eventsource_free(other);
}

static void a_zone_that_no_connection_could_heed_is_refused(void) {
    static const char *const BAD[] = {"http://[fe80::1%25]/", "http://[fe80::1%250]/", "http://[fe80::1%25a%2Fb]/",
                                      "http://[::1%257]/", "http://[2001:db8::1%257]/"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        REFUSED(es, eventsource_set_url(es, BAD[i]), EVENTSOURCE_ERR_URL, "zone");
        REFUSED(es, eventsource_set_proxy(es, BAD[i]), EVENTSOURCE_ERR_URL, "zone");
    }
    REFUSED(es, eventsource_set_resolve(es, "host:80:::1%7"), EVENTSOURCE_ERR_VALUE, "zone");
    CHECK_STATUS(eventsource_set_url(es, "http://[fe80::1%257]/"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_proxy(es, "http://[fe80::1%257]/"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_resolve(es, "host:80:fe80::1%7"), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void a_bad_place_for_a_host_is_refused(void) {
    static const char *const BAD[] = {"host", "host:80", "host:80:", ":80:127.0.0.1", "host:0:127.0.0.1",
                                      "host:65536:127.0.0.1", "host:80:name", "host:80:127.0.0.1,",
                                      "127.0.0.1:80:127.0.0.2"};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        REFUSED(es, eventsource_set_resolve(es, BAD[i]), EVENTSOURCE_ERR_VALUE, "host:port:address");
        REFUSED(es, eventsource_add_resolve(es, BAD[i]), EVENTSOURCE_ERR_VALUE, "host:port:address");
    }
    eventsource_t *fresh = new_client(); /* to which nothing has been refused that could be taken back */
    static const char *const BAD_PLACES[] = {"", "other", ":80", "other:0", "other:x", "other:80:127.0.0.1", "127.0.0.1:81"};
    for (size_t i = 0; i < sizeof BAD_PLACES / sizeof *BAD_PLACES; i++) {
        REFUSED(fresh, eventsource_remove_resolve(fresh, BAD_PLACES[i]), EVENTSOURCE_ERR_VALUE, "not host:port");
    }
    eventsource_free(fresh);
    REFUSED(es, eventsource_set_resolve(es, ""), EVENTSOURCE_ERR_VALUE, "host:port:address");
    CHECK_STATUS(eventsource_set_resolve(es, "host.example:80:127.0.0.1,[::1],::2"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_resolve(es, "*:443:127.0.0.1"), EVENTSOURCE_OK);
    REFUSED(es, eventsource_add_resolve(es, "host.example:80:::3,::3,::3,::3,::3,::3,::3,::3,::3,::3,::3,::3,::3,::3"),
            EVENTSOURCE_ERR_VALUE, "more than 16 addresses");
    CHECK_STATUS(eventsource_remove_resolve(es, "host.example:80"), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void an_event_type_that_no_event_has_is_refused(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_on_event_type(es, "", ignore_event), EVENTSOURCE_ERR_VALUE, "type");
    eventsource_free(es);
}

static const char CERTIFICATE[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdzCCAR2gAwIBAgIULTrAZYLyxTCvXU7rVxgN1ZKIN7wwCgYIKoZIzj0EAwIw\n"
    "EDEOMAwGA1UEAwwFdGVzdHMwIBcNMjYxMTIzMjAwMjQ4WhgPMjEyNjEwMzAyMDAy\n"
    "NDhaMBAxDjAMBgNVBAMMBXRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
    "fF/PptSDG/izjrfRnf3szogcrN4VOhYMmjacb4c2wFpmYnBPao1k3PpcTBZTbsdo\n"
    "XQBhHIJY9w+oHc0O7M2MnqNTMFEwHQYDVR0OBBYEFMW8zaNzuKmsmiVVEfce2Kex\n"
    "4y3XMB8GA1UdIwQYMBaAFMW8zaNzuKmsmiVVEfce2Kex4y3XMA8GA1UdEwEB/wQF\n"
    "MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgRBiirykG+GEykrCAPmEX7SUskS5P8ifb\n"
    "uYpFFuuNX0oCIQC2KtIqGSPOEaMyBnhUAb5jfaajCu6JUAckL/h63APzwg==\n"
    "-----END CERTIFICATE-----\n";

/* A device, and what is said of it. Of Windows' devices, the system itself says that it cannot tell about them. */
#ifdef _WIN32
static const char DEVICE[] = "NUL", NO_FILE[] = "os error";
#else
static const char DEVICE[] = "/dev/null", NO_FILE[] = "not a regular file";
#endif

static void pem_without_a_usable_certificate_is_refused(void) {
    static const char EMPTY[] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    static const char DAMAGED[] = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_ca_pem(es, "garbage", 7), EVENTSOURCE_ERR_PEM, "certificate");
    REFUSED(es, eventsource_set_ca_pem(es, EMPTY, sizeof EMPTY - 1), EVENTSOURCE_ERR_PEM, "certificate");
    REFUSED(es, eventsource_set_ca_pem(es, DAMAGED, sizeof DAMAGED - 1), EVENTSOURCE_ERR_PEM, "PEM");
    /* cut off in the middle */
    REFUSED(es, eventsource_set_ca_pem(es, CERTIFICATE, sizeof CERTIFICATE / 2), EVENTSOURCE_ERR_PEM, "PEM");
    CHECK_STATUS(eventsource_set_ca_pem(es, CERTIFICATE, sizeof CERTIFICATE - 1), EVENTSOURCE_OK);
    REFUSED(es, eventsource_set_ca_file(es, "/there/is/none"), EVENTSOURCE_ERR_PEM, "cannot read /there/is/none: ");
    REFUSED(es, eventsource_set_ca_file(es, DEVICE), EVENTSOURCE_ERR_PEM, NO_FILE);
    REFUSED(es, eventsource_set_ca_file(es, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_key_log_file(es, "/there/is/none"), EVENTSOURCE_ERR_VALUE, "/there/is/none cannot be used: ");
    REFUSED(es, eventsource_set_key_log_file(es, DEVICE), EVENTSOURCE_ERR_VALUE, NO_FILE);
    REFUSED(es, eventsource_set_key_log_file(es, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    eventsource_free(es);
}

static void a_client_certificate_without_its_key_is_refused(void) {
    eventsource_t *es = new_client();
    size_t len = sizeof CERTIFICATE - 1;
    REFUSED(es, eventsource_set_client_cert_pem(es, CERTIFICATE, len, NULL, 0), EVENTSOURCE_ERR_PEM, "no private key");
    REFUSED(es, eventsource_set_client_cert_pem(es, CERTIFICATE, len, "a", 1), EVENTSOURCE_ERR_PEM, "no private key");
    REFUSED(es, eventsource_set_client_cert_pem(es, NULL, 0, "a", 1), EVENTSOURCE_ERR_PEM, "no private key");
    REFUSED(es, eventsource_set_client_cert_file(es, "/no/such", NULL), EVENTSOURCE_ERR_PEM, "cannot read /no/such: ");
    REFUSED(es, eventsource_set_client_cert_file(es, DEVICE, NULL), EVENTSOURCE_ERR_PEM, NO_FILE);
    REFUSED(es, eventsource_set_client_cert_file(es, __FILE__, "/no/such"), EVENTSOURCE_ERR_PEM, "cannot read /no/such: ");
    REFUSED(es, eventsource_set_client_cert_file(es, __FILE__, NULL), EVENTSOURCE_ERR_PEM, "no private key");
    REFUSED(es, eventsource_set_client_cert_file(es, BAD_UTF8, NULL), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_set_client_cert_file(es, "/no/such", BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    CHECK_STATUS(eventsource_set_client_cert_file(es, NULL, NULL), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void bad_pins_and_server_names_are_refused(void) {
    static const char PIN[] = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_pinned_keys(es, ""), EVENTSOURCE_ERR_VALUE, "sha256//");
    REFUSED(es, eventsource_set_pinned_keys(es, PIN + 1), EVENTSOURCE_ERR_VALUE, "sha256//");
    REFUSED(es, eventsource_set_pinned_keys(es, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    CHECK_STATUS(eventsource_set_pinned_keys(es, PIN), EVENTSOURCE_OK);
    REFUSED(es, eventsource_set_server_name(es, ""), EVENTSOURCE_ERR_VALUE, "name");
    REFUSED(es, eventsource_set_server_name(es, "a b"), EVENTSOURCE_ERR_VALUE, "name");
    REFUSED(es, eventsource_set_server_name(es, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    CHECK_STATUS(eventsource_set_server_name(es, "example.org"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_server_name(es, "::1"), EVENTSOURCE_OK);
    eventsource_free(es);
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

static void numbers_out_of_their_range_are_refused(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_wait(es, -2), EVENTSOURCE_ERR_VALUE, "timeout");
    REFUSED(es, eventsource_wait(es, INT64_MIN), EVENTSOURCE_ERR_VALUE, "timeout");
    static const int64_t NO_TIMES[] = {0, -2, INT64_MIN};
    for (size_t i = 0; i < sizeof NO_TIMES / sizeof *NO_TIMES; i++) {
        REFUSED(es, eventsource_set_connect_timeout(es, NO_TIMES[i]), EVENTSOURCE_ERR_VALUE, "NO_LIMIT");
        REFUSED(es, eventsource_set_response_timeout(es, NO_TIMES[i]), EVENTSOURCE_ERR_VALUE, "NO_LIMIT");
        REFUSED(es, eventsource_set_read_timeout(es, NO_TIMES[i]), EVENTSOURCE_ERR_VALUE, "NO_LIMIT");
        REFUSED(es, eventsource_set_event_timeout(es, NO_TIMES[i]), EVENTSOURCE_ERR_VALUE, "NO_LIMIT");
    }
    REFUSED(es, eventsource_set_next_delay(es, -1), EVENTSOURCE_ERR_VALUE, "negative");
    REFUSED(es, eventsource_set_end_marker(es, ""), EVENTSOURCE_ERR_VALUE, "empty");
    REFUSED(es, eventsource_set_end_marker(es, "a\rb"), EVENTSOURCE_ERR_VALUE, "CR");
    REFUSED(es, eventsource_set_max_redirects(es, -1), EVENTSOURCE_ERR_VALUE, "negative");
    REFUSED(es, eventsource_set_max_event_size(es, 0), EVENTSOURCE_ERR_VALUE, "event");
    CHECK_STATUS(eventsource_wait(es, INT64_MAX), EVENTSOURCE_ERR_STATE); /* never started */
    CHECK_STATUS(eventsource_set_max_redirects(es, 0), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_redirects(es, INT32_MAX), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_event_size(es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_event_size(es, SIZE_MAX), EVENTSOURCE_OK);
    eventsource_free(es);

    size_t ran = 99;
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, -2, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, INT64_MIN, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER((int64_t)ran, 99);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, INT64_MAX, &ran), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, 0, &ran), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, -2, &ran), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER((int64_t)ran, 0);
    eventsource_runtime_free(runtime);
}

static void the_options_of_a_runtime_are_checked(void) {
    enum { ISOLATED = EVENTSOURCE_DISPATCH_ISOLATED, INLINE = EVENTSOURCE_DISPATCH_INLINE,
           MANUAL = EVENTSOURCE_DISPATCH_MANUAL };
    static const struct {
        int32_t dispatch, threads;
    } BAD[] = {{-1, 0},       {3, 0},        {INT32_MAX, 1},       {ISOLATED, -1}, {ISOLATED, 1025},
               {INLINE, 2},   {INLINE, -1},  {ISOLATED, INT32_MAX}, {MANUAL, 2},    {MANUAL, INT32_MIN}},
      GOOD[] = {{ISOLATED, 0}, {ISOLATED, 1}, {ISOLATED, 2}, {ISOLATED, 1024},
                {INLINE, 0},   {INLINE, 1},   {MANUAL, 0},   {MANUAL, 1}};
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        options.dispatch = BAD[i].dispatch;
        options.threads = BAD[i].threads;
        check_refused_runtime(&options, EVENTSOURCE_ERR_VALUE, i < 3 ? "dispatch" : "thread");
    }
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        options.dispatch = GOOD[i].dispatch;
        options.threads = GOOD[i].threads;
        eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
        CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
        eventsource_runtime_free(runtime);
    }
}

static void options_with_unknown_values_are_refused(void) {
    eventsource_t *es = new_client();
    REFUSED(es, eventsource_set_check_content_type(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_check_content_type(es, -1), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_watch_network(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_ca_exclusive(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_NONE), EVENTSOURCE_ERR_VALUE, "cannot be none");
    REFUSED(es, eventsource_set_min_tls_version(es, 11), EVENTSOURCE_ERR_VALUE, "tls_version");
    REFUSED(es, eventsource_set_min_tls_version(es, 14), EVENTSOURCE_ERR_VALUE, "tls_version");
    CHECK_STATUS(eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_2), EVENTSOURCE_OK);
    REFUSED(es, eventsource_set_http_version(es, 3), EVENTSOURCE_ERR_VALUE, "version");
    REFUSED(es, eventsource_set_http_version(es, -1), EVENTSOURCE_ERR_VALUE, "version");
    REFUSED(es, eventsource_set_mode(es, 4), EVENTSOURCE_ERR_VALUE, "mode 4");
    REFUSED(es, eventsource_set_mode(es, -1), EVENTSOURCE_ERR_VALUE, "mode -1");
    REFUSED(es, eventsource_set_compression(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_compression(es, -1), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_reconnect_with_get(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_reconnect_with_get(es, -1), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_insecure_skip_verification(es, 2), EVENTSOURCE_ERR_VALUE, "0 or 1");
    REFUSED(es, eventsource_set_insecure_skip_verification(es, INT32_MIN), EVENTSOURCE_ERR_VALUE, "0 or 1");
    CHECK_STATUS(eventsource_log_set_callback(5, NULL, NULL, NULL), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_log_set_callback(-1, NULL, NULL, NULL), EVENTSOURCE_ERR_VALUE);
    eventsource_free(es);
}

/* Member by member: where numbers of 64 bits stand at multiples of eight, a struct has bytes between them that say nothing. */
static int same_policy(const eventsource_reconnect_t *one, const eventsource_reconnect_t *other) {
    return one->size == other->size && one->retry_initial == other->retry_initial && one->reserved == other->reserved &&
           one->delay_ms == other->delay_ms && one->max_delay_ms == other->max_delay_ms && one->factor == other->factor &&
           one->jitter == other->jitter && one->reset_after_ms == other->reset_after_ms &&
           one->max_attempts == other->max_attempts && one->min_delay_ms == other->min_delay_ms &&
           one->max_server_delay_ms == other->max_server_delay_ms;
}

static void a_reconnect_policy_out_of_range_is_refused_and_changes_nothing(void) {
    eventsource_t *es = new_client();
    eventsource_reconnect_t before = fast_policy(es), after;
    CHECK_STATUS(eventsource_set_reconnect(es, &before), EVENTSOURCE_OK);
#define REFUSED_MEMBER(member, bad)                                                                           \
    do {                                                                                                      \
        eventsource_reconnect_t policy = before;                                                              \
        policy.member = (bad);                                                                                \
        CHECK_STATUS(eventsource_set_reconnect(es, &policy), EVENTSOURCE_ERR_VALUE);                          \
        check_that(*last_error(es) != '\0', __FILE__, __LINE__, "there is a reason for " #member " = " #bad); \
    } while (0)
    REFUSED_MEMBER(retry_initial, 2);
    REFUSED_MEMBER(retry_initial, -1);
    REFUSED_MEMBER(delay_ms, 0);
    REFUSED_MEMBER(delay_ms, -1);
    REFUSED_MEMBER(max_delay_ms, 0);
    REFUSED_MEMBER(max_delay_ms, INT64_MIN);
    REFUSED_MEMBER(factor, 0.99);
    REFUSED_MEMBER(factor, 100.01);
    REFUSED_MEMBER(factor, (double)NAN);
    REFUSED_MEMBER(factor, (double)INFINITY);
    REFUSED_MEMBER(jitter, -0.01);
    REFUSED_MEMBER(jitter, 1.01);
    REFUSED_MEMBER(jitter, (double)NAN);
    REFUSED_MEMBER(reset_after_ms, -1);
    REFUSED_MEMBER(max_attempts, 0);
    REFUSED_MEMBER(max_attempts, -2);
    REFUSED_MEMBER(min_delay_ms, 0);
    REFUSED_MEMBER(min_delay_ms, -1);
    REFUSED_MEMBER(max_server_delay_ms, 0);
    REFUSED_MEMBER(max_server_delay_ms, -1);
    REFUSED_MEMBER(reserved, 1);
#undef REFUSED_MEMBER
    CHECK_STATUS(eventsource_get_reconnect(es, &after, sizeof after), EVENTSOURCE_OK);
    CHECK(same_policy(&before, &after));
    eventsource_free(es);
}

static void the_reconnect_policy_has_the_documented_defaults(void) {
    eventsource_t *es = new_client();
    eventsource_reconnect_t policy;
    CHECK_STATUS(eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)policy.size, sizeof policy);
    CHECK_NUMBER(policy.retry_initial, 0);
    CHECK_NUMBER(policy.delay_ms, 1000);
    CHECK_NUMBER(policy.max_delay_ms, 60000);
    CHECK(policy.factor == 2);
    CHECK(policy.jitter == 0.5);
    CHECK_NUMBER(policy.reset_after_ms, 60000);
    CHECK_NUMBER(policy.max_attempts, EVENTSOURCE_NO_LIMIT);
    CHECK_NUMBER(policy.min_delay_ms, 100);
    CHECK_NUMBER(policy.max_server_delay_ms, 3600000);
    eventsource_free(es);
}

static int32_t keep_delay_and_stop(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    r->number = ((const eventsource_error_t *)payload)->delay_ms;
    return r->number > 60000 ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static void the_largest_numbers_are_as_good_as_for_ever(void) {
    recorder_t *r = recorder_new("/status/503?header=Retry-After:99999999999999999999");
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.retry_initial = 1;
    policy.delay_ms = policy.max_delay_ms = policy.reset_after_ms = INT64_MAX;
    policy.min_delay_ms = policy.max_server_delay_ms = INT64_MAX;
    policy.factor = 100;
    policy.jitter = 1;
    r->then = keep_delay_and_stop;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_connect_timeout(r->es, INT64_MAX), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_response_timeout(r->es, INT64_MAX), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_read_timeout(r->es, INT64_MAX), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_redirects(r->es, INT32_MAX), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_event_size(r->es, SIZE_MAX), EVENTSOURCE_OK);
    start(r);
    CHECK_STATUS(eventsource_wait(r->es, INT64_MAX), EVENTSOURCE_OK);
    CHECK_LINES(r, "error HTTP_STATUS 503, again\nclose stopped\n");
    CHECK_NUMBER(r->number, INT64_MAX);

    /* The wait itself, too, and an open stream. */
    r->then = NULL;
    start(r);
    WAIT_FOR(r, "error", 2);
    stop(r);
    recorder_end(r);
    r = recorder_new("/hang-body");
    CHECK_STATUS(eventsource_set_read_timeout(r->es, INT64_MAX), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_event_timeout(r->es, INT64_MAX), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "event", 1);
    stop(r);
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    recorder_end(r);
}

/* ---- Structs that carry their size ------------------------------------------------------------------------------- */

static void a_struct_of_a_size_that_no_version_has_is_refused_and_not_written(void) {
    static const size_t BAD[] = {0, 1, 8, 1 << 20, SIZE_MAX};
    eventsource_t *es = new_client();
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        eventsource_reconnect_t policy, policy_before;
        eventsource_stats_t stats, stats_before;
        memset(&policy, 0x55, sizeof policy);
        memset(&stats, 0x55, sizeof stats);
        policy.size = BAD[i];
        memcpy(&policy_before, &policy, sizeof policy);
        memcpy(&stats_before, &stats, sizeof stats);
        CHECK_STATUS(eventsource_reconnect_init(&policy, BAD[i]), EVENTSOURCE_ERR_VALUE);
        REFUSED(es, eventsource_get_reconnect(es, &policy, BAD[i]), EVENTSOURCE_ERR_VALUE, "size");
        REFUSED(es, eventsource_set_reconnect(es, &policy), EVENTSOURCE_ERR_VALUE, "size");
        REFUSED(es, eventsource_get_stats(es, &stats, BAD[i]), EVENTSOURCE_ERR_VALUE, "size");
        CHECK(memcmp(&policy, &policy_before, sizeof policy) == 0);
        CHECK(memcmp(&stats, &stats_before, sizeof stats) == 0);

        eventsource_parser_options_t options = {.size = BAD[i]};
        check_refused_parser(&options, EVENTSOURCE_ERR_VALUE, "size");

        eventsource_metrics_t metrics;
        CHECK_STATUS(eventsource_runtime_get_metrics(NULL, &metrics, BAD[i]), EVENTSOURCE_ERR_VALUE);

        eventsource_runtime_options_t runtime_options = {.size = BAD[i]};
        check_refused_runtime(&runtime_options, EVENTSOURCE_ERR_VALUE, "size");
    }
    eventsource_free(es);
}

/* No release had a smaller struct than this one. Exactly so much memory as its size says, for the sanitizer and valgrind
 * to see whether the library looks beyond. */
static void a_struct_that_lacks_a_member_is_refused(void) {
    size_t size = offsetof(eventsource_runtime_options_t, measure_latency);
    size_t *options = calloc(1, size); /* begins with its size */
    if (!options) abort();
    for (*options = size; *options >= size - 1; (*options)--) {
        check_refused_runtime((void *)options, EVENTSOURCE_ERR_VALUE, "size");
    }
    free(options);
}

/* What a program compiled with the header of a later version would pass. */
static void a_larger_struct_is_taken_if_its_new_members_are_zero(void) {
    struct {
        eventsource_reconnect_t known;
        uint64_t later[2];
    } policy;
    struct {
        eventsource_stats_t known;
        uint64_t later[2];
    } stats;
    eventsource_t *es = new_client();
    memset(&policy, 0x55, sizeof policy);
    memset(&stats, 0x55, sizeof stats);
    CHECK_STATUS(eventsource_get_reconnect(es, &policy.known, sizeof policy), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)policy.known.size, sizeof policy);
    CHECK(policy.later[0] == 0 && policy.later[1] == 0);
    CHECK_STATUS(eventsource_set_reconnect(es, &policy.known), EVENTSOURCE_OK);
    policy.later[1] = 1;
    CHECK_STATUS(eventsource_set_reconnect(es, &policy.known), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_get_stats(es, &stats.known, sizeof stats), EVENTSOURCE_OK);
    CHECK(stats.known.size == sizeof stats && stats.later[0] == 0 && stats.later[1] == 0);
    eventsource_free(es);

    struct {
        eventsource_parser_options_t known;
        uint64_t later;
    } options;
    CHECK_STATUS(eventsource_parser_options_init(&options.known, sizeof options), EVENTSOURCE_OK);
    eventsource_parser_t *parser = eventsource_parser_new(&options.known);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    eventsource_parser_free(parser);
    options.later = 1;
    check_refused_parser(&options.known, EVENTSOURCE_ERR_VALUE, "does not know");
    options.later = 0;
    options.known.max_event_size = 0;
    check_refused_parser(&options.known, EVENTSOURCE_ERR_VALUE, "at least 1");

    struct {
        eventsource_runtime_options_t known;
        uint64_t later;
    } runtime_options;
    CHECK_STATUS(eventsource_runtime_options_init(&runtime_options.known, sizeof runtime_options), EVENTSOURCE_OK);
    eventsource_runtime_t *runtime = eventsource_runtime_new(&runtime_options.known);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    eventsource_runtime_free(runtime);
    runtime_options.later = 1;
    check_refused_runtime(&runtime_options.known, EVENTSOURCE_ERR_VALUE, "does not know");
}

/* Each function that fills a struct, with memory behind it that is the program's. */
static void no_more_of_a_struct_is_written_than_its_size_says(void) {
    enum { CANARY = 64 };
    eventsource_t *es = eventsource_new("example.com"); /* so that there is a result: a refused start */
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_URL);
#define FILLS(type, call)                                                                              \
    do {                                                                                               \
        struct {                                                                                       \
            type filled;                                                                               \
            unsigned char canary[CANARY];                                                              \
        } it;                                                                                          \
        memset(&it, 0x55, sizeof it);                                                                  \
        CHECK_STATUS(call, EVENTSOURCE_OK);                                                            \
        CHECK(it.filled.size == sizeof it.filled);                                                     \
        for (int i = 0; i < CANARY; i++) CHECK(it.canary[i] == 0x55);                                  \
    } while (0)
    FILLS(eventsource_reconnect_t, eventsource_reconnect_init(&it.filled, sizeof it.filled));
    FILLS(eventsource_reconnect_t, eventsource_get_reconnect(es, &it.filled, sizeof it.filled));
    FILLS(eventsource_runtime_options_t, eventsource_runtime_options_init(&it.filled, sizeof it.filled));
    FILLS(eventsource_parser_options_t, eventsource_parser_options_init(&it.filled, sizeof it.filled));
    FILLS(eventsource_stats_t, eventsource_get_stats(es, &it.filled, sizeof it.filled));
    FILLS(eventsource_metrics_t, eventsource_runtime_get_metrics(NULL, &it.filled, sizeof it.filled));
    FILLS(eventsource_result_t, eventsource_get_result(es, &it.filled, sizeof it.filled));
    eventsource_free(es);
}

static void initialisers_fill_in_the_defaults(void) {
    eventsource_t *es = new_client();
    eventsource_reconnect_t defaults, policy;
    CHECK_STATUS(eventsource_reconnect_init(NULL, sizeof defaults), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_runtime_options_init(NULL, sizeof(eventsource_runtime_options_t)), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_parser_options_init(NULL, sizeof(eventsource_parser_options_t)), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_reconnect_init(&defaults, sizeof defaults), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
    CHECK(defaults.delay_ms == 1000 && defaults.max_delay_ms == 60000 && defaults.factor == 2 && defaults.jitter == 0.5);
    CHECK(same_policy(&defaults, &policy));
    CHECK_STATUS(eventsource_set_reconnect(es, &defaults), EVENTSOURCE_OK);
    eventsource_free(es);
}

/* ---- Buffers ----------------------------------------------------------------------------------------------------- */

static void a_text_is_copied_only_into_a_buffer_that_holds_it_and_its_end(void) {
    char buffer[8];
    size_t len = 99;
    eventsource_t *es = new_client();

    CHECK_STATUS(eventsource_get_last_event_id(es, buffer, 1, &len), EVENTSOURCE_OK);
    CHECK(len == 0 && buffer[0] == '\0');
    len = 99;
    CHECK_STATUS(eventsource_get_last_event_id(es, NULL, 0, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK_NUMBER((int64_t)len, 0);

    CHECK_STATUS(eventsource_set_last_event_id(es, "abc"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_last_event_id(es, NULL, 0, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK_NUMBER((int64_t)len, 3);
    memset(buffer, '?', sizeof buffer);
    len = 99;
    CHECK_STATUS(eventsource_get_last_event_id(es, buffer, 3, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK(len == 3 && memcmp(buffer, "????????", 8) == 0);
    CHECK_STATUS(eventsource_get_last_event_id(es, buffer, 3, NULL), EVENTSOURCE_ERR_BUFFER);
    len = 99;
    CHECK_STATUS(eventsource_get_last_event_id(es, buffer, 4, &len), EVENTSOURCE_OK);
    CHECK(len == 3 && memcmp(buffer, "abc\0????", 8) == 0);
    CHECK_STATUS(eventsource_get_last_event_id(es, buffer, sizeof buffer, NULL), EVENTSOURCE_OK);
    eventsource_free(es);
}

static void the_last_error_survives_a_buffer_that_is_too_small(void) {
    char buffer[256], again[256];
    size_t len = 99;
    eventsource_t *es = new_client();
    CHECK_STATUS(eventsource_get_last_error(es, buffer, 1, &len), EVENTSOURCE_OK);
    CHECK(len == 0 && buffer[0] == '\0');

    CHECK_STATUS(eventsource_set_method(es, "G ET"), EVENTSOURCE_ERR_METHOD);
    CHECK_STATUS(eventsource_get_last_error(es, NULL, 0, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK(len > 0 && len < sizeof buffer);
    CHECK_STATUS(eventsource_get_last_error(es, again, len, NULL), EVENTSOURCE_ERR_BUFFER);
    CHECK_STATUS(eventsource_get_last_error(es, buffer, len + 1, NULL), EVENTSOURCE_OK);
    CHECK(strlen(again) == len - 1 && strncmp(again, buffer, len - 1) == 0); /* as much as fits */
    CHECK_NUMBER((int64_t)strlen(buffer), (int64_t)len);
    CHECK(strstr(buffer, "method") != NULL);
    /* Success is no error. */
    CHECK_STATUS(eventsource_set_method(es, "GET"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_last_error(es, again, sizeof again, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(again, buffer);
    eventsource_free(es);
}

static void the_last_error_is_cut_between_characters(void) {
    static const char NAME[] = "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    char whole[256], cut[256];
    eventsource_t *es = new_client();
    CHECK_STATUS(eventsource_set_ca_file(es, NAME), EVENTSOURCE_ERR_PEM); /* the message has the name in it */
    CHECK_STATUS(eventsource_get_last_error(es, whole, sizeof whole, NULL), EVENTSOURCE_OK);
    const char *name = strstr(whole, NAME);
    CHECK(name != NULL);
    for (size_t capacity = 1; name && capacity <= strlen(whole); capacity++) {
        size_t len = 0, most = capacity - 1, begin = (size_t)(name - whole);
        /* 2, 3 and 4 bytes */
        if (most > begin && most < begin + 2) most = begin;
        if (most > begin + 2 && most < begin + 5) most = begin + 2;
        if (most > begin + 5 && most < begin + 9) most = begin + 5;
        memset(cut, '?', sizeof cut);
        CHECK_STATUS(eventsource_get_last_error(es, cut, capacity, &len), EVENTSOURCE_ERR_BUFFER);
        CHECK(len == strlen(whole) && strlen(cut) == most && strncmp(cut, whole, most) == 0);
        CHECK(cut[capacity] == '?');
    }
    eventsource_free(es);
}

static void the_parser_copies_its_last_event_id_likewise(void) {
    char buffer[4];
    size_t len = 99;
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, "id: abc\n\n", 9), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, NULL, 0, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK_NUMBER((int64_t)len, 3);
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, buffer, 3, NULL), EVENTSOURCE_ERR_BUFFER);
    CHECK_STATUS(eventsource_parser_get_last_error(parser, buffer, sizeof buffer, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(buffer, ""); /* a length was asked for: nothing went wrong */
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, buffer, 4, &len), EVENTSOURCE_OK);
    CHECK_TEXT(buffer, "abc");
    eventsource_parser_free(parser);
}

/* ---- State, and nothing half-done -------------------------------------------------------------------------------- */

static void a_running_client_refuses_settings(void) {
    recorder_t *r = recorder_new("/hang-body");
    eventsource_t *es = r->es;
    eventsource_reconnect_t policy = fast_policy(es);
    int destroys = 0;
    start(r);
    WAIT_FOR(r, "event", 1);
    REFUSED(es, eventsource_set_user_data(es, &destroys, count_destroy), EVENTSOURCE_ERR_STATE, "running");
    CHECK_NUMBER(destroys, 0);
    REFUSED(es, eventsource_on_event(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_event_type(es, "a", NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_events(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_runtime(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_comment(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_open(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_error(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_request(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_on_close(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_proxy(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_no_proxy(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_unix_socket(es, "a"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_interface(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_resolve(es, "a:80:127.0.0.1"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_add_resolve(es, "a:80:127.0.0.1"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_remove_resolve(es, "a:80"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_remove_header(es, "Accept"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_client_cert_file(es, "/no/such", NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_method(es, "GET"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_body(es, "a", 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_header(es, "a", "b"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_add_header(es, "a", "b"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_sensitive_header(es, "a", "b"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_basic_auth(es, "a", "b"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_compression(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_reconnect_with_get(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_reconnect(es, &policy), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_connect_timeout(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_response_timeout(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_read_timeout(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_event_timeout(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_max_error_body(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_end_marker(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_mode(es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_next_delay(es, 1), EVENTSOURCE_ERR_STATE, "on_error");
    REFUSED(es, eventsource_set_max_redirects(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_max_event_size(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_check_content_type(es, 0), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_watch_network(es, 0), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_cookies(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_share_cookies(es, es), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_http_version(es, EVENTSOURCE_HTTP_DEFAULT), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_ca_pem(es, NULL, 0), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_ca_file(es, "/dev/null"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_key_log_file(es, "/dev/null"), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_ca_exclusive(es, 1), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_client_cert_pem(es, NULL, 0, NULL, 0), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_pinned_keys(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_2), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_server_name(es, NULL), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_set_insecure_skip_verification(es, 0), EVENTSOURCE_ERR_STATE, "running");
    REFUSED(es, eventsource_start(es), EVENTSOURCE_ERR_STATE, "running");
    /* These are for any time. */
    CHECK_STATUS(eventsource_pause(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_unpause(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(es, "a"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
    stop(r);
    /* Once it has closed, it takes settings again, for the next start. */
    CHECK_STATUS(eventsource_set_header(es, "a", "b"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_comment(es, NULL), EVENTSOURCE_OK);
    REFUSED(es, eventsource_reconnect_now(es), EVENTSOURCE_ERR_STATE, "not running");
    recorder_end(r);
}

/* The request that /echo tells of. */
static void a_refused_call_changes_nothing(void) {
    recorder_t *r = recorder_new("/echo");
    eventsource_t *es = r->es;
    CHECK_STATUS(eventsource_set_method(es, "PUT"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(es, "body", 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(es, "x-a", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_basic_auth(es, "user", "password"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(es, "7"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_event_size(es, 100000), EVENTSOURCE_OK);

    CHECK_STATUS(eventsource_set_method(es, "P UT"), EVENTSOURCE_ERR_METHOD);
    CHECK_STATUS(eventsource_set_body(es, NULL, 4), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_header(es, "x-a", "2\n"), EVENTSOURCE_ERR_HEADER);
    CHECK_STATUS(eventsource_add_header(es, "x-a", "2\n"), EVENTSOURCE_ERR_HEADER);
    CHECK_STATUS(eventsource_set_sensitive_header(es, "x-a", BAD_UTF8), EVENTSOURCE_ERR_UTF8);
    CHECK_STATUS(eventsource_set_basic_auth(es, "user", "\n"), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_set_last_event_id(es, "8\n"), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_set_max_event_size(es, 0), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_on_event_type(es, "", NULL), EVENTSOURCE_ERR_VALUE);
    /* It does not start so (refused.c); what mends it leaves the header that was there. */
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_METHOD);
    CHECK_STATUS(eventsource_set_method(es, "PUT"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(es, "body", 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_add_header(es, "x-a", "3"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_basic_auth(es, "user", "password"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(es, "7"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_max_event_size(es, 100000), EVENTSOURCE_OK);
    start(r);
    CHECK(echoed(r, "\"method\":\"PUT\""));
    CHECK(echoed(r, "\"body\":\"body\""));
    CHECK(echoed(r, "[\"x-a\",\"1\"]"));
    CHECK(!echoed(r, "\"2"));
    CHECK(echoed(r, "\"Basic dXNlcjpwYXNzd29yZA==\""));
    CHECK(echoed(r, "[\"last-event-id\",\"7\"]"));
    recorder_end(r);
}

static int32_t try_bad_requests(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    eventsource_request_t *request = r->request;
    eventsource_t *es = r->es;
    int64_t number = 0;
    int32_t code = 99;
    REFUSED(es, eventsource_request_get_attempt(request, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_request_get_cause(request, NULL, &code), EVENTSOURCE_ERR_NULL, "NULL");
    CHECK_NUMBER(code, 99);
    CHECK_STATUS(eventsource_request_get_cause(request, &code, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_get_attempt(request, &number), EVENTSOURCE_OK);
    CHECK_NUMBER(number, 1);
    REFUSED(es, eventsource_request_set_header(request, NULL, "b"), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_request_set_header(request, "a", NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_request_set_header(request, BAD_UTF8, "b"), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_request_set_header(request, "a", BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_request_set_header(request, "a b", "c"), EVENTSOURCE_ERR_HEADER, "name");
    REFUSED(es, eventsource_request_set_header(request, "x-a", "2\n"), EVENTSOURCE_ERR_HEADER, "x-a");
    REFUSED(es, eventsource_request_set_header(request, "Last-Event-ID", "1"), EVENTSOURCE_ERR_HEADER, "library");
    REFUSED(es, eventsource_request_set_url(request, NULL), EVENTSOURCE_ERR_NULL, "NULL");
    REFUSED(es, eventsource_request_set_url(request, BAD_UTF8), EVENTSOURCE_ERR_UTF8, "UTF-8");
    REFUSED(es, eventsource_request_set_url(request, "/echo?relative"), EVENTSOURCE_ERR_URL, "URL");
    REFUSED(es, eventsource_request_set_url(request, "ftp://127.0.0.1/"), EVENTSOURCE_ERR_URL, "http");
    REFUSED(es, eventsource_request_set_url(request, "http://new:p%0A@127.0.0.1/"), EVENTSOURCE_ERR_URL, "");
    REFUSED(es, eventsource_request_set_body(request, NULL, 1), EVENTSOURCE_ERR_NULL, "NULL");
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_request_refuses_what_a_client_refuses_and_is_not_sent(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_header(r->es, "x-a", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "body", 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = try_bad_requests;
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "request 1 first\nerror REQUEST, final\nclose failed REQUEST\n");
    CHECK(strstr(last_error(r->es), "NULL") != NULL); /* the first */
    recorder_end(r);
}

CHECK_MAIN(TEST(every_function_refuses_a_client_that_is_null),
           TEST(every_function_refuses_a_request_that_is_null),
           TEST(every_function_refuses_a_runtime_that_is_null),
           TEST(every_function_refuses_a_parser_that_is_null),
           TEST(every_other_pointer_that_is_null_is_refused),
           TEST(null_is_fine_where_the_manual_says_so),
           TEST(text_that_is_not_utf8_is_refused),
           TEST(a_url_that_is_not_absolute_http_is_refused),
           TEST(a_url_with_which_no_attempt_could_succeed_is_refused_at_the_call),
           TEST(a_url_may_have_any_form_that_browsers_take),
           TEST(a_header_with_a_bad_name_is_refused),
           TEST(a_header_with_a_bad_value_is_refused),
           TEST(headers_that_the_library_writes_are_refused),
           TEST(a_bad_method_is_refused),
           TEST(a_last_event_id_with_control_characters_is_refused),
           TEST(basic_auth_refuses_a_colon_in_the_user_and_control_characters),
           TEST(a_bad_proxy_is_refused_and_its_credentials_are_not_quoted),
           TEST(a_path_that_no_socket_can_have_is_refused),
           TEST(a_bad_interface_is_refused),
           TEST(cookies_that_no_server_could_have_set_are_refused_and_need_a_jar),
           TEST(a_zone_that_no_connection_could_heed_is_refused),
           TEST(a_bad_place_for_a_host_is_refused),
           TEST(an_event_type_that_no_event_has_is_refused),
           TEST(pem_without_a_usable_certificate_is_refused),
           TEST(a_client_certificate_without_its_key_is_refused),
           TEST(bad_pins_and_server_names_are_refused),
           TEST(numbers_out_of_their_range_are_refused),
           TEST(the_options_of_a_runtime_are_checked),
           TEST(options_with_unknown_values_are_refused),
           TEST(a_reconnect_policy_out_of_range_is_refused_and_changes_nothing),
           TEST(the_reconnect_policy_has_the_documented_defaults),
           TEST(the_largest_numbers_are_as_good_as_for_ever),
           TEST(a_struct_of_a_size_that_no_version_has_is_refused_and_not_written),
           TEST(a_struct_that_lacks_a_member_is_refused),
           TEST(no_more_of_a_struct_is_written_than_its_size_says), TEST(initialisers_fill_in_the_defaults),
           TEST(a_larger_struct_is_taken_if_its_new_members_are_zero),
           TEST(a_text_is_copied_only_into_a_buffer_that_holds_it_and_its_end),
           TEST(the_last_error_survives_a_buffer_that_is_too_small),
           TEST(the_last_error_is_cut_between_characters), TEST(the_parser_copies_its_last_event_id_likewise),
           TEST(a_running_client_refuses_settings),
           TEST(a_refused_call_changes_nothing),
           TEST(a_request_refuses_what_a_client_refuses_and_is_not_sent))
