/* Clients and runtimes are freed while other threads are in calls on them: each call returns, and touches nothing
 * afterwards. What a sanitizer and valgrind are for; the many rounds are for those who look on without them. */
#include "check.h"
#include "process.h"
#include "recorder.h"
#include "runtime.h"

/* With valgrind, where each round takes long, fewer. */
static int rounds(int many) {
    return check_slow > 1 ? many / 20 + KIND_COUNT : many;
}

/* ---- Clients ----------------------------------------------------------------------------------------------------- */

/* Frees the client in the first callback of the kind `number`. */
static int32_t free_at(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        r->number = -1;
        eventsource_free(r->es);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static int32_t stop_at_error(recorder_t *r, kind_t kind, const void *payload) {
    free_at(r, kind, payload);
    return kind == ON_ERROR && r->pointer ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static recorder_t *recorder_freed_at(kind_t kind) {
    recorder_t *r = recorder_of_everything();
    r->then = stop_at_error;
    r->number = kind;
    if (kind == ON_CLOSE) r->pointer = r;
    return r;
}

/* Waits for the end of a client that its callback frees. */
static void end_freed(recorder_t *r) {
    struct timespec deadline = check_deadline();
    int late = 0;
    pthread_mutex_lock(&r->mutex);
    while (!late && !r->destroys) late = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
    CHECK(!late);
    r->es = NULL;
    pthread_mutex_unlock(&r->mutex);
    CHECK_NUMBER(count_lines(r, "close stopped"), 1);
    recorder_end(r);
}

enum { CROWD = 3 };

static void *wait_for_ever(void *es) {
    CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_OK);
    return NULL;
}

static void *wait_in_pieces(void *es) {
    int32_t status;
    do status = eventsource_wait(es, 1);
    while (status == EVENTSOURCE_ERR_TIMEOUT);
    CHECK_STATUS(status, EVENTSOURCE_OK);
    return NULL;
}

static void any_number_of_threads_may_wait_for_a_client_that_a_callback_frees(void) {
    for (int i = 0; i < rounds(120) && !check_failed(); i++) {
        pthread_t threads[CROWD];
        recorder_t *r = recorder_freed_at(KINDS[i % KIND_COUNT]);
        eventsource_t *es = r->es;
        start(r);
        for (int j = 0; j < CROWD; j++) pthread_create(&threads[j], NULL, j ? wait_for_ever : wait_in_pieces, es);
        /* Here, too, as the smallest program has it. */
        CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_OK);
        for (int j = 0; j < CROWD; j++) pthread_join(threads[j], NULL);
        end_freed(r);
    }
}

/* With valgrind, whose threads run by turns, whoever calls again and again must not keep the others from it. */
static void take_turns(void) {
    if (check_slow > 1) nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

/* A call has been made while the client was there, or after that: then it says so. */
static int is_freed(int32_t status, int32_t otherwise) {
    if (status == EVENTSOURCE_ERR_FREED) return 1;
    if (status != EVENTSOURCE_OK) CHECK_STATUS(status, otherwise);
    return 0;
}

static void *ask(void *es) {
    eventsource_state_t state;
    eventsource_stats_t stats;
    eventsource_reconnect_t policy;
    eventsource_reconnect_init(&policy, sizeof policy);
    char text[256];
    while (!is_freed(eventsource_get_state(es, &state), EVENTSOURCE_OK)) {
        take_turns();
        is_freed(eventsource_get_stats(es, &stats, sizeof stats), EVENTSOURCE_OK);
        is_freed(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
        is_freed(eventsource_get_last_event_id(es, text, sizeof text, NULL), EVENTSOURCE_OK);
        is_freed(eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
    }
    return NULL;
}

static void *steer(void *es) {
    int freed = 0;
    for (unsigned turn = 1; !freed; turn++) {
        take_turns();
        freed |= is_freed(eventsource_pause(es), EVENTSOURCE_OK);
        freed |= is_freed(eventsource_unpause(es), EVENTSOURCE_OK);
        /* Less and less often, or the client would never get anywhere. */
        if ((turn & (turn - 1)) == 0) freed |= is_freed(eventsource_reconnect_now(es), EVENTSOURCE_ERR_STATE);
        freed |= is_freed(eventsource_set_last_event_id(es, "1"), EVENTSOURCE_OK);
    }
    return NULL;
}

static void *configure(void *es) {
    int freed = 0;
    while (!freed) {
        take_turns();
        freed |= is_freed(eventsource_set_header(es, "a", "b"), EVENTSOURCE_ERR_STATE);
        freed |= is_freed(eventsource_on_event_type(es, "other", record_event), EVENTSOURCE_ERR_STATE);
        freed |= is_freed(eventsource_set_runtime(es, NULL), EVENTSOURCE_ERR_STATE);
    }
    return NULL;
}

static void *stop_and_start(void *es) {
    int freed = 0;
    while (!freed) {
        take_turns();
        CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
        freed |= is_freed(eventsource_start(es), EVENTSOURCE_ERR_STATE);
    }
    return NULL;
}

static void *(*const CALLS[])(void *) = {ask, steer, configure, wait_for_ever, wait_in_pieces};
enum { CALL_COUNT = sizeof CALLS / sizeof *CALLS };

static void any_call_may_be_under_way_when_a_callback_frees_the_client(void) {
    for (int i = 0; i < rounds(60) && !check_failed(); i++) {
        pthread_t threads[CALL_COUNT];
        recorder_t *r = recorder_freed_at(KINDS[i % KIND_COUNT]);
        eventsource_t *es = r->es;
        start(r);
        for (int j = 0; j < CALL_COUNT; j++) pthread_create(&threads[j], NULL, CALLS[j], es);
        for (int j = 0; j < CALL_COUNT; j++) pthread_join(threads[j], NULL);
        end_freed(r);
    }
}

static void any_call_may_be_under_way_when_a_thread_frees_the_client(void) {
    static const char *const UP_TO[] = {"request", "open", "event", "error"};
    for (int i = 0; i < rounds(40) && !check_failed(); i++) {
        pthread_t threads[CALL_COUNT];
        recorder_t *r = recorder_of_everything();
        eventsource_t *es = r->es;
        start(r);
        for (int j = 0; j < CALL_COUNT; j++) pthread_create(&threads[j], NULL, CALLS[j], es);
        WAIT_FOR(r, UP_TO[i % 4], 1);
        eventsource_free(es);
        CHECK_NUMBER(r->destroys, 1); /* when free has returned, whoever else is in a call */
        for (int j = 0; j < CALL_COUNT; j++) pthread_join(threads[j], NULL);
        r->es = NULL;
        recorder_end(r);
    }
}

/* What starts and ends again and again has no lines to compare. */
typedef struct {
    pthread_mutex_t mutex;
    int closes, destroys;
} counts_t;

static void count_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    counts_t *counts = user;
    (void)es;
    (void)close;
    pthread_mutex_lock(&counts->mutex);
    CHECK(!counts->destroys);
    counts->closes++;
    pthread_mutex_unlock(&counts->mutex);
}

static void count_destroy(void *user) {
    counts_t *counts = user;
    pthread_mutex_lock(&counts->mutex);
    counts->destroys++;
    pthread_mutex_unlock(&counts->mutex);
}

static void a_client_may_be_freed_while_others_start_and_stop_it(void) {
    for (int i = 0; i < rounds(20) && !check_failed(); i++) {
        counts_t counts = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        pthread_t threads[CROWD];
        char *url = url_of(EVERYTHING);
        eventsource_t *es = eventsource_new(url);
        CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
        free(url);
        CHECK_STATUS(eventsource_set_user_data(es, &counts, count_destroy), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_close(es, count_close), EVENTSOURCE_OK);
        for (int j = 0; j < CROWD; j++) pthread_create(&threads[j], NULL, stop_and_start, es);
        while (eventsource_wait(es, 0) != EVENTSOURCE_ERR_TIMEOUT && !check_failed()) take_turns();
        eventsource_free(es);
        CHECK_NUMBER(counts.destroys, 1);
        CHECK(counts.closes > 0);
        for (int j = 0; j < CROWD; j++) pthread_join(threads[j], NULL);
    }
}

static void calls_that_come_after_the_end_of_a_freed_client_say_so(void) {
    recorder_t *r = recorder_freed_at(ON_EVENT);
    eventsource_t *es = r->es;
    start(r);
    end_freed(r);
    CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_FREED);
    CHECK_STATUS(eventsource_pause(es), EVENTSOURCE_ERR_FREED);
    CHECK_STATUS(eventsource_set_method(es, "GET"), EVENTSOURCE_ERR_FREED);
    eventsource_free(es);
    /* Nor is it another client before long. */
    for (int i = 0; i < 200; i++) {
        eventsource_t *other = eventsource_new("http://localhost/");
        CHECK_STATUS(eventsource_check(other), EVENTSOURCE_OK);
        CHECK(other != es);
        CHECK_STATUS(eventsource_pause(es), EVENTSOURCE_ERR_FREED);
        eventsource_free(other);
    }
}

/* ---- Runtimes ---------------------------------------------------------------------------------------------------- */

/* Dispatches until that is refused. */
static void *dispatch_for_ever(void *runtime) {
    int32_t status;
    do status = eventsource_runtime_dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, NULL);
    while (status == EVENTSOURCE_OK);
    CHECK_STATUS(status, EVENTSOURCE_ERR_FREED);
    return NULL;
}

static int32_t free_runtime_at(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        r->number = -1;
        eventsource_runtime_free(r->pointer);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void dispatchers_return_when_the_callback_of_one_frees_the_runtime(void) {
    static const kind_t AT[] = {ON_REQUEST, ON_OPEN, ON_EVENT, ON_COMMENT, ON_ERROR};
    for (int i = 0; i < rounds(60) && !check_failed(); i++) {
        pthread_t threads[CROWD];
        eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
        recorder_t *idle = on_runtime(recorder_new("/hang-body"), runtime);
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        r->then = free_runtime_at;
        r->number = AT[i % 5];
        r->pointer = runtime;
        start(idle);
        start(r);
        for (int j = 0; j < CROWD; j++) pthread_create(&threads[j], NULL, dispatch_for_ever, runtime);
        for (int j = 0; j < CROWD; j++) pthread_join(threads[j], NULL);
        wait_closed(r);
        wait_closed(idle);
        recorder_end(r);
        recorder_end(idle);
    }
}

static void dispatchers_return_when_a_thread_frees_the_runtime(void) {
    for (int i = 0; i < rounds(60) && !check_failed(); i++) {
        pthread_t threads[CROWD];
        eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
        recorder_t *idle = on_runtime(recorder_new("/hang-body"), runtime);
        recorder_t *busy = on_runtime(recorder_of_everything(), runtime);
        for (int j = 0; j < CROWD; j++) pthread_create(&threads[j], NULL, dispatch_for_ever, runtime);
        start(idle);
        start(busy);
        if (i % 3) WAIT_FOR(busy, i % 3 == 1 ? "event" : "error", 1);
        eventsource_runtime_free(runtime);
        CHECK_STATUS(eventsource_wait(idle->es, 0), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_wait(busy->es, 0), EVENTSOURCE_OK);
        for (int j = 0; j < CROWD; j++) pthread_join(threads[j], NULL);
        recorder_end(busy);
        recorder_end(idle);
    }
}

typedef struct {
    eventsource_runtime_t *runtime;
    pthread_t other;
} dispatchers_t;

static int32_t free_and_join(recorder_t *r, kind_t kind, const void *payload) {
    dispatchers_t *dispatchers = r->pointer;
    (void)payload;
    if (kind == ON_EVENT && dispatchers->runtime) {
        eventsource_runtime_free(dispatchers->runtime);
        dispatchers->runtime = NULL;
        pthread_join(dispatchers->other, NULL);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_dispatcher_that_waits_does_not_wait_for_the_callback_that_frees_the_runtime(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    dispatchers_t dispatchers = {.runtime = runtime};
    r->then = free_and_join;
    r->pointer = &dispatchers;
    /* It comes first, and for nothing. */
    pthread_create(&dispatchers.other, NULL, dispatch_for_ever, runtime);
    start(r);
    while (!check_failed() && eventsource_runtime_dispatch(runtime, 10, EVENTSOURCE_NO_LIMIT, NULL) == EVENTSOURCE_OK) {}
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    recorder_end(r);
}

static void calls_on_a_freed_runtime_say_so(void) {
    eventsource_fd_t fd;
    eventsource_metrics_t metrics;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = recorder_new("/hang-body");
    eventsource_runtime_free(runtime);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, NULL), EVENTSOURCE_ERR_FREED);
    CHECK_STATUS(eventsource_runtime_get_fd(runtime, &fd), EVENTSOURCE_ERR_FREED);
    CHECK_STATUS(eventsource_runtime_get_metrics(runtime, &metrics, sizeof metrics), EVENTSOURCE_ERR_FREED);
    CHECK_STATUS(eventsource_set_runtime(r->es, runtime), EVENTSOURCE_ERR_FREED);
    eventsource_runtime_free(runtime);
    recorder_end(r);
}

/* Those of clients that were freed in callbacks have nobody who waited for them. Last, as in closing.c. */
static void no_thread_remains_after_all_that(void) {
    check_threads_named("eventsource", 0);
}

CHECK_MAIN(TEST(any_number_of_threads_may_wait_for_a_client_that_a_callback_frees),
           TEST(any_call_may_be_under_way_when_a_callback_frees_the_client),
           TEST(any_call_may_be_under_way_when_a_thread_frees_the_client),
           TEST(a_client_may_be_freed_while_others_start_and_stop_it),
           TEST(calls_that_come_after_the_end_of_a_freed_client_say_so),
           TEST(dispatchers_return_when_the_callback_of_one_frees_the_runtime),
           TEST(dispatchers_return_when_a_thread_frees_the_runtime),
           TEST(a_dispatcher_that_waits_does_not_wait_for_the_callback_that_frees_the_runtime),
           TEST(calls_on_a_freed_runtime_say_so),
           TEST(no_thread_remains_after_all_that))
