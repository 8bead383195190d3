/* Threads that callbacks block are replaced, and only those; and where that cannot be done, the log says so, once. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "check.h"
#include "gate.h"
#include "peer.h"
#include "process.h"
#include "recorder.h"

#include <dlfcn.h>
#include <stdatomic.h>

/* ---- A system that has no threads left: the library calls what the program exports ----------------------------------- */

static atomic_int has_no_threads, refusals;

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
                   void *restrict argument) {
    static _Atomic(void *) systems;
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (atomic_load(&has_no_threads)) {
        atomic_fetch_add(&refusals, 1);
        return EAGAIN;
    }
    if (!atomic_load(&systems)) atomic_store(&systems, dlsym(RTLD_NEXT, "pthread_create"));
    void *found = atomic_load(&systems);
    memcpy(&create, &found, sizeof create);
    return create(thread, attributes, run, argument);
}

/* ---- The log --------------------------------------------------------------------------------------------------------- */

static atomic_int begins, ends, others;

static void count_records_of_trouble(const eventsource_log_record_t *record, void *user) {
    const char *message = record->text;
    (void)user;
    CHECK_NUMBER(record->kind, EVENTSOURCE_LOG_KIND_THREAD);
    CHECK_NUMBER((int64_t)record->client, 0); /* it is about all of them */
    if (strstr(message, "no thread can be started")) {
        atomic_fetch_add(&begins, 1);
    } else if (strstr(message, "threads can be started again")) {
        atomic_fetch_add(&ends, 1);
    } else {
        atomic_fetch_add(&others, 1);
    }
}

static void wait_until_at_least(atomic_int *number, int expected) {
    int64_t deadline = now_ms() + (check_failed() ? 0 : check_seconds * 1000 * check_slow);
    struct timespec moment = {.tv_nsec = 1000 * 1000};
    while (atomic_load(number) < expected && now_ms() < deadline) nanosleep(&moment, NULL);
    CHECK(atomic_load(number) >= expected);
}

static gate_t gate = GATE_CLOSED;

static int32_t block(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)payload;
    if (kind == ON_EVENT) gate_pass(&gate);
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* More than there are threads where nothing blocks. */
enum { BLOCKED = 8 };

/* With callbacks that block, on a system without threads; `relief` ends that in one way or another. */
static void check_trouble(void (*relief)(void)) {
    recorder_t *blocked[BLOCKED], *other = recorder_new("/hang-body");
    atomic_store(&begins, 0);
    atomic_store(&ends, 0);
    atomic_store(&others, 0);
    atomic_store(&refusals, 0);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_WARNING, count_records_of_trouble, NULL, NULL),
                 EVENTSOURCE_OK);
    start(other); /* makes the threads that there are */
    WAIT_FOR(other, "event", 1);
    atomic_store(&has_no_threads, 1);
    for (int i = 0; i < BLOCKED; i++) {
        blocked[i] = recorder_new("/hang-body");
        blocked[i]->then = block;
        start(blocked[i]);
    }
    gate_wait(&gate, 1);
    int64_t begin = now_ms();
    wait_until_at_least(&refusals, 10);
    /* The alarm rings two hundred times a second. */
    CHECK(atomic_load(&refusals) <= 10 + (now_ms() - begin) / 20);
    CHECK_NUMBER(begins, 1);
    CHECK_NUMBER(ends, 0);
    relief();
    wait_until_at_least(&ends, 1);
    CHECK_NUMBER(begins, 1);
    CHECK_NUMBER(ends, 1);
    CHECK_NUMBER(others, 0);
    atomic_store(&has_no_threads, 0);
    gate_open(&gate);
    for (int i = 0; i < BLOCKED; i++) recorder_end(blocked[i]);
    recorder_end(other);
    gate_reset(&gate);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
}

static void let_threads_start(void) {
    atomic_store(&has_no_threads, 0);
}

static void return_from_the_callback(void) {
    gate_open(&gate);
}

static void that_no_thread_can_be_started_is_logged_once_and_so_is_its_end(void) {
    check_trouble(let_threads_start);
}

static void likewise_where_it_ends_because_none_is_needed_any_more(void) {
    check_trouble(return_from_the_callback);
}

CHECK_MAIN(TEST(that_no_thread_can_be_started_is_logged_once_and_so_is_its_end),
           TEST(likewise_where_it_ends_because_none_is_needed_any_more))
