/* A setting that was refused cannot be overlooked: the client does not start without it, until it is set well. */
#include "check.h"
#include "recorder.h"

static eventsource_reconnect_t policy_of(int64_t delay_ms) {
    eventsource_reconnect_t policy;
    eventsource_reconnect_init(&policy, sizeof policy);
    policy.delay_ms = delay_ms;
    policy.max_delay_ms = 1000;
    policy.factor = 2;
    policy.min_delay_ms = policy.max_server_delay_ms = 1;
    return policy;
}

static int32_t set_reconnect(eventsource_t *es, int64_t delay_ms) {
    eventsource_reconnect_t policy = policy_of(delay_ms);
    return eventsource_set_reconnect(es, &policy);
}

static void ignore_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)event;
    (void)user;
}

static int32_t add_cookies(eventsource_t *es, const char *cookies) {
    CHECK_STATUS(eventsource_set_cookies(es, 1), EVENTSOURCE_OK);
    return eventsource_add_cookies(es, cookies);
}

static int32_t set_freed_runtime(eventsource_t *es) {
    eventsource_runtime_t *runtime = eventsource_runtime_new(NULL);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    eventsource_runtime_free(runtime);
    return eventsource_set_runtime(es, runtime);
}

static int32_t set_refused_runtime(eventsource_t *es) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.threads = -1;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    int32_t status = eventsource_set_runtime(es, runtime);
    eventsource_runtime_free(runtime);
    return status;
}

static int32_t set_good_url(eventsource_t *es) {
    char *url = url_of("/status/204");
    int32_t status = eventsource_set_url(es, url);
    free(url);
    return status;
}

/* Each setter: refused, and set well or taken back. */
#define SETTERS(SETTER)                                                                                               \
    SETTER(URL, eventsource_set_url(es, "localhost:8080/x"), set_good_url(es))                                        \
    SETTER(VALUE, set_refused_runtime(es), eventsource_set_runtime(es, NULL))                                         \
    SETTER(METHOD, eventsource_set_method(es, "a b"), eventsource_set_method(es, "GET"))                              \
    SETTER(NULL, eventsource_set_body(es, NULL, 1), eventsource_set_body(es, NULL, 0))                                \
    SETTER(HEADER, eventsource_set_header(es, "X-A", "\n"), eventsource_set_header(es, "x-a", "b"))                   \
    SETTER(HEADER, eventsource_add_header(es, "X-A", "\n"), eventsource_add_header(es, "x-a", "b"))                   \
    SETTER(HEADER, eventsource_set_sensitive_header(es, "X-A", "\n"), eventsource_set_sensitive_header(es, "X-A", "")) \
    SETTER(NULL, eventsource_set_header(es, "X-A", NULL), eventsource_set_header(es, "X-A", "b"))                     \
    SETTER(UTF8, eventsource_set_header(es, "X-A", "\xFF"), eventsource_set_header(es, "X-A", "b"))                   \
    SETTER(HEADER, eventsource_set_header(es, "X-A", "\n"), eventsource_remove_header(es, "x-a"))                     \
    SETTER(HEADER, eventsource_set_header(es, "a b", "c"), eventsource_remove_header(es, "a b"))                      \
    SETTER(HEADER, eventsource_add_header(es, "Connection", "c"), eventsource_remove_header(es, "connection"))        \
    SETTER(VALUE, eventsource_set_basic_auth(es, "a:b", ""), eventsource_set_basic_auth(es, "a", ""))                 \
    SETTER(VALUE, eventsource_set_compression(es, 2), eventsource_set_compression(es, 0))                             \
    SETTER(VALUE, eventsource_set_reconnect_with_get(es, 2), eventsource_set_reconnect_with_get(es, 0))                     \
    SETTER(VALUE, eventsource_set_last_event_id(es, "\n"), eventsource_set_last_event_id(es, ""))                     \
    SETTER(VALUE, eventsource_set_cookies(es, 2), eventsource_set_cookies(es, 0))                                     \
    SETTER(VALUE, eventsource_share_cookies(es, es), eventsource_set_cookies(es, 1))                                  \
    SETTER(VALUE, add_cookies(es, "nonsense"), add_cookies(es, ""))                                                  \
    SETTER(VALUE, eventsource_set_mode(es, 99), eventsource_set_mode(es, EVENTSOURCE_MODE_AUTO))                      \
    SETTER(VALUE, set_reconnect(es, 0), set_reconnect(es, 1))                                                         \
    SETTER(VALUE, eventsource_set_connect_timeout(es, -9), eventsource_set_connect_timeout(es, 5000))                 \
    SETTER(VALUE, eventsource_set_response_timeout(es, -9), eventsource_set_response_timeout(es, 5000))               \
    SETTER(VALUE, eventsource_set_read_timeout(es, -9), eventsource_set_read_timeout(es, 5000))                       \
    SETTER(VALUE, eventsource_set_end_marker(es, ""), eventsource_set_end_marker(es, NULL))                            \
    SETTER(VALUE, eventsource_set_event_timeout(es, 0), eventsource_set_event_timeout(es, EVENTSOURCE_NO_LIMIT))      \
    SETTER(VALUE, eventsource_set_max_redirects(es, -9), eventsource_set_max_redirects(es, 1))                        \
    SETTER(VALUE, eventsource_set_max_event_size(es, 0), eventsource_set_max_event_size(es, 1000))                    \
    SETTER(VALUE, eventsource_set_check_content_type(es, 2), eventsource_set_check_content_type(es, 1))               \
    SETTER(VALUE, eventsource_set_watch_network(es, 2), eventsource_set_watch_network(es, 1))                         \
    SETTER(URL, eventsource_set_proxy(es, "ftp://a"), eventsource_set_proxy(es, NULL))                                \
    SETTER(UTF8, eventsource_set_no_proxy(es, "\xFF"), eventsource_set_no_proxy(es, "*"))                             \
    SETTER(VALUE, eventsource_set_unix_socket(es, ""), eventsource_set_unix_socket(es, NULL))                         \
    SETTER(VALUE, eventsource_set_interface(es, "a b"), eventsource_set_interface(es, NULL))                          \
    SETTER(VALUE, eventsource_set_resolve(es, "a:1:b"), eventsource_set_resolve(es, "a:1:127.0.0.1"))                 \
    SETTER(VALUE, eventsource_set_resolve(es, "nonsense"), eventsource_remove_resolve(es, "nonsense"))                \
    SETTER(VALUE, eventsource_add_resolve(es, "a:1:b"), eventsource_remove_resolve(es, "a:1"))                        \
    SETTER(VALUE, eventsource_set_http_version(es, 99), eventsource_set_http_version(es, EVENTSOURCE_HTTP_DEFAULT))   \
    SETTER(PEM, eventsource_set_ca_pem(es, "a", 1), eventsource_set_ca_pem(es, NULL, 0))                              \
    SETTER(PEM, eventsource_set_ca_file(es, "/no/such"), eventsource_set_ca_pem(es, NULL, 0))                         \
    SETTER(VALUE, eventsource_set_key_log_file(es, "/no/such/file"), eventsource_set_key_log_file(es, NULL))           \
    SETTER(VALUE, eventsource_set_ca_exclusive(es, 2), eventsource_set_ca_exclusive(es, 0))                           \
    SETTER(PEM, eventsource_set_client_cert_pem(es, "a", 1, NULL, 0), eventsource_set_client_cert_pem(es, NULL, 0, NULL, 0)) \
    SETTER(PEM, eventsource_set_client_cert_file(es, "/no/such", NULL), eventsource_set_client_cert_file(es, NULL, NULL)) \
    SETTER(PEM, eventsource_set_client_cert_file(es, "/no/such", NULL), eventsource_set_client_cert_pem(es, NULL, 0, NULL, 0)) \
    SETTER(VALUE, eventsource_set_pinned_keys(es, "a"), eventsource_set_pinned_keys(es, NULL))                        \
    SETTER(VALUE, eventsource_set_min_tls_version(es, 99), eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_2))  \
    SETTER(VALUE, eventsource_set_server_name(es, "a b"), eventsource_set_server_name(es, NULL))                      \
    SETTER(VALUE, eventsource_set_insecure_skip_verification(es, 2), eventsource_set_insecure_skip_verification(es, 0)) \
    SETTER(NULL, eventsource_on_event_type(es, NULL, ignore_event), EVENTSOURCE_ERR_STATE)                            \
    SETTER(VALUE, eventsource_on_event_type(es, "", ignore_event), eventsource_on_event_type(es, "", NULL))            \
    SETTER(VALUE, eventsource_set_resolve(es, "[::1]:80:x"), eventsource_remove_resolve(es, "[::1]:80"))               \
    SETTER(FREED, set_freed_runtime(es), eventsource_set_runtime(es, NULL))

typedef struct {
    const char *call;
    int32_t status;
} refused_t;

/* Makes the call of this row: the refused one, or the one that mends it. */
static int32_t call_row(eventsource_t *es, int row, int well) {
    int i = 0;
#define ROW(name, bad, good) \
    if (i++ == row) return well ? (int32_t)(good) : (int32_t)(bad);
    SETTERS(ROW)
    return EVENTSOURCE_ERR_STATE;
}

static const refused_t ROWS[] = {
#define EXPECT(name, bad, good) {#bad, EVENTSOURCE_ERR_##name},
    SETTERS(EXPECT)};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

static eventsource_t *new_client(void) {
    char *url = url_of("/status/204");
    eventsource_t *es = eventsource_new(url);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    free(url);
    return es;
}

static void check_text_is(eventsource_t *es, const char *expected) {
    char text[1024] = "";
    CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(text, expected);
}

/* A program that looks at the last status alone. */
static void whichever_setter_is_refused_the_start_tells_until_it_is_mended(void) {
    for (int i = 0; i < ROW_COUNT && !check_failed(); i++) {
        char why[1024] = "";
        eventsource_state_t state = EVENTSOURCE_STATE_OPEN;
        eventsource_t *es = new_client();
        CHECK_STATUS(call_row(es, i, 0), ROWS[i].status);
        CHECK_STATUS(eventsource_get_last_error(es, why, sizeof why, NULL), EVENTSOURCE_OK);
        CHECK(*why != '\0');
        CHECK_STATUS(eventsource_reconnect_now(es), EVENTSOURCE_ERR_STATE); /* whose text takes its place */
        CHECK_STATUS(eventsource_run(es), ROWS[i].status);
        check_text_is(es, why);
        CHECK_STATUS(eventsource_start(es), ROWS[i].status);
        CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), ROWS[i].status);
        check_text_is(es, why);
        CHECK_STATUS(eventsource_get_state(es, &state), EVENTSOURCE_OK);
        CHECK_NUMBER(state, EVENTSOURCE_STATE_IDLE);
        int32_t mended = call_row(es, i, 1);
        CHECK(mended == EVENTSOURCE_OK || mended == EVENTSOURCE_ERR_STATE); /* this says that nothing mends it */
        if (mended == EVENTSOURCE_OK) CHECK_STATUS(eventsource_run(es), EVENTSOURCE_OK);
        if (check_failed()) fprintf(stderr, "\n    (%s)", ROWS[i].call);
        eventsource_free(es);
    }
}

static void of_several_the_first_that_is_left_is_told(void) {
    eventsource_t *es = new_client();
    CHECK_STATUS(eventsource_set_header(es, "X-A", "\n"), EVENTSOURCE_ERR_HEADER);
    CHECK_STATUS(eventsource_set_method(es, "a b"), EVENTSOURCE_ERR_METHOD);
    CHECK_STATUS(eventsource_set_header(es, "X-B", "b"), EVENTSOURCE_OK); /* another one */
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_HEADER);
    CHECK_STATUS(eventsource_set_header(es, "X-A", "b"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_METHOD);
    CHECK_STATUS(eventsource_set_method(es, "GET"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_run(es), EVENTSOURCE_OK);
    eventsource_free(es);
}

/* Each kind of mistake has a text of its own, which says what is wrong; and the client can be mended. */
static void a_client_whose_url_was_refused_tells_what_is_wrong_with_it_until_another_is_set(void) {
    static const struct {
        const char *url;
        int32_t status;
        const char *why;
    } BAD[] = {
        {NULL, EVENTSOURCE_ERR_NULL, "NULL"},
        {"http://example.com/\xFF", EVENTSOURCE_ERR_UTF8, "UTF-8"},
        {"", EVENTSOURCE_ERR_URL, "is empty"},
        {"ht tp://x", EVENTSOURCE_ERR_URL, "invalid URL"},
        {"localhost:8080/x", EVENTSOURCE_ERR_URL, "has no scheme; did you mean http://localhost:8080"},
        {"ws://example.com/", EVENTSOURCE_ERR_URL, "not http or https"},
        {"http://example.com:99999/", EVENTSOURCE_ERR_URL, "99999"},
        {"http://example.com:0/", EVENTSOURCE_ERR_URL, "port is 0"},
        {"http://", EVENTSOURCE_ERR_URL, "host"},
        {"http://::1/", EVENTSOURCE_ERR_URL, "brackets"},
        {"http://us%3Aer:password@example.com/", EVENTSOURCE_ERR_URL, "user"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char text[256] = "";
        eventsource_t *es = eventsource_new(BAD[i].url);
        CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
        check_that(strstr(text, BAD[i].why) != NULL, __FILE__, __LINE__, "\"%s\" tells of \"%s\"", text, BAD[i].why);
        CHECK_STATUS(eventsource_check(es), BAD[i].status);
        CHECK_STATUS(eventsource_run(es), BAD[i].status);
        CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), BAD[i].status);
        CHECK_STATUS(set_good_url(es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_run(es), EVENTSOURCE_OK);
        eventsource_free(es);
    }
}

static void what_is_refused_because_the_client_runs_is_not_kept(void) {
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    WAIT_FOR(r, "event", 1);
    CHECK_STATUS(eventsource_set_method(r->es, "PUT"), EVENTSOURCE_ERR_STATE);
    stop(r);
    start(r);
    stop(r);
    recorder_end(r);
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

#define CHANGES(CHANGE)                                                    \
    CHANGE(eventsource_request_set_method(r->request, "G ET"))             \
    CHANGE(eventsource_request_set_header(r->request, "X-A", "\n"))        \
    CHANGE(eventsource_request_add_header(r->request, "X-A", "\n"))        \
    CHANGE(eventsource_request_set_sensitive_header(r->request, "a b", "")) \
    CHANGE(eventsource_request_remove_header(r->request, NULL))            \
    CHANGE(eventsource_request_set_url(r->request, "ftp://a"))             \
    CHANGE(eventsource_request_set_body(r->request, NULL, 1))

/* Each attempt is refused another change; then one is left as it is. */
static int32_t change_badly(recorder_t *r, kind_t kind, const void *payload) {
    int i = 0;
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    r->number++;
#define ATTEMPT(call) \
    if (++i == r->number) CHECK((call) != EVENTSOURCE_OK);
    CHANGES(ATTEMPT)
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_request_whose_change_was_refused_is_not_sent(void) {
    recorder_t *r = recorder_new("/status/204");
    retry_initial(r);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = change_badly;
    start(r);
    wait_closed(r);
    CHECK_NUMBER(r->number, 8);
    CHECK_NUMBER(count_lines(r, "error REQUEST, again"), 7);
    CHECK_NUMBER(count_lines(r, "close server"), 1);
    recorder_end(r);
}

static int32_t want_another_attempt_twice(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    return kind == ON_REQUEST && ++r->number <= 2 ? EVENTSOURCE_DECISION_RETRY : EVENTSOURCE_DECISION_DEFAULT;
}

static void on_request_may_have_an_attempt_made_later_in_any_mode(void) {
    recorder_t *r = recorder_new("/status/204");
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = want_another_attempt_twice;
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "request 1 first\nerror REQUEST, again\nrequest 2 REQUEST\nerror REQUEST, again\nrequest 3 REQUEST\n"
                   "close server\n");
    recorder_end(r);
}

static int32_t end_the_stream(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)payload;
    return kind == ON_REQUEST ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static void on_request_may_end_the_stream_and_the_wait_tells(void) {
    recorder_t *r = recorder_new("/hang-body");
    retry_initial(r);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = end_the_stream;
    start(r);
    wait_closed(r);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_REQUEST);
    CHECK_LINES(r, "request 1 first\nerror REQUEST, final\nclose failed REQUEST\n");
    recorder_end(r);
}

CHECK_MAIN(TEST(whichever_setter_is_refused_the_start_tells_until_it_is_mended),
           TEST(of_several_the_first_that_is_left_is_told),
           TEST(a_client_whose_url_was_refused_tells_what_is_wrong_with_it_until_another_is_set),
           TEST(what_is_refused_because_the_client_runs_is_not_kept),
           TEST(a_request_whose_change_was_refused_is_not_sent),
           TEST(on_request_may_have_an_attempt_made_later_in_any_mode),
           TEST(on_request_may_end_the_stream_and_the_wait_tells))
