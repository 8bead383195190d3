/* A good guest: a shortage of threads, descriptors or memory is an error that is retried, and no more. Each is brought
 * about in a process of its own, by the limit that the system has for it. */
#define _DEFAULT_SOURCE /* RLIMIT_NPROC, RLIMIT_AS */
#include "check.h"
#include "child.h"
#include "peer.h"
#include "recorder.h"

#include <malloc.h>
#include <sched.h>

enum { MIB = 1024 * 1024, NOBODY = 65534 };

/* Lets the process have so much of something, or what it had before for a negative number. */
static void limit(int what, int64_t most) {
    static struct rlimit before;
    if (most >= 0) CHECK(getrlimit((unsigned)what, &before) == 0);
    struct rlimit limited = before;
    if (most >= 0) limited.rlim_cur = (rlim_t)most;
    CHECK(setrlimit((unsigned)what, &limited) == 0);
}

static recorder_t *client_of_localhost(void) {
    char *url = join("http://localhost%s/hang-body", strrchr(check_url, ':'));
    recorder_t *r = recorder_new(url);
    free(url);
    retry_initial(r);
    return r;
}

/* A client that runs: the library has its own threads and descriptors. */
static recorder_t *start_first(void) {
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    WAIT_FOR(r, "open", 1);
    return r;
}

static int end(recorder_t *first, recorder_t *second) {
    recorder_end(first);
    recorder_end(second);
    if (!check_failed()) child_say("it went on");
    return 0;
}

/* ---- Roles -------------------------------------------------------------------------------------------------------- */

static void *nothing(void *argument) {
    return argument;
}

static int without_threads(void) {
    recorder_t *first = start_first(), *r = client_of_localhost();
    pthread_t thread;
    /* The superuser has no limit. */
    if (geteuid() == 0) CHECK(setuid(NOBODY) == 0);
    limit(RLIMIT_NPROC, 0);
    if (pthread_create(&thread, NULL, nothing, NULL) == 0) {
        pthread_join(thread, NULL);
        fprintf(stderr, "\n    not tested: the system does not limit threads here");
        limit(RLIMIT_NPROC, -1);
        start(r);
    } else {
        start(r);
        WAIT_FOR(r, "error RESOLVE, again", 2);
        limit(RLIMIT_NPROC, -1);
    }
    WAIT_FOR(r, "open", 1);
    return end(first, r);
}

static int without_descriptors(void) {
    recorder_t *first = start_first(), *r = recorder_new("/hang-body"), *named = client_of_localhost();
    retry_initial(r);
    limit(RLIMIT_NOFILE, 0);
    start(r);
    start(named);
    WAIT_FOR(r, "error CONNECT, again", 2);
    WAIT_FOR(named, "error", 2);
    limit(RLIMIT_NOFILE, -1);
    WAIT_FOR(r, "open", 1);
    WAIT_FOR(named, "open", 1);
    recorder_end(named);
    return end(first, r);
}

/* The first start of a process, and all that the first attempt needs: whichever descriptor there is none for, that is an error
 * of the start or of the attempt. */
static int without_the_next_descriptor(void) {
    for (int64_t room = 0; room < 10; room++) {
        recorder_t *r = client_of_localhost();
        int lowest = dup(STDOUT_FILENO);
        CHECK(lowest >= 0 && close(lowest) == 0);
        limit(RLIMIT_NOFILE, lowest + room);
        eventsource_status_t started = eventsource_start(r->es);
        if (started == EVENTSOURCE_OK) {
            r->runs++;
            int64_t deadline = now_ms() + check_seconds * 1000 * check_slow;
            while (count_lines(r, "open") + count_lines(r, "error") == 0 && now_ms() < deadline) sched_yield();
        }
        limit(RLIMIT_NOFILE, -1);
        if (started != EVENTSOURCE_OK) {
            CHECK_STATUS(started, EVENTSOURCE_ERR_RUNTIME);
            start(r);
        }
        WAIT_FOR(r, "open", 1);
        CHECK_NUMBER(count_lines(r, "error"), count_lines(r, "error RESOLVE, again") + count_lines(r, "error CONNECT, again"));
        /* The reactor and the threads need three at least, and all together nine at most. */
        CHECK(room > 2 || started != EVENTSOURCE_OK);
        CHECK(room < 9 || (started == EVENTSOURCE_OK && count_lines(r, "error") == 0));
        recorder_end(r);
    }
    if (!check_failed()) child_say("it went on");
    return 0;
}

/* Sends an event of 64 MiB, as far as the client takes it. */
static void send_large(int fd) {
    static char filler[64 * 1024];
    memset(filler, 'x', sizeof filler);
    peer_say(fd, "data: ");
    for (int i = 0; i < 1024; i++) {
        if (send(fd, filler, sizeof filler, MSG_NOSIGNAL) <= 0) break;
    }
}

/* Leaves the process so much more memory than it has. */
static void limit_memory(int64_t room) {
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm && fscanf(statm, "%ld", &pages) == 1);
    if (statm) fclose(statm);
    limit(RLIMIT_AS, (int64_t)pages * sysconf(_SC_PAGESIZE) + room);
}

static int without_memory(void) {
    peer_t peer = peer_listen("http");
    recorder_t *first = start_first(), *r = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_max_event_size(r->es, 128 * (size_t)MIB), EVENTSOURCE_OK);
    start(r);
    int fd = peer_open(&peer);
    WAIT_FOR(r, "open", 1);
    limit_memory(32 * MIB);
    for (size_t i = 1; i <= 2; i++) {
        send_large(fd);
        WAIT_FOR(r, "error MEMORY, again", i);
        close(fd);
        fd = peer_open(&peer);
    }
    peer_say(fd, "data: small\n\n");
    WAIT_FOR(r, "event", 1);
    CHECK_LINES(r, "open 200\nerror MEMORY, again\nopen 200\nerror MEMORY, again\nopen 200\nevent message [small]\n");
    limit(RLIMIT_AS, -1);
    close(fd);
    peer_close(&peer);
    return end(first, r);
}

/* A stream in br whose window has 16 MiB, in one block that is not compressed (RFC 7932, section 9). */
static int open_in_br(const peer_t *peer) {
    int fd = peer_accept(peer);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n\r\n"
                 "\xCF\xFF\xFF\xFF" "data: small\n\n");
    return fd;
}

static int without_memory_to_decode(void) {
    peer_t peer = peer_listen("http");
    /* Other arenas than the first have 64 MiB of the process's already. */
    CHECK(mallopt(M_ARENA_MAX, 1) == 1);
    recorder_t *first = start_first(), *r = recorder_new(peer.url);
    limit_memory(8 * MIB);
    start(r);
    for (size_t i = 1; i <= 2; i++) {
        int fd = open_in_br(&peer);
        WAIT_FOR(r, "error MEMORY, again", i);
        close(fd);
    }
    limit(RLIMIT_AS, -1);
    int fd = open_in_br(&peer);
    WAIT_FOR(r, "event", 1);
    CHECK_LINES(r, "open 200\nerror MEMORY, again\nopen 200\nerror MEMORY, again\nopen 200\nevent message [small]\n");
    close(fd);
    peer_close(&peer);
    return end(first, r);
}

/* The body of an error without end, of which the program wants all. */
static int without_memory_for_an_errors_body(void) {
    peer_t peer = peer_listen("http");
    recorder_t *first = start_first(), *r = recorder_new(peer.url);
    CHECK_STATUS(eventsource_set_max_error_body(r->es, SIZE_MAX), EVENTSOURCE_OK);
    retry_initial(r);
    limit_memory(32 * MIB);
    start(r);
    for (size_t i = 1; i <= 2; i++) {
        int fd = peer_accept(&peer);
        peer_say(fd, "HTTP/1.1 500 Internal Server Error\r\n\r\n");
        send_large(fd);
        WAIT_FOR(r, "error HTTP_STATUS", i);
        close(fd);
    }
    limit(RLIMIT_AS, -1);
    int fd = peer_open(&peer);
    WAIT_FOR(r, "open", 1);
    close(fd);
    peer_close(&peer);
    return end(first, r);
}

/* Takes all that can be had in blocks of some size, and gives it back. */
typedef struct block {
    struct block *next;
} block_t;

static block_t *take_all(size_t smallest) {
    block_t *all = NULL;
    for (size_t size = MIB; size >= smallest; size /= 2) {
        for (block_t *block; (block = malloc(size)) != NULL; all = block) block->next = all;
    }
    return all;
}

static void give_back(block_t *all) {
    while (all) {
        block_t *next = all->next;
        free(all);
        all = next;
    }
}

/* The header: NULL if there is no memory for a handle. The process goes on, and so do handles that are made later. */
static int without_memory_for_a_handle(void) {
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    CHECK(mallopt(M_ARENA_MAX, 1) == 1);
    limit_memory(0);
    /* Small blocks are left: what fails is the handle's. */
    block_t *all = take_all(4096);
    eventsource_t *es = eventsource_new(check_url);
    eventsource_runtime_t *runtime = eventsource_runtime_new(NULL);
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    give_back(all);
    limit(RLIMIT_AS, -1);
    CHECK(all && !es && !runtime && !parser);
    es = eventsource_new(check_url);
    runtime = eventsource_runtime_new(NULL);
    parser = eventsource_parser_new(&options);
    CHECK(es && runtime && parser);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    eventsource_free(es);
    eventsource_runtime_free(runtime);
    eventsource_parser_free(parser);
    if (!check_failed()) child_say("it went on");
    return 0;
}

static const role_t ROLES[] = {
    ROLE(without_threads),
    ROLE(without_descriptors),
    ROLE(without_the_next_descriptor),
    ROLE(without_memory),
    ROLE(without_memory_to_decode),
    ROLE(without_memory_for_an_errors_body),
    ROLE(without_memory_for_a_handle),
};

/* ---- Tests -------------------------------------------------------------------------------------------------------- */

static void check_goes_on(const char *role) {
    ended_t ended = child_run(role);
    CHECK_EXIT(&ended, 0);
    CHECK_TEXT(ended.output, "it went on\n");
}

static void a_shortage_of_threads_is_an_error_that_is_retried(void) {
    check_goes_on("without_threads");
}

static void a_shortage_of_descriptors_is_an_error_that_is_retried(void) {
    check_goes_on("without_descriptors");
}

static void a_shortage_of_any_descriptor_from_the_first_start_on_is_an_error(void) {
    check_goes_on("without_the_next_descriptor");
}

static void a_shortage_of_memory_for_an_event_is_an_error_that_is_retried(void) {
    check_goes_on("without_memory");
}

static void a_shortage_of_memory_to_decode_is_an_error_that_is_retried(void) {
    check_goes_on("without_memory_to_decode");
}

static void a_shortage_of_memory_for_an_errors_body_leaves_the_error(void) {
    check_goes_on("without_memory_for_an_errors_body");
}

static void a_constructor_returns_null_if_there_is_no_memory_for_a_handle(void) {
    check_goes_on("without_memory_for_a_handle");
}

CHECK_MAIN_WITH_ROLES(ROLES,
                      TEST(a_shortage_of_threads_is_an_error_that_is_retried),
                      TEST(a_shortage_of_descriptors_is_an_error_that_is_retried),
                      TEST(a_shortage_of_any_descriptor_from_the_first_start_on_is_an_error),
                      TEST(a_shortage_of_memory_for_an_event_is_an_error_that_is_retried),
                      TEST(a_shortage_of_memory_to_decode_is_an_error_that_is_retried),
                      TEST(a_shortage_of_memory_for_an_errors_body_leaves_the_error),
                      TEST(a_constructor_returns_null_if_there_is_no_memory_for_a_handle))
