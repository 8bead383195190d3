/* What a program should not do: it ends in a status or in abort(), not in corruption. More of it: setters while a client
 * runs and arguments that are wrong (arguments.c), waiting in a callback (lifecycle.c), longjmp (jumps.c), exceptions
 * (tests/boundary/cpp). */
#include "check.h"
#include "child.h"
#include "recorder.h"

/* ---- Callbacks that end their thread ----------------------------------------------------------------------------- */

static int32_t end_thread(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (r->number == -1) {
        child_say("a callback runs after the end");
    } else if ((int64_t)kind == r->number) {
        r->number = -1;
        child_say("the end");
        pthread_exit(NULL);
    } else if (r->number == ON_CLOSE && kind == ON_ERROR) {
        return EVENTSOURCE_DECISION_CLOSE;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static int end_thread_in(kind_t kind) {
    child_expect_abort();
    recorder_t *r = recorder_of_everything();
    r->then = end_thread;
    r->number = kind;
    start(r);
    CHECK(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT) != EVENTSOURCE_ERR_TIMEOUT);
    child_say("the client has closed");
    return 0;
}

static int on_request(void) {
    return end_thread_in(ON_REQUEST);
}

static int on_open(void) {
    return end_thread_in(ON_OPEN);
}

static int on_event(void) {
    return end_thread_in(ON_EVENT);
}

static int on_comment(void) {
    return end_thread_in(ON_COMMENT);
}

static int on_error(void) {
    return end_thread_in(ON_ERROR);
}

static int on_close(void) {
    return end_thread_in(ON_CLOSE);
}

static const role_t ROLES[] = {
    ROLE(on_request), ROLE(on_open), ROLE(on_event), ROLE(on_comment), ROLE(on_error), ROLE(on_close),
};

static void a_callback_of_any_kind_that_ends_its_thread_aborts_before_anything_else_runs(void) {
    for (size_t i = 0; i < sizeof ROLES / sizeof *ROLES; i++) {
        ended_t ended = child_run(ROLES[i].name);
        CHECK_SIGNAL(&ended, SIGABRT);
        CHECK_TEXT(ended.output, "the end\n");
    }
}

/* ---- Clients whose runtime has been freed ------------------------------------------------------------------------ */

static recorder_t *recorder_on(eventsource_runtime_t *runtime, const char *target) {
    recorder_t *r = recorder_new(target);
    CHECK_STATUS(eventsource_set_runtime(r->es, runtime), EVENTSOURCE_OK);
    return r;
}

/* Starts a client and waits for a line, and that with manual dispatch, too. */
static void start_until(recorder_t *r, eventsource_runtime_t *runtime, const char *beginning) {
    size_t ran;
    start(r);
    while (!check_failed() && count_lines(r, beginning) == 0) {
        int32_t status = eventsource_runtime_dispatch(runtime, check_seconds * 1000 * check_slow, EVENTSOURCE_NO_LIMIT, &ran);
        if (status == EVENTSOURCE_OK) continue;
        CHECK_STATUS(status, EVENTSOURCE_ERR_STATE); /* it is not manual */
        WAIT_FOR(r, beginning, 1);
    }
}

static void check_of_freed_runtime(recorder_t *r, int32_t expected_state) {
    eventsource_stats_t stats;
    eventsource_state_t state = 99;
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_STATE); /* why it did not start */
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_state(r->es, &state), EVENTSOURCE_OK);
    CHECK_NUMBER(state, expected_state);
    CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "a", "b"), EVENTSOURCE_OK);
}

static void a_client_whose_runtime_is_freed_says_so_and_runs_on_another(void) {
    static const int32_t DISPATCHES[] = {EVENTSOURCE_DISPATCH_ISOLATED, EVENTSOURCE_DISPATCH_INLINE,
                                         EVENTSOURCE_DISPATCH_MANUAL};
    for (int i = 0; i < 3; i++) {
        eventsource_runtime_options_t options;
        eventsource_runtime_options_init(&options, sizeof options);
        options.dispatch = DISPATCHES[i];
        eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
        CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
        recorder_t *never = recorder_on(runtime, "/hang-body"), *closed = recorder_on(runtime, "/status/404"),
                   *running = recorder_on(runtime, "/hang-body");
        start_until(closed, runtime, "close");
        start_until(running, runtime, "event");
        eventsource_runtime_free(runtime);
        CHECK_LINES(running, "open 200\nevent message [before the silence]\nclose stopped\n");

        check_of_freed_runtime(never, EVENTSOURCE_STATE_IDLE);
        check_of_freed_runtime(closed, EVENTSOURCE_STATE_CLOSED);
        check_of_freed_runtime(running, EVENTSOURCE_STATE_CLOSED);

        CHECK_STATUS(eventsource_set_runtime(running->es, NULL), EVENTSOURCE_OK);
        start(running);
        WAIT_FOR(running, "event", 2);
        recorder_end(never);
        recorder_end(closed);
        recorder_end(running);
    }
}

CHECK_MAIN_WITH_ROLES(ROLES,
                      TEST(a_callback_of_any_kind_that_ends_its_thread_aborts_before_anything_else_runs),
                      TEST(a_client_whose_runtime_is_freed_says_so_and_runs_on_another))
