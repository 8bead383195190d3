/* A callback should not be left by longjmp. One that is has never returned, for the library: what would rely on that it has
 * answers a status or does not come, all else goes on, and the process ends as it likes. It is not aborted, because what
 * a host does that changes stacks in a callback, which is fine, looks the same from the library. */
#include "check.h"
#include "child.h"
#include "gate.h"
#include "process.h"
#include "recorder.h"
#include "runtime.h"

#include <setjmp.h>
#include <ucontext.h>

/* ---- Leaving by longjmp ------------------------------------------------------------------------------------------ */

static _Thread_local jmp_buf outside;

/* Runs what a callback leaves. */
static void leave(void (*run)(void *), void *argument) {
    if (setjmp(outside) != 0) return;
    run(argument);
    check_that(0, __FILE__, __LINE__, "a callback leaves it by longjmp");
}

static void leave_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser, (void)event, (void)user;
    longjmp(outside, 1);
}

static void leave_comment(eventsource_parser_t *parser, const eventsource_comment_t *comment, void *user) {
    (void)parser, (void)comment, (void)user;
    longjmp(outside, 1);
}

static void leave_retry(eventsource_parser_t *parser, int64_t retry_ms, void *user) {
    (void)parser, (void)retry_ms, (void)user;
    longjmp(outside, 1);
}

typedef struct {
    eventsource_parser_t *parser;
    const char *input;
} feed_t;

static void feed(void *argument) {
    feed_t *fed = argument;
    (void)(eventsource_parser_feed(fed->parser, fed->input, strlen(fed->input)) == EVENTSOURCE_OK); /* unless it is left */
}

/* A parser that is fed, left, and of no use any more. */
static void leave_parser(const char *input) {
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    feed_t fed = {NULL, input};
    char id[8];
    options.on_event = leave_event;
    options.on_comment = leave_comment;
    options.on_retry = leave_retry;
    fed.parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(fed.parser), EVENTSOURCE_OK);
    leave(feed, &fed);
    CHECK_STATUS(eventsource_parser_feed(fed.parser, input, strlen(input)), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_parser_reset(fed.parser), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_parser_get_last_event_id(fed.parser, id, sizeof id, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    eventsource_parser_free(fed.parser);
}

static void count_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    CHECK_TEXT(event->data, "a");
    (void)parser;
    ++*(int *)user;
}

static eventsource_parser_t *counting_parser(int *events) {
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = count_event;
    options.user = events;
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    return parser;
}

static void check_parsers_work(void) {
    int events = 0;
    eventsource_parser_t *parser = counting_parser(&events);
    CHECK_STATUS(eventsource_parser_feed(parser, "data:a\n\ndata:a\n\n", 16), EVENTSOURCE_OK);
    CHECK_NUMBER(events, 2);
    eventsource_parser_free(parser);
}

static int32_t block_in_close(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_CLOSE) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* This thread is in a callback, as the library sees it, and everything works as it does there. */
static void check_in_callback(void) {
    gate_t gate = GATE_CLOSED;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    eventsource_runtime_free(runtime);
    recorder_t *r = recorder_new("/hang-body");
    r->then = block_in_close;
    r->pointer = &gate;
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    start(r);
    WAIT_FOR(r, "event", 1);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    eventsource_free(r->es); /* does not wait */
    gate_open(&gate);
    recorder_end_freed(r, "open 200\nevent message [before the silence]\nclose stopped\n");
    check_parsers_work();
}

/* ---- Roles: they leave, go on, and exit -------------------------------------------------------------------------- */

static int parser(void) {
    CHECK(atexit(child_say_exit) == 0);
    leave_parser("data\n\n");
    leave_parser(":\n");
    leave_parser("retry:1\n");
    check_in_callback();
    return check_failed();
}

/* The number is the callback to leave. */
static int32_t leave_callback(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (r->number == (int64_t)kind) longjmp(outside, 1);
    return r->number == ON_CLOSE && kind == ON_ERROR ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static recorder_t *recorder_to_leave(kind_t kind, eventsource_runtime_t *runtime) {
    recorder_t *r = on_runtime(recorder_of_everything(), runtime);
    if (kind == ON_EVENTS) CHECK_STATUS(eventsource_on_events(r->es, record_events), EVENTSOURCE_OK);
    r->then = leave_callback;
    r->number = kind;
    return r;
}

/* Another client of the runtime is served by this thread, from its start to its end. */
static void check_others_are_dispatched(eventsource_runtime_t *runtime) {
    recorder_t *other = on_runtime(recorder_new("/events?count=2&then=204&retry=10"), runtime);
    start(other);
    WAIT_ON(runtime, other, "close", 1);
    wait_closed(other);
    CHECK_NUMBER(count_lines(other, "event"), 2);
    recorder_end(other);
}

/* The client has been left in a callback: it runs, but nothing of it comes. The recorder looks at that. */
static void check_stuck(recorder_t *r) {
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_TIMEOUT);
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_STATE);
}

typedef struct {
    eventsource_runtime_t *runtime;
    recorder_t *r;
    gate_t gate;
} dispatched_t;

static void dispatch_on_and_on(void *runtime) {
    while (eventsource_runtime_dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, NULL) == EVENTSOURCE_OK) continue;
}

static void *leave_dispatch(void *argument) {
    dispatched_t *dispatched = argument;
    leave(dispatch_on_and_on, dispatched->runtime);
    CHECK_STATUS(eventsource_runtime_dispatch(dispatched->runtime, 0, EVENTSOURCE_NO_LIMIT, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_wait(dispatched->r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    gate_pass(&dispatched->gate);
    check_in_callback();
    eventsource_free(dispatched->r->es);
    eventsource_runtime_free(dispatched->runtime);
    return NULL;
}

static int dispatching(void) {
    static const kind_t LEFT[] = {ON_REQUEST, ON_OPEN, ON_EVENT, ON_EVENTS, ON_COMMENT, ON_ERROR, ON_CLOSE};
    CHECK(atexit(child_say_exit) == 0);
    for (size_t i = 0; i < sizeof LEFT / sizeof *LEFT; i++) {
        dispatched_t dispatched = {.gate = GATE_CLOSED};
        pthread_t thread;
        dispatched.runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
        dispatched.r = recorder_to_leave(LEFT[i], dispatched.runtime);
        start(dispatched.r);
        CHECK(pthread_create(&thread, NULL, leave_dispatch, &dispatched) == 0);
        gate_wait(&dispatched.gate, 1);
        check_stuck(dispatched.r);
        check_others_are_dispatched(dispatched.runtime);
        gate_open(&dispatched.gate);
        pthread_join(thread, NULL);
        CHECK_NUMBER(dispatched.r->destroys, 0);
    }
    return check_failed();
}

/* In on_close, which comes when the client is freed. */
static recorder_t *recorder_to_leave_at_last(eventsource_runtime_t *runtime) {
    recorder_t *r = on_runtime(recorder_new("/hang-body"), runtime);
    r->then = leave_callback;
    r->number = ON_CLOSE;
    return r;
}

static void free_client(void *es) {
    eventsource_free(es);
}

static void free_runtime(void *runtime) {
    eventsource_runtime_free(runtime);
}

static void *check_others_are_dispatched_on_a_thread(void *runtime) {
    check_others_are_dispatched(runtime);
    return NULL;
}

static int freeing(void) {
    CHECK(atexit(child_say_exit) == 0);
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *freed = recorder_to_leave_at_last(runtime), *running = recorder_to_leave_at_last(runtime);
    pthread_t thread;
    start(freed);
    start(running);
    WAIT_ON(runtime, freed, "open", 1);
    leave(free_client, freed->es);
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK(pthread_create(&thread, NULL, check_others_are_dispatched_on_a_thread, runtime) == 0);
    pthread_join(thread, NULL);
    check_in_callback();
    eventsource_free(running->es);
    eventsource_runtime_free(runtime);
    CHECK_NUMBER(freed->destroys, 0);
    return check_failed();
}

static int freeing_runtime(void) {
    CHECK(atexit(child_say_exit) == 0);
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = recorder_to_leave_at_last(runtime);
    start(r);
    WAIT_ON(runtime, r, "open", 1);
    leave(free_runtime, runtime);
    check_in_callback();
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    eventsource_free(r->es);
    CHECK_NUMBER(r->destroys, 0);
    return check_failed();
}

static void leave_destroy(recorder_t *r) {
    (void)r;
    longjmp(outside, 1);
}

static void replace_user_data(void *r) {
    CHECK_STATUS(eventsource_set_user_data(((recorder_t *)r)->es, r, record_destroy), EVENTSOURCE_OK);
}

static int destroy(void) {
    CHECK(atexit(child_say_exit) == 0);
    recorder_t *replaced = recorder_new("/hang-body"), *freed = recorder_new("/hang-body");
    freed->at_last = replaced->at_last = leave_destroy;
    leave(replace_user_data, replaced);
    replaced->at_last = NULL;
    start(replaced); /* it has the new user data, and works */
    WAIT_FOR(replaced, "event", 1);
    leave(free_client, freed->es);
    freed->at_last = NULL;
    check_in_callback();
    eventsource_free(replaced->es);
    recorder_end_freed(replaced, "open 200\nevent message [before the silence]\nclose stopped\n");
    CHECK_NUMBER(freed->destroys, 0);
    return check_failed();
}

static _Thread_local int leaves_log, log_lines;

static void on_log(const eventsource_log_record_t *record, void *user) {
    (void)record, (void)user;
    log_lines++;
    if (leaves_log) longjmp(outside, 1);
}

static void be_refused(void *argument) {
    CHECK_STATUS(eventsource_start(argument), EVENTSOURCE_ERR_NULL);
}

static void *log_on_a_thread(void *argument) {
    be_refused(argument);
    CHECK_NUMBER(log_lines, 1);
    return NULL;
}

static int logging(void) {
    pthread_t thread;
    CHECK(atexit(child_say_exit) == 0);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, on_log, NULL, NULL), EVENTSOURCE_OK);
    leaves_log = 1;
    leave(be_refused, NULL);
    be_refused(NULL);
    CHECK_NUMBER(log_lines, 1);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK(pthread_create(&thread, NULL, log_on_a_thread, NULL) == 0);
    pthread_join(thread, NULL);
    check_in_callback();
    return check_failed();
}

static int32_t leave_parser_in_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)r, (void)payload;
    if (kind == ON_EVENT) leave_parser("data\n\n");
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* From a callback into one around it, on the library's thread. */
static int inner_callback(void) {
    recorder_t *r = recorder_new("/events?count=3&per_connection=2&then=204");
    CHECK(atexit(child_say_exit) == 0);
    r->then = leave_parser_in_event;
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message 1 [event 1]\nevent message 2 [event 2]\nerror END_OF_STREAM, again\n"
                   "open 200\nevent message 3 [event 3]\nerror END_OF_STREAM, again\nclose server\n");
    recorder_end(r);
    check_other_threads(0);
    return check_failed();
}

static const role_t ROLES[] = {
    ROLE(parser),  ROLE(dispatching), ROLE(freeing),        ROLE(freeing_runtime),
    ROLE(destroy), ROLE(logging),     ROLE(inner_callback),
};

static void a_callback_of_any_kind_that_is_left_by_longjmp_has_never_returned_and_all_else_goes_on(void) {
    for (size_t i = 0; i < sizeof ROLES / sizeof *ROLES; i++) {
        ended_t ended = child_run(ROLES[i].name);
        CHECK_EXIT(&ended, 0);
        CHECK_TEXT(ended.output, "the process exits\n");
        if (check_failed()) fprintf(stderr, "\n    (in the role \"%s\")", ROLES[i].name);
    }
}

/* ---- Changing stacks --------------------------------------------------------------------------------------------- */

enum { STACK = 512 * 1024 };

static ucontext_t here, there;

/* Runs a function on another stack until it ends or calls `switch_back`. */
static void switch_to(void (*function)(void), char *stack) {
    CHECK(getcontext(&there) == 0);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = STACK;
    there.uc_link = &here;
    makecontext(&there, function, 0);
    CHECK(swapcontext(&here, &there) == 0);
}

static void switch_back(void) {
    CHECK(swapcontext(&there, &here) == 0);
}

static void switch_there_again(void) {
    CHECK(swapcontext(&here, &there) == 0);
}

typedef struct {
    eventsource_parser_t *parser;
    char *stack; /* the other one */
    int events;
} switching_t;

static switching_t switching;
static eventsource_runtime_t *manual;

/* While this thread is in a callback, on whichever stack. */
static void use_the_library(void) {
    recorder_t *r = recorder_new("/hang-body");
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    recorder_end(r);
    CHECK_STATUS(eventsource_runtime_dispatch(manual, 0, EVENTSOURCE_NO_LIMIT, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    if (switching.parser) {
        CHECK_STATUS(eventsource_parser_feed(switching.parser, "a", 1), EVENTSOURCE_ERR_IN_CALLBACK);
    }
    check_parsers_work();
}

static void use_the_library_there(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser, (void)event, (void)user;
    switching.events++;
    switch_to(use_the_library, switching.stack);
}

static void be_suspended(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser, (void)event, (void)user;
    switching.events++;
    switch_back();
}

static void feed_two_events(void) {
    CHECK_STATUS(eventsource_parser_feed(switching.parser, "data:a\n\ndata:a\n\n", 16), EVENTSOURCE_OK);
}

static int32_t use_the_library_there_in_events(recorder_t *r, kind_t kind, const void *payload) {
    (void)r, (void)payload;
    if (kind == ON_EVENT) switch_to(use_the_library, switching.stack);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void switch_stacks(char *stack) {
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    switching = (switching_t){.stack = stack};
    manual = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);

    /* The parser's callback changes to the other stack. */
    options.on_event = use_the_library_there;
    switching.parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(switching.parser), EVENTSOURCE_OK);
    feed_two_events();
    CHECK_NUMBER(switching.events, 2);
    eventsource_parser_free(switching.parser);

    /* The parser is fed there, and this stack goes on while the callbacks are suspended. */
    options.on_event = be_suspended;
    switching.parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(switching.parser), EVENTSOURCE_OK);
    switch_to(feed_two_events, stack);
    use_the_library();
    switch_there_again();
    use_the_library();
    switch_there_again();
    CHECK_NUMBER(switching.events, 4);
    eventsource_parser_free(switching.parser);
    switching.parser = NULL;

    /* With manual dispatch, a client's callbacks change to the other stack. */
    recorder_t *r = on_runtime(recorder_new("/events?count=2&then=204&retry=10"), manual);
    r->then = use_the_library_there_in_events;
    start(r);
    WAIT_ON(manual, r, "close", 1);
    wait_closed(r);
    CHECK_NUMBER(count_lines(r, "event"), 2);
    recorder_end(r);
    eventsource_runtime_free(manual);
}

static void a_callback_may_change_to_another_stack_and_call_the_library_there(void) {
    char *elsewhere = malloc(STACK);
    if (!elsewhere) abort();
    switch_stacks(elsewhere);
    free(elsewhere);
}

/* What it does there looks like what comes after a longjmp. */
static void the_other_stack_may_lie_in_an_outer_frame_of_the_same(void) {
    char in_this_frame[STACK];
    switch_stacks(in_this_frame);
}

CHECK_MAIN_WITH_ROLES(ROLES,
                      TEST(a_callback_of_any_kind_that_is_left_by_longjmp_has_never_returned_and_all_else_goes_on),
                      TEST(a_callback_may_change_to_another_stack_and_call_the_library_there),
                      TEST(the_other_stack_may_lie_in_an_outer_frame_of_the_same))
