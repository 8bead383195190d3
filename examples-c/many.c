/* Many streams in one process: they share the library's threads, which stay two however many streams there are.
 *
 *     many N URL     opens N streams; ends when all have ended, and tells what came
 *
 * The callbacks of one stream come one at a time, those of several at the same time: what they share needs atomics or a
 * lock. Each open stream takes a file descriptor, so many of them need a higher `ulimit -n`.
 */
#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    eventsource_t *es;
    uint64_t events; /* only this stream's callbacks touch it */
} stream_t;

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)event;
    ((stream_t *)user)->events++;
}

static eventsource_status_t start(stream_t *stream, const char *url) {
    eventsource_reconnect_t policy;
    stream->es = eventsource_new(url);
    eventsource_get_reconnect(stream->es, &policy, sizeof policy);
    policy.retry_initial = 1; /* thousands of connections at once: a few may fail at first */
    eventsource_set_reconnect(stream->es, &policy);
    eventsource_set_user_data(stream->es, stream, NULL);
    eventsource_on_event(stream->es, on_event);
    return eventsource_start(stream->es); /* what was refused before is told here */
}

int main(int argc, char **argv) {
    long count = argc == 3 ? atol(argv[1]) : 0;
    stream_t *streams = count > 0 ? calloc((size_t)count, sizeof *streams) : NULL;
    if (!streams) {
        fprintf(stderr, "Usage: many N URL\n");
        return 2;
    }
    eventsource_status_t status = EVENTSOURCE_OK;
    uint64_t events = 0;
    long failed = 0;
    for (long i = 0; i < count && status == EVENTSOURCE_OK; i++) status = start(&streams[i], argv[2]);
    if (status != EVENTSOURCE_OK) fprintf(stderr, "%s: %s\n", argv[2], eventsource_status_name(status));
    for (long i = 0; i < count; i++) {
        /* Unless one could not be started: then all are ended. */
        if (status == EVENTSOURCE_OK) failed += eventsource_wait(streams[i].es, EVENTSOURCE_NO_LIMIT) != EVENTSOURCE_OK;
        eventsource_free(streams[i].es);
        events += streams[i].events;
    }
    printf("%" PRIu64 " events of %ld streams\n", events, count);
    if (failed) fprintf(stderr, "%ld streams failed\n", failed);
    free(streams);
    return status == EVENTSOURCE_OK && !failed ? 0 : 1;
}
