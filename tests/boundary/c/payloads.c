/* What callbacks are given: which members a payload has, where an event comes from, what is known of a stream's connection,
 * headers by their names, and the request as on_request can read it. */
#include "check.h"
#include "peer.h"
#include "recorder.h"

/* ---- Members ----------------------------------------------------------------------------------------------------- */

static void a_payload_has_the_members_that_its_size_has_room_for(void) {
    eventsource_event_t event = {.size = sizeof event};
    const eventsource_event_t *payload = &event;
    CHECK(EVENTSOURCE_HAS(payload, type) && EVENTSOURCE_HAS(payload, origin) && EVENTSOURCE_HAS(payload, origin_len));
    event.size = offsetof(eventsource_event_t, origin_len); /* as of a library that has no such member */
    CHECK(EVENTSOURCE_HAS(payload, origin) && !EVENTSOURCE_HAS(payload, origin_len));
    event.size = offsetof(eventsource_event_t, origin_len) + sizeof event.origin_len - 1;
    CHECK(!EVENTSOURCE_HAS(payload, origin_len));
}

#if EVENTSOURCE_VERSION_NUMBER < 9000 || EVENTSOURCE_VERSION_NUMBER > 999999999
#error "the number is none for the preprocessor"
#endif

/* ---- Origins ----------------------------------------------------------------------------------------------------- */

/* Every event has come from the origin in `pointer`. */
static int32_t check_origin(recorder_t *r, kind_t kind, const void *payload) {
    const batch_t *batch = payload;
    const eventsource_event_t *event = payload;
    if (kind != ON_EVENT && kind != ON_EVENTS) return EVENTSOURCE_DECISION_DEFAULT;
    for (size_t i = 0; i < (kind == ON_EVENTS ? batch->count : 1); i++) {
        if (kind == ON_EVENTS) event = batch->events[i];
        CHECK_TEXT(event->origin, r->pointer);
        CHECK_NUMBER((int64_t)event->origin_len, (int64_t)strlen(event->origin));
        r->number++;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void check_origins(recorder_t *r, const char *origin) {
    char *expected = join("%s", origin);
    r->then = check_origin;
    r->pointer = expected;
    start(r);
    WAIT_FOR(r, "event", 2);
    recorder_end(r);
    free(expected);
}

static void an_event_tells_the_origin_that_it_came_from_also_after_a_redirect(void) {
    char *with_user = join("http://user:password@%s/events?count=2&query#fragment", strstr(check_url, "//") + 2);
    char *other = join("http://LOCALHOST%s", strrchr(check_url, ':'));
    char *origin = join("http://localhost%s", strrchr(check_url, ':'));
    char *redirect = join("/redirect?to=%s/events", other);
    check_origins(recorder_new("/events?count=2"), check_url);
    check_origins(recorder_new(with_user), check_url);
    check_origins(recorder_new(redirect), origin);
    check_origins(recorder_of_batches(redirect), origin);
    check_origins(recorder_of_batches("/events?count=2"), check_url);
    free(with_user);
    free(other);
    free(origin);
    free(redirect);
}

static void a_large_event_in_a_batch_tells_it_too(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_of_batches(peer.url);
    char *large = malloc(1 << 17);
    if (!large) abort();
    memset(large, 'a', 1 << 17);
    memcpy(large, "data: 1\n\ndata: ", 15);
    memcpy(large + (1 << 17) - 3, "\n\n", 3);
    r->then = check_origin;
    r->pointer = join("%.*s", (int)strcspn(peer.url + 7, "/") + 7, peer.url);
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, large);
    WAIT_FOR(r, "event", 2);
    CHECK_NUMBER(r->number, 2);
    close(fd);
    peer_close(&peer);
    free(large);
    void *origin = r->pointer;
    recorder_end(r);
    free(origin);
}

/* ---- The connection ---------------------------------------------------------------------------------------------- */

static int32_t check_connection(recorder_t *r, kind_t kind, const void *payload) {
    const eventsource_response_t *response = payload;
    if (kind != ON_OPEN) return EVENTSOURCE_DECISION_DEFAULT;
    CHECK_TEXT(response->peer, r->pointer);
    CHECK_NUMBER((int64_t)response->peer_len, (int64_t)strlen(response->peer));
    CHECK_NUMBER(response->http_version, EVENTSOURCE_HTTP_VERSION_1_1);
    CHECK_NUMBER(response->tls_version, EVENTSOURCE_TLS_NONE);
    CHECK_NUMBER(response->is_reused, 0);
    CHECK_NUMBER(response->resolve_us, -1); /* an address needs no look-up */
    CHECK_NUMBER(response->tls_us, -1);
    CHECK(response->connect_us >= 0 && response->connect_us < 60 * 1000 * 1000);
    CHECK(response->head_us >= 0 && response->head_us < 60 * 1000 * 1000);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_open_tells_of_the_connection(void) {
    recorder_t *r = recorder_new("/events");
    char *peer = join("%s", strstr(check_url, "//") + 2);
    r->then = check_connection;
    r->pointer = peer;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
    free(peer);
}

/* ---- Headers by their names --------------------------------------------------------------------------------------- */

static int32_t find_headers(recorder_t *r, kind_t kind, const void *payload) {
    const char *value = "untouched";
    size_t len = 99;
    (void)r;
    if (kind == ON_OPEN) {
        CHECK_STATUS(eventsource_response_get_header(payload, "CONTENT-type", 0, &value, &len), EVENTSOURCE_OK);
        CHECK_TEXT(value, "text/event-stream");
        CHECK_NUMBER((int64_t)len, 17);
        CHECK_STATUS(eventsource_response_get_header(payload, "X-Twice", 1, &value, NULL), EVENTSOURCE_OK);
        CHECK_TEXT(value, "second");
        CHECK_STATUS(eventsource_response_get_header(payload, "X-Twice", 0, &value, NULL), EVENTSOURCE_OK);
        CHECK_TEXT(value, "first");
        CHECK_STATUS(eventsource_response_get_header(payload, "X-Twice", 2, &value, &len), EVENTSOURCE_OK);
        CHECK(value == NULL && len == 0);
        value = "untouched";
        CHECK_STATUS(eventsource_response_get_header(payload, "X-Twic", 0, &value, NULL), EVENTSOURCE_OK);
        CHECK(value == NULL);
        CHECK_STATUS(eventsource_response_get_header(payload, NULL, 0, &value, NULL), EVENTSOURCE_ERR_NULL);
        CHECK_STATUS(eventsource_response_get_header(payload, "X-Twice", 0, NULL, &len), EVENTSOURCE_ERR_NULL);
        CHECK_STATUS(eventsource_response_get_header(payload, "\xFF", 0, &value, NULL), EVENTSOURCE_ERR_UTF8);
        CHECK_STATUS(eventsource_response_get_header(NULL, "X-Twice", 0, &value, NULL), EVENTSOURCE_ERR_NULL);
        return EVENTSOURCE_DECISION_DEFAULT;
    }
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    /* The end of the first stream has no response, and so no headers. */
    int has_response = ((const eventsource_error_t *)payload)->http_status != 0;
    CHECK_STATUS(eventsource_error_get_header(payload, "x-WHY", 0, &value, &len), EVENTSOURCE_OK);
    if (has_response) CHECK_TEXT(value, "because");
    if (!has_response) CHECK(value == NULL && len == 0);
    CHECK_STATUS(eventsource_error_get_header(NULL, "x-why", 0, &value, &len), EVENTSOURCE_ERR_NULL);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_header_is_found_by_its_name_in_any_case_and_repeated_ones_by_their_number(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    r->then = find_headers;
    start(r);
    int fd = peer_accept(&peer);
    peer_say(fd, "HTTP/1.1 200 OK\r\nX-Twice: first\r\nContent-Type: text/event-stream\r\nX-TWICE: second\r\n"
                 "Connection: close\r\n\r\n");
    WAIT_FOR(r, "open", 1);
    close(fd);
    fd = peer_accept(&peer);
    peer_say(fd, "HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 0\r\n\r\n");
    wait_closed(r);
    CHECK_NUMBER(count_lines(r, "error"), 2);
    close(fd);
    peer_close(&peer);
    recorder_end(r);
}

/* ---- The request ------------------------------------------------------------------------------------------------- */

static const char *value_of(recorder_t *r, const char *name, size_t index) {
    const char *value = "untouched";
    CHECK_STATUS(eventsource_request_get_header(r->request, name, index, &value, NULL), EVENTSOURCE_OK);
    return value ? value : "(none)";
}

static int32_t read_the_request(recorder_t *r, kind_t kind, const void *payload) {
    const eventsource_header_t *headers = NULL, *changed = NULL;
    const void *body = NULL;
    char method[16];
    size_t count = 0, changed_count = 0, len = 0;
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    CHECK_STATUS(eventsource_request_get_method(r->request, method, 5, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK_NUMBER((int64_t)len, 6);
    CHECK_STATUS(eventsource_request_get_method(r->request, method, sizeof method, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(method, "REPORT");
    CHECK_STATUS(eventsource_request_get_body(r->request, &body, &len), EVENTSOURCE_OK);
    CHECK(len == 4 && memcmp(body, "a\0b!", 4) == 0);
    CHECK_TEXT(value_of(r, "ACCEPT", 0), "text/event-stream");
    CHECK_TEXT(value_of(r, "last-event-id", 0), "7");
    CHECK_TEXT(value_of(r, "Accept-Encoding", 0), "gzip, deflate, br, zstd");
    CHECK_TEXT(value_of(r, "x-secret", 0), "secret");
    CHECK_TEXT(value_of(r, "x-twice", 0), "one");
    CHECK_TEXT(value_of(r, "x-twice", 1), "two");
    CHECK_TEXT(value_of(r, "x-twice", 2), "(none)");
    CHECK_TEXT(value_of(r, "host", 0), "(none)");

    CHECK_STATUS(eventsource_request_get_headers(r->request, &headers, &count), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)count, 8);
    for (size_t i = 0; i < count; i++) {
        CHECK(strlen(headers[i].name) == headers[i].name_len && strlen(headers[i].value) == headers[i].value_len);
        CHECK_TEXT(headers[i].name + strspn(headers[i].name, "abcdefghijklmnopqrstuvwxyz-"), "");
        /* What has been lent stays as it is. */
        CHECK_STATUS(eventsource_request_remove_header(r->request, "X-Secret"), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_request_add_header(r->request, "X-Twice", "three"), EVENTSOURCE_OK);
        CHECK_TEXT(value_of(r, "X-Twice", 2), "three");
    }
    CHECK_TEXT(value_of(r, "x-secret", 0), "(none)");
    CHECK_STATUS(eventsource_request_get_headers(r->request, &changed, &changed_count), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)changed_count, (int64_t)count - 1 + (int64_t)count);

    CHECK_STATUS(eventsource_request_set_body(r->request, NULL, 0), EVENTSOURCE_OK);
    CHECK(memcmp(body, "a\0b!", 4) == 0);
    CHECK_STATUS(eventsource_request_get_body(r->request, &body, &len), EVENTSOURCE_OK);
    CHECK(!body && len == 0);
    CHECK_STATUS(eventsource_request_set_basic_auth(r->request, "user", "password"), EVENTSOURCE_OK);
    CHECK_TEXT(value_of(r, "authorization", 0), "Basic dXNlcjpwYXNzd29yZA==");
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_request_can_read_all_of_the_request(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_method(r->es, "REPORT"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "a\0b!", 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Twice", "one"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_add_header(r->es, "X-Twice", "two"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Secret", "secret"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, "7"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_compression(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = read_the_request;
    start(r);
    CHECK(echoed(r, "[\"authorization\",\"Basic dXNlcjpwYXNzd29yZA==\"]"));
    CHECK(!echoed(r, "x-secret"));
    recorder_end(r);
}

int main(int argc, char **argv) {
    static const test_t tests[] = {
        TEST(a_payload_has_the_members_that_its_size_has_room_for),
        TEST(an_event_tells_the_origin_that_it_came_from_also_after_a_redirect),
        TEST(a_large_event_in_a_batch_tells_it_too),
        TEST(on_open_tells_of_the_connection),
        TEST(a_header_is_found_by_its_name_in_any_case_and_repeated_ones_by_their_number),
        TEST(on_request_can_read_all_of_the_request),
    };
    return check_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
