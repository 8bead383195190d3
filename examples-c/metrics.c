/* Stays on event streams, and writes what they do as OpenMetrics text, for Prometheus and its like.
 *
 *     metrics FILE URL...    ends when all streams have ended
 *
 * FILE is written every ten seconds and at the end, whole or not at all, as the textfile collector of Prometheus' node exporter
 * expects it. A program with an HTTP server of its own would answer GET /metrics with the same text, of the type
 * "application/openmetrics-text; version=1.0.0; charset=utf-8".
 */
#include <eventsource.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)event;
    (void)user;
}

static void describe(FILE *out, const char *name, const char *type, const char *help) {
    fprintf(out, "# TYPE eventsource_%s %s\n# HELP eventsource_%s %s\n", name, type, name, help);
}

static void write_gauge(FILE *out, const char *name, const char *help, uint64_t value) {
    describe(out, name, "gauge", help);
    fprintf(out, "eventsource_%s %" PRIu64 "\n", name, value);
}

static void write_counter(FILE *out, const char *name, const char *help, uint64_t value) {
    describe(out, name, "counter", help);
    fprintf(out, "eventsource_%s_total %" PRIu64 "\n", name, value);
}

static void write_states(FILE *out, const eventsource_metrics_t *metrics) {
    describe(out, "clients", "gauge", "Clients by state.");
    fprintf(out, "eventsource_clients{state=\"connecting\"} %" PRIu64 "\n", metrics->connecting);
    fprintf(out, "eventsource_clients{state=\"open\"} %" PRIu64 "\n", metrics->open);
    fprintf(out, "eventsource_clients{state=\"waiting\"} %" PRIu64 "\n", metrics->waiting);
}

static void write_reconnects(FILE *out, const eventsource_metrics_t *metrics) {
    static const char FORMAT[] = "eventsource_reconnects_total{reason=\"%s\"} %" PRIu64 "\n";
    describe(out, "reconnects", "counter", "Attempts that were not the first of their client, by reason.");
    fprintf(out, FORMAT, "end", metrics->reconnects_end);
    fprintf(out, FORMAT, "connection", metrics->reconnects_connection);
    fprintf(out, FORMAT, "timeout", metrics->reconnects_timeout);
    fprintf(out, FORMAT, "response", metrics->reconnects_response);
    fprintf(out, FORMAT, "program", metrics->reconnects_program);
    fprintf(out, FORMAT, "other", metrics->reconnects_other);
}

/* OpenMetrics wants each bucket to count those before it, too. */
static void write_latency(FILE *out, const eventsource_metrics_t *metrics) {
    uint64_t count = 0, bound_us = 1;
    describe(out, "latency_seconds", "histogram", "Time from the read to the callback of an event.");
    fprintf(out, "# UNIT eventsource_latency_seconds seconds\n");
    for (int i = 0; i < EVENTSOURCE_LATENCY_BUCKETS - 1; i++, bound_us *= 4) {
        count += metrics->latency_counts[i];
        fprintf(out, "eventsource_latency_seconds_bucket{le=\"%.9g\"} %" PRIu64 "\n", (double)bound_us / 1e6, count);
    }
    count += metrics->latency_counts[EVENTSOURCE_LATENCY_BUCKETS - 1];
    fprintf(out, "eventsource_latency_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", count);
    fprintf(out, "eventsource_latency_seconds_sum %.9f\n", (double)metrics->latency_sum_ns / 1e9);
    fprintf(out, "eventsource_latency_seconds_count %" PRIu64 "\n", count);
}

static void write_metrics(FILE *out, const eventsource_metrics_t *metrics) {
    write_states(out, metrics);
    write_gauge(out, "threads", "Threads that run callbacks.", metrics->threads);
    write_gauge(out, "queued", "Clients that wait for a thread.", metrics->queued);
    write_counter(out, "starts", "Times that a client was started.", metrics->starts);
    write_counter(out, "attempts", "Attempts begun.", metrics->attempts);
    write_counter(out, "opens", "Streams opened.", metrics->opens);
    write_counter(out, "errors", "Failed attempts and lost streams.", metrics->errors);
    write_counter(out, "events", "Events delivered.", metrics->events);
    write_counter(out, "read_bytes", "Bytes of event streams read.", metrics->bytes);
    write_reconnects(out, metrics);
    write_latency(out, metrics);
    fprintf(out, "# EOF\n");
}

/* A reader finds the old text or the new one. */
static int replace_file(const char *path, eventsource_runtime_t *runtime) {
    char beside[4096];
    eventsource_metrics_t metrics;
    int length = snprintf(beside, sizeof beside, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof beside) return -1;
    if (eventsource_runtime_get_metrics(runtime, &metrics, sizeof metrics) != EVENTSOURCE_OK) return -1;
    FILE *out = fopen(beside, "w");
    if (!out) return -1;
    write_metrics(out, &metrics);
    int failed = ferror(out);
    return fclose(out) || failed || rename(beside, path) ? -1 : 0;
}

int main(int argc, char **argv) {
    int count = argc - 2, failed = 0;
    eventsource_t **clients = count > 0 ? calloc((size_t)count, sizeof *clients) : NULL;
    if (!clients) {
        fprintf(stderr, "Usage: metrics FILE URL...\n");
        return 2;
    }
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.measure_latency = 1;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    for (int i = 0; i < count; i++) {
        clients[i] = eventsource_new(argv[2 + i]);
        eventsource_set_runtime(clients[i], runtime);
        eventsource_on_event(clients[i], on_event);
        if (eventsource_start(clients[i]) != EVENTSOURCE_OK) fprintf(stderr, "%s cannot be started\n", argv[2 + i]);
    }
    for (int i = 0; i < count; i++) {
        eventsource_status_t end;
        while ((end = eventsource_wait(clients[i], 10000)) == EVENTSOURCE_ERR_TIMEOUT) failed |= replace_file(argv[1], runtime);
        failed |= end != EVENTSOURCE_OK;
        eventsource_free(clients[i]);
    }
    if (replace_file(argv[1], runtime)) {
        fprintf(stderr, "%s cannot be written\n", argv[1]);
        failed = 1;
    }
    eventsource_runtime_free(runtime);
    free(clients);
    return failed ? 1 : 0;
}
