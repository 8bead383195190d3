/* What the clients in C have in common: the command line, what is counted, and what is reported.
 *
 *     client [--inline] [--stay] [--stamped] [--http2] [--streams N] [--events N]
 *            [--ca FILE] URL
 *
 * It opens so many streams of the URL, some at a time, and prints a line of JSON when all are open, and another when it is
 * done: when all have ended, or, with --stay, when each has had so many events; then it stays until it is killed. It ends
 * with an error if any stream had more or fewer events than --events says. --stamped: data is the time at which it was
 * sent. --http2: HTTP/2 is spoken, without asking the server first. --inline means something to libeventsource only. */
#ifndef CLIENT_H
#define CLIENT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* How many connections may be under way: fewer than a listener's queue holds, or the system's retries are measured. */
enum { STEP = 250 };

static struct {
    int is_inline, is_http2, stay, stamped;
    int64_t streams, events;
    char *ca; /* PEM, or NULL */
    const char *wish; /* what is to be on, or NULL; of ours.c alone */
    const char *url;
} options = {.streams = 1};

typedef struct {
    int64_t events, bytes;
    int64_t *delays; /* of the events, in nanoseconds; NULL if not stamped */
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
        } else {
            const char *value = *++arguments;
            if (!value) fail("an option has no value");
            if (strcmp(name, "--streams") == 0) {
                options.streams = strtoll(value, NULL, 10);
            } else if (strcmp(name, "--events") == 0) {
                options.events = strtoll(value, NULL, 10);
            } else if (strcmp(name, "--wish") == 0) {
                options.wish = value;
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

#endif
