/* Runtimes: whose threads run callbacks, which, and when. How long blocked callbacks delay others is in isolation.c. */
#include "check.h"
#include "gate.h"
#include "process.h"
#include "runtime.h"

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

static void the_shared_runtime_has_a_serving_thread_and_a_watchdog_and_is_gone_after_the_last_free(void) {
    recorder_t *r = recorder_new("/hang-body"), *other = recorder_new("/hang-body");
    start(r);
    start(other);
    WAIT_FOR(r, "event", 1);
    WAIT_FOR(other, "event", 1);
    /* Where the machine was slow, others were called in, and leave again. */
    check_other_threads(2);
    check_threads_named("eventsource", 2);
    check_threads_named("eventsource-wd", 1);
    recorder_end(r);
    check_other_threads(2);
    recorder_end(other);
    check_other_threads(0);
}

static void making_and_freeing_runtimes_leaves_nothing_behind(void) {
    int files = entries("/proc/self/fd");
    for (int i = 0; i < 10 * DISPATCH_COUNT; i++) {
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i % DISPATCH_COUNT]);
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        int frees_runtime_first = i / DISPATCH_COUNT % 2;
        start(r);
        if (i % 4) WAIT_ON(runtime, r, "event", 1);
        if (frees_runtime_first) eventsource_runtime_free(runtime);
        recorder_end(r);
        if (!frees_runtime_first) eventsource_runtime_free(runtime);
    }
    check_other_threads(0);
    CHECK_NUMBER(entries("/proc/self/fd"), files);
}

static int32_t check_thread_name(recorder_t *r, kind_t kind, const void *payload) {
    (void)kind;
    (void)payload;
    CHECK_TEXT(this_threads_name(), r->pointer);
    r->number++;
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* Linux keeps 15 bytes of a thread's name. */
#ifdef _WIN32
static const char LONG_NAME[] = "threads-of-the-feed-reader";
#else
static const char LONG_NAME[] = "threads-of-the-";
#endif

static void the_threads_of_a_runtime_are_named_as_asked(void) {
    static const struct {
        const char *asked, *name;
    } NAMES[] = {{NULL, "eventsource"}, {"feeds", "feeds"}, {"threads-of-the-feed-reader", LONG_NAME}};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char name[64];
        eventsource_runtime_options_t options;
        eventsource_runtime_options_init(&options, sizeof options);
        options.thread_name = name;
        if (NAMES[i].asked) {
            snprintf(name, sizeof name, "%s", NAMES[i].asked);
        } else {
            options.thread_name = NULL;
        }
        eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
        CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
        memset(name, '?', sizeof name - 1); /* it has been copied */
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        r->then = check_thread_name;
        r->pointer = (void *)NAMES[i].name;
        retry_late(r); /* what is busy may have more threads for a while */
        start(r);
        WAIT_FOR(r, "error", 1);
        check_other_threads(2);
        check_threads_named(NAMES[i].name, 2);
        recorder_end(r);
        eventsource_runtime_free(runtime);
    }
}

/* What the hooks of a runtime have been told. */
typedef struct {
    pthread_mutex_t mutex;
    int starts, stops;
    gate_t destroyed; /* open */
} hooked_t;

#define HOOKED {PTHREAD_MUTEX_INITIALIZER, 0, 0, {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 1}}

static _Thread_local enum { UNKNOWN, STARTED, STOPPED } hooked_thread;

static void on_thread_start(void *user) {
    hooked_t *hooked = user;
    pthread_mutex_lock(&hooked->mutex);
    CHECK(hooked_thread == UNKNOWN);
    hooked_thread = STARTED;
    hooked->starts++;
    pthread_mutex_unlock(&hooked->mutex);
}

static void on_thread_stop(void *user) {
    hooked_t *hooked = user;
    pthread_mutex_lock(&hooked->mutex);
    CHECK(hooked_thread == STARTED);
    hooked_thread = STOPPED;
    hooked->stops++;
    pthread_mutex_unlock(&hooked->mutex);
}

static void on_hooks_destroyed(void *user) {
    hooked_t *hooked = user;
    CHECK_NUMBER(hooked->stops, hooked->starts);
    gate_pass(&hooked->destroyed);
}

static eventsource_runtime_t *runtime_with_hooks(int32_t dispatch, hooked_t *hooked) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = dispatch;
    options.on_thread_start = on_thread_start;
    options.on_thread_stop = on_thread_stop;
    options.user = hooked;
    options.destroy = on_hooks_destroyed;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    return runtime;
}

/* In the first event it comes to the gate, if there is one. */
static int32_t check_hooked_thread(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    CHECK(hooked_thread == STARTED);
    if (kind == ON_EVENT && r->pointer && r->number++ == 0) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void the_hooks_frame_the_callbacks_of_each_thread(void) {
    enum { CLIENTS = 8 };
    gate_t gate = GATE_CLOSED;
    hooked_t hooked = HOOKED;
    recorder_t *recorders[CLIENTS];
    eventsource_runtime_t *runtime = runtime_with_hooks(EVENTSOURCE_DISPATCH_ISOLATED, &hooked);
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = on_runtime(recorder_of_everything(), runtime);
        recorders[i]->then = check_hooked_thread;
        recorders[i]->pointer = &gate;
        start(recorders[i]);
    }
    gate_wait(&gate, CLIENTS); /* at the same time, so on threads of their own */
    gate_open(&gate);
    for (int i = 0; i < CLIENTS; i++) WAIT_FOR(recorders[i], "error", 1);
    for (int i = 0; i < CLIENTS; i++) recorder_end(recorders[i]);
    CHECK_NUMBER(hooked.destroyed.arrivals, 0);
    eventsource_runtime_free(runtime);
    CHECK(hooked.starts >= CLIENTS);
    CHECK_NUMBER(hooked.stops, hooked.starts);
    CHECK_NUMBER(hooked.destroyed.arrivals, 1);
}

static void inline_dispatch_calls_the_hooks_for_its_one_thread_and_manual_dispatch_for_none(void) {
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        hooked_t hooked = HOOKED;
        if (DISPATCHES[i] == EVENTSOURCE_DISPATCH_ISOLATED) continue;
        eventsource_runtime_t *runtime = runtime_with_hooks(DISPATCHES[i], &hooked);
        int calls = !is_manual(runtime);
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        if (calls) r->then = check_hooked_thread;
        start(r);
        WAIT_ON(runtime, r, "error", 1);
        recorder_end(r);
        eventsource_runtime_free(runtime);
        CHECK_NUMBER(hooked.starts, calls);
        CHECK_NUMBER(hooked.stops, calls);
        CHECK_NUMBER(hooked.destroyed.arrivals, 1);
    }
}

static int32_t free_the_runtime_at_an_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT && r->number++ == 0) eventsource_runtime_free(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void the_user_data_of_the_hooks_is_destroyed_after_the_last_thread_of_a_runtime_that_a_callback_frees(void) {
    hooked_t hooked = HOOKED;
    recorder_t *r = recorder_new("/hang-body");
    r->pointer = runtime_with_hooks(EVENTSOURCE_DISPATCH_ISOLATED, &hooked);
    r->then = free_the_runtime_at_an_event;
    start(on_runtime(r, r->pointer));
    wait_closed(r);
    recorder_end(r);
    gate_wait(&hooked.destroyed, 1);
    CHECK(hooked.starts >= 1);
}

static void the_user_data_of_the_hooks_is_destroyed_by_the_free_whether_or_not_there_was_a_runtime(void) {
    hooked_t hooked = HOOKED;
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.user = &hooked;
    options.destroy = on_hooks_destroyed;
    options.threads = -1;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER(hooked.destroyed.arrivals, 0);
    eventsource_runtime_free(runtime);
    CHECK_NUMBER(hooked.destroyed.arrivals, 1);
    options.threads = 1; /* and no hooks */
    runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    CHECK_NUMBER(hooked.destroyed.arrivals, 1);
    eventsource_runtime_free(runtime);
    CHECK_NUMBER(hooked.destroyed.arrivals, 2);
}

static void hundreds_of_idle_streams_need_no_more_threads(void) {
    enum { CLIENTS = 300 };
    recorder_t *recorders[CLIENTS];
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i]);
        for (int j = 0; j < CLIENTS; j++) {
            recorders[j] = on_runtime(recorder_new("/hang-body"), runtime);
            start(recorders[j]);
        }
        for (int j = 0; j < CLIENTS; j++) WAIT_ON(runtime, recorders[j], "event", 1);
        check_other_threads(DISPATCHES[i] == EVENTSOURCE_DISPATCH_ISOLATED ? 2 : 1);
        for (int j = 0; j < CLIENTS; j++) recorder_end(recorders[j]);
        eventsource_runtime_free(runtime);
        check_other_threads(0);
    }
}

/* ---- Isolated and inline ----------------------------------------------------------------------------------------- */

static int32_t block_in_open(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_OPEN) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void callbacks_that_block_hold_back_no_other_client_of_an_isolated_runtime(void) {
    enum { MOST = 64 };
    static const int32_t THREADS[] = {0, 1, 2};
    recorder_t *blocked[MOST];
    for (int i = 0; i < 6; i++) {
        int clients = i < 3 ? 8 : MOST;
        gate_t gate = GATE_CLOSED;
        eventsource_runtime_options_t options;
        eventsource_runtime_options_init(&options, sizeof options);
        options.threads = THREADS[i % 3];
        eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
        CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
        for (int j = 0; j < clients; j++) {
            blocked[j] = on_runtime(recorder_new("/hang-body"), runtime);
            blocked[j]->then = block_in_open;
            blocked[j]->pointer = &gate;
            start(blocked[j]);
        }
        gate_wait(&gate, clients);

        recorder_t *r = on_runtime(recorder_new("/events?count=3&per_connection=1"), runtime);
        start(r);
        WAIT_FOR(r, "event", 3);
        stop(r);
        recorder_end(r);

        gate_open(&gate);
        for (int j = 0; j < clients; j++) WAIT_FOR(blocked[j], "event", 1);
        for (int j = 0; j < clients; j++) recorder_end(blocked[j]);
        eventsource_runtime_free(runtime);
    }
}

static void an_inline_callback_that_blocks_holds_back_all_clients_until_it_returns(void) {
    gate_t gate = GATE_CLOSED;
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_INLINE);
    recorder_t *r = on_runtime(recorder_new(peer.url), runtime);
    start(r);
    int fd = peer_open(&peer);
    WAIT_FOR(r, "open", 1);

    recorder_t *blocked = on_runtime(recorder_new("/hang-body"), runtime);
    blocked->then = block_in_open;
    blocked->pointer = &gate;
    start(blocked);
    gate_wait(&gate, 1);
    peer_say(fd, "data: meanwhile\n\n");
    give_it_time();
    CHECK_LINES(r, "open 200\n");
    gate_open(&gate);
    WAIT_FOR(r, "event message [meanwhile]", 1);

    recorder_end(blocked);
    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
}

/* All that are given the same thread to look at see themselves on it, from the first on. */
static int32_t check_same_thread(recorder_t *r, kind_t kind, const void *payload) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    struct {
        pthread_t thread;
        int is_known;
    } *shared = r->pointer;
    (void)kind;
    (void)payload;
    pthread_mutex_lock(&mutex);
    if (!shared->is_known) shared->thread = pthread_self();
    shared->is_known = 1;
    CHECK(pthread_equal(shared->thread, pthread_self()));
    pthread_mutex_unlock(&mutex);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void inline_dispatch_runs_the_callbacks_of_all_its_clients_on_one_thread(void) {
    enum { CLIENTS = 4 };
    recorder_t *recorders[CLIENTS];
    struct {
        pthread_t thread;
        int is_known;
    } shared = {.is_known = 0};
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_INLINE);
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = on_runtime(recorder_of_everything(), runtime);
        recorders[i]->then = check_same_thread;
        recorders[i]->pointer = &shared;
        start(recorders[i]);
    }
    for (int i = 0; i < CLIENTS; i++) WAIT_FOR(recorders[i], "error", 3);
    check_other_threads(1);
    for (int i = 0; i < CLIENTS; i++) recorder_end(recorders[i]);
    eventsource_runtime_free(runtime);
}

/* ---- Manual: where and when -------------------------------------------------------------------------------------- */

static int32_t check_dispatching(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    CHECK(is_dispatching);
    r->number |= 1 << kind;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void manual_callbacks_of_every_kind_run_inside_dispatch_and_nowhere_else(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_of_everything(), runtime);
    r->then = check_dispatching;
    start(r);
    give_it_time();
    CHECK_LINES(r, "");
    WAIT_ON(runtime, r, "error", 2);
    stop_on(runtime, r);
    CHECK_NUMBER(r->number, (1 << KIND_COUNT) - 1);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

static int is_readable(eventsource_fd_t fd, int timeout_ms) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int count = poll(&poll_fd, 1, timeout_ms);
    CHECK(count >= 0 && (count == 0 || poll_fd.revents & POLLIN));
    return count;
}

static void the_descriptor_is_readable_exactly_while_turns_are_due(void) {
    int late = check_seconds * 1000 * check_slow;
    eventsource_fd_t fd = -1;
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    CHECK_STATUS(eventsource_runtime_get_fd(runtime, &fd), EVENTSOURCE_OK);
    CHECK(!is_readable(fd, 0));
    recorder_t *a = on_runtime(recorder_new(peer.url), runtime), *b = on_runtime(recorder_new(peer.url), runtime);
    start(a);
    int fd_a = peer_open(&peer);
    CHECK(is_readable(fd, late));
    CHECK(is_readable(fd, 0)); /* for as long as it takes */
    CHECK_NUMBER((int64_t)dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT), 1);
    CHECK_LINES(a, "open 200\n");
    CHECK(!is_readable(fd, 0));
    start(b);
    int fd_b = peer_open(&peer);
    CHECK_NUMBER((int64_t)dispatch(runtime, late, EVENTSOURCE_NO_LIMIT), 1);
    CHECK(!is_readable(fd, 0));

    /* Two at the same time: it takes two turns. */
    peer_say(fd_a, "data: 1\n\n");
    peer_say(fd_b, "data: 2\n\n");
    CHECK_NUMBER((int64_t)dispatch(runtime, late, 1), 1);
    CHECK(is_readable(fd, late));
    CHECK_NUMBER((int64_t)dispatch(runtime, 0, 1), 1);
    CHECK(!is_readable(fd, 0));
    CHECK_LINES(a, "open 200\nevent message [1]\n");
    CHECK_LINES(b, "open 200\nevent message [2]\n");

    /* The end is due, too; and who is freed has no turn any more. */
    CHECK_STATUS(eventsource_stop(a->es), EVENTSOURCE_OK);
    CHECK(is_readable(fd, late));
    WAIT_ON(runtime, a, "close", 1);
    CHECK(!is_readable(fd, 0));
    peer_say(fd_b, "data: 3\n\n");
    CHECK(is_readable(fd, late));
    recorder_end(b);
    CHECK(!is_readable(fd, 0));
    CHECK_NUMBER((int64_t)dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT), 0);

    recorder_end(a);
    eventsource_runtime_free(runtime);
    close(fd_a);
    close(fd_b);
    peer_close(&peer);
}

static void dispatch_waits_no_longer_than_it_is_told_to(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    start(r);
    WAIT_ON(runtime, r, "event", 1);
    int64_t before = now_ms();
    CHECK_NUMBER((int64_t)dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT), 0);
    CHECK(now_ms() - before < 10000 * check_slow);
    before = now_ms();
    CHECK_NUMBER((int64_t)dispatch(runtime, 50, EVENTSOURCE_NO_LIMIT), 0);
    CHECK(now_ms() - before >= 49);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, NULL), EVENTSOURCE_OK);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

typedef struct {
    recorder_t *r;
    int fd;
} waker_t;

static void *say_something(void *argument) {
    give_it_time(); /* for the other thread to be in dispatch */
    peer_say(((waker_t *)argument)->fd, "data: woken\n\n");
    return NULL;
}

static void *stop_the_client(void *argument) {
    give_it_time();
    CHECK_STATUS(eventsource_stop(((waker_t *)argument)->r->es), EVENTSOURCE_OK);
    return NULL;
}

static void dispatch_without_a_limit_waits_for_what_other_threads_bring_about(void) {
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new(peer.url), runtime);
    pthread_t thread;
    start(r);
    waker_t waker = {r, peer_open(&peer)};
    WAIT_ON(runtime, r, "open", 1);

    CHECK(pthread_create(&thread, NULL, say_something, &waker) == 0);
    CHECK_NUMBER((int64_t)dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT), 1);
    CHECK_LINES(r, "open 200\nevent message [woken]\n");
    pthread_join(thread, NULL);

    CHECK(pthread_create(&thread, NULL, stop_the_client, &waker) == 0);
    CHECK_NUMBER((int64_t)dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT), 1);
    pthread_join(thread, NULL);
    CHECK_LINES(r, "open 200\nevent message [woken]\nclose stopped\n");

    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(waker.fd);
    peer_close(&peer);
}

static void dispatch_runs_no_more_turns_than_it_is_told_to(void) {
    enum { CLIENTS = 8 };
    recorder_t *recorders[CLIENTS];
    int fds[CLIENTS];
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = on_runtime(recorder_new(peer.url), runtime);
        start(recorders[i]);
        fds[i] = peer_open(&peer);
        WAIT_ON(runtime, recorders[i], "open", 1);
    }
    for (int i = 0; i < CLIENTS; i++) peer_say(fds[i], "data: 1\n\n");
    /* Then all have a turn, but perhaps the one that has been read last. */
    for (int i = 0; i < CLIENTS; i++) wait_for_bytes(recorders[i], 9);
    CHECK_NUMBER((int64_t)dispatch(runtime, check_seconds * 1000 * check_slow, 1), 1);
    CHECK_NUMBER((int64_t)dispatch(runtime, 0, 3), 3);
    size_t rest = CLIENTS - 4;
    while (rest > 0 && !check_failed()) rest -= dispatch(runtime, check_seconds * 1000 * check_slow, EVENTSOURCE_NO_LIMIT);
    CHECK_NUMBER((int64_t)rest, 0);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_LINES(recorders[i], "open 200\nevent message [1]\n");
        recorder_end(recorders[i]);
        close(fds[i]);
    }
    eventsource_runtime_free(runtime);
    peer_close(&peer);
}

static void a_busy_stream_does_not_keep_dispatch_for_ever(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/blast?bytes=1000000000000&size=1000"), runtime);
    start(r);
    for (int i = 0; i < 30; i++) {
        /* What is due at the beginning: this client, once. */
        CHECK_NUMBER((int64_t)dispatch(runtime, check_seconds * 1000 * check_slow, EVENTSOURCE_NO_LIMIT), 1);
    }
    CHECK(count_lines(r, "event") > 30);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

static void without_dispatch_the_server_is_made_to_wait_and_nothing_is_lost(void) {
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new(peer.url), runtime);
    start(r);
    int fd = peer_open(&peer);
    WAIT_ON(runtime, r, "open", 1);
    int64_t taken = check_flood(r, fd);
    CHECK_LINES(r, "open 200\n");
    WAIT_ON(runtime, r, "event message 1016 bytes", taken);
    CHECK_NUMBER(count_lines(r, "event"), taken);
    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
}

/* ---- Manual: threads --------------------------------------------------------------------------------------------- */

typedef struct {
    eventsource_runtime_t *runtime;
    gate_t *end;
    int64_t turns;
} dispatcher_t;

static int gate_is_open(gate_t *gate) {
    pthread_mutex_lock(&gate->mutex);
    int is_open = gate->open;
    pthread_mutex_unlock(&gate->mutex);
    return is_open;
}

static void *dispatch_until_the_end(void *argument) {
    dispatcher_t *dispatcher = argument;
    while (!gate_is_open(dispatcher->end)) dispatcher->turns += (int64_t)dispatch(dispatcher->runtime, 20, EVENTSOURCE_NO_LIMIT);
    return NULL;
}

static int32_t be_overtaken(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)kind;
    (void)payload;
    CHECK(is_dispatching);
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000}, NULL);
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* That the callbacks of one come one at a time is checked by the recorders. */
static void threads_that_dispatch_at_the_same_time_share_the_clients(void) {
    enum { CLIENTS = 6, DISPATCHERS = 3 };
    gate_t end = GATE_CLOSED;
    recorder_t *recorders[CLIENTS];
    dispatcher_t dispatchers[DISPATCHERS];
    pthread_t threads[DISPATCHERS];
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = on_runtime(recorder_of_everything(), runtime);
        recorders[i]->then = be_overtaken;
        start(recorders[i]);
    }
    for (int i = 0; i < DISPATCHERS; i++) {
        dispatchers[i] = (dispatcher_t){.runtime = runtime, .end = &end};
        CHECK(pthread_create(&threads[i], NULL, dispatch_until_the_end, &dispatchers[i]) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) WAIT_FOR(recorders[i], "event", 20);
    for (int i = 0; i < CLIENTS; i++) stop(recorders[i]);
    gate_open(&end);
    for (int i = 0; i < DISPATCHERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(dispatchers[i].turns > 0);
    }
    for (int i = 0; i < CLIENTS; i++) recorder_end(recorders[i]);
    eventsource_runtime_free(runtime);
}

static void *dispatch_once(void *argument) {
    dispatcher_t *dispatcher = argument;
    dispatcher->turns = (int64_t)dispatch(dispatcher->runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT);
    return NULL;
}

static void of_many_threads_that_wait_without_a_limit_only_those_with_a_turn_return(void) {
    enum { DISPATCHERS = 4 };
    dispatcher_t dispatchers[DISPATCHERS];
    pthread_t threads[DISPATCHERS];
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new(peer.url), runtime);
    start(r);
    int fd = peer_open(&peer);
    WAIT_ON(runtime, r, "open", 1);
    for (int i = 0; i < DISPATCHERS; i++) {
        dispatchers[i] = (dispatcher_t){.runtime = runtime};
        CHECK(pthread_create(&threads[i], NULL, dispatch_once, &dispatchers[i]) == 0);
    }
    for (int i = 1; i <= DISPATCHERS; i++) {
        give_it_time();
        CHECK_NUMBER(count_lines(r, "event"), i - 1);
        peer_say(fd, "data: one\n\n");
        WAIT_FOR(r, "event", (size_t)i);
    }
    for (int i = 0; i < DISPATCHERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_NUMBER(dispatchers[i].turns, 1);
    }
    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
}

/* ---- Manual: what is refused ------------------------------------------------------------------------------------- */

static void dispatch_and_fd_are_refused_unless_dispatch_is_manual(void) {
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        size_t ran = 99;
        eventsource_fd_t fd = (eventsource_fd_t)-99;
        if (DISPATCHES[i] == EVENTSOURCE_DISPATCH_MANUAL) continue;
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i]);
        CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_STATE);
        CHECK_STATUS(eventsource_runtime_dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_STATE);
        CHECK_STATUS(eventsource_runtime_get_fd(runtime, &fd), EVENTSOURCE_ERR_STATE);
        CHECK(ran == 99 && fd == (eventsource_fd_t)-99);
        eventsource_runtime_free(runtime);
    }
}

static int32_t try_to_wait(recorder_t *r, kind_t kind, const void *payload) {
    size_t ran = 99;
    eventsource_fd_t fd = -1;
    (void)kind;
    (void)payload;
    CHECK_STATUS(eventsource_runtime_dispatch(r->pointer, 0, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_runtime_dispatch(r->pointer, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_NUMBER((int64_t)ran, 99);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_runtime_get_fd(r->pointer, &fd), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void dispatch_inside_any_callback_is_refused(void) {
    eventsource_runtime_t *manual = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        int is_same = DISPATCHES[i] == EVENTSOURCE_DISPATCH_MANUAL;
        eventsource_runtime_t *runtime = is_same ? manual : runtime_new(DISPATCHES[i]);
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        r->then = try_to_wait;
        r->pointer = manual;
        start(r);
        WAIT_ON(runtime, r, "error", 1);
        recorder_end(r); /* here on_close comes outside dispatch, and is a callback, too */
        if (!is_same) eventsource_runtime_free(runtime);
    }
    eventsource_runtime_free(manual);
}

static void *wait_for_the_end(void *es) {
    CHECK_STATUS(eventsource_wait(es, check_seconds * 1000 * check_slow), EVENTSOURCE_OK);
    return NULL;
}

static void wait_without_a_limit_is_refused_where_somebody_has_to_dispatch(void) {
    pthread_t thread;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    start(r);
    CHECK_STATUS(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    int64_t before = now_ms();
    CHECK_STATUS(eventsource_wait(r->es, 50), EVENTSOURCE_ERR_TIMEOUT);
    CHECK(now_ms() - before >= 49);
    WAIT_ON(runtime, r, "event", 1);
    CHECK(pthread_create(&thread, NULL, wait_for_the_end, r->es) == 0);
    stop_on(runtime, r);
    pthread_join(thread, NULL);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

/* ---- Manual: the end --------------------------------------------------------------------------------------------- */

static void stop_never_calls_back_and_on_close_comes_with_dispatch(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    start(r);
    wait_for_bytes(r, 0);
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    give_it_time();
    CHECK_LINES(r, "");
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    WAIT_ON(runtime, r, "close", 1);
    CHECK_LINES(r, "close stopped\n"); /* of what was due nothing comes any more */
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_OK);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

static int32_t check_thread(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_CLOSE) return check_dispatching(r, kind, payload);
    CHECK(pthread_equal(*(pthread_t *)r->pointer, pthread_self()));
    CHECK(!is_dispatching);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void free_outside_callbacks_calls_on_close_on_its_own_thread_and_nothing_of_others(void) {
    pthread_t self = pthread_self();
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_of_everything(), runtime);
    recorder_t *other = on_runtime(recorder_of_everything(), runtime);
    r->then = check_thread;
    r->pointer = &self;
    other->then = check_dispatching;
    start(r);
    start(other);
    WAIT_ON(runtime, r, "event", 1);
    eventsource_free(r->es);
    r->es = NULL;
    CHECK_NUMBER(count_lines(r, "close stopped"), 1);
    CHECK_NUMBER(r->destroys, 1);
    recorder_end(r);
    stop_on(runtime, other);
    recorder_end(other);
    eventsource_runtime_free(runtime);
}

static void free_works_although_nobody_has_ever_dispatched(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_of_everything(), runtime);
    start(r);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

static int32_t pass_gate_in_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void *open_after_a_while(void *gate) {
    give_it_time();
    gate_open(gate);
    return NULL;
}

static void free_waits_for_a_callback_that_another_thread_dispatches(void) {
    gate_t gate = GATE_CLOSED, end = GATE_CLOSED;
    pthread_t thread, opener;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    dispatcher_t dispatcher = {.runtime = runtime, .end = &end};
    r->then = pass_gate_in_event;
    r->pointer = &gate;
    start(r);
    CHECK(pthread_create(&thread, NULL, dispatch_until_the_end, &dispatcher) == 0);
    gate_wait(&gate, 1);
    CHECK(pthread_create(&opener, NULL, open_after_a_while, &gate) == 0);
    eventsource_free(r->es);
    r->es = NULL;
    CHECK(gate_is_open(&gate));
    CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    recorder_end(r);
    gate_open(&end);
    pthread_join(opener, NULL);
    pthread_join(thread, NULL);
    eventsource_runtime_free(runtime);
}

/* In the callback of the kind `number`; the client's own, or that of another recorder in `pointer`. */
static int32_t free_in(recorder_t *r, kind_t kind, const void *payload) {
    recorder_t *freed = r->pointer ? r->pointer : r;
    (void)payload;
    if ((int64_t)kind == r->number) {
        r->number = -1;
        eventsource_free(freed->es);
    } else if (r->number == ON_CLOSE && kind == ON_ERROR) {
        return EVENTSOURCE_DECISION_CLOSE;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* As recorder_end_freed, on a runtime that needs dispatch. */
static void end_freed(eventsource_runtime_t *runtime, recorder_t *r) {
    int64_t deadline = now_ms() + check_seconds * 1000 * check_slow;
    int destroyed = 0;
    while (!destroyed && now_ms() < deadline && !check_failed()) {
        dispatch(runtime, 100, EVENTSOURCE_NO_LIMIT);
        pthread_mutex_lock(&r->mutex);
        destroyed = r->destroys > 0;
        pthread_mutex_unlock(&r->mutex);
    }
    CHECK(destroyed);
    CHECK_NUMBER(count_lines(r, "close stopped"), 1);
    r->es = NULL;
    recorder_end(r);
}

static void free_inside_a_dispatched_callback_takes_effect_with_the_next_turns(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    for (int i = 0; i < KIND_COUNT; i++) {
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        r->then = free_in;
        r->number = KINDS[i];
        start(r);
        end_freed(runtime, r);
    }
    /* Another's client. */
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    recorder_t *other = on_runtime(recorder_new("/hang-body"), runtime);
    start(other);
    WAIT_ON(runtime, other, "event", 1);
    r->then = free_in;
    r->number = ON_EVENT;
    r->pointer = other;
    start(r);
    end_freed(runtime, other);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

/* ---- The end of a runtime ---------------------------------------------------------------------------------------- */

/* Clients in every situation, on a runtime. */
enum { OPEN, UNANSWERED, RETRYING, BUSY, CLOSED, IDLE, SITUATIONS };

static void populate(eventsource_runtime_t *runtime, recorder_t **recorders) {
    static const char *const TARGETS[] = {"/hang-body", "/hang", "/status/503", EVERYTHING, "/status/404", "/events"};
    for (int i = 0; i < SITUATIONS; i++) {
        recorders[i] = on_runtime(recorder_new(TARGETS[i]), runtime);
        CHECK_STATUS(eventsource_on_request(recorders[i]->es, record_request), EVENTSOURCE_OK);
        if (i == RETRYING) retry_late(recorders[i]);
        if (i != IDLE) start(recorders[i]);
    }
    WAIT_ON(runtime, recorders[OPEN], "event", 1);
    WAIT_ON(runtime, recorders[UNANSWERED], "request", 1);
    WAIT_ON(runtime, recorders[RETRYING], "error", 1);
    WAIT_ON(runtime, recorders[BUSY], "event", 1);
    WAIT_ON(runtime, recorders[CLOSED], "close", 1);
}

static void freeing_a_runtime_closes_its_clients_and_ends_its_threads(void) {
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        recorder_t *recorders[SITUATIONS];
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i]);
        populate(runtime, recorders);
        eventsource_runtime_free(runtime);
        for (int j = 0; j < SITUATIONS; j++) {
            CHECK_NUMBER(count_lines(recorders[j], "close stopped"), j != CLOSED && j != IDLE);
        }
        check_other_threads(0);
        for (int j = 0; j < SITUATIONS; j++) recorder_end(recorders[j]);
    }
}

static void freeing_a_runtime_that_nobody_has_dispatched_closes_its_clients_here(void) {
    pthread_t self = pthread_self();
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_of_everything(), runtime);
    r->then = check_thread;
    r->pointer = &self;
    start(r);
    eventsource_runtime_free(runtime);
    CHECK_LINES(r, "close stopped\n");
    recorder_end(r);
}

static void *free_the_runtime(void *runtime) {
    eventsource_runtime_free(runtime);
    return NULL;
}

static void freeing_a_runtime_waits_for_the_callback_that_is_running(void) {
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        gate_t gate = GATE_CLOSED;
        pthread_t thread;
        if (DISPATCHES[i] == EVENTSOURCE_DISPATCH_MANUAL) continue; /* nothing may use it meanwhile */
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i]);
        recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
        r->then = pass_gate_in_event;
        r->pointer = &gate;
        start(r);
        gate_wait(&gate, 1);
        CHECK(pthread_create(&thread, NULL, free_the_runtime, runtime) == 0);
        give_it_time();
        CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
        gate_open(&gate);
        pthread_join(thread, NULL);
        CHECK_LINES(r, "open 200\nevent message [before the silence]\nclose stopped\n");
        recorder_end(r);
    }
}

static void a_client_of_a_freed_runtime_starts_only_on_another_one(void) {
    for (int i = 0; i < DISPATCH_COUNT; i++) {
        char text[256] = "";
        eventsource_state_t state = 99;
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i]);
        recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
        start(r);
        WAIT_ON(runtime, r, "event", 1);
        eventsource_runtime_free(runtime);
        CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
        CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
        CHECK(strstr(text, "freed") != NULL);
        CHECK_STATUS(eventsource_get_state(r->es, &state), EVENTSOURCE_OK);
        CHECK_NUMBER(state, EVENTSOURCE_STATE_CLOSED);
        CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_STATE); /* why it did not start */
        CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);

        for (int j = 0; j < DISPATCH_COUNT; j++) {
            eventsource_runtime_t *next = runtime_new(DISPATCHES[j]);
            on_runtime(r, next);
            start(r);
            WAIT_ON(next, r, "event", r->runs);
            stop_on(next, r);
            eventsource_runtime_free(next);
            CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
        }
        on_runtime(r, NULL);
        start(r);
        WAIT_FOR(r, "event", (size_t)r->runs);
        stop(r);
        recorder_end(r);
    }
}

static int32_t free_runtime_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        r->number = -1;
        eventsource_runtime_free(r->pointer);
        pthread_mutex_lock(&r->mutex);
        CHECK_NUMBER(r->closes, 0);
        pthread_mutex_unlock(&r->mutex);
    } else if (r->number == ON_CLOSE && kind == ON_ERROR) {
        return EVENTSOURCE_DECISION_CLOSE;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* Runs what is due until the recorder's callback frees the runtime. */
static void dispatch_until_freed(eventsource_runtime_t *runtime, recorder_t *r) {
    int is_freed = 0;
    while (!is_freed && !check_failed()) {
        dispatch(runtime, check_seconds * 1000 * check_slow, EVENTSOURCE_NO_LIMIT);
        is_freed = r->number == -1;
    }
}

static void freeing_a_runtime_in_a_callback_closes_all_clients_soon(void) {
    for (int i = 0; i < DISPATCH_COUNT * KIND_COUNT; i++) {
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i / KIND_COUNT]);
        recorder_t *other = on_runtime(recorder_new("/hang-body"), runtime);
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        start(other);
        WAIT_ON(runtime, other, "event", 1);
        int is_dispatched = is_manual(runtime);
        r->then = free_runtime_in;
        r->number = KINDS[i % KIND_COUNT];
        r->pointer = runtime;
        start(r);
        if (is_dispatched) dispatch_until_freed(runtime, r);
        wait_closed(r);
        wait_closed(other);
        CHECK_NUMBER(count_lines(r, "close stopped"), 1);
        CHECK_NUMBER(count_lines(other, "close stopped"), 1);
        CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
        recorder_end(r);
        recorder_end(other);
        check_other_threads(0);
    }
}

static int32_t free_all_in(recorder_t *r, kind_t kind, const void *payload) {
    int is_it = (int64_t)kind == r->number;
    int32_t answer = free_runtime_in(r, kind, payload);
    if (is_it) eventsource_free(r->es);
    return answer;
}

static void a_callback_may_free_its_client_and_the_runtime(void) {
    for (int i = 0; i < DISPATCH_COUNT * KIND_COUNT; i++) {
        eventsource_runtime_t *runtime = runtime_new(DISPATCHES[i / KIND_COUNT]);
        recorder_t *r = on_runtime(recorder_of_everything(), runtime);
        int is_dispatched = is_manual(runtime);
        r->then = free_all_in;
        r->number = KINDS[i % KIND_COUNT];
        r->pointer = runtime;
        start(r);
        if (is_dispatched) dispatch_until_freed(runtime, r);
        struct timespec deadline = check_deadline();
        int late = 0;
        pthread_mutex_lock(&r->mutex);
        while (!late && !r->destroys) late = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
        CHECK(!late);
        r->es = NULL;
        pthread_mutex_unlock(&r->mutex);
        CHECK_NUMBER(count_lines(r, "close stopped"), 1);
        recorder_end(r);
        check_other_threads(0);
    }
}

static int32_t make_runtimes(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_EVENT) return EVENTSOURCE_DECISION_DEFAULT;
    for (int i = 0; i < DISPATCH_COUNT; i++) eventsource_runtime_free(runtime_new(DISPATCHES[i]));
    r->number++;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_callback_may_make_and_free_runtimes(void) {
    recorder_t *r = recorder_new("/hang-body");
    r->then = make_runtimes;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
    check_other_threads(0);
}

CHECK_MAIN(TEST(the_shared_runtime_has_a_serving_thread_and_a_watchdog_and_is_gone_after_the_last_free),
           TEST(making_and_freeing_runtimes_leaves_nothing_behind),
           TEST(the_threads_of_a_runtime_are_named_as_asked),
           TEST(the_hooks_frame_the_callbacks_of_each_thread),
           TEST(inline_dispatch_calls_the_hooks_for_its_one_thread_and_manual_dispatch_for_none),
           TEST(the_user_data_of_the_hooks_is_destroyed_after_the_last_thread_of_a_runtime_that_a_callback_frees),
           TEST(the_user_data_of_the_hooks_is_destroyed_by_the_free_whether_or_not_there_was_a_runtime),
           TEST(hundreds_of_idle_streams_need_no_more_threads),
           TEST(callbacks_that_block_hold_back_no_other_client_of_an_isolated_runtime),
           TEST(an_inline_callback_that_blocks_holds_back_all_clients_until_it_returns),
           TEST(inline_dispatch_runs_the_callbacks_of_all_its_clients_on_one_thread),
           TEST(manual_callbacks_of_every_kind_run_inside_dispatch_and_nowhere_else),
           TEST(the_descriptor_is_readable_exactly_while_turns_are_due),
           TEST(dispatch_waits_no_longer_than_it_is_told_to),
           TEST(dispatch_without_a_limit_waits_for_what_other_threads_bring_about),
           TEST(dispatch_runs_no_more_turns_than_it_is_told_to),
           TEST(a_busy_stream_does_not_keep_dispatch_for_ever),
           TEST(without_dispatch_the_server_is_made_to_wait_and_nothing_is_lost),
           TEST(threads_that_dispatch_at_the_same_time_share_the_clients),
           TEST(of_many_threads_that_wait_without_a_limit_only_those_with_a_turn_return),
           TEST(dispatch_and_fd_are_refused_unless_dispatch_is_manual),
           TEST(dispatch_inside_any_callback_is_refused),
           TEST(wait_without_a_limit_is_refused_where_somebody_has_to_dispatch),
           TEST(stop_never_calls_back_and_on_close_comes_with_dispatch),
           TEST(free_outside_callbacks_calls_on_close_on_its_own_thread_and_nothing_of_others),
           TEST(free_works_although_nobody_has_ever_dispatched),
           TEST(free_waits_for_a_callback_that_another_thread_dispatches),
           TEST(free_inside_a_dispatched_callback_takes_effect_with_the_next_turns),
           TEST(freeing_a_runtime_closes_its_clients_and_ends_its_threads),
           TEST(freeing_a_runtime_that_nobody_has_dispatched_closes_its_clients_here),
           TEST(freeing_a_runtime_waits_for_the_callback_that_is_running),
           TEST(a_client_of_a_freed_runtime_starts_only_on_another_one),
           TEST(freeing_a_runtime_in_a_callback_closes_all_clients_soon),
           TEST(a_callback_may_free_its_client_and_the_runtime),
           TEST(a_callback_may_make_and_free_runtimes))
