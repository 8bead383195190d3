/* The benchmark's client on libeventsource; client.h has its command line. */
#define _POSIX_C_SOURCE 200809L

#include "client.h"

#include <eventsource.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

/* How many streams have got there, and who waits for how many. */
typedef struct {
    atomic_llong count, wanted;
    usage_t used; /* when the last of them did */
    sem_t reached;
} progress_t;

static progress_t opened, finished;

static void advance(progress_t *progress) {
    if (atomic_fetch_add(&progress->count, 1) + 1 == atomic_load(&progress->wanted)) {
        progress->used = usage();
        sem_post(&progress->reached);
    }
}

static void await(progress_t *progress) {
    while (sem_wait(&progress->reached) != 0) {}
}

#ifdef BENCH_FAULTY

/* bench-faulty: does everything that the quick form must find out. */

static void *sleep_on(void *unused) {
    pause();
    return unused;
}

static void take_memory_and_a_thread(void) {
    enum { TAKEN = 64 * 1024, THREADS = 4 };
    static atomic_int begun;
    pthread_t thread;
    memset(malloc(TAKEN), 1, TAKEN);
    if (atomic_fetch_add(&begun, 1) < THREADS) pthread_create(&thread, NULL, sleep_on, NULL);
}

/* Keeps each event, and takes longer for each. */
static void keep(const char *data) {
    enum { KEPT = 256, SLOWER = 4096 };
    static atomic_int count;
    char *copy = malloc(KEPT);
    if (!copy) fail("no memory");
    memset(copy, data[0], KEPT);
    int number = atomic_fetch_add(&count, 1);
    for (volatile int i = 0; number < SLOWER && i < number; i++) {}
}

#else

static void take_memory_and_a_thread(void) {}

static void keep(const char *data) {
    (void)data;
}

#endif

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es, (void)response;
    stream_t *stream = user;
    if (stream->lost_ns) stream->reopened_ns = now_ns();
    take_memory_and_a_thread();
    advance(&opened);
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    keep(event->data);
    if (count_event(user, event->data_len)) advance(&finished);
}

static void on_stamped_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    keep(event->data);
    if (count_stamped(user, event->data, event->data_len)) advance(&finished);
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    if (options.reconnect && atomic_load(&opened.count) >= options.streams) {
        ((stream_t *)user)->lost_ns = now_ns();
        return EVENTSOURCE_DECISION_DEFAULT;
    }
    if (error->code != EVENTSOURCE_ERR_END_OF_STREAM || options.stay) fail(error->message);
    advance(&finished);
    return EVENTSOURCE_DECISION_CLOSE;
}

static void must(eventsource_status_t status) {
    if (status != EVENTSOURCE_OK) fail(eventsource_status_text(status));
}

static void on_log(const eventsource_log_record_t *record, void *user) {
    (void)record, (void)user;
}

/* What is off by default and is measured when it is on, by --wish; the costs are in docs/features.md. */
static int is_wished(const char *name) {
    return options.wish && strcmp(options.wish, name) == 0;
}

static void fulfil_wish(eventsource_t *es) {
    if (is_wished("no-watch")) must(eventsource_set_watch_network(es, 0));
    if (is_wished("event-timeout")) must(eventsource_set_event_timeout(es, 3600 * 1000));
    if (is_wished("read-timeout")) must(eventsource_set_read_timeout(es, 3600 * 1000));
    if (is_wished("end-marker")) must(eventsource_set_end_marker(es, "[DONE]"));
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(eventsource_version()) < 0;
    parse_options(argv);
    sem_init(&opened.reached, 0, 0);
    sem_init(&finished.reached, 0, 0);
    atomic_store(&finished.wanted, options.streams);

    eventsource_t **clients = calloc((size_t)options.streams, sizeof *clients);
    eventsource_runtime_t *runtime = NULL;
    eventsource_runtime_options_t runtime_options;
    eventsource_runtime_options_init(&runtime_options, sizeof runtime_options);
    if (options.is_inline) runtime_options.dispatch = EVENTSOURCE_DISPATCH_INLINE;
    if (!clients) fail("no memory");
    if (is_wished("latency")) runtime_options.measure_latency = 1;
    if (is_wished("log")) must(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, on_log, NULL, NULL));
    if (options.is_inline || is_wished("latency")) {
        runtime = eventsource_runtime_new(&runtime_options);
        must(eventsource_runtime_check(runtime));
    }
    for (int64_t i = 0; i < options.streams; i++) {
        if (i % options.step == 0) {
            if (i > 0) await(&opened);
            atomic_store(&opened.wanted, options.streams - i < options.step ? options.streams : i + options.step);
        }
        clients[i] = eventsource_new(url_of(i));
        must(eventsource_check(clients[i]));
        if (runtime) must(eventsource_set_runtime(clients[i], runtime));
        if (options.ca) must(eventsource_set_ca_pem(clients[i], options.ca, strlen(options.ca)));
        if (options.is_http2) must(eventsource_set_http_version(clients[i], EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE));
        fulfil_wish(clients[i]);
        must(eventsource_set_max_event_size(clients[i], (size_t)1 << 30));
        must(eventsource_set_user_data(clients[i], &streams[i], NULL));
        must(eventsource_on_open(clients[i], on_open));
        must(eventsource_on_event(clients[i], options.stamped ? on_stamped_event : on_event));
        must(eventsource_on_error(clients[i], on_error));
        must(eventsource_start(clients[i]));
    }
    await(&opened);
    if (options.reconnect) atomic_store(&opened.wanted, 2 * options.streams);
    report("open", opened.used, "");
    if (options.reconnect) {
        await(&opened);
        report_reopened(opened.used);
    }

    await(&finished);
    report_done(finished.used);
    while (options.stay) pause();
    for (int64_t i = 0; i < options.streams; i++) eventsource_free(clients[i]);
    if (runtime) eventsource_runtime_free(runtime);
    return 0;
}
