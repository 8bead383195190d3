/* reconnect [--count N] URL: shows that a stream which the server cuts goes on by itself, and that nothing is lost.
 *
 * The server is one that sends events with the ids 1, 2, 3, …, cuts the connection now and then, and on a request with
 * Last-Event-ID goes on after that event. This program prints what happens until event N (default 9) has come, stops,
 * and ends with status 0 only if every event came once and in order, the connection was lost at least once, and the
 * client closed as it promises to. `cmake --workflow --preset demo` runs it.
 */
#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include "print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The callbacks' user data. It needs no lock: one client's callbacks run one at a time, and main looks at it only after
 * eventsource_wait. */
typedef struct {
    struct timespec start;
    long count;    /* how many events to wait for */
    long received; /* the last event that came in order */
    int opens;
    int closes;
    int failed; /* something was not as promised */
} progress_t;

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Begins a line: when, what. */
static void begin(progress_t *progress, const char *what) {
    printf("%6.2f s  %-9s  ", seconds_since(&progress->start), what);
    if (progress->closes > 0) {
        printf("(after on_close!) ");
        progress->failed = 1;
    }
}

static void end(void) {
    putchar('\n');
    fflush(stdout);
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    progress_t *progress = user;
    char id[64] = "";
    eventsource_get_last_event_id(es, id, sizeof id, NULL);
    begin(progress, progress->opens++ == 0 ? "opened" : "reopened");
    printf("HTTP %" PRId32, response->status);
    if (*id) {
        printf(", to go on after event ");
        print_string(stdout, id);
    }
    end();
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    progress_t *progress = user;
    char *rest;
    long id = strtol(event->last_event_id, &rest, 10);
    begin(progress, "event");
    print_text(stdout, event->last_event_id, event->last_event_id_len);
    printf("  \"");
    print_text(stdout, event->data, event->data_len);
    printf("\"");
    if (*rest || id != progress->received + 1) {
        printf("  but event %ld was to come", progress->received + 1);
        progress->failed = 1;
    }
    end();
    progress->received = id;
    if (id == progress->count) eventsource_stop(es); /* no further event comes, only on_close */
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    begin(user, error->attempt == 0 ? "lost" : "failed");
    print_text(stdout, error->message, error->message_len);
    printf("; ");
    if (error->will_retry) {
        printf("next attempt in %.2f s", (double)error->delay_ms / 1e3);
    } else {
        printf("giving up");
    }
    end();
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    progress_t *progress = user;
    (void)es;
    begin(progress, "closed");
    if (close->reason == EVENTSOURCE_CLOSE_STOPPED) {
        printf("as asked");
    } else {
        printf(close->reason == EVENTSOURCE_CLOSE_SERVER ? "by the server" : "by an error");
        progress->failed = 1;
    }
    end();
    progress->closes++;
}

/* The last line, and the exit status. */
static int conclude(const progress_t *progress) {
    int reconnects = progress->opens - 1;
    if (progress->received != progress->count) {
        printf("\nFAILED: %ld of %ld events came.\n", progress->received, progress->count);
    } else if (reconnects < 1) {
        printf("\nFAILED: the connection was never lost, so nothing was shown.\n");
    } else if (progress->closes != 1) {
        printf("\nFAILED: on_close came %d times.\n", progress->closes);
    } else if (progress->failed) {
        printf("\nFAILED: see above.\n");
    } else {
        printf("\nAll %ld events came once and in order, over %d reconnects.\n", progress->count, reconnects);
        return 0;
    }
    return 1;
}

static void configure(eventsource_t *es, progress_t *progress) {
    eventsource_reconnect_t policy;
    eventsource_get_reconnect(es, &policy, sizeof policy);
    policy.max_attempts = 5; /* a server that is gone for good ends the demonstration */
    eventsource_set_reconnect(es, &policy);
    eventsource_set_user_data(es, progress, NULL);
    eventsource_on_open(es, on_open);
    eventsource_on_event(es, on_event);
    eventsource_on_error(es, on_error);
    eventsource_on_close(es, on_close);
}

int main(int argc, char **argv) {
    progress_t progress = {.count = 9};
    char *rest = "";
    if (argc == 4 && strcmp(argv[1], "--count") == 0) {
        errno = 0;
        progress.count = strtol(argv[2], &rest, 10);
    } else if (argc != 2) {
        rest = "?";
    }
    if (*rest || errno == ERANGE || progress.count < 1) {
        fprintf(stderr, "Usage: reconnect [--count N] URL\n");
        return 2;
    }

    const char *url = argv[argc - 1];
    eventsource_t *es = eventsource_new(url);
    configure(es, &progress);
    eventsource_status_t status = eventsource_check(es);
    if (status != EVENTSOURCE_OK) {
        char why[1024] = "";
        eventsource_get_last_error(es, why, sizeof why, NULL);
        fprintf(stderr, "reconnect: %s: %s\n", url, why);
        eventsource_free(es);
        return 2;
    }
    printf("Listening to %s\n\n", url);
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    status = eventsource_start(es);
    if (status == EVENTSOURCE_OK) {
        status = eventsource_wait(es, 60 * 1000);
    }
    eventsource_free(es); /* stops it where it still runs, and waits for on_close */
    if (status != EVENTSOURCE_OK) {
        printf("\nFAILED: %s\n", eventsource_status_name(status));
        return 1;
    }
    return conclude(&progress);
}
