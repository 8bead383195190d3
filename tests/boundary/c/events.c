/* What a client is told of its stream, what it sends, and what it does when something goes wrong: each setter, payload and
 * decision once. What answers, redirects and bad servers lead to in detail is shown in tests/behaviour. */
#include "check.h"
#include "peer.h"
#include "recorder.h"

/* The path of an answer with this body, which then ends. */
static char *path_of_stream(const char *body) {
    static const char BEGINNING[] = "/status/200?header=Content-Type:text/event-stream&body=";
    char *path = malloc(sizeof BEGINNING + 3 * strlen(body)), *end = path;
    if (!path) abort();
    end += sprintf(end, "%s", BEGINNING);
    for (; *body; body++) end += sprintf(end, "%%%02X", (unsigned char)*body);
    return path;
}

static int32_t stop_on_error(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)payload;
    return kind == ON_ERROR ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

/* Runs a client until it closes by itself. */
static void run(recorder_t *r) {
    start(r);
    wait_closed(r);
}

/* A client that gets one answer with this body, and stops at its end. */
static recorder_t *recorder_of_stream(const char *body) {
    char *path = path_of_stream(body);
    recorder_t *r = recorder_new(path);
    free(path);
    r->then = stop_on_error;
    return r;
}

/* The lines of events only. */
static char *events_of(recorder_t *r) {
    char *events = join("%s", r->lines), *end = events;
    *end = '\0';
    for (const char *line = r->lines; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "event", 5) == 0) end += sprintf(end, "%.*s", (int)(strchr(line, '\n') + 1 - line), line);
    }
    return events;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static void everything_comes_in_the_order_of_the_stream(void) {
    recorder_t *r = recorder_of_stream(": first\n"
                               "data: a\n\n"
                               "event: add\ndata: b\nid: 1\n\n"
                               ":second\n"
                               "data: c\n\n"
                               "event: add\nid: 2\ndata\n\n"
                               "id: 3\n\n"
                               "id\ndata: d\n\n"
                               "data: unfinished");
    run(r);
    CHECK_LINES(r, "open 200\n"
                   "comment [first]\n"
                   "event message [a]\n"
                   "event add 1 [b]\n"
                   "comment [second]\n"
                   "event message 1 [c]\n"
                   "event add 2 []\n"
                   "event message [d]\n"
                   "error END_OF_STREAM, again\n"
                   "close stopped\n");
    recorder_end(r);
}

static void the_data_is_text_with_its_length_even_with_nuls_and_bad_utf8(void) {
    static const char EXPECTED[] = "a\0b\xEF\xBF\xBD\nc";
    recorder_t *r = recorder_new("/status/200?header=Content-Type:text/event-stream"
                                 "&body=data:a%00b%EF%BF%BD%0Adata:c%0A%0A");
    r->then = stop_on_error;
    run(r);
    CHECK(r->data_len == sizeof EXPECTED - 1 && memcmp(r->data, EXPECTED, sizeof EXPECTED) == 0);
    recorder_end(r);
}

/* Writes "typed TYPE" into the recorder. */
static void record_typed(eventsource_t *es, const eventsource_event_t *event, void *user) {
    recorder_note(user, es, join("typed %s [%s]", event->type, event->data), ON_EVENT, event);
}

static void an_event_type_with_a_callback_of_its_own_goes_there_only(void) {
    recorder_t *r = recorder_of_stream("event: add\ndata: 1\n\nevent: Add\ndata: 2\n\n"
                                       "data: 3\n\nevent: gone\ndata: 4\n\n");
    CHECK_STATUS(eventsource_on_event_type(r->es, "add", record_typed), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(r->es, "message", record_typed), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(r->es, "gone", record_typed), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(r->es, "gone", NULL), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\ntyped add [1]\nevent Add [2]\ntyped message [3]\nevent gone [4]\n"
                   "error END_OF_STREAM, again\nclose stopped\n");
    recorder_end(r);
}

static void a_callback_that_is_removed_is_not_called(void) {
    recorder_t *r = recorder_of_stream(": c\nid: 7\ndata: 1\n\nevent: add\ndata: 2\n\n");
    char id[8];
    CHECK_STATUS(eventsource_on_event(r->es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(r->es, "add", record_typed), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_comment(r->es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_open(r->es, NULL), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "typed add [2]\nerror END_OF_STREAM, again\nclose stopped\n");
    /* What nobody hears of counts all the same. */
    CHECK_STATUS(eventsource_get_last_event_id(r->es, id, sizeof id, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(id, "7");
    recorder_end(r);
}

static void a_big_event_arrives_whole(void) {
    recorder_t *r = recorder_new("/big?bytes=1048576");
    start(r);
    WAIT_FOR(r, "event", 1);
    CHECK_NUMBER((int64_t)strspn(r->data, "x"), 1048576);
    stop(r);
    CHECK_LINES(r, "open 200\nevent message 1048576 bytes\nclose stopped\n");
    recorder_end(r);
}

static void an_event_over_the_limit_is_an_error_and_then_the_client_reconnects(void) {
    recorder_t *r = recorder_new("/big?bytes=2000");
    CHECK_STATUS(eventsource_set_max_event_size(r->es, 1999), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "error EVENT_TOO_LARGE, again", 2);
    stop(r);
    CHECK(count_lines(r, "open 200") >= 2);
    CHECK_NUMBER(count_lines(r, "event"), 0);
    recorder_end(r);

    r = recorder_new("/big?bytes=2000");
    CHECK_STATUS(eventsource_set_max_event_size(r->es, 2100), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "event message 2000 bytes", 1);
    recorder_end(r);
}

/* ---- What on_open tells ------------------------------------------------------------------------------------------ */

static int32_t check_response(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_OPEN) return stop_on_error(r, kind, payload);
    const eventsource_response_t *response = payload;
    CHECK_NUMBER(response->http_version, 11);
    CHECK_TEXT(response->url, r->pointer);
    char *headers = join("%s", "");
    for (size_t i = 0; i < response->header_count; i++) {
        const eventsource_header_t *header = &response->headers[i];
        CHECK(strlen(header->name) == header->name_len && strlen(header->value) == header->value_len);
        char *longer = join("%s%s: %s\n", headers, header->name, header->value);
        free(headers);
        headers = longer;
    }
    CHECK_TEXT(headers, "content-type: text/event-stream\nx-two: 1\nx-two: 2\nx-bad: \xEF\xBF\xBD\ncontent-length: 0\n"
                        "connection: close\n");
    free(headers);
    r->number++;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_open_tells_the_url_without_secrets_and_all_headers(void) {
    static const char PATH[] = "/status/200?header=Content-Type:text/event-stream&header=X-Two:1&header=X-Two:2"
                               "&header=X-Bad:%EF%BF%BD";
    char *bare = url_of(PATH);
    char *url = join("http://user:password@%s#fragment", bare + strlen("http://"));
    recorder_t *r = recorder_new(url);
    r->then = check_response;
    r->pointer = bare;
    run(r);
    CHECK_NUMBER(r->number, 1);
    free(url);
    free(bare);
    recorder_end(r);
}

/* ---- Reconnecting ------------------------------------------------------------------------------------------------ */

static int32_t keep_delay_and_stop(recorder_t *r, kind_t kind, const void *payload) {
    if (kind == ON_ERROR) r->number = ((const eventsource_error_t *)payload)->delay_ms;
    return stop_on_error(r, kind, payload);
}

static void a_stream_that_is_cut_continues_and_nothing_is_lost(void) {
    static const char *const CUTS[] = {"clean", "abort", "reset"};
    for (int i = 0; i < 3; i++) {
        char *path = join("/events?count=9&per_connection=2&interval_ms=5&then=204&cut=%s", CUTS[i]);
        recorder_t *r = recorder_new(path);
        run(r);
        char *events = events_of(r);
        CHECK_TEXT(events, "event message 1 [event 1]\nevent message 2 [event 2]\nevent message 3 [event 3]\n"
                           "event message 4 [event 4]\nevent message 5 [event 5]\nevent message 6 [event 6]\n"
                           "event message 7 [event 7]\nevent message 8 [event 8]\nevent message 9 [event 9]\n");
        CHECK(count_lines(r, "open") >= 5);
        CHECK(count_lines(r, i == 0 ? "error END_OF_STREAM, again" : "error DISCONNECTED, again") >= 4);
        CHECK_NUMBER(count_lines(r, "close server"), 1);
        free(events);
        free(path);
        recorder_end(r);
    }
}

static int32_t check_loss(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    const eventsource_error_t *error = payload;
    CHECK_NUMBER(error->attempt, 0);
    CHECK_NUMBER(error->http_status, 0);
    CHECK_NUMBER((int64_t)error->header_count, 0);
    CHECK_TEXT(error->body, "");
    return stop_on_error(r, kind, payload);
}

static void the_loss_of_an_open_stream_is_no_failed_attempt(void) {
    recorder_t *r = recorder_new("/events?per_connection=1");
    r->then = check_loss;
    run(r);
    CHECK_NUMBER(count_lines(r, "error"), 1);
    recorder_end(r);
}

static void the_retry_field_sets_the_delay_up_to_a_maximum_of_its_own(void) {
    eventsource_reconnect_t policy;
    recorder_t *r = recorder_new("/events?per_connection=1&retry=1500");
    policy = fast_policy(r->es);
    policy.max_delay_ms = 1000;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    r->then = keep_delay_and_stop;
    run(r);
    CHECK_NUMBER(r->number, 1500);
    recorder_end(r);

    r = recorder_new("/events?per_connection=1&retry=1500");
    policy.max_server_delay_ms = 1200;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    r->then = keep_delay_and_stop;
    run(r);
    CHECK_NUMBER(r->number, 1200);
    recorder_end(r);
}

static int32_t check_growth(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    const eventsource_error_t *error = payload;
    static const int64_t DELAYS[] = {2, 6, 18, 20};
    CHECK_NUMBER(error->attempt, r->number + 1);
    CHECK_NUMBER(error->delay_ms, DELAYS[r->number]);
    return ++r->number == 4 ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static void the_delay_grows_with_each_failure(void) {
    recorder_t *r = recorder_new("/status/503");
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.retry_initial = 1;
    policy.delay_ms = 2;
    policy.max_delay_ms = 20;
    policy.factor = 3;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    r->then = check_growth;
    run(r);
    CHECK_NUMBER(r->number, 4);
    recorder_end(r);
}

static void the_delay_passes_before_the_next_attempt(void) {
    recorder_t *r = recorder_new("/events?per_connection=1&retry=60&count=2");
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.max_delay_ms = 1000;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    start(r);
    int64_t before = now_ms();
    WAIT_FOR(r, "event", 2);
    CHECK(now_ms() - before >= 50);
    recorder_end(r);
}

static void the_very_first_failure_is_final_unless_told_otherwise(void) {
    recorder_t *r = recorder_new("/status/503");
    run(r);
    CHECK_LINES(r, "error HTTP_STATUS 503, final\nclose failed HTTP_STATUS\n");
    recorder_end(r);

    r = recorder_new("/status/503");
    retry_initial(r);
    start(r);
    WAIT_FOR(r, "error HTTP_STATUS 503, again", 3);
    recorder_end(r);
}

static void a_request_can_be_made_once(void) {
    recorder_t *r = recorder_new("/events?per_connection=1&cut=abort");
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror DISCONNECTED, final\nclose failed DISCONNECTED\n");
    recorder_end(r);
    r = recorder_new("/events?per_connection=1");
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nclose end\n");
    recorder_end(r);
}

static void a_head_that_does_not_come_is_given_up(void) {
    recorder_t *r = recorder_new("/hang");
    CHECK_STATUS(eventsource_set_response_timeout(r->es, 50), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "error RESPONSE_TIMEOUT, final\nclose failed RESPONSE_TIMEOUT\n");
    recorder_end(r);
}

static int32_t choose_delay(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_ERROR) CHECK_STATUS(eventsource_set_next_delay(r->es, 1), EVENTSOURCE_OK);
    if (kind == ON_OPEN) CHECK_STATUS(eventsource_set_next_delay(r->es, 1), EVENTSOURCE_ERR_STATE);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_error_chooses_the_next_delay(void) {
    recorder_t *r = recorder_new("/events?per_connection=1");
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.delay_ms = policy.max_delay_ms = 3600000;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    r->then = choose_delay;
    start(r);
    WAIT_FOR(r, "event", 3);
    recorder_end(r);
}

static void the_number_of_attempts_can_be_limited(void) {
    recorder_t *r = recorder_new("/status/503");
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.retry_initial = 1;
    policy.max_attempts = 3;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "error HTTP_STATUS 503, again\nerror HTTP_STATUS 503, again\nerror HTTP_STATUS 503, final\n"
                   "close failed HTTP_STATUS\n");
    recorder_end(r);
}

static void reconnect_now_skips_the_wait(void) {
    recorder_t *r = recorder_new("/events?per_connection=2&count=3");
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    retry_late(r);
    start(r);
    WAIT_FOR(r, "error", 1);
    CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
    WAIT_FOR(r, "event", 3);
    stop(r);
    CHECK_LINES(r, "request 1 first\nopen 200\nevent message 1 [event 1]\nevent message 2 [event 2]\n"
                   "error END_OF_STREAM, again\n"
                   "request 1 first\nopen 200\nevent message 3 [event 3]\nclose stopped\n");
    recorder_end(r);
}

static int32_t reconnect_after_first(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT && r->number++ == 0) CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void reconnect_now_in_a_callback_lets_no_event_of_the_old_stream_follow(void) {
    recorder_t *r = recorder_new("/events?count=3");
    r->then = reconnect_after_first;
    start(r);
    WAIT_FOR(r, "event", 3);
    stop(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\n"
                   "open 200\nevent message 2 [event 2]\nevent message 3 [event 3]\nclose stopped\n");
    recorder_end(r);
}

/* ---- The last event id ------------------------------------------------------------------------------------------- */

static void a_last_event_id_set_before_the_start_is_sent(void) {
    char id[8];
    recorder_t *r = recorder_new("/events?count=3&then=204");
    CHECK_STATUS(eventsource_set_last_event_id(r->es, "2"), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 3 [event 3]\nerror END_OF_STREAM, again\nclose server\n");
    CHECK_STATUS(eventsource_get_last_event_id(r->es, id, sizeof id, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(id, "3");
    recorder_end(r);
}

static int32_t set_id_after_two(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT && ++r->number == 2) CHECK_STATUS(eventsource_set_last_event_id(r->es, "7"), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_last_event_id_set_during_the_run_is_sent_with_the_next_attempt(void) {
    recorder_t *r = recorder_new("/events?count=9&per_connection=2&then=204");
    r->then = set_id_after_two;
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nerror END_OF_STREAM, again\n"
                   "open 200\nevent message 8 [event 8]\nevent message 9 [event 9]\nerror END_OF_STREAM, again\n"
                   "close server\n");
    recorder_end(r);
}

static void an_empty_last_event_id_is_not_sent(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_last_event_id(r->es, "7"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, ""), EVENTSOURCE_OK);
    start(r);
    CHECK(!echoed(r, "last-event-id"));
    recorder_end(r);
}

/* ---- What is sent ------------------------------------------------------------------------------------------------ */

static void the_default_request_is_that_of_the_standard(void) {
    recorder_t *r = recorder_new("/echo?a=b#c");
    char *agent = join("[\"user-agent\",\"libeventsource/%s\"]", eventsource_version());
    start(r);
    CHECK(echoed(r, "\"method\":\"GET\",\"target\":\"/echo?a=b\""));
    CHECK(echoed(r, "[\"accept\",\"text/event-stream\"]"));
    CHECK(echoed(r, "[\"cache-control\",\"no-cache\"]"));
    CHECK(echoed(r, agent));
    CHECK(echoed(r, "\"body\":\"\""));
    CHECK(!echoed(r, "authorization"));
    free(agent);
    recorder_end(r);
}

static void method_body_and_headers_are_sent_as_they_were_set(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_method(r->es, "rEPORT"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "first", 5), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "a\0b \xC3\xA4", 6), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "Accept", "text/event-stream, */*"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Set", "0"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "x-set", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Add", "2"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_add_header(r->es, "X-Add", "3"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Key", "4"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Text", "\xC3\xA4 \"b\""), EVENTSOURCE_OK);
    start(r);
    CHECK(echoed(r, "\"method\":\"rEPORT\""));
    CHECK(echoed(r, "\"body\":\"a\\u0000b \xC3\xA4\""));
    CHECK(echoed(r, "[\"content-length\",\"6\"]"));
    CHECK(echoed(r, "[\"accept\",\"text/event-stream, */*\"]"));
    CHECK(!echoed(r, "[\"accept\",\"text/event-stream\"]"));
    CHECK(echoed(r, "[\"x-set\",\"1\"]"));
    CHECK(!echoed(r, "[\"x-set\",\"0\"]"));
    CHECK(echoed(r, "[\"x-add\",\"2\"]"));
    CHECK(echoed(r, "[\"x-add\",\"3\"]"));
    CHECK(echoed(r, "[\"x-key\",\"4\"]"));
    CHECK(echoed(r, "[\"x-text\",\"\xC3\xA4 \\\"b\\\"\"]"));
    recorder_end(r);
}

static void a_url_that_is_set_takes_the_place_of_the_first(void) {
    recorder_t *r = recorder_new("/status/404");
    char *url = url_of("/echo?a=b");
    CHECK_STATUS(eventsource_set_url(r->es, url), EVENTSOURCE_OK);
    start(r);
    CHECK(echoed(r, "\"target\":\"/echo?a=b\""));
    free(url);
    recorder_end(r);
}

static void credentials_that_were_set_for_another_origin_are_gone(void) {
    recorder_t *r = recorder_new("http://user:password@origin.invalid/");
    char *url = url_of("/echo");
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Key", "SECRET"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Set", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_url(r->es, url), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Other", "2"), EVENTSOURCE_OK);
    start(r);
    CHECK(!echoed(r, "authorization") && !echoed(r, "SECRET"));
    CHECK(echoed(r, "[\"x-set\",\"1\"]") && echoed(r, "[\"x-other\",\"2\"]"));
    free(url);
    recorder_end(r);
}

static void what_is_set_before_there_is_a_good_url_is_for_that(void) {
    eventsource_t *es = eventsource_new(NULL);
    recorder_t *r = recorder_around(es);
    char *url = url_of("/echo");
    CHECK_STATUS(eventsource_set_sensitive_header(es, "X-Key", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_set_url(es, url), EVENTSOURCE_OK);
    start(r);
    CHECK(echoed(r, "[\"x-key\",\"1\"]"));
    free(url);
    recorder_end(r);
}

static void basic_authentication_is_sent_from_the_setter_and_from_the_url(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_basic_auth(r->es, "user", "pass:w\xC3\xB6rd"), EVENTSOURCE_OK);
    start(r);
    CHECK(echoed(r, "[\"authorization\",\"Basic dXNlcjpwYXNzOnfDtnJk\"]"));
    recorder_end(r);

    char *url = join("http://user:pass%%3Aw%%C3%%B6rd@%s/echo", check_url + strlen("http://"));
    r = recorder_new(url);
    start(r);
    CHECK(echoed(r, "[\"authorization\",\"Basic dXNlcjpwYXNzOnfDtnJk\"]"));
    CHECK(echoed(r, "\"target\":\"/echo\""));
    free(url);
    recorder_end(r);
}

static void nothing_of_the_callers_is_kept(void) {
    recorder_t *r = recorder_new("/echo");
    char name[] = "x-name", value[] = "value", method[] = "PUT", body[] = "body", id[] = "7", type[] = "add";
    CHECK_STATUS(eventsource_set_header(r->es, name, value), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_method(r->es, method), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, body, 4), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, id), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(r->es, type, record_typed), EVENTSOURCE_OK);
    memset(name, '?', sizeof name);
    memset(value, '?', sizeof value);
    memset(method, '?', sizeof method);
    memset(body, '?', sizeof body);
    memset(id, '?', sizeof id);
    memset(type, '?', sizeof type);
    start(r);
    CHECK(echoed(r, "\"method\":\"PUT\""));
    CHECK(echoed(r, "[\"x-name\",\"value\"]"));
    CHECK(echoed(r, "[\"last-event-id\",\"7\"]"));
    CHECK(echoed(r, "\"body\":\"body\""));
    recorder_end(r);
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

static int32_t check_error_payload(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    const eventsource_error_t *error = payload;
    int found = 0;
    CHECK_NUMBER(error->code, EVENTSOURCE_ERR_HTTP_STATUS);
    CHECK_NUMBER(error->http_status, 403);
    CHECK_NUMBER(error->os_error, 0);
    CHECK_NUMBER(error->attempt, 1);
    CHECK(strstr(error->message, "403") != NULL);
    CHECK_TEXT(error->body, "you may not");
    CHECK_NUMBER((int64_t)error->body_len, 11);
    for (size_t i = 0; i < error->header_count; i++) {
        found += strcmp(error->headers[i].name, "x-why") == 0 && strcmp(error->headers[i].value, "because") == 0;
    }
    CHECK_NUMBER(found, 1);
    r->pointer = join("%s", error->message);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_error_tells_headers_and_the_beginning_of_the_body(void) {
    char text[256] = "";
    recorder_t *r = recorder_new("/status/403?header=X-Why:because&body=you%20may%20not");
    r->then = check_error_payload;
    run(r);
    /* The last-error text is the message. */
    CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(text, r->pointer);
    free(r->pointer);
    recorder_end(r);
}

static int32_t keep_body_length(recorder_t *r, kind_t kind, const void *payload) {
    if (kind == ON_ERROR) r->number = (int64_t)((const eventsource_error_t *)payload)->body_len;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void the_beginning_of_a_body_is_at_most_4096_bytes(void) {
    char body[5001];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    char *path = join("/status/403?body=%s", body);
    recorder_t *r = recorder_new(path);
    r->then = keep_body_length;
    run(r);
    CHECK_NUMBER(r->number, 4096);
    free(path);
    recorder_end(r);
}

static void another_type_is_a_final_error_unless_the_check_is_off(void) {
    recorder_t *r = recorder_new("/type?value=text/html");
    retry_initial(r);
    run(r);
    CHECK_LINES(r, "error CONTENT_TYPE 200, final\nclose failed CONTENT_TYPE\n");
    recorder_end(r);

    r = recorder_new("/type?value=text/html");
    CHECK_STATUS(eventsource_set_check_content_type(r->es, 0), EVENTSOURCE_OK);
    r->then = stop_on_error;
    run(r);
    CHECK_LINES(r, "open 200\nevent message [event]\nerror END_OF_STREAM, again\nclose stopped\n");
    recorder_end(r);

    r = recorder_new("/type?value=Text/Event-Stream;charset=utf-8");
    r->then = stop_on_error;
    run(r);
    CHECK_NUMBER(count_lines(r, "event"), 1);
    recorder_end(r);
}

static void a_document_is_a_result_if_there_is_a_callback_for_it(void) {
    recorder_t *r = recorder_new("/status/200?body=%7B%22a%22:1%7D&header=Content-Type:application/json");
    CHECK_STATUS(eventsource_on_document(r->es, record_document), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "document 200 7 [{\"a\":1}]\nclose end\n");
    CHECK_STATUS(eventsource_on_document(r->es, NULL), EVENTSOURCE_OK);
    run(r);
    CHECK_NUMBER(count_lines(r, "error CONTENT_TYPE 200, final"), 1);
    recorder_end(r);
}

static int32_t keep_body(recorder_t *r, kind_t kind, const void *payload) {
    if (kind == ON_ERROR) r->number = (int64_t)((const eventsource_error_t *)payload)->body_len;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void the_body_of_an_error_is_as_long_as_is_set(void) {
    static const size_t LIMITS[] = {0, 3, 6, SIZE_MAX};
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        recorder_t *r = recorder_new("/status/400?body=abcdef");
        CHECK_STATUS(eventsource_set_max_error_body(r->es, LIMITS[i]), EVENTSOURCE_OK);
        r->then = keep_body;
        run(r);
        CHECK_NUMBER(r->number, LIMITS[i] < 6 ? (int64_t)LIMITS[i] : 6);
        recorder_end(r);
    }
}

static void an_end_marker_tells_a_complete_stream_from_one_that_was_cut(void) {
    recorder_t *r = recorder_new("/events?count=3");
    CHECK_STATUS(eventsource_set_end_marker(r->es, "event 2"), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nclose end\n");
    recorder_end(r);

    r = recorder_new("/events?count=3&per_connection=1");
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_end_marker(r->es, "event 2"), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror END_OF_STREAM, final\nclose failed END_OF_STREAM\n");
    CHECK_STATUS(eventsource_set_end_marker(r->es, NULL), EVENTSOURCE_OK);
    run(r);
    CHECK_NUMBER(count_lines(r, "close end"), 1);
    recorder_end(r);
}

/* ---- Redirects --------------------------------------------------------------------------------------------------- */

static int32_t check_final_url(recorder_t *r, kind_t kind, const void *payload) {
    if (kind == ON_OPEN) CHECK_TEXT(((const eventsource_response_t *)payload)->url, r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_open_tells_the_url_after_redirects(void) {
    recorder_t *r = recorder_new("/redirect?to=/events%3Fcount%3D1%23fragment");
    char *url = url_of("/events?count=1");
    r->then = check_final_url;
    r->pointer = url;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
    free(url);
}

static void too_many_redirects_are_a_final_error(void) {
    recorder_t *r = recorder_new("/redirect?to=/echo");
    CHECK_STATUS(eventsource_set_max_redirects(r->es, 0), EVENTSOURCE_OK);
    retry_initial(r);
    run(r);
    CHECK_LINES(r, "error TOO_MANY_REDIRECTS 302, final\nclose failed TOO_MANY_REDIRECTS\n");
    recorder_end(r);

    r = recorder_new("/redirect?to=/echo");
    CHECK_STATUS(eventsource_set_max_redirects(r->es, 1), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
}

static void set_secrets(recorder_t *r) {
    CHECK_STATUS(eventsource_set_header(r->es, "Authorization", "secret"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "Cookie", "secret"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Key", "secret"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Open", "harmless"), EVENTSOURCE_OK);
}

static void a_redirect_to_another_origin_drops_secrets_and_only_those(void) {
    /* The same server under another name is another origin. */
    char *path = join("/redirect?to=http://localhost%s/echo", strrchr(check_url, ':'));
    recorder_t *r = recorder_new(path);
    set_secrets(r);
    start(r);
    CHECK(echoed(r, "[\"x-open\",\"harmless\"]"));
    CHECK(!echoed(r, "secret"));
    recorder_end(r);
    free(path);

    r = recorder_new("/redirect?to=/echo");
    set_secrets(r);
    start(r);
    CHECK(echoed(r, "[\"authorization\",\"secret\"]"));
    CHECK(echoed(r, "[\"cookie\",\"secret\"]"));
    CHECK(echoed(r, "[\"x-key\",\"secret\"]"));
    recorder_end(r);
}

static int32_t lead(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_REDIRECT) return stop_on_error(r, kind, payload);
    CHECK_TEXT(((const eventsource_redirect_t *)payload)->to, r->pointer);
    CHECK(strstr(((const eventsource_redirect_t *)payload)->from, "/redirect?") != NULL);
    return (int32_t)r->number;
}

static void on_redirect_decides_what_another_origin_gets(void) {
    static const struct {
        int32_t decision;
        int is_followed, has_secrets;
    } CASES[] = {
        {EVENTSOURCE_REDIRECT_FOLLOW, 0, 0}, /* the body stays */
        {99, 0, 0},
        {EVENTSOURCE_REDIRECT_REFUSE, 0, 0},
        {EVENTSOURCE_REDIRECT_FOLLOW_WITH_BODY, 1, 0},
        {EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS, 1, 1},
    };
    char *to = join("http://localhost%s/echo", strrchr(check_url, ':'));
    char *path = join("/redirect?code=307&to=%s", to);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        recorder_t *r = recorder_new(path);
        set_secrets(r);
        CHECK_STATUS(eventsource_set_body(r->es, "the body", 8), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_redirect(r->es, record_redirect), EVENTSOURCE_OK);
        r->then = lead;
        r->pointer = to;
        r->number = CASES[i].decision;
        start(r);
        if (CASES[i].is_followed) {
            CHECK(echoed(r, "the body"));
            CHECK_NUMBER(echoed(r, "secret"), CASES[i].has_secrets);
        } else {
            WAIT_FOR(r, "error REDIRECT 307, final", 1);
        }
        CHECK_NUMBER(count_lines(r, "redirect 307 without credentials without body"), 1);
        recorder_end(r);
    }
    free(path);
    free(to);
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

static int32_t keep_os_error(recorder_t *r, kind_t kind, const void *payload) {
    if (kind == ON_ERROR) r->number = ((const eventsource_error_t *)payload)->os_error;
    return stop_on_error(r, kind, payload);
}

static void a_refused_connection_tells_the_systems_error_number(void) {
    peer_t peer = peer_listen("http");
    peer_close(&peer); /* nobody listens there now */
    recorder_t *r = recorder_new(peer.url);
    retry_initial(r);
    r->then = keep_os_error;
    run(r);
    CHECK_LINES(r, "error CONNECT, again\nclose stopped\n");
    CHECK_NUMBER(r->number, ECONNREFUSED);
    recorder_end(r);
}

static void a_name_that_does_not_exist_cannot_be_resolved(void) {
    /* A label of 64 letters: too long for any name server to be asked. */
    recorder_t *r = recorder_new("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/");
    retry_initial(r);
    r->then = stop_on_error;
    run(r);
    CHECK_LINES(r, "error RESOLVE, again\nclose stopped\n");
    recorder_end(r);
}

static void a_server_that_speaks_no_tls_is_a_tls_error(void) {
    char *url = join("https%s/echo", check_url + strlen("http"));
    recorder_t *r = recorder_new(url);
    retry_initial(r);
    r->then = stop_on_error;
    run(r);
    CHECK_LINES(r, "error TLS, again\nclose stopped\n");
    free(url);
    recorder_end(r);
}

static void the_event_timeout_counts_events_and_nothing_else(void) {
    recorder_t *r = recorder_new("/hang-body");
    CHECK_STATUS(eventsource_set_event_timeout(r->es, 50), EVENTSOURCE_OK);
    r->then = stop_on_error;
    run(r);
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nerror EVENT_TIMEOUT, again\nclose stopped\n");
    recorder_end(r);
}

static void the_read_timeout_covers_the_answer_and_the_stream(void) {
    recorder_t *r = recorder_new("/hang");
    retry_initial(r);
    CHECK_STATUS(eventsource_set_read_timeout(r->es, 50), EVENTSOURCE_OK);
    r->then = stop_on_error;
    run(r);
    CHECK_LINES(r, "error READ_TIMEOUT, again\nclose stopped\n");
    recorder_end(r);

    r = recorder_new("/hang-body");
    CHECK_STATUS(eventsource_set_read_timeout(r->es, 50), EVENTSOURCE_OK);
    r->then = stop_on_error;
    run(r);
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nerror READ_TIMEOUT, again\nclose stopped\n");
    recorder_end(r);
}

/* ---- Decisions --------------------------------------------------------------------------------------------------- */

static int32_t answer_number(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    return kind == ON_ERROR ? (int32_t)r->number : EVENTSOURCE_DECISION_DEFAULT;
}

static void on_error_may_have_a_final_error_retried(void) {
    static const char *const PATHS[] = {"/status/404", "/type", "/redirect?to=ftp://127.0.0.1/", "/status/503"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        recorder_t *r = recorder_new(PATHS[i]);
        r->then = answer_number;
        r->number = EVENTSOURCE_DECISION_RETRY;
        start(r);
        WAIT_FOR(r, "error", 3);
        stop(r);
        CHECK_NUMBER(count_lines(r, "close stopped"), 1);
        recorder_end(r);
    }
}

static void on_error_may_reconnect_although_a_request_is_made_once(void) {
    recorder_t *r = recorder_new("/events?count=2&per_connection=1&cut=abort");
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
    r->then = answer_number;
    r->number = EVENTSOURCE_DECISION_RETRY;
    start(r);
    WAIT_FOR(r, "event", 2);
    stop(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror DISCONNECTED, final\n"
                   "open 200\nevent message 2 [event 2]\nclose stopped\n");
    recorder_end(r);
}

static void on_error_may_close_instead_of_retrying(void) {
    recorder_t *r = recorder_new("/status/503");
    retry_initial(r);
    r->then = answer_number;
    r->number = EVENTSOURCE_DECISION_CLOSE;
    run(r);
    CHECK_LINES(r, "error HTTP_STATUS 503, again\nclose stopped\n");
    recorder_end(r);
}

static void a_number_that_is_no_decision_is_the_default(void) {
    static const int32_t NUMBERS[] = {-1, 3, 42, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        recorder_t *r = recorder_new("/status/404");
        r->then = answer_number;
        r->number = NUMBERS[i];
        run(r);
        CHECK_LINES(r, "error HTTP_STATUS 404, final\nclose failed HTTP_STATUS\n");
        recorder_end(r);

        r = recorder_new("/events?count=1&then=204");
        r->then = answer_number;
        r->number = NUMBERS[i];
        run(r);
        CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror END_OF_STREAM, again\nclose server\n");
        recorder_end(r);
    }
}

/* ---- on_request -------------------------------------------------------------------------------------------------- */

static int32_t change_first_request(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_REQUEST || r->number++ > 0) return EVENTSOURCE_DECISION_DEFAULT;
    char *url = url_of("/echo?changed");
    CHECK_STATUS(eventsource_request_set_header(r->request, "X-Token", "fresh"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_set_url(r->request, url), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_set_body(r->request, "changed", 7), EVENTSOURCE_OK);
    free(url);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_request_changes_the_attempt_and_only_that(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_header(r->es, "X-Token", "stale"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_method(r->es, "POST"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "unchanged", 9), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = change_first_request;
    start(r);
    CHECK(echoed(r, "\"target\":\"/echo?changed\""));
    CHECK(echoed(r, "[\"x-token\",\"fresh\"]"));
    CHECK(!echoed(r, "stale"));
    CHECK(echoed(r, "\"body\":\"changed\""));
    CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
    WAIT_FOR(r, "event", 2);
    CHECK(echoed(r, "\"target\":\"/echo\""));
    CHECK(echoed(r, "[\"x-token\",\"stale\"]"));
    CHECK(echoed(r, "\"body\":\"unchanged\""));
    recorder_end(r);
}

static int32_t change_all_of_the_request(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    char text[256];
    size_t len = 0;
    CHECK_STATUS(eventsource_request_get_url(r->request, text, 4, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK(len == strlen(check_url) + strlen("/echo?a"));
    CHECK_STATUS(eventsource_request_get_url(r->request, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strncmp(text, check_url, strlen(check_url)) == 0 && strcmp(text + strlen(check_url), "/echo?a") == 0);
    CHECK_STATUS(eventsource_request_set_method(r->request, "PUT"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_remove_header(r->request, "x-GONE"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_remove_header(r->request, "X-Never-There"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_add_header(r->request, "X-Kept", "two"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_set_sensitive_header(r->request, "X-Secret", "s"), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_request_may_change_all_of_the_request(void) {
    recorder_t *r = recorder_new("/echo?a#b");
    CHECK_STATUS(eventsource_add_header(r->es, "X-Gone", "1"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_add_header(r->es, "X-Gone", "2"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "X-Kept", "one"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = change_all_of_the_request;
    start(r);
    CHECK(echoed(r, "\"method\":\"PUT\""));
    CHECK(!echoed(r, "x-gone"));
    CHECK(echoed(r, "[\"x-kept\",\"one\"]"));
    CHECK(echoed(r, "[\"x-kept\",\"two\"]"));
    CHECK(echoed(r, "[\"x-secret\",\"s\"]"));
    recorder_end(r);
}

static void a_stream_can_be_kept_alive_until_its_clean_end(void) {
    recorder_t *r = recorder_new("/events?count=2&per_connection=1");
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_UNTIL_END), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nclose end\n");
    recorder_end(r);
}

static void a_compressed_stream_is_asked_for_and_decoded(void) {
    recorder_t *r = recorder_new("/events?count=2&per_connection=1&then=204&coding=asked");
    CHECK_STATUS(eventsource_set_compression(r->es, 1), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror END_OF_STREAM, again\n"
                   "open 200\nevent message 2 [event 2]\nerror END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
}

static int32_t change_user(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    char *url = join("http://new:user@%s/echo", check_url + strlen("http://"));
    CHECK_STATUS(eventsource_request_set_url(r->request, url), EVENTSOURCE_OK);
    free(url);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_user_in_the_url_of_a_request_replaces_the_authorization(void) {
    recorder_t *r = recorder_new("/echo");
    CHECK_STATUS(eventsource_set_header(r->es, "Authorization", "Bearer old"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = change_user;
    start(r);
    CHECK(echoed(r, "[\"authorization\",\"Basic bmV3OnVzZXI=\"]"));
    CHECK(!echoed(r, "Bearer"));
    recorder_end(r);
}

static void on_request_is_told_the_number_and_the_cause_of_each_attempt(void) {
    recorder_t *r = recorder_new("/events?count=2&per_connection=1&then=204");
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    run(r);
    CHECK_LINES(r, "request 1 first\nopen 200\nevent message 1 [event 1]\nerror END_OF_STREAM, again\n"
                   "request 1 END_OF_STREAM\nopen 200\nevent message 2 [event 2]\nerror END_OF_STREAM, again\n"
                   "request 1 END_OF_STREAM\nclose server\n");
    recorder_end(r);

    r = recorder_new("/status/503");
    retry_initial(r);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "request 3 HTTP_STATUS 503", 1);
    CHECK_NUMBER(count_lines(r, "request 1 first"), 1);
    CHECK_NUMBER(count_lines(r, "request 2 HTTP_STATUS 503"), 1);
    recorder_end(r);
}

/* ---- Questions --------------------------------------------------------------------------------------------------- */

static void the_statistics_count_what_happened(void) {
    recorder_t *r = recorder_new("/events?count=3&per_connection=2");
    eventsource_stats_t stats;
    CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK(stats.events == 0 && stats.bytes == 0 && stats.attempts == 0 && stats.opens == 0 && stats.errors == 0);
    CHECK_NUMBER(stats.open_ms, -1);
    CHECK_NUMBER(stats.idle_ms, -1);
    int64_t before = now_ms();
    start(r);
    WAIT_FOR(r, "event", 3);
    CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)stats.size, sizeof stats);
    CHECK_NUMBER((int64_t)stats.events, 3);
    CHECK_NUMBER((int64_t)stats.bytes, 3 * (int64_t)strlen("id: 1\ndata: event 1\n\n"));
    CHECK_NUMBER((int64_t)stats.attempts, 2);
    CHECK_NUMBER((int64_t)stats.opens, 2);
    CHECK_NUMBER((int64_t)stats.errors, 1);
    CHECK(stats.open_ms >= 0 && stats.open_ms <= now_ms() - before);
    CHECK(stats.idle_ms >= 0 && stats.idle_ms <= now_ms() - before);
    stop(r);
    CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK_NUMBER(stats.open_ms, -1);
    CHECK(stats.idle_ms >= 0);
    recorder_end(r);
}

static eventsource_state_t state_of(recorder_t *r) {
    eventsource_state_t state = 99;
    CHECK_STATUS(eventsource_get_state(r->es, &state), EVENTSOURCE_OK);
    return state;
}

static int32_t check_state(recorder_t *r, kind_t kind, const void *payload) {
    static const eventsource_state_t STATES[] = {EVENTSOURCE_STATE_CONNECTING, EVENTSOURCE_STATE_OPEN,    EVENTSOURCE_STATE_OPEN,
                                                 EVENTSOURCE_STATE_OPEN,       EVENTSOURCE_STATE_WAITING, EVENTSOURCE_STATE_CLOSED};
    (void)payload;
    CHECK_NUMBER(state_of(r), STATES[kind]);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void the_state_follows_the_callbacks(void) {
    recorder_t *r = recorder_new("/events?count=2&per_connection=1&comment=hi&then=204");
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_IDLE);
    r->then = check_state;
    start(r);
    CHECK(state_of(r) != EVENTSOURCE_STATE_IDLE);
    wait_closed(r);
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_CLOSED);
    recorder_end(r);

    r = recorder_new("/status/503");
    retry_late(r);
    start(r);
    WAIT_FOR(r, "error", 1);
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_WAITING);
    recorder_end(r);
}

CHECK_MAIN(TEST(everything_comes_in_the_order_of_the_stream),
           TEST(the_data_is_text_with_its_length_even_with_nuls_and_bad_utf8),
           TEST(an_event_type_with_a_callback_of_its_own_goes_there_only),
           TEST(a_callback_that_is_removed_is_not_called),
           TEST(a_big_event_arrives_whole),
           TEST(an_event_over_the_limit_is_an_error_and_then_the_client_reconnects),
           TEST(on_open_tells_the_url_without_secrets_and_all_headers),
           TEST(a_stream_that_is_cut_continues_and_nothing_is_lost),
           TEST(the_loss_of_an_open_stream_is_no_failed_attempt),
           TEST(the_retry_field_sets_the_delay_up_to_a_maximum_of_its_own),
           TEST(the_delay_grows_with_each_failure),
           TEST(the_delay_passes_before_the_next_attempt),
           TEST(the_very_first_failure_is_final_unless_told_otherwise),
           TEST(a_request_can_be_made_once),
           TEST(a_head_that_does_not_come_is_given_up),
           TEST(on_error_chooses_the_next_delay),
           TEST(the_number_of_attempts_can_be_limited),
           TEST(reconnect_now_skips_the_wait),
           TEST(reconnect_now_in_a_callback_lets_no_event_of_the_old_stream_follow),
           TEST(a_last_event_id_set_before_the_start_is_sent),
           TEST(a_last_event_id_set_during_the_run_is_sent_with_the_next_attempt),
           TEST(an_empty_last_event_id_is_not_sent),
           TEST(the_default_request_is_that_of_the_standard),
           TEST(method_body_and_headers_are_sent_as_they_were_set),
           TEST(a_url_that_is_set_takes_the_place_of_the_first),
           TEST(credentials_that_were_set_for_another_origin_are_gone),
           TEST(what_is_set_before_there_is_a_good_url_is_for_that),
           TEST(basic_authentication_is_sent_from_the_setter_and_from_the_url),
           TEST(nothing_of_the_callers_is_kept),
           TEST(on_error_tells_headers_and_the_beginning_of_the_body),
           TEST(the_beginning_of_a_body_is_at_most_4096_bytes),
           TEST(another_type_is_a_final_error_unless_the_check_is_off),
           TEST(on_open_tells_the_url_after_redirects),
           TEST(too_many_redirects_are_a_final_error),
           TEST(a_redirect_to_another_origin_drops_secrets_and_only_those),
           TEST(on_redirect_decides_what_another_origin_gets),
           TEST(a_document_is_a_result_if_there_is_a_callback_for_it),
           TEST(the_body_of_an_error_is_as_long_as_is_set),
           TEST(an_end_marker_tells_a_complete_stream_from_one_that_was_cut),
           TEST(a_refused_connection_tells_the_systems_error_number),
           TEST(a_name_that_does_not_exist_cannot_be_resolved),
           TEST(a_server_that_speaks_no_tls_is_a_tls_error),
           TEST(the_event_timeout_counts_events_and_nothing_else),
           TEST(the_read_timeout_covers_the_answer_and_the_stream),
           TEST(on_error_may_have_a_final_error_retried),
           TEST(on_error_may_reconnect_although_a_request_is_made_once),
           TEST(on_error_may_close_instead_of_retrying),
           TEST(a_number_that_is_no_decision_is_the_default),
           TEST(on_request_changes_the_attempt_and_only_that),
           TEST(on_request_may_change_all_of_the_request),
           TEST(a_stream_can_be_kept_alive_until_its_clean_end),
           TEST(a_compressed_stream_is_asked_for_and_decoded),
           TEST(a_user_in_the_url_of_a_request_replaces_the_authorization),
           TEST(on_request_is_told_the_number_and_the_cause_of_each_attempt),
           TEST(the_statistics_count_what_happened),
           TEST(the_state_follows_the_callbacks))
