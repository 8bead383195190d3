/* The library as a guest of hosts that have signals of their own, start programs, and end as they like. */
#include "check.h"
#include "child.h"
#include "gate.h"
#include "peer.h"
#include "process.h"
#include "recorder.h"
#include "resolver.h"

#include <semaphore.h>
#include <stdint.h>

enum { CODE_OF_ONE_THAT_STAYED = 7 };

/* ---- Signals ----------------------------------------------------------------------------------------------------- */

/* The caller blocks this signal and no other. */
static void check_blocks_only(int number) {
    sigset_t blocked;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    for (int i = 1; i <= SIGRTMAX; i++) {
        int expected = i == number ? 1 : 0, actual = sigismember(&blocked, i);
        /* Some numbers are the C library's own. */
        check_that(actual == expected || actual == -1, __FILE__, __LINE__, "signal %d is %s", i,
                   expected ? "blocked" : "not blocked");
    }
}

static void the_signal_mask_of_a_thread_that_calls_stays_as_it_is(void) {
    sigset_t mask, before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, &before) == 0);
    for (int i = 0; i < 3; i++) { /* a start that makes threads, and one that does not */
        recorder_t *r = recorder_new("/hang-body"), *other = recorder_new("/hang-body");
        check_blocks_only(SIGUSR2);
        start(r);
        check_blocks_only(SIGUSR2);
        start(other);
        check_blocks_only(SIGUSR2);
        WAIT_FOR(r, "event", 1);
        stop(r);
        check_blocks_only(SIGUSR2);
        recorder_end(r);
        recorder_end(other);
        check_blocks_only(SIGUSR2);
    }
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

static sem_t handled;
static pthread_t expected_thread;
static volatile sig_atomic_t elsewhere;

static void on_signal(int number) {
    (void)number;
    if (!pthread_equal(pthread_self(), expected_thread)) elsewhere = 1;
    sem_post(&handled);
}

/* Has SIGUSR1 handled by on_signal; answers what was before. */
static struct sigaction handle_signals(void) {
    struct sigaction action = {.sa_handler = on_signal}, before;
    CHECK(sem_init(&handled, 0, 0) == 0);
    CHECK(sigaction(SIGUSR1, &action, &before) == 0);
    return before;
}

static void wait_handled(void) {
    struct timespec deadline = check_deadline();
    int result;
    while ((result = sem_timedwait(&handled, &deadline)) != 0 && errno == EINTR) continue;
    CHECK(result == 0);
}

/* A thread of the host's for signals, as many have. It blocks those that end it. */
static void *take_signals(void *done) {
    sigset_t none;
    sigemptyset(&none);
    while (!*(volatile sig_atomic_t *)done) sigsuspend(&none);
    return NULL;
}

static void a_signal_to_the_process_reaches_the_hosts_thread(void) {
    enum { CLIENTS = 20 };
    volatile sig_atomic_t done = 0;
    recorder_t *recorders[CLIENTS];
    struct sigaction before = handle_signals();
    sigset_t mask, mask_before;
    sigemptyset(&mask);
    /* The library's threads are made by one that blocks nothing. */
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, &mask_before) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = recorder_new("/hang-body");
        start(recorders[i]);
    }
    for (int i = 0; i < CLIENTS; i++) WAIT_FOR(recorders[i], "event", 1);
    sigaddset(&mask, SIGUSR1);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    pthread_create(&expected_thread, NULL, take_signals, (void *)&done);
    for (int i = 0; i < 100; i++) {
        CHECK(kill(getpid(), SIGUSR1) == 0);
        wait_handled();
    }
    CHECK(!elsewhere);
    done = 1;
    pthread_kill(expected_thread, SIGUSR1);
    pthread_join(expected_thread, NULL);
    for (int i = 0; i < CLIENTS; i++) recorder_end(recorders[i]);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask_before, NULL) == 0);
    CHECK(sigaction(SIGUSR1, &before, NULL) == 0);
    sem_destroy(&handled);
}

typedef struct {
    recorder_t *r;
    gate_t gate;
    int32_t status;
} waiter_t;

static void *wait_for_close(void *argument) {
    waiter_t *waiter = argument;
    gate_pass(&waiter->gate);
    waiter->status = eventsource_wait(waiter->r->es, EVENTSOURCE_NO_LIMIT);
    CHECK_NUMBER(count_lines(waiter->r, "close stopped"), 1);
    return NULL;
}

static void a_signal_does_not_end_a_wait(void) {
    struct sigaction before = handle_signals();
    waiter_t waiter = {.r = recorder_new("/hang-body"), .gate = GATE_CLOSED, .status = -1};
    pthread_t thread;
    start(waiter.r);
    WAIT_FOR(waiter.r, "event", 1);
    pthread_create(&thread, NULL, wait_for_close, &waiter);
    gate_open(&waiter.gate);
    for (int i = 0; i < 20; i++) {
        pthread_kill(thread, SIGUSR1);
        wait_handled();
        /* Not to wait for anything: for the thread to be in its wait again. */
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    }
    CHECK_STATUS(eventsource_stop(waiter.r->es), EVENTSOURCE_OK);
    pthread_join(thread, NULL);
    CHECK_STATUS(waiter.status, EVENTSOURCE_OK);
    recorder_end(waiter.r);
    CHECK(sigaction(SIGUSR1, &before, NULL) == 0);
    sem_destroy(&handled);
}

/* ---- Programs that the host starts ------------------------------------------------------------------------------- */

static int count_descriptors(void) {
    char *count = join("%d", entries("/proc/self/fd"));
    child_say(count);
    free(count);
    return 0;
}

static void a_program_that_the_host_starts_inherits_no_descriptor(void) {
    static const char *const TARGETS[] = {"/hang-body", "/events?count=1000000&interval_ms=1", "/hang", "/status/503"};
    enum { CLIENTS = 4 };
    recorder_t *recorders[CLIENTS], *handshake;
    peer_t peer = peer_listen("https");
    ended_t without = child_run("count_descriptors"), with;
    for (int i = 0; i < CLIENTS; i++) {
        recorders[i] = recorder_new(TARGETS[i]);
        retry_initial(recorders[i]);
        CHECK_STATUS(eventsource_on_request(recorders[i]->es, record_request), EVENTSOURCE_OK);
        start(recorders[i]);
    }
    for (int i = 0; i < CLIENTS; i++) WAIT_FOR(recorders[i], i < 2 ? "event" : "request", 1);
    handshake = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_insecure_skip_verification(handshake->es, 1), EVENTSOURCE_OK);
    start(handshake);
    peer_wait(peer.fd);
    with = child_run("count_descriptors");
    CHECK_EXIT(&with, 0);
    CHECK_TEXT(with.output, without.output);
    for (int i = 0; i < CLIENTS; i++) recorder_end(recorders[i]);
    recorder_end(handshake);
    peer_close(&peer);
}

/* ---- Programs that callbacks start ------------------------------------------------------------------------------- */

/* A program that minds no signal but ends by itself after a while. */
static int stay(void) {
    nanosleep(&(struct timespec){.tv_sec = 10 * check_slow}, NULL);
    return CODE_OF_ONE_THAT_STAYED;
}

/* Says what this program blocks: what the one that started it blocked there. */
static int say_what_is_blocked(void) {
    sigset_t blocked;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    for (int i = 1; i < 32; i++) {
        if (sigismember(&blocked, i) == 1) printf("%d ", i);
    }
    return 0;
}

static pid_t fork_and_exec(const char *role) {
    char *arguments[] = {child_program, (char *)(uintptr_t)check_url, "--role", (char *)(uintptr_t)role, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv(child_program, arguments);
        _exit(127);
    }
    return pid;
}

static void check_can_be_ended(pid_t pid) {
    ended_t ended = {0};
    CHECK(pid > 0 && kill(pid, SIGTERM) == 0);
    CHECK(waitpid(pid, &ended.status, 0) == pid);
    CHECK_SIGNAL(&ended, SIGTERM);
}

static int32_t start_programs(recorder_t *r, kind_t kind, const void *payload) {
    enum { PROGRAMS = 30 };
    (void)payload;
    for (int i = 0; kind == ON_EVENT && r->number++ == 0 && i < PROGRAMS && !check_failed(); i++) {
        check_can_be_ended(fork_and_exec("stay"));
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_program_that_a_callback_starts_by_fork_and_exec_can_be_ended(void) {
    recorder_t *r = recorder_new("/hang-body");
    r->then = start_programs;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
}

/* What is blocked in a program that this thread starts by fork and exec. */
static char *blocked_in_child(void) {
    char text[256] = "";
    size_t length = 0;
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(child_program, (char *[]){child_program, (char *)(uintptr_t)check_url, "--role", "say_what_is_blocked", NULL});
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t count; (count = read(ends[0], text + length, sizeof text - 1 - length)) > 0;) length += (size_t)count;
    close(ends[0]);
    CHECK(waitpid(pid, NULL, 0) == pid);
    return join("%s", text);
}

/* First as the library has it, then with a mask that the callback sets itself. */
static int32_t note_what_is_blocked(recorder_t *r, kind_t kind, const void *payload) {
    char **blocked = r->pointer;
    sigset_t only, before;
    (void)payload;
    if (kind != ON_EVENT || r->number++ > 0) return EVENTSOURCE_DECISION_DEFAULT;
    blocked[0] = blocked_in_child();
    sigemptyset(&only);
    sigaddset(&only, SIGHUP);
    CHECK(pthread_sigmask(SIG_SETMASK, &only, &before) == 0);
    blocked[1] = blocked_in_child();
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void what_it_blocks_is_what_the_thread_did_that_made_the_runtime(void) {
    char *blocked[2] = {NULL, NULL}, *hosts, *hup = join("%d ", SIGHUP);
    sigset_t mask, before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, SIGINT);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, &before) == 0);
    hosts = blocked_in_child();
    recorder_t *r = recorder_new("/hang-body");
    r->then = note_what_is_blocked;
    r->pointer = blocked;
    start(r);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
    CHECK_TEXT(blocked[0], hosts);
    CHECK_TEXT(blocked[1], hup); /* and a callback's own mask is its own */
    free(blocked[0]);
    free(blocked[1]);
    free(hosts);
    free(hup);
}

/* Where no child of fork() is made that the library could see: as its header says. */
static int32_t spawn_with_a_mask(recorder_t *r, kind_t kind, const void *payload) {
    char *arguments[] = {child_program, (char *)(uintptr_t)check_url, "--role", "stay", NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid = -1;
    (void)payload;
    if (kind != ON_EVENT || r->number++ > 0) return EVENTSOURCE_DECISION_DEFAULT;
    sigemptyset(&none);
    CHECK(posix_spawnattr_init(&attributes) == 0);
    CHECK(posix_spawnattr_setsigmask(&attributes, &none) == 0);
    CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) == 0);
    CHECK(posix_spawn(&pid, child_program, NULL, &attributes, arguments, environ) == 0);
    posix_spawnattr_destroy(&attributes);
    check_can_be_ended(pid);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void one_that_it_spawns_with_a_mask_can_be_ended(void) {
    recorder_t *r = recorder_new("/hang-body");
    r->then = spawn_with_a_mask;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
}

static void block_nothing(void *unused) {
    sigset_t none;
    (void)unused;
    sigemptyset(&none);
    CHECK(pthread_sigmask(SIG_SETMASK, &none, NULL) == 0);
}

static int32_t run_a_command(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_EVENT || r->number++ > 0) return EVENTSOURCE_DECISION_DEFAULT;
    int status = system("kill -TERM $$; exit 3");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void nor_do_commands_block_signals_where_on_thread_start_sets_the_mask(void) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.on_thread_start = block_nothing;
    recorder_t *r = recorder_new("/hang-body");
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_runtime(r->es, runtime), EVENTSOURCE_OK);
    r->then = run_a_command;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

/* ---- Faults in callbacks ----------------------------------------------------------------------------------------- */

static const int FAULTS[] = {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
static volatile sig_atomic_t faults;

static void note_fault(int number) {
    (void)number;
    faults++;
}

static int32_t raise_faults(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    for (size_t i = 0; kind == ON_EVENT && i < sizeof FAULTS / sizeof *FAULTS; i++) {
        struct sigaction action = {.sa_handler = note_fault}, before;
        CHECK(sigaction(FAULTS[i], &action, &before) == 0);
        CHECK(raise(FAULTS[i]) == 0);
        check_that(faults == (sig_atomic_t)i + 1, __FILE__, __LINE__, "the handler of signal %d is called", FAULTS[i]);
        CHECK(sigaction(FAULTS[i], &before, NULL) == 0);
    }
    r->number++;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_fault_in_a_callback_reaches_the_hosts_handler(void) {
    recorder_t *r = recorder_new("/hang-body");
    faults = 0;
    r->then = raise_faults;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
}

/* ---- Hosts that end while streams run ---------------------------------------------------------------------------- */

enum { STREAMS = 50, CODE = 42 };

static recorder_t *streams[STREAMS];
static gate_t never = GATE_CLOSED;

static int32_t block(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)payload;
    if (kind == ON_EVENT) gate_pass(&never);
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* Runs streams on which events come all the time; the callbacks of the first few block for ever. */
static void run_streams(int blocked) {
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = recorder_new("/events?count=1000000&interval_ms=1");
        if (i < blocked) streams[i]->then = block;
        start(streams[i]);
    }
    gate_wait(&never, blocked);
    for (int i = blocked; i < STREAMS; i++) WAIT_FOR(streams[i], "event", 1);
}

/* A role's last words: one that is heard at once, and one that stdio keeps until exit(). With a failure behind it, a role
 * says nothing. */
static void say_goodbye(void) {
    if (check_failed()) return;
    child_say("the end begins");
    printf("what stdio had kept\n");
}

static int return_from_main(void) {
    run_streams(STREAMS / 2);
    say_goodbye();
    return CODE;
}

static int call_exit(void) {
    run_streams(STREAMS / 2);
    say_goodbye();
    exit(CODE);
}

static int call__exit(void) {
    run_streams(STREAMS / 2);
    say_goodbye();
    _exit(CODE);
}

static int call_quick_exit(void) {
    run_streams(STREAMS / 2);
    say_goodbye();
    quick_exit(CODE);
}

static int32_t exit_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if ((int64_t)kind == r->number) {
        say_goodbye();
        exit(CODE);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static int call_exit_in_a_callback(void) {
    run_streams(STREAMS / 2);
    recorder_t *r = recorder_new("/hang-body");
    r->then = exit_in;
    r->number = ON_EVENT;
    start(r);
    CHECK(eventsource_wait(r->es, EVENTSOURCE_NO_LIMIT) != EVENTSOURCE_ERR_TIMEOUT);
    return 1;
}

static int call_exit_in_on_close_while_free_waits(void) {
    run_streams(STREAMS / 2);
    recorder_t *r = recorder_new("/hang-body");
    r->then = exit_in;
    r->number = ON_CLOSE;
    start(r);
    WAIT_FOR(r, "event", 1);
    eventsource_free(r->es);
    return 1;
}

static void *free_client(void *es) {
    eventsource_free(es);
    return NULL;
}

static void *wait_for_client(void *es) {
    CHECK(eventsource_wait(es, EVENTSOURCE_NO_LIMIT) != EVENTSOURCE_ERR_TIMEOUT);
    return NULL;
}

static int call_exit_while_free_and_wait_wait(void) {
    pthread_t threads[2];
    run_streams(STREAMS / 2);
    pthread_create(&threads[0], NULL, free_client, streams[0]->es);
    pthread_create(&threads[1], NULL, wait_for_client, streams[1]->es);
    WAIT_FOR(streams[STREAMS - 1], "event", 10); /* time for them to begin */
    say_goodbye();
    exit(CODE);
}

static int call_exit_while_names_are_looked_up(void) {
    run_streams(STREAMS / 2);
    recorder_t *r = recorder_new("http://name.invalid/");
    start(r);
    gate_wait(&resolver, 1);
    say_goodbye();
    exit(CODE);
}

static void end_streams(void) {
    for (int i = 0; i < STREAMS; i++) recorder_end(streams[i]);
    say_goodbye();
}

static int free_in_an_exit_handler(void) {
    run_streams(0);
    atexit(end_streams);
    return CODE;
}

static void free_streams(void) {
    for (int i = 0; i < STREAMS; i++) eventsource_free(streams[i]->es);
    child_say("freed");
}

static int call_exit_in_a_callback_and_free_in_an_exit_handler(void) {
    run_streams(STREAMS / 2);
    atexit(free_streams);
    return call_exit_in_a_callback();
}

static const role_t ROLES[] = {
    ROLE(count_descriptors),
    ROLE(stay),
    ROLE(say_what_is_blocked),
    ROLE(return_from_main),
    ROLE(call_exit),
    ROLE(call__exit),
    ROLE(call_quick_exit),
    ROLE(call_exit_in_a_callback),
    ROLE(call_exit_in_on_close_while_free_waits),
    ROLE(call_exit_while_free_and_wait_wait),
    ROLE(call_exit_while_names_are_looked_up),
    ROLE(free_in_an_exit_handler),
    ROLE(call_exit_in_a_callback_and_free_in_an_exit_handler),
};

/* The host ends soon, with its own code, and as the C library does it: a few times, since threads come and go. What else runs on
 * the machine can only add to the time: the best try is soon. */
static void check_ends(const char *role, const char *output) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        ended_t ended = child_run(role);
        CHECK_EXIT(&ended, CODE);
        CHECK_TEXT(ended.output, output);
        if (ended.last_ms < least) least = ended.last_ms;
    }
    CHECK(least < 1000 * check_slow);
}

#define KEPT "the end begins\nwhat stdio had kept\n"
#define LOST "the end begins\n"

static void a_host_may_return_from_main_while_streams_run_and_callbacks_block(void) {
    check_ends("return_from_main", KEPT);
}

static void a_host_may_exit_while_streams_run_and_callbacks_block(void) {
    check_ends("call_exit", KEPT);
}

static void a_host_may_exit_without_handlers_while_streams_run_and_callbacks_block(void) {
    check_ends("call__exit", LOST);
    check_ends("call_quick_exit", LOST);
}

static void a_host_may_exit_in_a_callback(void) {
    check_ends("call_exit_in_a_callback", KEPT);
    check_ends("call_exit_in_on_close_while_free_waits", KEPT);
}

static void a_host_may_exit_while_other_threads_wait_for_clients(void) {
    check_ends("call_exit_while_free_and_wait_wait", KEPT);
}

static void a_host_may_exit_while_names_are_looked_up(void) {
    check_ends("call_exit_while_names_are_looked_up", KEPT);
}

static void an_exit_handler_may_free_clients_that_run(void) {
    check_ends("free_in_an_exit_handler", KEPT);
}

static void an_exit_handler_that_runs_in_a_callback_may_free_clients(void) {
    check_ends("call_exit_in_a_callback_and_free_in_an_exit_handler", "the end begins\nfreed\nwhat stdio had kept\n");
}

CHECK_MAIN_WITH_ROLES(ROLES,
                      TEST(the_signal_mask_of_a_thread_that_calls_stays_as_it_is),
                      TEST(a_signal_to_the_process_reaches_the_hosts_thread),
                      TEST(a_signal_does_not_end_a_wait),
                      TEST(a_program_that_the_host_starts_inherits_no_descriptor),
                      TEST(a_program_that_a_callback_starts_by_fork_and_exec_can_be_ended),
                      TEST(what_it_blocks_is_what_the_thread_did_that_made_the_runtime),
                      TEST(one_that_it_spawns_with_a_mask_can_be_ended),
                      TEST(nor_do_commands_block_signals_where_on_thread_start_sets_the_mask),
                      TEST(a_fault_in_a_callback_reaches_the_hosts_handler),
                      TEST(a_host_may_return_from_main_while_streams_run_and_callbacks_block),
                      TEST(a_host_may_exit_while_streams_run_and_callbacks_block),
                      TEST(a_host_may_exit_without_handlers_while_streams_run_and_callbacks_block),
                      TEST(a_host_may_exit_in_a_callback),
                      TEST(a_host_may_exit_while_other_threads_wait_for_clients),
                      TEST(a_host_may_exit_while_names_are_looked_up),
                      TEST(an_exit_handler_may_free_clients_that_run),
                      TEST(an_exit_handler_that_runs_in_a_callback_may_free_clients))
