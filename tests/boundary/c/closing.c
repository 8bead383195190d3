/* The close contract: stop and free are done at once whatever the client is doing, on any thread and on many, and a
 * callback that runs is waited for. Inside callbacks: lifecycle.c. */
#include "check.h"
#include "gate.h"
#include "peer.h"
#include "process.h"
#include "recorder.h"
#include "resolver.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

/* ---- At once ----------------------------------------------------------------------------------------------------- */

typedef void (*end_t)(recorder_t *r);

static void end_by_stop(recorder_t *r) {
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(r->es, check_seconds * 1000 * check_slow), EVENTSOURCE_OK);
}

static void end_by_free(recorder_t *r) {
    eventsource_free(r->es);
    r->es = NULL;
}

/* Brings a client into a situation, ends it there, and measures how long that takes: never a second, and the best of
 * three, which the machine's own delays do not count for, no more than the promised 100 ms. */
static void check_ends_at_once(recorder_t *(*begin)(void *), void *argument) {
    static const end_t ENDS[] = {end_by_stop, end_by_free};
    for (int how = 0; how < 2; how++) {
        int64_t best = INT64_MAX;
        for (int round = 0; round < 3; round++) {
            recorder_t *r = begin(argument);
            int64_t before = now_ms();
            ENDS[how](r);
            int64_t took = now_ms() - before;
            CHECK(took < 10000 * check_slow);
            if (took < best) best = took;
            CHECK_NUMBER(count_lines(r, "close stopped"), 1);
            if (r->number > 0) close((int)r->number);
            recorder_end(r);
        }
        CHECK(best <= 100 * check_slow);
    }
}

static recorder_t *begin_hanging_body(void *unused) {
    (void)unused;
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    WAIT_FOR(r, "event", 1);
    return r;
}

static recorder_t *begin_hanging_request(void *unused) {
    (void)unused;
    recorder_t *r = recorder_new("/hang");
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "request", 1);
    return r;
}

static recorder_t *begin_waiting(void *unused) {
    (void)unused;
    recorder_t *r = recorder_new("/status/503");
    retry_late(r);
    start(r);
    WAIT_FOR(r, "error", 1);
    return r;
}

/* A peer that takes the request, or the client's part of a handshake, and is silent. Its socket is kept in `number`. */
static recorder_t *begin_silent_peer(void *peer) {
    recorder_t *r = recorder_new(((peer_t *)peer)->url);
    start(r);
    r->number = peer_accept(peer);
    return r;
}

/* A peer whose queue is full: the system leaves further connections unanswered. */
static recorder_t *begin_unanswered_connect(void *peer) {
    recorder_t *r = recorder_new(((peer_t *)peer)->url);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "request", 1);
    return r;
}

/* Name resolution: the look-up goes on, on a thread that nobody waits for. Each of another name, since those of one are one. */
static recorder_t *begin_resolving(void *lookups) {
    int number = ++*(int *)lookups;
    char *url = join("http://name%d.invalid/", number);
    recorder_t *r = recorder_new(url);
    free(url);
    start(r);
    gate_wait(&resolver, number);
    return r;
}

/* A peer that takes the beginning of a body, and no more. Its socket is kept in `number`. */
static recorder_t *begin_sending(void *peer) {
    static char body[8 << 20]; /* more than the system takes */
    recorder_t *r = recorder_new(((peer_t *)peer)->url);
    CHECK_STATUS(eventsource_set_method(r->es, "POST"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, body, sizeof body), EVENTSOURCE_OK);
    start(r);
    r->number = peer_accept(peer);
    return r;
}

/* A redirect to a peer that takes the request and is silent. */
static recorder_t *begin_redirected(void *peer) {
    char *target = join("/redirect?to=%s", ((peer_t *)peer)->url);
    recorder_t *r = recorder_new(target);
    free(target);
    start(r);
    r->number = peer_accept(peer);
    return r;
}

/* More events than could be written down. */
static void record_first_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    recorder_t *r = user;
    if (!r->pointer) record_event(es, event, r);
    r->pointer = r;
}

static recorder_t *begin_flood(void *unused) {
    (void)unused;
    recorder_t *r = recorder_new("/blast?bytes=1000000000000");
    CHECK_STATUS(eventsource_on_event(r->es, record_first_event), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "event", 1);
    return r;
}

static void stop_and_free_cut_a_silent_stream_short(void) {
    check_ends_at_once(begin_hanging_body, NULL);
}

static void stop_and_free_cut_a_request_short(void) {
    check_ends_at_once(begin_hanging_request, NULL);
}

static void stop_and_free_cut_the_wait_for_an_answer_short(void) {
    peer_t peer = peer_listen("http");
    check_ends_at_once(begin_silent_peer, &peer);
    peer_close(&peer);
}

static void stop_and_free_cut_a_tls_handshake_short(void) {
    peer_t peer = peer_listen("https");
    check_ends_at_once(begin_silent_peer, &peer);
    peer_close(&peer);
}

static void stop_and_free_cut_connecting_short(void) {
    peer_t peer = peer_listen("http");
    peer_fill(&peer);
    check_ends_at_once(begin_unanswered_connect, &peer);
    peer_close(&peer);
}

static void stop_and_free_cut_the_wait_for_the_next_attempt_short(void) {
    check_ends_at_once(begin_waiting, NULL);
}

static void stop_and_free_cut_name_resolution_short(void) {
    int lookups = 0;
    check_ends_at_once(begin_resolving, &lookups);
    gate_open(&resolver);
    check_other_threads(0);
    gate_reset(&resolver);
}

static void stop_and_free_cut_the_sending_of_a_body_short(void) {
    peer_t peer = peer_listen("http");
    check_ends_at_once(begin_sending, &peer);
    peer_close(&peer);
}

static void stop_and_free_cut_a_redirect_short(void) {
    peer_t peer = peer_listen("http");
    check_ends_at_once(begin_redirected, &peer);
    peer_close(&peer);
}

static void stop_and_free_cut_a_flood_of_events_short(void) {
    check_ends_at_once(begin_flood, NULL);
}

static void look_ups_that_hang_hold_back_only_those_who_need_them(void) {
    enum { CLIENTS = 40 };
    recorder_t *recorders[CLIENTS], *r = recorder_new("/events?count=3&per_connection=1");
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = recorder_new("http://name.invalid/");
        start(recorders[i]);
    }
    gate_wait(&resolver, 1);
    start(r);
    WAIT_FOR(r, "event", 3);
    int64_t before = now_ms();
    for (int i = 0; i < CLIENTS; i++) recorder_end(recorders[i]);
    recorder_end(r);
    CHECK(now_ms() - before < 10000 * check_slow);
    gate_open(&resolver);
    check_other_threads(0);
    gate_reset(&resolver);
}

/* ---- While callbacks block --------------------------------------------------------------------------------------- */

/* A callback that blocks, and what had been written down then. */
typedef struct {
    gate_t gate;
    char *lines;
    int freed;  /* free has returned; behind the gate's mutex, as is */
    int thread; /* open: what the system says of the thread that is about to free; 0 before, -1 where it says nothing */
} held_t;

/* Holds the first callback of the kind `number`. */
static int32_t hold(recorder_t *r, kind_t kind, const void *payload) {
    held_t *held = r->pointer;
    (void)payload;
    if ((int64_t)kind != r->number || held->lines) return EVENTSOURCE_DECISION_DEFAULT;
    pthread_mutex_lock(&r->mutex);
    held->lines = join(kind == ON_CLOSE ? "%s" : "%sclose stopped\n", r->lines);
    pthread_mutex_unlock(&r->mutex);
    gate_pass(&held->gate);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void *free_held(void *argument) {
    recorder_t *r = argument;
    held_t *held = r->pointer;
    int thread = open_state_of_this_thread();
    pthread_mutex_lock(&held->gate.mutex);
    held->thread = thread;
    pthread_mutex_unlock(&held->gate.mutex);
    eventsource_free(r->es);
    pthread_mutex_lock(&held->gate.mutex);
    held->freed = 1;
    pthread_mutex_unlock(&held->gate.mutex);
    return NULL;
}

/* Whether the thread that frees has begun and waits, or is through. */
static int is_waiting(held_t *held) {
    pthread_mutex_lock(&held->gate.mutex);
    int thread = held->thread, freed = held->freed;
    pthread_mutex_unlock(&held->gate.mutex);
    return thread == 0 || freed ? freed : thread_waits(thread);
}

static void check_held(kind_t kind, int stop_first) {
    if (check_failed()) return; /* a wait would not last, and what is held is on the stack */
    held_t held = {.gate = GATE_CLOSED};
    recorder_t *r = recorder_of_everything();
    pthread_t thread;
    r->then = hold;
    r->number = kind;
    r->pointer = &held;
    start(r);
    if (kind == ON_CLOSE) CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    gate_wait(&held.gate, 1);
    if (stop_first) {
        CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    }
    pthread_create(&thread, NULL, free_held, r);
    /* Until it waits in free, more may come. After that, a free that does not wait for the callback would soon be over. */
    for (int64_t deadline = now_ms() + 10000 * check_slow; !is_waiting(&held) && now_ms() < deadline;) sched_yield();
    nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    pthread_mutex_lock(&held.gate.mutex);
    CHECK(!held.freed);
    pthread_mutex_unlock(&held.gate.mutex);
    gate_open(&held.gate);
    pthread_join(thread, NULL);
    if (held.thread > 0) close(held.thread);
    r->es = NULL;
    CHECK_LINES(r, held.lines);
    free(held.lines);
    recorder_end(r);
}

static void free_waits_for_a_callback_of_any_kind_and_lets_nothing_follow_but_on_close(void) {
    for (int i = 0; i < KIND_COUNT; i++) check_held(KINDS[i], 0);
}

static void stop_does_not_wait_for_a_callback_of_any_kind(void) {
    for (int i = 0; i < KIND_COUNT; i++) check_held(KINDS[i], 1);
}

static int32_t block_at_gate(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void stop_and_free_are_done_at_once_while_callbacks_of_others_block(void) {
    enum { CLIENTS = 32 };
    gate_t gate = GATE_CLOSED;
    recorder_t *blocked[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        blocked[i] = recorder_new("/hang-body");
        blocked[i]->then = block_at_gate;
        blocked[i]->pointer = &gate;
        start(blocked[i]);
    }
    gate_wait(&gate, CLIENTS);
    check_ends_at_once(begin_hanging_body, NULL);
    check_ends_at_once(begin_waiting, NULL);
    gate_open(&gate);
    for (int i = 0; i < CLIENTS; i++) recorder_end(blocked[i]);
}

static int32_t free_and_block(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) {
        eventsource_free(r->es);
        gate_pass(r->pointer);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void *use_freed(void *es) {
    for (int i = 0; i < 50; i++) {
        eventsource_state_t state = 99;
        CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_STATE);
        CHECK_STATUS(eventsource_wait(es, 0), EVENTSOURCE_ERR_TIMEOUT);
        CHECK_STATUS(eventsource_get_state(es, &state), EVENTSOURCE_OK);
    }
    return NULL;
}

static void any_thread_may_use_a_client_until_the_callback_that_freed_it_returns(void) {
    gate_t gate = GATE_CLOSED;
    recorder_t *r = recorder_new("/hang-body");
    pthread_t threads[4];
    r->then = free_and_block;
    r->pointer = &gate;
    start(r);
    gate_wait(&gate, 1);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, use_freed, r->es);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    gate_open(&gate);
    recorder_end_freed(r, "open 200\nevent message [before the silence]\nclose stopped\n");
}

/* ---- On many threads --------------------------------------------------------------------------------------------- */

enum { THREADS = 8 };

/* Threads that begin at the same moment. */
typedef struct {
    recorder_t *r;
    gate_t gate;
    int left; /* threads that still use the client; behind the gate's mutex */
} crowd_t;

static void *stop_and_be_the_last_to_free(void *argument) {
    crowd_t *crowd = argument;
    eventsource_t *es = crowd->r->es;
    gate_pass(&crowd->gate);
    for (int i = 0; i < 20; i++) {
        CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
        int32_t status = eventsource_wait(es, 0);
        if (status != EVENTSOURCE_OK) CHECK_STATUS(status, EVENTSOURCE_ERR_TIMEOUT);
    }
    pthread_mutex_lock(&crowd->gate.mutex);
    int last = --crowd->left == 0;
    pthread_mutex_unlock(&crowd->gate.mutex);
    if (last) eventsource_free(es);
    return NULL;
}

static void many_threads_may_stop_a_client_and_the_last_of_them_may_free_it(void) {
    static const char *const UP_TO[] = {"", "request", "open", "event", "error"};
    for (int round = 0; round < 30; round++) {
        crowd_t crowd = {.r = recorder_of_everything(), .gate = GATE_CLOSED, .left = THREADS};
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            pthread_create(&threads[i], NULL, stop_and_be_the_last_to_free, &crowd);
        }
        gate_wait(&crowd.gate, THREADS);
        start(crowd.r);
        if (*UP_TO[round % 5]) WAIT_FOR(crowd.r, UP_TO[round % 5], 1);
        gate_open(&crowd.gate);
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        crowd.r->es = NULL;
        CHECK_NUMBER(count_lines(crowd.r, "close stopped"), 1);
        recorder_end(crowd.r);
    }
}

/* Starts the client until it has been started often enough; `left` counts down. */
static void *start_again_and_again(void *argument) {
    crowd_t *crowd = argument;
    recorder_t *r = crowd->r;
    int left = 1;
    gate_pass(&crowd->gate);
    while (left > 0 && !check_failed()) {
        pthread_mutex_lock(&r->mutex);
        r->runs++; /* before its callbacks can come; taken back if they cannot */
        pthread_mutex_unlock(&r->mutex);
        int32_t status = eventsource_start(r->es);
        if (status != EVENTSOURCE_OK) {
            CHECK_STATUS(status, EVENTSOURCE_ERR_STATE);
            pthread_mutex_lock(&r->mutex);
            r->runs--;
            pthread_mutex_unlock(&r->mutex);
        }
        pthread_mutex_lock(&crowd->gate.mutex);
        left = status == EVENTSOURCE_OK ? --crowd->left : crowd->left;
        pthread_mutex_unlock(&crowd->gate.mutex);
    }
    return NULL;
}

static void *stop_again_and_again(void *argument) {
    crowd_t *crowd = argument;
    int left = 1;
    gate_pass(&crowd->gate);
    while (left > 0 && !check_failed()) {
        CHECK_STATUS(eventsource_stop(crowd->r->es), EVENTSOURCE_OK);
        int32_t status = eventsource_wait(crowd->r->es, 1);
        /* It may not have started yet. */
        CHECK(status == EVENTSOURCE_OK || status == EVENTSOURCE_ERR_TIMEOUT || status == EVENTSOURCE_ERR_STATE);
        pthread_mutex_lock(&crowd->gate.mutex);
        left = crowd->left;
        pthread_mutex_unlock(&crowd->gate.mutex);
    }
    return NULL;
}

static void starts_and_stops_on_many_threads_give_each_start_its_on_close(void) {
    enum { STARTS = 100 };
    crowd_t crowd = {.r = recorder_of_everything(), .gate = GATE_CLOSED, .left = STARTS};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, i % 2 ? start_again_and_again : stop_again_and_again, &crowd);
    }
    gate_wait(&crowd.gate, 4);
    gate_open(&crowd.gate);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    stop(crowd.r);
    CHECK(crowd.r->runs >= STARTS);
    CHECK_NUMBER(count_lines(crowd.r, "close stopped"), crowd.r->runs);
    recorder_end(crowd.r);
}

static void a_stop_right_after_the_start_is_not_lost(void) {
    recorder_t *r = recorder_of_everything();
    for (int round = 0; round < 100; round++) {
        start(r);
        stop(r);
    }
    CHECK_NUMBER(count_lines(r, "close stopped"), 100);
    recorder_end(r);
}

/* ---- Inside what is no callback of a client's -------------------------------------------------------------------- */

static void free_owned(recorder_t *owner) {
    recorder_t *owned = owner->pointer;
    eventsource_free(owned->es);
}

static int32_t free_in_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) eventsource_free(r->es);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void destroy_may_free_another_client(void) {
    static const char *const EXPECTED[] = {"", "open 200\nevent message [before the silence]\nclose stopped\n"};
    for (int i = 0; i < 4; i++) {
        int runs = i % 2, in_callback = i / 2;
        recorder_t *owner = recorder_new("/hang-body"), *owned = recorder_new("/hang-body");
        if (runs) {
            start(owned);
            WAIT_FOR(owned, "event", 1);
        }
        owner->at_last = free_owned;
        owner->pointer = owned;
        if (in_callback) owner->then = free_in_event;
        start(owner);
        if (in_callback) {
            recorder_end_freed(owner, EXPECTED[1]);
        } else {
            WAIT_FOR(owner, "event", 1);
            recorder_end(owner);
        }
        recorder_end_freed(owned, EXPECTED[runs]);
    }
}

static void free_in_parser(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    recorder_t *r = user;
    (void)parser;
    (void)event;
    eventsource_free(r->es);
}

static void a_parsers_callback_may_free_a_client(void) {
    recorder_t *r = recorder_new("/hang-body");
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = free_in_parser;
    options.user = r;
    start(r);
    WAIT_FOR(r, "event", 1);
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, "data\n\n", 6), EVENTSOURCE_OK);
    recorder_end_freed(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    eventsource_parser_free(parser);
}

static void free_in_log(const eventsource_log_record_t *record, void *user) {
    recorder_t *r = user;
    (void)record;
    pthread_mutex_lock(&r->mutex);
    int first = r->number == 0;
    r->number = 1;
    pthread_mutex_unlock(&r->mutex);
    if (first) eventsource_free(r->es);
}

static void a_log_callback_may_free_the_client_that_it_is_about(void) {
    recorder_t *r = recorder_new("/hang-body");
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_INFO, free_in_log, r, NULL), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "close stopped", 1);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
    /* The first that the log tells of this client is that the stream is open. */
    recorder_end_freed(r, "open 200\nclose stopped\n");
}

/* Those that ended in callbacks have nobody who waited for them. Last, so that no program ends while one is still at it. */
static void no_thread_remains_after_all_that(void) {
    check_threads_named("eventsource", 0);
}

CHECK_MAIN(TEST(stop_and_free_cut_a_silent_stream_short),
           TEST(stop_and_free_cut_a_request_short),
           TEST(stop_and_free_cut_the_wait_for_an_answer_short),
           TEST(stop_and_free_cut_a_tls_handshake_short),
           TEST(stop_and_free_cut_connecting_short),
           TEST(stop_and_free_cut_the_wait_for_the_next_attempt_short),
           TEST(stop_and_free_cut_name_resolution_short),
           TEST(stop_and_free_cut_the_sending_of_a_body_short),
           TEST(stop_and_free_cut_a_redirect_short),
           TEST(stop_and_free_cut_a_flood_of_events_short),
           TEST(look_ups_that_hang_hold_back_only_those_who_need_them),
           TEST(free_waits_for_a_callback_of_any_kind_and_lets_nothing_follow_but_on_close),
           TEST(stop_does_not_wait_for_a_callback_of_any_kind),
           TEST(stop_and_free_are_done_at_once_while_callbacks_of_others_block),
           TEST(any_thread_may_use_a_client_until_the_callback_that_freed_it_returns),
           TEST(many_threads_may_stop_a_client_and_the_last_of_them_may_free_it),
           TEST(starts_and_stops_on_many_threads_give_each_start_its_on_close),
           TEST(a_stop_right_after_the_start_is_not_lost),
           TEST(destroy_may_free_another_client),
           TEST(a_parsers_callback_may_free_a_client),
           TEST(a_log_callback_may_free_the_client_that_it_is_about),
           TEST(no_thread_remains_after_all_that))
