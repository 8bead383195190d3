/* Fork: in a child process what the parent made says so and can be freed, all that is new works, and the parent notices
 * nothing. */
#include "check.h"
#include "child.h"
#include "gate.h"
#include "process.h"
#include "recorder.h"

/* Runs something in a child process and waits for its end. The child's checks count; one that hangs is ended. */
static void in_child(void (*run)(void *), void *argument) {
    ended_t ended = {.status = 0};
    pthread_mutex_lock(&check_mutex); /* nobody else holds it at the fork */
    pid_t pid = fork();
    pthread_mutex_unlock(&check_mutex);
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL); /* a fork inside a callback inherits another */
        alarm(10 * (unsigned)check_slow);
        run(argument);
        _exit(check_failed());
    }
    CHECK(pid > 0 && waitpid(pid, &ended.status, 0) == pid);
    CHECK_EXIT(&ended, 0);
}

/* In a child: what of a parent's recorder the parent's threads cannot put in order any more. */
static void inherit(recorder_t *r) {
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->inside = 0;
    r->runs = r->closes; /* there will be no on_close */
}

/* In a child: frees the parent's client, which must be quick. */
static void free_inherited(recorder_t *r) {
    inherit(r);
    int64_t before = now_ms();
    eventsource_free(r->es);
    CHECK(now_ms() - before < 10000 * check_slow);
    CHECK_NUMBER(r->destroys, 1);
}

static void check_new_client_works(void) {
    recorder_t *r = recorder_new("/events?count=5&per_connection=2&then=204");
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nerror END_OF_STREAM, again\n"
                   "open 200\nevent message 3 [event 3]\nevent message 4 [event 4]\nerror END_OF_STREAM, again\n"
                   "open 200\nevent message 5 [event 5]\nerror END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
    check_other_threads(0);
}

static int32_t block_in_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* ---- Handles of the parent --------------------------------------------------------------------------------------- */

#define FORKED(call) CHECK_STATUS(call, EVENTSOURCE_ERR_FORKED)

/* Every function on a client but free. */
static void check_forked(eventsource_t *es) {
    eventsource_state_t state = 99;
    eventsource_stats_t stats;
    eventsource_reconnect_t policy;
    eventsource_reconnect_init(&policy, sizeof policy);
    char text[] = "untouched";
    void *user = NULL;
    size_t length = 99;
    policy.delay_ms = policy.max_delay_ms = 1;
    policy.factor = 1;
    FORKED(eventsource_start(es));
    FORKED(eventsource_stop(es));
    FORKED(eventsource_wait(es, 0));
    FORKED(eventsource_wait(es, EVENTSOURCE_NO_LIMIT));
    FORKED(eventsource_reconnect_now(es));
    FORKED(eventsource_pause(es));
    FORKED(eventsource_unpause(es));
    FORKED(eventsource_on_event(es, NULL));
    FORKED(eventsource_on_events(es, NULL));
    FORKED(eventsource_on_event_type(es, "a", NULL));
    FORKED(eventsource_on_comment(es, NULL));
    FORKED(eventsource_on_open(es, NULL));
    FORKED(eventsource_on_error(es, NULL));
    FORKED(eventsource_on_request(es, NULL));
    FORKED(eventsource_on_redirect(es, NULL));
    FORKED(eventsource_on_document(es, NULL));
    FORKED(eventsource_set_max_error_body(es, 1));
    FORKED(eventsource_set_end_marker(es, "a"));
    FORKED(eventsource_on_close(es, NULL));
    FORKED(eventsource_set_user_data(es, NULL, NULL));
    FORKED(eventsource_set_runtime(es, NULL));
    FORKED(eventsource_set_method(es, "GET"));
    FORKED(eventsource_set_body(es, "a", 1));
    FORKED(eventsource_set_header(es, "a", "b"));
    FORKED(eventsource_add_header(es, "a", "b"));
    FORKED(eventsource_set_sensitive_header(es, "a", "b"));
    FORKED(eventsource_remove_header(es, "a"));
    FORKED(eventsource_set_basic_auth(es, "a", "b"));
    FORKED(eventsource_set_resolve(es, "a:80:::1"));
    FORKED(eventsource_add_resolve(es, "a:80:::1"));
    FORKED(eventsource_remove_resolve(es, "a:80"));
    FORKED(eventsource_set_client_cert_file(es, NULL, NULL));
    FORKED(eventsource_set_last_event_id(es, "a"));
    FORKED(eventsource_set_cookies(es, 1));
    FORKED(eventsource_share_cookies(es, es));
    FORKED(eventsource_add_cookies(es, ""));
    FORKED(eventsource_set_reconnect(es, &policy));
    FORKED(eventsource_set_connect_timeout(es, 1));
    FORKED(eventsource_set_response_timeout(es, 1));
    FORKED(eventsource_set_read_timeout(es, 1));
    FORKED(eventsource_set_event_timeout(es, 1));
    FORKED(eventsource_set_mode(es, EVENTSOURCE_MODE_ONCE));
    FORKED(eventsource_set_next_delay(es, 1));
    FORKED(eventsource_set_max_redirects(es, 1));
    FORKED(eventsource_set_max_event_size(es, 1));
    FORKED(eventsource_set_check_content_type(es, 0));
    FORKED(eventsource_set_watch_network(es, 0));
    FORKED(eventsource_set_interface(es, NULL));
    FORKED(eventsource_set_http_version(es, EVENTSOURCE_HTTP_DEFAULT));
    FORKED(eventsource_set_compression(es, 1));
    FORKED(eventsource_set_reconnect_with_get(es, 1));
    FORKED(eventsource_set_ca_pem(es, NULL, 0));
    FORKED(eventsource_set_ca_file(es, "/dev/null"));
    FORKED(eventsource_set_key_log_file(es, "/dev/null"));
    FORKED(eventsource_set_ca_exclusive(es, 0));
    FORKED(eventsource_set_client_cert_pem(es, NULL, 0, NULL, 0));
    FORKED(eventsource_set_pinned_keys(es, NULL));
    FORKED(eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_2));
    FORKED(eventsource_set_server_name(es, NULL));
    FORKED(eventsource_set_insecure_skip_verification(es, 0));
    FORKED(eventsource_get_user_data(es, &user));
    FORKED(eventsource_get_state(es, &state));
    FORKED(eventsource_get_stats(es, &stats, sizeof stats));
    FORKED(eventsource_get_reconnect(es, &policy, sizeof policy));
    FORKED(eventsource_get_last_event_id(es, text, sizeof text, &length));
    FORKED(eventsource_get_cookies(es, text, sizeof text, &length));
    FORKED(eventsource_get_last_error(es, text, sizeof text, &length));
    CHECK(state == 99 && length == 99);
    CHECK_TEXT(text, "untouched");
}

typedef struct {
    recorder_t **recorders;
    int count;
} inherited_t;

static void use_and_free(void *argument) {
    inherited_t *inherited = argument;
    for (int i = 0; i < inherited->count; i++) check_forked(inherited->recorders[i]->es);
    check_new_client_works();
    for (int i = 0; i < inherited->count; i++) free_inherited(inherited->recorders[i]);
    check_new_client_works();
}

/* The stream of a client of "/events" goes on, and always has. */
static void check_undisturbed(recorder_t *r) {
    WAIT_FOR(r, "event", (size_t)count_lines(r, "event") + 20);
    CHECK_NUMBER(count_lines(r, "open"), 1);
    CHECK_NUMBER(count_lines(r, "error"), 0);
    CHECK_NUMBER(count_lines(r, "close"), 0);
}

/* Events that come all the time. */
#define STEADY "/events?count=1000000&interval_ms=1"

static recorder_t *begin_steady(void) {
    recorder_t *r = recorder_new(STEADY);
    start(r);
    WAIT_FOR(r, "event", 1);
    return r;
}

static void a_client_of_the_parent_says_so_and_can_be_freed_whatever_it_was_doing(void) {
    gate_t gate = GATE_CLOSED;
    recorder_t *idle = recorder_new("/events"), *open = begin_steady(), *blocked = recorder_new("/hang-body"),
               *waiting = recorder_new("/status/503"), *closed = recorder_new("/status/404");
    recorder_t *all[] = {idle, open, blocked, waiting, closed};
    inherited_t inherited = {.recorders = all, .count = sizeof all / sizeof *all};
    blocked->then = block_in_event;
    blocked->pointer = &gate;
    retry_late(waiting);
    start(blocked);
    start(waiting);
    start(closed);
    gate_wait(&gate, 1);
    WAIT_FOR(waiting, "error", 1);
    wait_closed(closed);

    in_child(use_and_free, &inherited);
    check_undisturbed(open);
    gate_open(&gate);
    WAIT_FOR(blocked, "event", 1);
    for (int i = 0; i < inherited.count; i++) recorder_end(all[i]);
}

static void fork_again(void *argument) {
    recorder_t *both[] = {argument, begin_steady()};
    inherited_t inherited = {.recorders = both, .count = 2};
    in_child(use_and_free, &inherited);
    check_undisturbed(both[1]);
    recorder_end(both[1]);
    free_inherited(both[0]);
}

static void a_childs_child_has_neither_ones_clients(void) {
    recorder_t *r = begin_steady();
    in_child(fork_again, r);
    check_undisturbed(r);
    recorder_end(r);
}

typedef struct {
    eventsource_runtime_t *isolated, *manual;
    recorder_t *on_isolated, *on_manual;
} runtimes_t;

static eventsource_runtime_t *runtime_new(int32_t dispatch) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = dispatch;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    return runtime;
}

static recorder_t *begin_on(eventsource_runtime_t *runtime) {
    recorder_t *r = recorder_new(STEADY);
    CHECK_STATUS(eventsource_set_runtime(r->es, runtime), EVENTSOURCE_OK);
    start(r);
    return r;
}

static void dispatch_until(eventsource_runtime_t *manual, recorder_t *r, int64_t events) {
    while (count_lines(r, "event") < events && !check_failed()) {
        size_t ran = 0;
        CHECK_STATUS(eventsource_runtime_dispatch(manual, check_seconds * 1000 * check_slow, EVENTSOURCE_NO_LIMIT, &ran), EVENTSOURCE_OK);
        CHECK(ran > 0);
    }
}

static runtimes_t begin_runtimes(void) {
    runtimes_t made = {runtime_new(EVENTSOURCE_DISPATCH_ISOLATED), runtime_new(EVENTSOURCE_DISPATCH_MANUAL), NULL, NULL};
    made.on_isolated = begin_on(made.isolated);
    made.on_manual = begin_on(made.manual);
    WAIT_FOR(made.on_isolated, "event", 1);
    dispatch_until(made.manual, made.on_manual, 1);
    return made;
}

static void end_runtimes(runtimes_t *made) {
    recorder_end(made->on_isolated);
    eventsource_runtime_free(made->isolated);
    eventsource_runtime_free(made->manual);
    recorder_end(made->on_manual);
}

static void use_and_free_runtimes(void *argument) {
    runtimes_t *inherited = argument;
    recorder_t *r = recorder_new(STEADY);
    size_t ran = 99;
    eventsource_fd_t fd = 99;
    eventsource_metrics_t metrics;
    FORKED(eventsource_runtime_dispatch(inherited->manual, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, &ran));
    FORKED(eventsource_runtime_get_fd(inherited->manual, &fd));
    FORKED(eventsource_runtime_get_metrics(inherited->manual, &metrics, sizeof metrics));
    CHECK_STATUS(eventsource_runtime_get_metrics(NULL, &metrics, sizeof metrics), EVENTSOURCE_OK);
    CHECK(metrics.starts == 0); /* the parent's are not the child's */
    CHECK(ran == 99 && fd == 99);
    FORKED(eventsource_set_runtime(r->es, inherited->isolated));
    FORKED(eventsource_set_runtime(r->es, inherited->manual));
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_FORKED); /* not on other threads than were asked for */
    CHECK_STATUS(eventsource_set_runtime(r->es, NULL), EVENTSOURCE_OK);
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);

    runtimes_t made = begin_runtimes();
    end_runtimes(&made);

    int64_t before = now_ms();
    free_inherited(inherited->on_isolated);
    eventsource_runtime_free(inherited->isolated);
    eventsource_runtime_free(inherited->manual);
    free_inherited(inherited->on_manual);
    CHECK(now_ms() - before < 10000 * check_slow);
}

static void a_runtime_of_the_parent_says_so_and_can_be_freed(void) {
    runtimes_t made = begin_runtimes();
    in_child(use_and_free_runtimes, &made);
    check_undisturbed(made.on_isolated);
    dispatch_until(made.manual, made.on_manual, count_lines(made.on_manual, "event") + 20);
    CHECK_NUMBER(count_lines(made.on_manual, "error"), 0);
    end_runtimes(&made);
}

static void add_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    CHECK_TEXT(event->data, "one event");
    ++*(int *)user;
}

static void feed_the_rest(void *parser) {
    CHECK_STATUS(eventsource_parser_feed(parser, "event\n\n", 7), EVENTSOURCE_OK);
    eventsource_parser_free(parser);
}

static void a_parser_goes_on_working(void) {
    int events = 0;
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = add_event;
    options.user = &events;
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, "data: one ", 10), EVENTSOURCE_OK);
    in_child(feed_the_rest, parser);
    CHECK_NUMBER(events, 0);
    feed_the_rest(parser);
    CHECK_NUMBER(events, 1);
}

/* ---- The log ----------------------------------------------------------------------------------------------------- */

typedef struct {
    pthread_mutex_t mutex;
    int lines;
} log_t;

static void count_line(const eventsource_log_record_t *record, void *user) {
    log_t *log = user;
    (void)record;
    pthread_mutex_lock(&log->mutex);
    log->lines++;
    pthread_mutex_unlock(&log->mutex);
}

static void use_the_log(void *argument) {
    log_t *inherited = argument, own = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    int before = inherited->lines;
    check_new_client_works();
    CHECK_NUMBER(inherited->lines, before);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, count_line, &own, NULL), EVENTSOURCE_OK);
    check_new_client_works();
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
    CHECK_NUMBER(inherited->lines, before);
    CHECK(own.lines > 0);
}

static void a_child_has_no_log_callback_until_it_sets_one(void) {
    log_t log = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, count_line, &log, NULL), EVENTSOURCE_OK);
    in_child(use_the_log, &log);
    CHECK_NUMBER(log.lines, 0);
    check_new_client_works();
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
    CHECK(log.lines > 0);
}

/* ---- At any moment ----------------------------------------------------------------------------------------------- */

static void use_in_callback(void *argument) {
    recorder_t *inherited = argument, *r = recorder_new("/hang-body");
    check_forked(inherited->es);
    start(r);
    WAIT_FOR(r, "event", 1);
    /* It is still the callback. */
    CHECK_STATUS(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_ERR_IN_CALLBACK);
    eventsource_free(r->es);
    recorder_end_freed(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    free_inherited(inherited);
}

static int32_t fork_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        r->number = -1;
        in_child(use_in_callback, r);
    } else if (kind == ON_ERROR) {
        return EVENTSOURCE_DECISION_CLOSE;
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void fork_in_any_callback_works(void) {
    for (int i = 0; i < KIND_COUNT; i++) {
        recorder_t *r = recorder_of_everything();
        r->then = fork_in;
        r->number = KINDS[i];
        start(r);
        wait_closed(r);
        CHECK_NUMBER(r->number, -1);
        recorder_end(r);
    }
}

static void end_by_exit(void *argument) {
    recorder_t *r = begin_steady();
    CHECK(argument != NULL && r != NULL); /* neither is freed */
    exit(check_failed());
}

static void a_child_may_exit_without_freeing_anything(void) {
    recorder_t *r = begin_steady();
    in_child(end_by_exit, r);
    check_undisturbed(r);
    recorder_end(r);
}

/* Threads that use the library in every way that takes locks, until `done`. */
typedef struct {
    pthread_mutex_t mutex;
    int done, rounds;
    recorder_t *r;
} storm_t;

static int storm_goes_on(storm_t *storm) {
    pthread_mutex_lock(&storm->mutex);
    int goes_on = !storm->done;
    storm->rounds++;
    pthread_mutex_unlock(&storm->mutex);
    return goes_on && !check_failed();
}

static void *come_and_go(void *storm) {
    while (storm_goes_on(storm)) {
        recorder_t *r = recorder_of_everything();
        start(r);
        WAIT_FOR(r, "event", 1);
        recorder_end(r);
    }
    return NULL;
}

static void *come_and_go_with_a_runtime(void *storm) {
    while (storm_goes_on(storm)) {
        eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_ISOLATED);
        recorder_t *r = begin_on(runtime);
        eventsource_runtime_free(runtime);
        recorder_end(r);
    }
    return NULL;
}

/* Holds the client's locks as often as a program can. */
static void *configure(void *argument) {
    storm_t *storm = argument;
    while (storm_goes_on(storm)) {
        for (int i = 0; i < 100; i++) {
            CHECK_STATUS(eventsource_on_event_type(storm->r->es, "never", NULL), EVENTSOURCE_OK);
        }
    }
    return NULL;
}

static void storm_end(storm_t *storm) {
    pthread_mutex_lock(&storm->mutex);
    storm->done = 1;
    pthread_mutex_unlock(&storm->mutex);
}

static void only_free(void *inherited) {
    free_inherited(inherited);
}

static void destroy_is_called_in_a_child_even_if_the_client_was_locked(void) {
    storm_t storm = {.mutex = PTHREAD_MUTEX_INITIALIZER, .r = recorder_new("/events")};
    pthread_t thread;
    pthread_create(&thread, NULL, configure, &storm);
    for (int i = 0; i < 50 && !check_failed(); i++) in_child(only_free, storm.r);
    storm_end(&storm);
    pthread_join(thread, NULL);
    recorder_end(storm.r);
}

static void use_in_storm(void *argument) {
    recorder_t *inherited = argument;
    FORKED(eventsource_stop(inherited->es));
    free_inherited(inherited);
    check_new_client_works();
}

static void a_child_never_hangs_whatever_the_parents_threads_were_doing(void) {
    enum { THREADS = 4 };
    int forks = check_slow == 1 ? 50 : 10;
    storm_t storm = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    log_t log = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[THREADS];
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, count_line, &log, NULL), EVENTSOURCE_OK);
    recorder_t *r = begin_steady();
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, i ? come_and_go : come_and_go_with_a_runtime, &storm);
    }
    for (int i = 0; i < forks && !check_failed(); i++) in_child(use_in_storm, r);
    check_undisturbed(r);
    storm_end(&storm);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(storm.rounds >= forks);
    recorder_end(r);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
}

CHECK_MAIN(TEST(a_client_of_the_parent_says_so_and_can_be_freed_whatever_it_was_doing),
           TEST(a_childs_child_has_neither_ones_clients),
           TEST(a_runtime_of_the_parent_says_so_and_can_be_freed),
           TEST(a_parser_goes_on_working),
           TEST(a_child_has_no_log_callback_until_it_sets_one),
           TEST(fork_in_any_callback_works),
           TEST(a_child_may_exit_without_freeing_anything),
           TEST(destroy_is_called_in_a_child_even_if_the_client_was_locked),
           TEST(a_child_never_hangs_whatever_the_parents_threads_were_doing))
