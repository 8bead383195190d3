/* A client's life: the end is visible, stopping works in every callback, and nothing is left behind. */
#include "check.h"
#include "gate.h"
#include "process.h"
#include "recorder.h"

/* ---- The end is visible ------------------------------------------------------------------------------------------ */

static void on_close_comes_once_and_last_after_stop(void) {
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    WAIT_FOR(r, "event", 1);
    stop(r);
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    recorder_end(r);
}

static void on_close_comes_once_and_last_after_free(void) {
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    WAIT_FOR(r, "event", 1);
    eventsource_free(r->es);
    r->es = NULL;
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    CHECK_NUMBER(r->destroys, 1);
    recorder_end(r);
}

static void on_close_comes_once_and_last_after_204(void) {
    recorder_t *r = recorder_new("/events?count=1&then=204");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
}

static void on_close_comes_once_and_last_after_a_final_error(void) {
    recorder_t *r = recorder_new("/status/404");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "error HTTP_STATUS 404, final\nclose failed HTTP_STATUS\n");
    recorder_end(r);
}

static void a_client_that_never_started_has_no_on_close(void) {
    recorder_t *r = recorder_new("/events");
    CHECK_STATUS(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_STATE);
    eventsource_free(r->es);
    r->es = NULL;
    CHECK_LINES(r, "");
    CHECK_NUMBER(r->destroys, 1);
    recorder_end(r);
}

static void count_destroy(void *user) {
    ++*(int *)user;
}

static void user_data_is_destroyed_when_it_is_replaced_and_when_the_client_is_freed(void) {
    int first = 0, second = 0, third = 0;
    void *user = &first;
    eventsource_t *es = eventsource_new("http://127.0.0.1:1/");
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_user_data(es, &user), EVENTSOURCE_OK);
    CHECK(user == NULL);
    CHECK_STATUS(eventsource_set_user_data(es, &first, count_destroy), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_user_data(es, &user), EVENTSOURCE_OK);
    CHECK(user == &first);
    CHECK_NUMBER(first, 0);
    CHECK_STATUS(eventsource_set_user_data(es, &second, count_destroy), EVENTSOURCE_OK);
    CHECK(first == 1 && second == 0);
    CHECK_STATUS(eventsource_set_user_data(es, &third, NULL), EVENTSOURCE_OK);
    CHECK(first == 1 && second == 1);
    CHECK_STATUS(eventsource_set_user_data(es, &third, count_destroy), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_get_user_data(es, &user), EVENTSOURCE_OK); /* also while it runs */
    CHECK(user == &third);
    eventsource_free(es);
    CHECK(first == 1 && second == 1 && third == 1);
}

typedef struct {
    eventsource_t *es;
    int destroys;
} self_t;

/* The library is usable in `destroy`, the client included. */
static void use_the_client(void *user) {
    self_t *self = user;
    eventsource_state_t state = 99;
    self->destroys++;
    CHECK_STATUS(eventsource_get_state(self->es, &state), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_stop(self->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(self->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_set_user_data(self->es, NULL, NULL), EVENTSOURCE_OK);
}

static void destroy_may_use_the_client_when_user_data_is_replaced(void) {
    self_t self = {.destroys = 0};
    self.es = eventsource_new("http://127.0.0.1:1/");
    CHECK_STATUS(eventsource_check(self.es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_user_data(self.es, &self, use_the_client), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_user_data(self.es, NULL, NULL), EVENTSOURCE_OK);
    CHECK_NUMBER(self.destroys, 1);
    eventsource_free(self.es);
    CHECK_NUMBER(self.destroys, 1);
}

static int32_t take_a_while(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) {
        pthread_mutex_lock(&r->mutex);
        r->number = 1;
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->mutex);
        /* Not to wait for anything: to be seen running by what must wait for the end of it. */
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
        r->number = 2;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* Starts a client and returns while it is in a callback that takes a while. */
static recorder_t *begin_callback(void) {
    recorder_t *r = recorder_new("/hang-body");
    struct timespec deadline = check_deadline();
    int late = 0;
    r->then = take_a_while;
    start(r);
    pthread_mutex_lock(&r->mutex);
    while (!late && r->number == 0) late = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
    pthread_mutex_unlock(&r->mutex);
    CHECK(!late);
    return r;
}

static void free_returns_after_the_callback_that_is_running(void) {
    recorder_t *r = begin_callback();
    eventsource_free(r->es);
    r->es = NULL;
    CHECK_NUMBER(r->number, 2);
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    recorder_end(r);
}

/* ---- Stop anywhere ----------------------------------------------------------------------------------------------- */

/* In the first callback of the kind `number`, of those that come. */
static int32_t stop_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    } else if (r->number == ON_CLOSE && kind == ON_ERROR) {
        return EVENTSOURCE_DECISION_CLOSE;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* What has been written down when the first callback of a kind is the last before on_close. */
static const char *lines_up_to(kind_t kind) {
    switch (kind) {
    case ON_REQUEST: return "request 1 first\nclose stopped\n";
    case ON_OPEN: return "request 1 first\nopen 200\nclose stopped\n";
    case ON_COMMENT: return "request 1 first\nopen 200\ncomment [hi]\nclose stopped\n";
    case ON_EVENT: return "request 1 first\nopen 200\ncomment [hi]\nevent message 1 [event 1]\nclose stopped\n";
    case ON_ERROR:
    case ON_CLOSE:
    case ON_EVENTS:
    case ON_REDIRECT:
    case ON_DOCUMENT: break;
    }
    return "request 1 first\nopen 200\ncomment [hi]\nevent message 1 [event 1]\nevent message 2 [event 2]\n"
           "error END_OF_STREAM, again\nclose stopped\n";
}

static void stop_in_any_callback_lets_nothing_follow_but_on_close(void) {
    for (int i = 0; i < KIND_COUNT; i++) {
        recorder_t *r = recorder_of_everything();
        r->then = stop_in;
        r->number = KINDS[i];
        start(r);
        wait_closed(r);
        CHECK_LINES(r, lines_up_to(KINDS[i]));
        recorder_end(r);
    }
}

static int32_t free_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        eventsource_t *es = r->es;
        eventsource_state_t state = 99;
        eventsource_free(es);
        /* It stays valid until this callback returns. */
        CHECK_STATUS(eventsource_get_state(es, &state), EVENTSOURCE_OK);
        CHECK(state != 99 && state != EVENTSOURCE_STATE_IDLE);
        CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_wait(es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
        pthread_mutex_lock(&r->mutex);
        CHECK_NUMBER(r->destroys, 0);
        pthread_mutex_unlock(&r->mutex);
        r->number = -1;
    } else if (r->number == ON_CLOSE && kind == ON_ERROR) {
        return EVENTSOURCE_DECISION_CLOSE;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void free_in_any_callback_takes_effect_when_it_returns(void) {
    for (int i = 0; i < KIND_COUNT; i++) {
        recorder_t *r = recorder_of_everything();
        r->then = free_in;
        r->number = KINDS[i];
        start(r);
        recorder_end_freed(r, lines_up_to(KINDS[i]));
    }
}

static int32_t free_the_other(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) {
        recorder_t *other = r->pointer;
        eventsource_free(other->es);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_callback_may_free_another_client(void) {
    recorder_t *r = recorder_new("/hang-body"), *other = recorder_new("/hang-body");
    start(other);
    WAIT_FOR(other, "event", 1);
    r->then = free_the_other;
    r->pointer = other;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end_freed(other, "open 200\nevent message [before the silence]\nclose stopped\n");
    recorder_end(r);
}

static int32_t wait_for_both(recorder_t *r, kind_t kind, const void *payload) {
    (void)kind;
    (void)payload;
    recorder_t *other = r->pointer;
    CHECK_STATUS(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_wait(other->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_IN_CALLBACK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void wait_in_any_callback_is_refused_instead_of_a_deadlock(void) {
    recorder_t *r = recorder_of_everything(), *other = recorder_new("/hang-body");
    start(other);
    r->then = wait_for_both;
    r->pointer = other;
    start(r);
    WAIT_FOR(r, "request", 2);
    stop(r);
    recorder_end(r);
    recorder_end(other);
}

static int32_t ask_for_a_length_and_block_at_the_end(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    /* That of the second attempt comes after the first one's error. */
    if (kind == ON_REQUEST) CHECK_STATUS(eventsource_request_get_url(r->request, NULL, 0, NULL), EVENTSOURCE_ERR_BUFFER);
    if (kind == ON_CLOSE) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void what_asks_how_a_client_is_leaves_the_text_of_what_went_wrong(void) {
    char text[256] = "";
    gate_t gate = GATE_CLOSED;
    recorder_t *r = recorder_new("/events?count=1&retry=10&then=204");
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = ask_for_a_length_and_block_at_the_end;
    r->pointer = &gate;
    start(r);
    gate_wait(&gate, 1);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    CHECK_STATUS(eventsource_wait(r->es, 1), EVENTSOURCE_ERR_TIMEOUT);
    CHECK_STATUS(eventsource_get_last_event_id(r->es, NULL, 0, NULL), EVENTSOURCE_ERR_BUFFER);
    CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(text, "the server ended the stream");
    gate_open(&gate);
    wait_closed(r);
    recorder_end(r);
}

static void wait_gives_up_after_its_time_and_does_not_stop_the_client(void) {
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    int64_t before = now_ms();
    CHECK_STATUS(eventsource_wait(r->es, 50), EVENTSOURCE_ERR_TIMEOUT);
    CHECK(now_ms() - before >= 49);
    WAIT_FOR(r, "event", 1);
    stop(r);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_OK);
    recorder_end(r);
}

static void *wait_forever(void *es) {
    CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_OK);
    return NULL;
}

static void any_number_of_threads_may_wait(void) {
    recorder_t *r = recorder_new("/hang-body");
    pthread_t threads[4];
    start(r);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, wait_forever, r->es);
    WAIT_FOR(r, "event", 1);
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    recorder_end(r);
}

static void stop_is_fine_when_nothing_runs(void) {
    recorder_t *r = recorder_new("/events?count=1&then=204");
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    start(r);
    wait_closed(r);
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nerror END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
}

static void stop_never_blocks(void) {
    recorder_t *r = begin_callback();
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    wait_closed(r);
    recorder_end(r);
}

/* ---- Start again ------------------------------------------------------------------------------------------------- */

static int32_t start_again(recorder_t *r, kind_t kind, const void *payload) {
    (void)kind;
    (void)payload;
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_client_that_runs_cannot_be_started_not_even_in_on_close(void) {
    recorder_t *r = recorder_of_everything();
    r->then = start_again;
    start(r);
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
    WAIT_FOR(r, "request", 2);
    stop(r);
    recorder_end(r);
}

static int32_t stop_after_two(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT && ++r->number == 2) CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_closed_client_starts_again_after_its_last_event(void) {
    recorder_t *r = recorder_new("/events?count=4&then=204");
    eventsource_stats_t stats;
    r->then = stop_after_two;
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nclose stopped\n");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nclose stopped\n"
                   "open 200\nevent message 3 [event 3]\nevent message 4 [event 4]\nerror END_OF_STREAM, again\n"
                   "close server\n");
    CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)stats.events, 4);
    CHECK_NUMBER((int64_t)stats.opens, 2);
    /* And once more, from the end. */
    start(r);
    wait_closed(r);
    CHECK_NUMBER(count_lines(r, "close server"), 2);
    recorder_end(r);
}

/* ---- Many -------------------------------------------------------------------------------------------------------- */

static void many_clients_run_at_once(void) {
    enum { CLIENTS = 100 };
    recorder_t *recorders[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = recorder_new("/events?count=5&per_connection=2");
        start(recorders[i]);
    }
    for (int i = 0; i < CLIENTS; i++) WAIT_FOR(recorders[i], "event", 5);
    for (int i = 0; i < CLIENTS; i++) CHECK_STATUS(eventsource_stop(recorders[i]->es), EVENTSOURCE_OK);
    for (int i = 0; i < CLIENTS; i++) {
        wait_closed(recorders[i]);
        CHECK_LINES(recorders[i],
                    "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nerror END_OF_STREAM, again\n"
                    "open 200\nevent message 3 [event 3]\nevent message 4 [event 4]\nerror END_OF_STREAM, again\n"
                    "open 200\nevent message 5 [event 5]\nclose stopped\n");
        recorder_end(recorders[i]);
    }
}

static int32_t block_at_gate(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_OPEN) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void callbacks_that_block_hold_back_only_their_own_streams(void) {
    enum { CLIENTS = 16 };
    gate_t gate = GATE_CLOSED;
    recorder_t *blocked[CLIENTS], *r = recorder_new("/events?count=3&per_connection=1");
    for (int i = 0; i < CLIENTS; i++) {
        blocked[i] = recorder_new("/hang-body");
        blocked[i]->then = block_at_gate;
        blocked[i]->pointer = &gate;
        start(blocked[i]);
    }
    gate_wait(&gate, CLIENTS);

    start(r);
    WAIT_FOR(r, "event", 3);
    stop(r);
    recorder_end(r);

    gate_open(&gate);
    for (int i = 0; i < CLIENTS; i++) {
        WAIT_FOR(blocked[i], "event", 1);
        recorder_end(blocked[i]);
    }
}

/* Calls everything that is legal while the client runs. */
static void *use_everything(void *es) {
    for (int i = 0; i < 200; i++) {
        eventsource_state_t state;
        eventsource_stats_t stats;
        eventsource_reconnect_t policy;
        char text[256];
        CHECK_STATUS(eventsource_get_state(es, &state), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_get_stats(es, &stats, sizeof stats), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_get_last_event_id(es, text, sizeof text, NULL), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_last_event_id(es, "7"), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_method(es, "PUT"), EVENTSOURCE_ERR_STATE);
        CHECK_STATUS(eventsource_start(es), EVENTSOURCE_ERR_STATE);
        if (i % 10 == 0) CHECK_STATUS(eventsource_reconnect_now(es), EVENTSOURCE_OK);
    }
    return NULL;
}

static void any_thread_may_use_a_client_at_any_time(void) {
    recorder_t *r = recorder_new(EVERYTHING);
    pthread_t threads[4];
    retry_initial(r);
    start(r);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, use_everything, r->es);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    stop(r);
    recorder_end(r);
}

/* ---- Nothing is left behind -------------------------------------------------------------------------------------- */

static void no_thread_remains_after_the_last_free(void) {
    recorder_t *r = recorder_new("/hang-body"), *other = recorder_new("/hang-body");
    check_other_threads(0); /* making clients takes no threads */
    start(r);
    start(other);
    WAIT_FOR(r, "event", 1);
    WAIT_FOR(other, "event", 1);
    CHECK(other_threads() != 0);
    recorder_end(r);
    CHECK(other_threads() != 0);
    recorder_end(other);
    check_other_threads(0);
}

static void no_thread_remains_after_a_free_in_the_last_callback(void) {
    recorder_t *r = recorder_of_everything();
    r->then = free_in;
    r->number = ON_CLOSE;
    start(r);
    recorder_end_freed(r, lines_up_to(ON_CLOSE));
    check_other_threads(0);
}

static void starting_and_freeing_again_and_again_leaves_nothing_behind(void) {
    static const char *const UP_TO[] = {"", "request", "open", "event", "error"};
    int files = entries("/proc/self/fd");
    for (int round = 0; round < 50; round++) {
        recorder_t *r = recorder_of_everything();
        start(r);
        if (*UP_TO[round % 5]) WAIT_FOR(r, UP_TO[round % 5], 1);
        if (round % 2) stop(r);
        recorder_end(r);
    }
    check_other_threads(0);
    CHECK_NUMBER(entries("/proc/self/fd"), files);
}

CHECK_MAIN(TEST(on_close_comes_once_and_last_after_stop),
           TEST(on_close_comes_once_and_last_after_free),
           TEST(on_close_comes_once_and_last_after_204),
           TEST(on_close_comes_once_and_last_after_a_final_error),
           TEST(a_client_that_never_started_has_no_on_close),
           TEST(user_data_is_destroyed_when_it_is_replaced_and_when_the_client_is_freed),
           TEST(destroy_may_use_the_client_when_user_data_is_replaced),
           TEST(free_returns_after_the_callback_that_is_running),
           TEST(stop_in_any_callback_lets_nothing_follow_but_on_close),
           TEST(free_in_any_callback_takes_effect_when_it_returns),
           TEST(a_callback_may_free_another_client),
           TEST(wait_in_any_callback_is_refused_instead_of_a_deadlock),
           TEST(what_asks_how_a_client_is_leaves_the_text_of_what_went_wrong),
           TEST(wait_gives_up_after_its_time_and_does_not_stop_the_client),
           TEST(any_number_of_threads_may_wait),
           TEST(stop_is_fine_when_nothing_runs),
           TEST(stop_never_blocks),
           TEST(a_client_that_runs_cannot_be_started_not_even_in_on_close),
           TEST(a_closed_client_starts_again_after_its_last_event),
           TEST(many_clients_run_at_once),
           TEST(callbacks_that_block_hold_back_only_their_own_streams),
           TEST(any_thread_may_use_a_client_at_any_time),
           TEST(no_thread_remains_after_the_last_free),
           TEST(no_thread_remains_after_a_free_in_the_last_callback),
           TEST(starting_and_freeing_again_and_again_leaves_nothing_behind))
