/* Keeps what the library logs, for tests to look at. */
#ifndef LOGGED_H
#define LOGGED_H

#include "recorder.h"

typedef struct {
    pthread_mutex_t mutex;
    char *lines; /* "LEVEL CLIENT NAME ATTEMPT ORIGIN KIND TEXT\n", with - for what there is not */
    int32_t most_detailed;
    int of_no_client; /* how many records have no client, but for those of the network, which is the process's */
    int destroys;
    void (*then)(void);
} logged_t;

static inline const char *kind_name(int32_t kind) {
    static const char *const NAMES[] = {"none", "request", "redirect", "open",   "error", "wait",
                                        "close", "http",    "tls",      "call",   "thread", "fault",
                                        "network"};
    CHECK(kind >= EVENTSOURCE_LOG_KIND_REQUEST && kind <= EVENTSOURCE_LOG_KIND_NETWORK);
    return NAMES[kind >= 0 && kind <= EVENTSOURCE_LOG_KIND_NETWORK ? kind : 0];
}

static inline void on_log(const eventsource_log_record_t *record, void *user) {
    logged_t *logged = user;
    CHECK(record->size >= sizeof *record);
    CHECK(strlen(record->name) == record->name_len);
    CHECK(strlen(record->origin) == record->origin_len);
    CHECK(record->text_len > 0 && strlen(record->text) == record->text_len && strchr(record->text, '\n') == NULL);
    CHECK(record->client || (!record->name_len && !record->attempt && !record->origin_len));
    pthread_mutex_lock(&logged->mutex);
    char *lines = join("%s%" PRId32 " %" PRIu64 " %s %" PRIu64 " %s %s %s\n", logged->lines, (int32_t)record->level,
                       record->client, *record->name ? record->name : "-", record->attempt,
                       *record->origin ? record->origin : "-", kind_name(record->kind), record->text);
    free(logged->lines);
    logged->lines = lines;
    if (record->level > logged->most_detailed) logged->most_detailed = record->level;
    logged->of_no_client += record->client == 0 && record->kind != EVENTSOURCE_LOG_KIND_NETWORK;
    CHECK_NUMBER(logged->destroys, 0);
    pthread_mutex_unlock(&logged->mutex);
    if (logged->then) logged->then();
}

static inline void on_destroy_log(void *user) {
    logged_t *logged = user;
    pthread_mutex_lock(&logged->mutex);
    logged->destroys++;
    pthread_mutex_unlock(&logged->mutex);
}

static inline logged_t *log_new(int32_t level) {
    logged_t *logged = calloc(1, sizeof *logged);
    if (!logged) abort();
    pthread_mutex_init(&logged->mutex, NULL);
    logged->lines = join("%s", "");
    CHECK_STATUS(eventsource_log_set_callback(level, on_log, logged, on_destroy_log), EVENTSOURCE_OK);
    return logged;
}

/* Ends logging, if that has not happened. Nothing uses this any more then. */
static inline void log_end(logged_t *logged) {
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
    CHECK_NUMBER(logged->destroys, 1);
    pthread_mutex_destroy(&logged->mutex);
    free(logged->lines);
    free(logged);
}

/* A stream with a redirect, a loss and a refused call: something for every level but those of faults. */
static inline void run_something(void) {
    recorder_t *r = recorder_new("/redirect?to=/events%3Fcount%3D1%26then%3D204");
    CHECK_STATUS(eventsource_set_method(r->es, "G ET"), EVENTSOURCE_ERR_METHOD);
    CHECK_STATUS(eventsource_set_method(r->es, "GET"), EVENTSOURCE_OK);
    start(r);
    wait_closed(r);
    recorder_end(r);
}

#endif
