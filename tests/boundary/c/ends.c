/* How a stream ended is told by the one call that no program leaves out: eventsource_wait, or eventsource_run. */
#include "check.h"
#include "peer.h"
#include "recorder.h"
#include "runtime.h"

/* A URL at which nothing listens. */
#define DEAD "http://127.0.0.1:1/"

static eventsource_t *client_of(const char *target) {
    char *url = *target == '/' ? url_of(target) : join("%s", target);
    eventsource_t *es = eventsource_new(url);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    free(url);
    return es;
}

/* A program that looks at nothing else. */
static const struct {
    const char *target;
    int32_t mode;
    int32_t end;
    eventsource_close_reason_t reason;
    int32_t http_status;
    uint64_t attempts;
    const char *text;
} ENDS[] = {
    {DEAD, EVENTSOURCE_MODE_AUTO, EVENTSOURCE_ERR_CONNECT, EVENTSOURCE_CLOSE_FAILED, 0, 1, "connect"},
    {"/status/401", EVENTSOURCE_MODE_AUTO, EVENTSOURCE_ERR_HTTP_STATUS, EVENTSOURCE_CLOSE_FAILED, 401, 1, "401"},
    {"/status/204", EVENTSOURCE_MODE_AUTO, EVENTSOURCE_OK, EVENTSOURCE_CLOSE_SERVER, 204, 1, ""},
    {"/events?count=2&per_connection=1", EVENTSOURCE_MODE_ONCE, EVENTSOURCE_OK, EVENTSOURCE_CLOSE_END_OF_STREAM, 0, 1, ""},
    {"/events?count=4&per_connection=2&retry=1&then=204", EVENTSOURCE_MODE_AUTO, EVENTSOURCE_OK,
     EVENTSOURCE_CLOSE_SERVER, 204, 3, NULL},
};
enum { END_COUNT = sizeof ENDS / sizeof *ENDS };

static void check_result(eventsource_t *es, int i) {
    char text[1024] = "";
    eventsource_result_t result;
    CHECK_STATUS(eventsource_get_result(es, &result, sizeof result), EVENTSOURCE_OK);
    CHECK_STATUS(result.status, ENDS[i].end);
    CHECK_NUMBER(result.reason, ENDS[i].reason);
    CHECK_NUMBER(result.http_status, ENDS[i].http_status);
    CHECK_NUMBER((int64_t)result.attempts, (int64_t)ENDS[i].attempts);
    CHECK((result.os_error != 0) == (ENDS[i].end == EVENTSOURCE_ERR_CONNECT));
    CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
    if (ENDS[i].text) CHECK(*ENDS[i].text ? strstr(text, ENDS[i].text) != NULL : !*text);
    if (check_failed()) fprintf(stderr, "\n    (in \"%s\": %s)", ENDS[i].target, text);
}

static void run_tells_how_the_stream_ended(void) {
    for (int i = 0; i < END_COUNT; i++) {
        eventsource_t *es = client_of(ENDS[i].target);
        CHECK_STATUS(eventsource_set_mode(es, ENDS[i].mode), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_run(es), ENDS[i].end);
        check_result(es, i);
        eventsource_free(es);
    }
}

static void wait_tells_the_same_again_and_again_also_after_a_refused_call(void) {
    for (int i = 0; i < END_COUNT; i++) {
        eventsource_t *es = client_of(ENDS[i].target);
        CHECK_STATUS(eventsource_set_mode(es, ENDS[i].mode), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), ENDS[i].end);
        if (ENDS[i].end != EVENTSOURCE_OK) {
            CHECK_STATUS(eventsource_reconnect_now(es), EVENTSOURCE_ERR_STATE); /* whose text takes the error's place */
        }
        CHECK_STATUS(eventsource_wait(es, 0), ENDS[i].end);
        check_result(es, i);
        eventsource_free(es);
    }
}

static void a_client_that_the_program_stops_has_ended_as_it_should(void) {
    eventsource_result_t result;
    recorder_t *r = recorder_new("/hang-body");
    CHECK_STATUS(eventsource_get_result(r->es, &result, sizeof result), EVENTSOURCE_ERR_STATE);
    start(r);
    WAIT_FOR(r, "event", 1);
    CHECK_STATUS(eventsource_get_result(r->es, &result, sizeof result), EVENTSOURCE_ERR_STATE); /* not yet */
    stop(r);
    CHECK_STATUS(eventsource_get_result(r->es, &result, sizeof result), EVENTSOURCE_OK);
    CHECK_STATUS(result.status, EVENTSOURCE_OK);
    CHECK_NUMBER(result.reason, EVENTSOURCE_CLOSE_STOPPED);
    CHECK_NUMBER(result.http_status, 0);
    recorder_end(r);
}

static int32_t ask_for_the_result(recorder_t *r, kind_t kind, const void *payload) {
    eventsource_result_t result;
    (void)payload;
    if (kind != ON_CLOSE) return EVENTSOURCE_DECISION_DEFAULT;
    CHECK_STATUS(eventsource_get_result(r->es, &result, sizeof result), EVENTSOURCE_OK);
    CHECK_STATUS(result.status, EVENTSOURCE_ERR_HTTP_STATUS);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_close_can_ask_for_the_result(void) {
    recorder_t *r = recorder_new("/status/404");
    r->then = ask_for_the_result;
    start(r);
    wait_closed(r);
    recorder_end(r);
}

static void a_start_that_is_refused_is_told_by_the_wait_until_one_is_not(void) {
    char text[256] = "";
    eventsource_result_t result;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_INLINE);
    eventsource_t *es = client_of("/status/204");
    CHECK_STATUS(eventsource_set_runtime(es, runtime), EVENTSOURCE_OK);
    eventsource_runtime_free(runtime);
    CHECK_STATUS(eventsource_wait(es, 0), EVENTSOURCE_ERR_STATE); /* never started */
    CHECK_STATUS(eventsource_run(es), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, "freed") != NULL);
    CHECK_STATUS(eventsource_get_result(es, &result, sizeof result), EVENTSOURCE_OK);
    CHECK_STATUS(result.status, EVENTSOURCE_ERR_STATE);
    CHECK_NUMBER(result.reason, EVENTSOURCE_CLOSE_FAILED);
    CHECK_STATUS(eventsource_set_runtime(es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_run(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(es, 0), EVENTSOURCE_OK);
    eventsource_free(es);
}

static int32_t run_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)kind;
    (void)payload;
    CHECK_STATUS(eventsource_run(r->pointer), EVENTSOURCE_ERR_IN_CALLBACK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void run_where_a_wait_would_deadlock_starts_nothing(void) {
    eventsource_state_t state = EVENTSOURCE_STATE_OPEN;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    eventsource_t *es = client_of("/hang-body");
    CHECK_STATUS(eventsource_set_runtime(es, runtime), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_run(es), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_set_runtime(es, NULL), EVENTSOURCE_OK); /* it does not run */
    recorder_t *r = recorder_of_everything();
    r->then = run_in;
    r->pointer = es;
    start(r);
    WAIT_FOR(r, "error", 1);
    stop(r);
    recorder_end(r);
    CHECK_STATUS(eventsource_get_state(es, &state), EVENTSOURCE_OK);
    CHECK_NUMBER(state, EVENTSOURCE_STATE_IDLE);
    eventsource_free(es);
    eventsource_runtime_free(runtime);
}

CHECK_MAIN(TEST(run_tells_how_the_stream_ended),
           TEST(wait_tells_the_same_again_and_again_also_after_a_refused_call),
           TEST(a_client_that_the_program_stops_has_ended_as_it_should),
           TEST(on_close_can_ask_for_the_result),
           TEST(a_start_that_is_refused_is_told_by_the_wait_until_one_is_not),
           TEST(run_where_a_wait_would_deadlock_starts_nothing))
