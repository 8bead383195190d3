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
    eventsource_status_t status = eventsource_new(url, &stream->es);
    eventsource_reconnect_t policy = {.size = sizeof policy};
    if (status == EVENTSOURCE_OK) status = eventsource_get_reconnect(stream->es, &policy);
    policy.retry_initial = 1; /* thousands of connections at once: a few may fail at first */
    if (status == EVENTSOURCE_OK) status = eventsource_set_reconnect(stream->es, &policy);
    if (status == EVENTSOURCE_OK) status = eventsource_set_user_data(stream->es, stream, NULL);
    if (status == EVENTSOURCE_OK) status = eventsource_on_event(stream->es, on_event);
    if (status == EVENTSOURCE_OK) status = eventsource_start(stream->es);
    return status;
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
    for (long i = 0; i < count && status == EVENTSOURCE_OK; i++) status = start(&streams[i], argv[2]);
    if (status != EVENTSOURCE_OK) fprintf(stderr, "%s: %s\n", argv[2], eventsource_status_name(status));
    for (long i = 0; i < count; i++) {
        /* A stream that never started has ended. */
        if (status == EVENTSOURCE_OK) eventsource_wait(streams[i].es, EVENTSOURCE_FOREVER);
        eventsource_free(streams[i].es);
        events += streams[i].events;
    }
    printf("%" PRIu64 " events of %ld streams\n", events, count);
    free(streams);
    return status == EVENTSOURCE_OK ? 0 : 1;
}
