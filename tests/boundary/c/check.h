/* What the C tests need of a test framework. Include it first.
 *
 * A check that fails is printed, and the test goes on, so that it cleans up; from then on it no longer waits for
 * anything. Checks may be made on any thread.
 *
 *     program URL [[-]NAME]    URL: the test server's, without a path; NAME: run only the tests that have it in their name;
 *                              -NAME: only those that have not
 *
 * CHECK_SLOW in the environment multiplies every time limit, for valgrind and the like. CHECK_SECONDS is how long what the
 * program waits for may take, instead of thirty seconds; for runs that are meant to fail. CHECK_SKIP names tests that are left
 * out, with commas around each; for systems on which they cannot run.
 */
#ifndef CHECK_H
#define CHECK_H

#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include "../../support/windows/posix.h"
#endif

typedef struct {
    const char *name;
    void (*run)(void);
} test_t;

static const char *check_url;  /* the test server's */
static int check_slow = 1;     /* what time limits are multiplied by */
static int check_seconds = 30; /* how long a wait may take */
static int check_failures;     /* of the running test; behind the mutex */
static pthread_mutex_t check_mutex = PTHREAD_MUTEX_INITIALIZER;

#define CHECK(condition) check_that((condition) != 0, __FILE__, __LINE__, "%s", #condition)
#define CHECK_STATUS(call, expected) check_status((call), (expected), __FILE__, __LINE__, #call)
#define CHECK_NUMBER(actual, expected) check_number((actual), (expected), __FILE__, __LINE__, #actual)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), __FILE__, __LINE__, #actual)

/* The tests of a program: CHECK_MAIN(TEST(one), TEST(two)) */
#define TEST(function) {#function, function}
#define CHECK_MAIN(...)                                                                    \
    int main(int argc, char **argv) {                                                      \
        static const test_t tests[] = {__VA_ARGS__};                                       \
        return check_main(argc, argv, tests, sizeof tests / sizeof *tests);                \
    }

static inline int check_failed(void) {
    pthread_mutex_lock(&check_mutex);
    int failed = check_failures > 0;
    pthread_mutex_unlock(&check_mutex);
    return failed;
}

static inline void check_that(int holds, const char *file, int line, const char *format, ...) {
    if (holds) return;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&check_mutex);
    check_failures++;
    fprintf(stderr, "\n    %s:%d: not so: ", file, line);
    vfprintf(stderr, format, arguments);
    pthread_mutex_unlock(&check_mutex);
    va_end(arguments);
}

static inline void check_status(eventsource_status_t actual, eventsource_status_t expected, const char *file, int line, const char *call) {
    check_that(actual == expected, file, line, "%s answers %s\n        but: %s", call,
               eventsource_status_name(expected), eventsource_status_name(actual));
}

static inline void check_number(int64_t actual, int64_t expected, const char *file, int line, const char *what) {
    check_that(actual == expected, file, line, "%s is %" PRId64 "\n        but: %" PRId64, what, expected, actual);
}

static inline void check_text(const char *actual, const char *expected, const char *file, int line, const char *what) {
    check_that(actual && strcmp(actual, expected) == 0, file, line, "%s is\n%s\n        but:\n%s", what, expected,
               actual ? actual : "NULL");
}

/* Milliseconds since some moment. */
static inline int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* When a wait that begins now must end: after check_seconds, or at once in a test that has failed already. */
static inline struct timespec check_deadline(void) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    if (!check_failed()) deadline.tv_sec += check_seconds * check_slow;
    return deadline;
}

static inline void check_begin(const char *url) {
    const char *slow = getenv("CHECK_SLOW"), *seconds = getenv("CHECK_SECONDS");
    check_url = url;
    if (slow && atoi(slow) > 0) check_slow = atoi(slow);
    if (seconds && atoi(seconds) > 0) check_seconds = atoi(seconds);
}

/* Whether the system that this runs on is one on which the test cannot. */
static inline int check_is_skipped(const char *name) {
    const char *skipped = getenv("CHECK_SKIP");
    char marked[256];
    snprintf(marked, sizeof marked, ",%s,", name);
    return skipped && strstr(skipped, marked) != NULL;
}

static inline int check_main(int argc, char **argv, const test_t *tests, size_t count) {
    const char *name = argc > 2 ? argv[2] : "";
    int others = *name == '-';
    int failed = 0;
    if (argc < 2) {
        fprintf(stderr, "Usage: %s URL [[-]NAME]\n", argv[0]);
        return 2;
    }
    check_begin(argv[1]);
    for (size_t i = 0; i < count; i++) {
        int has_it = strstr(tests[i].name, name + others) != NULL;
        if (has_it == others) continue;
        if (check_is_skipped(tests[i].name)) {
            fprintf(stderr, "%s ... skipped\n", tests[i].name);
            continue;
        }
        check_failures = 0;
        fprintf(stderr, "%s ...", tests[i].name);
        tests[i].run();
        fprintf(stderr, check_failed() ? "\n    FAILED\n" : " ok\n");
        failed += check_failed();
    }
    fprintf(stderr, failed ? "%d FAILED\n" : "all ok\n", failed);
    return failed > 0;
}

#endif
