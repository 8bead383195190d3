/* The totals of a runtime. */
#include "check.h"
#include "gate.h"
#include "peer.h"
#include "recorder.h"
#include "runtime.h"

static eventsource_metrics_t metrics_of(const eventsource_runtime_t *runtime) {
    eventsource_metrics_t metrics;
    CHECK_STATUS(eventsource_runtime_get_metrics(runtime, &metrics, sizeof metrics), EVENTSOURCE_OK);
    CHECK(metrics.size == sizeof metrics);
    return metrics;
}

static int64_t latencies(const eventsource_metrics_t *metrics) {
    int64_t count = 0;
    for (int i = 0; i < EVENTSOURCE_LATENCY_BUCKETS; i++) count += (int64_t)metrics->latency_counts[i];
    return count;
}

static void clients_are_counted_by_what_they_do(void) {
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_ISOLATED);
    recorder_t *connecting = on_runtime(recorder_new(peer.url), runtime);
    recorder_t *open = on_runtime(recorder_new("/hang-body"), runtime);
    recorder_t *waiting = on_runtime(recorder_new("/status/503?header=Retry-After:3600"), runtime);
    retry_initial(waiting);
    start(connecting);
    start(open);
    start(waiting);
    int fd = peer_accept(&peer);
    WAIT_FOR(open, "event", 1);
    WAIT_FOR(waiting, "error", 1);

    eventsource_metrics_t metrics = metrics_of(runtime);
    CHECK_NUMBER((int64_t)metrics.connecting, 1);
    CHECK_NUMBER((int64_t)metrics.open, 1);
    CHECK_NUMBER((int64_t)metrics.waiting, 1);
    CHECK(metrics.threads >= 1);

    recorder_end(connecting);
    recorder_end(open);
    recorder_end(waiting);
    metrics = metrics_of(runtime);
    CHECK(metrics.connecting == 0 && metrics.open == 0 && metrics.waiting == 0);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
}

static void what_clients_have_done_is_counted_also_when_they_are_gone(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_ISOLATED);
    eventsource_stats_t stats;
    uint64_t bytes = 0;
    for (int i = 0; i < 2; i++) {
        recorder_t *r = on_runtime(recorder_new("/events?count=4&per_connection=2&then=204"), runtime);
        start(r);
        wait_closed(r);
        CHECK_STATUS(eventsource_get_stats(r->es, &stats, sizeof stats), EVENTSOURCE_OK);
        bytes += stats.bytes;
        /* Its next run counts from there on, and on its own. */
        start(r);
        wait_closed(r);
        recorder_end(r);
    }
    eventsource_metrics_t metrics = metrics_of(runtime);
    CHECK_NUMBER((int64_t)metrics.starts, 4);
    CHECK_NUMBER((int64_t)metrics.events, 8);
    CHECK_NUMBER((int64_t)metrics.bytes, (int64_t)bytes);
    CHECK_NUMBER((int64_t)metrics.opens, 4);
    CHECK_NUMBER((int64_t)metrics.errors, 4);
    CHECK_NUMBER((int64_t)metrics.attempts, 8);
    CHECK_NUMBER((int64_t)metrics.reconnects_end, 4);
    eventsource_runtime_free(runtime);
}

static uint64_t reconnects(const eventsource_metrics_t *metrics) {
    return metrics->reconnects_end + metrics->reconnects_connection + metrics->reconnects_timeout +
           metrics->reconnects_response + metrics->reconnects_program + metrics->reconnects_other;
}

/* A client that makes attempts for this reason alone, at least one. */
static void check_reason(recorder_t *r, const char *line, size_t member) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_ISOLATED);
    retry_initial(on_runtime(r, runtime));
    start(r);
    WAIT_FOR(r, line, 2);
    stop(r);
    eventsource_metrics_t metrics = metrics_of(runtime);
    uint64_t count;
    memcpy(&count, (const char *)&metrics + member, sizeof count);
    CHECK(count >= 1);
    CHECK_NUMBER((int64_t)reconnects(&metrics), (int64_t)count);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

static int32_t reconnect_when_open(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_OPEN) CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void reconnects_are_counted_by_reason(void) {
#define REASON(line, member) check_reason(r, line, offsetof(eventsource_metrics_t, reconnects_##member))
    recorder_t *r = recorder_new("/events?count=9&per_connection=1");
    REASON("open", end);
    r = recorder_new("http://127.0.0.1:1/");
    REASON("error CONNECT", connection);
    r = recorder_new("/hang");
    CHECK_STATUS(eventsource_set_response_timeout(r->es, 1), EVENTSOURCE_OK);
    REASON("error RESPONSE_TIMEOUT", timeout);
    r = recorder_new("/status/503");
    REASON("error HTTP_STATUS", response);
    r = recorder_new("/hang-body");
    r->then = reconnect_when_open;
    REASON("open", program);
    r = recorder_new("/big");
    CHECK_STATUS(eventsource_set_max_event_size(r->es, 1), EVENTSOURCE_OK);
    REASON("error EVENT_TOO_LARGE", other);
}

static int32_t block_at_gate(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_OPEN) gate_pass(r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void clients_that_wait_for_a_thread_are_queued(void) {
    gate_t gate = GATE_CLOSED;
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_INLINE);
    recorder_t *blocks = on_runtime(recorder_new("/hang-body"), runtime);
    recorder_t *waits = on_runtime(recorder_new("/hang-body"), runtime);
    blocks->then = block_at_gate;
    blocks->pointer = &gate;
    start(blocks);
    gate_wait(&gate, 1);
    CHECK_NUMBER((int64_t)metrics_of(runtime).queued, 0);
    start(waits);
    eventsource_metrics_t metrics = metrics_of(runtime);
    CHECK_NUMBER((int64_t)metrics.queued, 1);
    CHECK_NUMBER((int64_t)metrics.threads, 1);
    gate_open(&gate);
    WAIT_FOR(waits, "event", 1);
    recorder_end(blocks);
    recorder_end(waits);
    eventsource_runtime_free(runtime);
}

/* A runtime with manual dispatch, on which an event waits for 50 ms to be dispatched. */
static eventsource_metrics_t metrics_of_an_event_that_waited(int32_t measure_latency) {
    peer_t peer = peer_listen("http");
    eventsource_fd_t due;
    eventsource_runtime_options_t options;
    CHECK_STATUS(eventsource_runtime_options_init(&options, sizeof options), EVENTSOURCE_OK);
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    options.measure_latency = measure_latency;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_get_fd(runtime, &due), EVENTSOURCE_OK);
    recorder_t *r = on_runtime(recorder_new(peer.url), runtime);
    start(r);
    int fd = peer_open(&peer);
    WAIT_ON(runtime, r, "open", 1);
    peer_say(fd, "data: 1\n\n");
    peer_wait(due);
    CHECK_NUMBER((int64_t)metrics_of(runtime).queued, 1);
    give_it_time(); /* which is what is measured */
    WAIT_ON(runtime, r, "event", 1);
    eventsource_metrics_t metrics = metrics_of(runtime);
    CHECK_NUMBER((int64_t)metrics.events, 1);
    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
    return metrics;
}

static void latencies_are_counted_if_the_runtime_measures_them(void) {
    eventsource_metrics_t metrics = metrics_of_an_event_that_waited(1);
    CHECK_NUMBER(latencies(&metrics), 1);
    CHECK(metrics.latency_sum_ns >= 50 * 1000 * 1000);
    for (int i = 0; i < EVENTSOURCE_LATENCY_BUCKETS; i++) {
        /* The event is in the first bucket whose bound it does not exceed. */
        uint64_t bound_ns = (uint64_t)1000 << (2 * i);
        if (metrics.latency_counts[i]) {
            CHECK(i == EVENTSOURCE_LATENCY_BUCKETS - 1 || metrics.latency_sum_ns <= bound_ns);
            CHECK(metrics.latency_sum_ns > bound_ns / 4);
        }
    }
    metrics = metrics_of_an_event_that_waited(0);
    CHECK_NUMBER(latencies(&metrics), 0);
    CHECK_NUMBER((int64_t)metrics.latency_sum_ns, 0);
}

static void null_is_the_shared_runtime(void) {
    eventsource_metrics_t metrics = metrics_of(NULL);
    CHECK(metrics.threads == 0 && metrics.starts == 0);
    recorder_t *r = recorder_new("/hang-body");
    start(r);
    WAIT_FOR(r, "event", 1);
    metrics = metrics_of(NULL);
    CHECK(metrics.open == 1 && metrics.events == 1 && metrics.threads >= 1);
    recorder_end(r);
    metrics = metrics_of(NULL);
    CHECK(metrics.threads == 0 && metrics.starts == 0);
}

CHECK_MAIN(TEST(clients_are_counted_by_what_they_do),
           TEST(what_clients_have_done_is_counted_also_when_they_are_gone),
           TEST(reconnects_are_counted_by_reason),
           TEST(clients_that_wait_for_a_thread_are_queued),
           TEST(latencies_are_counted_if_the_runtime_measures_them),
           TEST(null_is_the_shared_runtime))
