/* A client that is paused holds its stream where it is, loses nothing of it, and goes on with all else. */
#include "check.h"
#include "gate.h"
#include "peer.h"
#include "recorder.h"
#include "runtime.h"

static void pause_client(recorder_t *r) {
    CHECK_STATUS(eventsource_pause(r->es), EVENTSOURCE_OK);
}

static void unpause_client(recorder_t *r) {
    CHECK_STATUS(eventsource_unpause(r->es), EVENTSOURCE_OK);
}

/* In the next callback of the kind `number`. */
static int32_t pause_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        r->number = -1;
        pause_client(r);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static eventsource_state_t state_of(recorder_t *r) {
    eventsource_state_t state = 99;
    CHECK_STATUS(eventsource_get_state(r->es, &state), EVENTSOURCE_OK);
    return state;
}

/* ---- Events are held --------------------------------------------------------------------------------------------- */

#define ONE_READ "data: 1\n\n: one\ndata: 2\n\n: two\ndata: 3\n\n"

static void no_event_or_comment_follows_the_callback_that_pauses_until_unpause(void) {
    static const struct {
        kind_t kind;
        const char *beginning, *lines;
    } CASES[] = {{ON_OPEN, "open", "open 200\n"},
                 {ON_EVENT, "event", "open 200\nevent message [1]\n"},
                 {ON_COMMENT, "comment", "open 200\nevent message [1]\ncomment [one]\n"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        peer_t peer = peer_listen("http");
        recorder_t *r = recorder_new(peer.url);
        r->then = pause_in;
        r->number = CASES[i].kind;
        start(r);
        int fd = peer_open(&peer);
        peer_say(fd, ONE_READ);
        WAIT_FOR(r, CASES[i].beginning, 1);
        give_it_time();
        CHECK_LINES(r, CASES[i].lines);
        CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_OPEN);
        unpause_client(r);
        WAIT_FOR(r, "event message [3]", 1);
        CHECK_LINES(r, "open 200\nevent message [1]\ncomment [one]\nevent message [2]\ncomment [two]\n"
                       "event message [3]\n");
        recorder_end(r);
        close(fd);
        peer_close(&peer);
    }
}

/* Pauses again and again; unpaused by the test. */
static int32_t pause_in_each_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) pause_client(r);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void each_event_may_pause_and_each_unpause_brings_the_next(void) {
    recorder_t *r = recorder_new("/events?count=6&per_connection=3&then=204");
    r->then = pause_in_each_event;
    start(r);
    for (int i = 1; i <= 6; i++) {
        WAIT_FOR(r, "event", (size_t)i);
        CHECK_NUMBER(count_lines(r, "event"), i);
        unpause_client(r);
    }
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nevent message 3 [event 3]\n"
                   "error END_OF_STREAM, again\n"
                   "open 200\nevent message 4 [event 4]\nevent message 5 [event 5]\nevent message 6 [event 6]\n"
                   "error END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
}

static void a_pause_from_another_thread_holds_back_even_the_next_event(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: 1\n\n");
    WAIT_FOR(r, "event", 1);
    give_it_time(); /* until it waits for the next one */
    pause_client(r);
    pause_client(r); /* once is enough, but no harm */
    peer_say(fd, "data: 2\n\n");
    give_it_time();
    CHECK_LINES(r, "open 200\nevent message [1]\n");
    unpause_client(r);
    WAIT_FOR(r, "event", 2);
    unpause_client(r);
    peer_say(fd, "data: 3\n\n");
    WAIT_FOR(r, "event", 3);
    CHECK_LINES(r, "open 200\nevent message [1]\nevent message [2]\nevent message [3]\n");
    recorder_end(r);
    close(fd);
    peer_close(&peer);
}

enum { PAUSED = 20, SILENCE_MS = 100 };

static void the_read_timeout_does_not_count_in_a_pause_from_another_thread(void) {
    recorder_t *recorders[PAUSED];
    int64_t errors[PAUSED];
    for (int i = 0; i < PAUSED; i++) {
        recorders[i] = recorder_new("/hang-body");
        CHECK_STATUS(eventsource_set_read_timeout(recorders[i]->es, SILENCE_MS), EVENTSOURCE_OK);
        start(recorders[i]);
    }
    for (int i = 0; i < PAUSED; i++) {
        WAIT_FOR(recorders[i], "event", 1);
        pause_client(recorders[i]);
    }
    give_it_time(); /* for the one callback that may have been on its way */
    for (int i = 0; i < PAUSED; i++) errors[i] = count_lines(recorders[i], "error");
    nanosleep(&(struct timespec){.tv_nsec = 4 * SILENCE_MS * 1000 * 1000}, NULL);
    for (int i = 0; i < PAUSED; i++) {
        CHECK_NUMBER(count_lines(recorders[i], "error"), errors[i]);
        unpause_client(recorders[i]);
    }
    for (int i = 0; i < PAUSED; i++) {
        WAIT_FOR(recorders[i], "error READ_TIMEOUT, again", (size_t)errors[i] + 1);
        recorder_end(recorders[i]);
    }
}

static void a_stream_that_ends_in_a_pause_from_another_thread_is_told_of_after_it(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: 1\n\n");
    WAIT_FOR(r, "event", 1);
    give_it_time(); /* until it waits for the next one */
    pause_client(r);
    close(fd);
    give_it_time();
    CHECK_LINES(r, "open 200\nevent message [1]\n");
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_OPEN);
    unpause_client(r);
    WAIT_FOR(r, "error END_OF_STREAM, again", 1);
    recorder_end(r);
    peer_close(&peer);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static void an_end_that_comes_with_the_event_that_pauses_is_told_of_after_the_pause(void) {
    char request[4096];
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    r->then = pause_in;
    r->number = ON_EVENT;
    start(r);
    int fd = peer_accept(&peer);
    CHECK(recv(fd, request, sizeof request, 0) > 0);
    peer_say(fd, CHUNKED "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
    WAIT_FOR(r, "event", 1);
    give_it_time();
    CHECK_LINES(r, "open 200\nevent message [1]\n");
    unpause_client(r);
    WAIT_FOR(r, "error END_OF_STREAM, again", 1);
    recorder_end(r);
    close(fd);
    peer_close(&peer);
}

static int32_t pause_and_unpause(recorder_t *r, kind_t kind, const void *payload) {
    (void)kind;
    (void)payload;
    pause_client(r);
    unpause_client(r);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_pause_that_is_over_when_the_callback_returns_holds_nothing(void) {
    recorder_t *r = recorder_of_everything();
    r->then = pause_and_unpause;
    start(r);
    WAIT_FOR(r, "error", 5);
    recorder_end(r);
}

static int32_t unpause_the_other(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) unpause_client(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_callback_may_unpause_another_client(void) {
    recorder_t *r = recorder_new("/hang-body"), *other = recorder_new("/hang-body");
    pause_client(r);
    start(r);
    WAIT_FOR(r, "open", 1);
    other->then = unpause_the_other;
    other->pointer = r;
    start(other);
    WAIT_FOR(r, "event", 1);
    recorder_end(other);
    recorder_end(r);
}

/* Events with the ids 1, 2, 3, … and nothing else. */
static int32_t check_next(recorder_t *r, kind_t kind, const void *payload) {
    const eventsource_event_t *event = payload;
    const batch_t *batch = payload;
    if (kind != ON_EVENT && kind != ON_EVENTS) return EVENTSOURCE_DECISION_DEFAULT;
    size_t count = kind == ON_EVENT ? 1 : batch->count;
    for (size_t i = 0; i < count; i++) {
        CHECK_NUMBER(atoi((kind == ON_EVENT ? event : batch->events[i])->last_event_id), ++r->number);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void *pause_and_unpause_often(void *argument) {
    recorder_t *r = argument;
    for (int i = 0; i < 200; i++) {
        pause_client(r);
        if (i % 2) nanosleep(&(struct timespec){.tv_nsec = 200 * 1000}, NULL);
        unpause_client(r);
    }
    return NULL;
}

static void pauses_by_several_threads_lose_and_repeat_nothing(void) {
    enum { THREADS = 3, EVENTS = 2000 };
    for (int i = 0; i < 2; i++) {
        static const char TARGET[] = "/events?count=2000&per_connection=150";
        recorder_t *r = i == 0 ? recorder_new(TARGET) : recorder_of_batches(TARGET);
        pthread_t threads[THREADS];
        r->then = check_next;
        start(r);
        for (int j = 0; j < THREADS; j++) pthread_create(&threads[j], NULL, pause_and_unpause_often, r);
        for (int j = 0; j < THREADS; j++) pthread_join(threads[j], NULL);
        WAIT_FOR(r, "event message 2000 [event 2000]", 1);
        CHECK_NUMBER(count_lines(r, "event"), EVENTS);
        recorder_end(r);
    }
}

static void a_paused_client_makes_the_server_wait(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    r->then = pause_in;
    r->number = ON_EVENT;
    start(r);
    int fd = peer_open(&peer);
    int64_t taken = check_flood(r, fd);
    CHECK_NUMBER(count_lines(r, "event"), 1);
    unpause_client(r);
    WAIT_FOR(r, "event message 1016 bytes", (size_t)taken);
    CHECK_NUMBER(count_lines(r, "event"), taken);
    recorder_end(r);
    close(fd);
    peer_close(&peer);
}

/* ---- All else goes on -------------------------------------------------------------------------------------------- */

static void a_client_may_be_paused_before_its_start(void) {
    recorder_t *r = recorder_new("/events?count=2&then=204");
    pause_client(r);
    start(r);
    WAIT_FOR(r, "open", 1);
    give_it_time();
    CHECK_LINES(r, "open 200\n");
    unpause_client(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nerror END_OF_STREAM, again\n"
                   "close server\n");
    /* And unpaused before it. */
    pause_client(r);
    unpause_client(r);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, ""), EVENTSOURCE_OK);
    start(r);
    wait_closed(r);
    CHECK_NUMBER(count_lines(r, "event"), 4);
    recorder_end(r);
}

static void a_pause_lasts_over_a_stop_and_a_start(void) {
    recorder_t *r = recorder_new("/events?count=3");
    r->then = pause_in;
    r->number = ON_EVENT;
    start(r);
    WAIT_FOR(r, "event", 1);
    stop(r);
    start(r);
    WAIT_FOR(r, "open", 2);
    give_it_time();
    CHECK_NUMBER(count_lines(r, "event"), 1);
    unpause_client(r);
    WAIT_FOR(r, "event", 3);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nclose stopped\n"
                   "open 200\nevent message 2 [event 2]\nevent message 3 [event 3]\n");
    recorder_end(r);
}

static void a_pause_lasts_over_a_reconnect(void) {
    recorder_t *r = recorder_new("/events?count=3");
    r->then = pause_in;
    r->number = ON_EVENT;
    start(r);
    WAIT_FOR(r, "event", 1);
    for (size_t i = 2; i <= 4; i++) {
        CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
        WAIT_FOR(r, "open", i);
    }
    give_it_time();
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nopen 200\nopen 200\nopen 200\n");
    unpause_client(r);
    WAIT_FOR(r, "event", 3);
    /* What had been read and was held has been asked for again, and has come once. */
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nopen 200\nopen 200\nopen 200\n"
                   "event message 2 [event 2]\nevent message 3 [event 3]\n");
    recorder_end(r);
}

static void a_paused_client_goes_on_with_its_attempts(void) {
    recorder_t *r = recorder_new("/status/503");
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    retry_initial(r);
    pause_client(r);
    start(r);
    WAIT_FOR(r, "request", 4);
    CHECK(count_lines(r, "error HTTP_STATUS 503, again") >= 3);
    recorder_end(r);

    r = recorder_new("/status/404");
    pause_client(r);
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "error HTTP_STATUS 404, final\nclose failed HTTP_STATUS\n");
    recorder_end(r);

    r = recorder_new("/status/204");
    pause_client(r);
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "close server\n");
    recorder_end(r);
}

static void the_end_of_a_paused_stream_is_noticed_after_what_came_before_it(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    r->then = pause_in;
    r->number = ON_EVENT;
    retry_late(r);
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: 1\n\ndata: 2\n\n");
    WAIT_FOR(r, "event", 1);
    peer_say(fd, "data: 3\n\n");
    close(fd);
    give_it_time();
    CHECK_LINES(r, "open 200\nevent message [1]\n");
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_OPEN);
    unpause_client(r);
    WAIT_FOR(r, "error", 1);
    CHECK_LINES(r, "open 200\nevent message [1]\nevent message [2]\nevent message [3]\nerror END_OF_STREAM, again\n");
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_WAITING);
    recorder_end(r);
    peer_close(&peer);
}

static void the_read_timeout_does_not_count_during_a_pause(void) {
    int64_t limit = 500 * check_slow;
    struct timespec longer = {.tv_sec = limit * 3 / 2 / 1000, .tv_nsec = limit * 3 / 2 % 1000 * 1000000};
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_read_timeout(r->es, limit), EVENTSOURCE_OK);
    r->then = pause_in;
    r->number = ON_EVENT;
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: 1\n\n");
    WAIT_FOR(r, "event", 1);
    nanosleep(&longer, NULL); /* this is the silence */
    CHECK_LINES(r, "open 200\nevent message [1]\n");
    unpause_client(r);
    give_it_time();
    peer_say(fd, "data: 2\n\n");
    WAIT_FOR(r, "event", 2);
    CHECK_LINES(r, "open 200\nevent message [1]\nevent message [2]\n");
    /* Then it does. */
    int64_t before = now_ms();
    WAIT_FOR(r, "error READ_TIMEOUT, again", 1);
    CHECK(now_ms() - before >= limit / 2);
    recorder_end(r);
    close(fd);
    peer_close(&peer);
}

/* ---- The end of a paused client ---------------------------------------------------------------------------------- */

static void stop_and_free_end_a_pause_at_once(void) {
    for (int i = 0; i < 3; i++) {
        recorder_t *r = recorder_new("/events");
        r->then = pause_in;
        r->number = i == 0 ? ON_OPEN : ON_EVENT;
        start(r);
        WAIT_FOR(r, i == 0 ? "open" : "event", 1);
        int64_t before = now_ms();
        if (i < 2) stop(r);
        recorder_end(r);
        CHECK(now_ms() - before < 10000 * check_slow);
    }
}

static int32_t pause_and_stop(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        pause_client(r);
        CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_callback_may_pause_and_stop(void) {
    for (int i = 0; i < KIND_COUNT - 1; i++) { /* all but on_close */
        recorder_t *r = recorder_of_everything();
        r->then = pause_and_stop;
        r->number = KINDS[i];
        start(r);
        wait_closed(r);
        CHECK_NUMBER(count_lines(r, "close stopped"), 1);
        recorder_end(r);
    }
}

static int32_t pause_and_free(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) {
        pause_client(r);
        eventsource_free(r->es);
        pause_client(r); /* it is valid until this returns */
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_callback_may_pause_and_free(void) {
    recorder_t *r = recorder_new("/events");
    r->then = pause_and_free;
    start(r);
    recorder_end_freed(r, "open 200\nevent message 1 [event 1]\nclose stopped\n");
}

static void a_pause_means_nothing_to_a_client_that_does_not_run(void) {
    recorder_t *r = recorder_new("/events?count=1&then=204");
    unpause_client(r);
    start(r);
    wait_closed(r);
    pause_client(r);
    CHECK_NUMBER(state_of(r), EVENTSOURCE_STATE_CLOSED);
    CHECK_STATUS(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_OK);
    CHECK_NUMBER(count_lines(r, "close server"), 1);
    recorder_end(r);
}

/* ---- With batches and with manual dispatch ----------------------------------------------------------------------- */

static void a_pause_in_a_batch_holds_what_follows_the_batch(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_of_batches(peer.url);
    r->then = pause_in;
    r->number = ON_EVENTS;
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: 1\n\ndata: 2\n\n: comment\ndata: 3\n\n");
    WAIT_FOR(r, "batch", 1);
    peer_say(fd, "data: 4\n\n");
    give_it_time();
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message [1]\nevent message [2]\n");
    unpause_client(r);
    WAIT_FOR(r, "event", 4);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message [1]\nevent message [2]\ncomment [comment]\n"
                   "batch of 1\nevent message [3]\nbatch of 1\nevent message [4]\n");
    recorder_end(r);
    close(fd);
    peer_close(&peer);
}

static void a_comment_that_a_batch_holds_comes_once_or_with_its_stream_not_at_all(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_of_batches(peer.url);
    /* The comment is the last of what has been read. */
    r->then = pause_in;
    r->number = ON_EVENTS;
    start(r);
    int fd = peer_open(&peer);
    peer_say(fd, "data: 1\n\n: comment\n");
    WAIT_FOR(r, "batch", 1);
    unpause_client(r);
    WAIT_FOR(r, "comment", 1);
    peer_say(fd, ": another\n");
    WAIT_FOR(r, "comment", 2);
    CHECK_LINES(r, "open 200\nbatch of 1\nevent message [1]\ncomment [comment]\ncomment [another]\n");

    r->number = ON_EVENTS;
    peer_say(fd, "data: 2\n\n: lost\n");
    WAIT_FOR(r, "batch", 2);
    CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
    int next = peer_open(&peer);
    WAIT_FOR(r, "open", 2);
    unpause_client(r);
    peer_say(next, ": new\n");
    WAIT_FOR(r, "comment [new]", 1);
    CHECK_NUMBER(count_lines(r, "comment"), 3);
    recorder_end(r);
    close(fd);
    close(next);
    peer_close(&peer);
}

static void a_pause_holds_even_what_is_due_with_manual_dispatch(void) {
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new(peer.url), runtime);
    start(r);
    int fd = peer_open(&peer);
    WAIT_ON(runtime, r, "open", 1);
    peer_say(fd, ONE_READ);
    wait_for_bytes(r, sizeof ONE_READ - 1);
    pause_client(r);
    int64_t end = now_ms() + 50;
    do dispatch(runtime, 10, EVENTSOURCE_NO_LIMIT);
    while (now_ms() < end);
    CHECK_LINES(r, "open 200\n");
    CHECK_NUMBER((int64_t)dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT), 0); /* a client that is held has no turns */
    unpause_client(r);
    r->then = pause_in;
    r->number = ON_EVENT;
    WAIT_ON(runtime, r, "event", 1);
    end = now_ms() + 50;
    do dispatch(runtime, 10, EVENTSOURCE_NO_LIMIT);
    while (now_ms() < end);
    CHECK_LINES(r, "open 200\nevent message [1]\n");
    unpause_client(r);
    WAIT_ON(runtime, r, "event", 3);
    CHECK_LINES(r, "open 200\nevent message [1]\ncomment [one]\nevent message [2]\ncomment [two]\nevent message [3]\n");
    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
}

CHECK_MAIN(TEST(no_event_or_comment_follows_the_callback_that_pauses_until_unpause),
           TEST(each_event_may_pause_and_each_unpause_brings_the_next),
           TEST(a_pause_from_another_thread_holds_back_even_the_next_event),
           TEST(the_read_timeout_does_not_count_in_a_pause_from_another_thread),
           TEST(a_stream_that_ends_in_a_pause_from_another_thread_is_told_of_after_it),
           TEST(an_end_that_comes_with_the_event_that_pauses_is_told_of_after_the_pause),
           TEST(a_pause_that_is_over_when_the_callback_returns_holds_nothing),
           TEST(a_callback_may_unpause_another_client),
           TEST(pauses_by_several_threads_lose_and_repeat_nothing),
           TEST(a_paused_client_makes_the_server_wait),
           TEST(a_client_may_be_paused_before_its_start),
           TEST(a_pause_lasts_over_a_stop_and_a_start),
           TEST(a_pause_lasts_over_a_reconnect),
           TEST(a_paused_client_goes_on_with_its_attempts),
           TEST(the_end_of_a_paused_stream_is_noticed_after_what_came_before_it),
           TEST(the_read_timeout_does_not_count_during_a_pause),
           TEST(stop_and_free_end_a_pause_at_once),
           TEST(a_callback_may_pause_and_stop),
           TEST(a_callback_may_pause_and_free),
           TEST(a_pause_means_nothing_to_a_client_that_does_not_run),
           TEST(a_pause_in_a_batch_holds_what_follows_the_batch),
           TEST(a_comment_that_a_batch_holds_comes_once_or_with_its_stream_not_at_all),
           TEST(a_pause_holds_even_what_is_due_with_manual_dispatch))
