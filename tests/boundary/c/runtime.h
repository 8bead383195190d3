/* Runtimes for tests, and how to get on where somebody has to dispatch. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "peer.h"
#include "recorder.h"

static const int32_t DISPATCHES[] = {EVENTSOURCE_DISPATCH_ISOLATED, EVENTSOURCE_DISPATCH_INLINE,
                                     EVENTSOURCE_DISPATCH_MANUAL};
enum { DISPATCH_COUNT = sizeof DISPATCHES / sizeof *DISPATCHES };

static inline eventsource_runtime_t *runtime_new(int32_t dispatch) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = dispatch;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    return runtime;
}

/* Puts a recorder's client on a runtime. */
static inline recorder_t *on_runtime(recorder_t *r, eventsource_runtime_t *runtime) {
    CHECK_STATUS(eventsource_set_runtime(r->es, runtime), EVENTSOURCE_OK);
    return r;
}

/* This thread is in `dispatch`. */
static _Thread_local int is_dispatching;

/* eventsource_runtime_dispatch; answers how many turns have been run. */
static inline size_t dispatch(eventsource_runtime_t *runtime, int64_t timeout_ms, int64_t max) {
    size_t ran = SIZE_MAX;
    is_dispatching = 1;
    CHECK_STATUS(eventsource_runtime_dispatch(runtime, timeout_ms, max, &ran), EVENTSOURCE_OK);
    is_dispatching = 0;
    return ran;
}

static inline int is_manual(eventsource_runtime_t *runtime) {
    eventsource_fd_t fd;
    return eventsource_runtime_get_fd(runtime, &fd) == EVENTSOURCE_OK;
}

/* As WAIT_FOR; dispatches meanwhile, if that is what it takes. */
#define WAIT_ON(runtime, r, beginning, count) runtime_wait((runtime), (r), (beginning), (count), __FILE__, __LINE__)
static inline void runtime_wait(eventsource_runtime_t *runtime, recorder_t *r, const char *beginning, int64_t count,
                                const char *file, int line) {
    if (is_manual(runtime)) {
        int64_t deadline = now_ms() + check_seconds * 1000 * check_slow;
        while (count_lines(r, beginning) < count && now_ms() < deadline && !check_failed()) dispatch(runtime, 100, EVENTSOURCE_NO_LIMIT);
    }
    recorder_wait(r, beginning, (size_t)count, file, line);
}

/* Ends a client where it is, and waits for that. */
static inline void stop_on(eventsource_runtime_t *runtime, recorder_t *r) {
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    WAIT_ON(runtime, r, "close", r->runs);
    wait_closed(r);
}

/* Waits until a client has read so many bytes of its stream, delivered or not. */
static inline void wait_for_bytes(recorder_t *r, uint64_t bytes) {
    eventsource_stats_t stats;
    struct timespec moment = {.tv_nsec = 1000 * 1000};
    int64_t deadline = now_ms() + check_seconds * 1000 * check_slow;
    do {
        CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
        if (stats.bytes >= bytes) return;
        nanosleep(&moment, NULL); /* nobody tells */
    } while (now_ms() < deadline && !check_failed());
    check_that(check_failed(), __FILE__, __LINE__, "it has read %" PRIu64 " bytes\n        but: %" PRIu64, bytes,
               stats.bytes);
}

enum { READ_AT_ONCE = 256 * 1024 };

/* Floods a client that does not read: that makes the server wait, and the client holds no more than it reads at once.
 * Answers how many events are on their way. */
static inline int64_t check_flood(recorder_t *r, int fd) {
    eventsource_stats_t stats;
    size_t taken = peer_flood(fd);
    CHECK(taken < FLOOD_MOST);
    CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK(stats.bytes > 0 && stats.bytes <= READ_AT_ONCE); /* the rest is with the system */
    return (int64_t)(taken / FLOOD_EVENT);
}

/* Time in which what must not happen would. That nothing happens cannot be waited for; a machine that is too slow for
 * this only hides a fault, and makes up none. */
static inline void give_it_time(void) {
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
}

#endif
