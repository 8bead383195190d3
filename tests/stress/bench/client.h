/* What the clients in C have in common: the command line, what is counted, and what is reported.
 *
 *     client [--inline] [--stay] [--stamped] [--http2] [--reconnect] [--streams N] [--events N]
 *            [--step N] [--addresses N] [--ca FILE] URL
 *
 * It opens so many streams of the URL, some at a time, and prints a line of JSON when all are open, and another when it is
 * done: when all have ended, or, with --stay, when each has had so many events; then it stays until it is killed. It ends
 * with an error if any stream had more or fewer events than --events says. --stamped: data is the time at which it was
 * sent. --http2: HTTP/2 is spoken, without asking the server first. --step: how many connections may be under way.
 * --addresses: streams go by turns to so many addresses, from the URL's 127.0.0.1 on. --reconnect: a third line when all
 * streams have been lost and are open again. --inline means something to libeventsource only. */
#ifndef CLIENT_H
#define CLIENT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static struct {
    int is_inline, is_http2, stay, stamped, reconnect;
    int64_t streams, events, addresses;
    int64_t step; /* fewer than a listener's queue holds, or the system's retries are measured */
    char *ca; /* PEM, or NULL */
    const char *wish; /* what is to be on, or NULL; of ours.c alone */
    const char *url;
} options = {.streams = 1, .addresses = 1, .step = 250};

typedef struct {
    int64_t events, bytes;
    int64_t *delays; /* of the events, in nanoseconds; NULL if not stamped */
    int64_t lost_ns, reopened_ns; /* when, if it was; 0: not yet */
} stream_t;

static stream_t *streams; /* options.streams of them */

/* Of the process, so far. */
typedef struct {
    int64_t at_ns, user_us, sys_us;
} usage_t;

static inline void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    _Exit(1);
}

static inline int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline usage_t usage(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (usage_t){now_ns(), (int64_t)used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec,
                     (int64_t)used.ru_stime.tv_sec * 1000000 + used.ru_stime.tv_usec};
}

/* ---- The command line -------------------------------------------------------------------------------------------- */

static inline char *contents(const char *path) {
    static char text[65536];
    FILE *file = fopen(path, "r");
    if (!file) fail("no such file");
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static inline void parse_options(char **arguments) {
    for (; *++arguments && **arguments == '-';) {
        const char *name = *arguments;
        if (strcmp(name, "--inline") == 0) {
            options.is_inline = 1;
        } else if (strcmp(name, "--http2") == 0) {
            options.is_http2 = 1;
        } else if (strcmp(name, "--stay") == 0) {
            options.stay = 1;
        } else if (strcmp(name, "--stamped") == 0) {
            options.stamped = 1;
        } else if (strcmp(name, "--reconnect") == 0) {
            options.reconnect = 1;
        } else {
            const char *value = *++arguments;
            if (!value) fail("an option has no value");
            if (strcmp(name, "--streams") == 0) {
                options.streams = strtoll(value, NULL, 10);
            } else if (strcmp(name, "--events") == 0) {
                options.events = strtoll(value, NULL, 10);
            } else if (strcmp(name, "--wish") == 0) {
                options.wish = value;
            } else if (strcmp(name, "--step") == 0) {
                options.step = strtoll(value, NULL, 10);
            } else if (strcmp(name, "--addresses") == 0) {
                options.addresses = strtoll(value, NULL, 10);
            } else if (strcmp(name, "--ca") == 0) {
                options.ca = contents(value);
            } else {
                fail("no such option");
            }
        }
    }
    options.url = *arguments;
    if (!options.url || options.streams < 1) fail("Usage: client [options] URL");
    streams = calloc((size_t)options.streams, sizeof *streams);
    if (!streams) fail("no memory");
    for (int64_t i = 0; options.stamped && i < options.streams; i++) {
        streams[i].delays = calloc((size_t)options.events, sizeof *streams[i].delays);
        if (!streams[i].delays) fail("no memory");
    }
}

/* The URL of a stream; until the next call. */
static inline const char *url_of(int64_t stream) {
    static const char FIRST[] = "://127.0.0.1:";
    static char url[1024];
    const char *host = strstr(options.url, FIRST);
    if (options.addresses < 2) return options.url;
    if (!host) fail("not the address that others follow");
    snprintf(url, sizeof url, "%.*s://127.0.0.%d:%s", (int)(host - options.url), options.url,
             (int)(1 + stream % options.addresses), host + sizeof FIRST - 1);
    return url;
}

/* ---- Counting ---------------------------------------------------------------------------------------------------- */

/* Answers whether the stream has now had what --stay waits for. */
static inline int count_event(stream_t *stream, size_t length) {
    stream->bytes += (int64_t)length;
    return ++stream->events == options.events && options.stay;
}

static inline int count_stamped(stream_t *stream, const char *data, size_t length) {
    if (stream->events >= options.events) fail("more events than expected");
    stream->delays[stream->events] = now_ns() - strtoll(data, NULL, 10);
    return count_event(stream, length);
}

/* ---- Reporting --------------------------------------------------------------------------------------------------- */

static inline void report(const char *what, usage_t used, const char *more) {
    printf("{\"what\": \"%s\", \"at_ns\": %" PRId64 ", \"user_us\": %" PRId64 ", \"sys_us\": %" PRId64 "%s}\n", what,
           used.at_ns, used.user_us, used.sys_us, more);
    fflush(stdout);
}

static inline int ascending(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static inline void report_done(usage_t used) {
    char more[256];
    int64_t bytes = 0;
    for (int64_t i = 0; i < options.streams; i++) {
        bytes += streams[i].bytes;
        if (streams[i].events != options.events) fail("the number of events is not the one expected");
    }
    int64_t count = options.streams * options.events;
    int length = snprintf(more, sizeof more, ", \"events\": %" PRId64 ", \"bytes\": %" PRId64, count, bytes);
    if (options.stamped) {
        int64_t *all = malloc((size_t)count * sizeof *all);
        if (!all) fail("no memory");
        for (int64_t i = 0; i < options.streams; i++) {
            memcpy(all + i * options.events, streams[i].delays, (size_t)options.events * sizeof *all);
        }
        qsort(all, (size_t)count, sizeof *all, ascending);
        snprintf(more + length, sizeof more - (size_t)length, ", \"p50_ns\": %" PRId64 ", \"p99_ns\": %" PRId64,
                 all[count / 2], all[count * 99 / 100]);
        free(all);
    }
    report("done", used, more);
}

/* All streams were lost and are open again: how long the first of them and the last took, and which share of all came in
 * the tenth of a second that had most. */
static inline void report_reopened(usage_t used) {
    enum { WINDOW_NS = 100000000 };
    char more[256];
    int64_t first = INT64_MAX, last = 0, busiest = 0;
    int64_t *at = malloc((size_t)options.streams * sizeof *at);
    if (!at) fail("no memory");
    for (int64_t i = 0; i < options.streams; i++) {
        int64_t wait = streams[i].reopened_ns - streams[i].lost_ns;
        at[i] = streams[i].reopened_ns;
        if (wait < first) first = wait;
        if (wait > last) last = wait;
    }
    qsort(at, (size_t)options.streams, sizeof *at, ascending);
    for (int64_t from = 0, to = 0; to < options.streams; to++) {
        while (at[to] - at[from] >= WINDOW_NS) from++;
        if (to - from + 1 > busiest) busiest = to - from + 1;
    }
    free(at);
    snprintf(more, sizeof more, ", \"first_ns\": %" PRId64 ", \"last_ns\": %" PRId64 ", \"busiest\": %.4f", first, last,
             (double)busiest / (double)options.streams);
    report("reopened", used, more);
}

#endif
