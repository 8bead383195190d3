/* tail URL [COUNT]: prints the events of an event stream as they come, and ends in good order on SIGINT and SIGTERM. (The command
 * `eventsource tail` does the same, with options.)
 *
 * Threads: the library calls the callbacks below on its own threads, one at a time. The main thread sleeps in a read of
 * a pipe until a signal handler or on_close writes to it (the "self-pipe trick": write is one of the few functions that
 * a signal handler may call), and then frees the client, which stops it if need be.
 */
#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include "print.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    long left; /* 0 for no end */
    int failed;
} tail_t;

static int wake_pipe[2]; /* to the main thread; a signal handler has no other way to it than a global */

static void wake_main(void) {
    int saved_errno = errno;
    while (write(wake_pipe[1], "", 1) == -1 && errno == EINTR) {}
    errno = saved_errno;
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es, (void)user;
    fprintf(stderr, "open: %" PRId32 " from ", response->status);
    print_string(stderr, response->url);
    putc('\n', stderr);
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    tail_t *tail = user;
    print_event(event->type, event->type_len, event->data, event->data_len);
    if (ferror(stdout)) eventsource_stop(es); /* nobody reads on */
    /* Inside a callback this takes effect at once: not one event more is delivered. */
    if (--tail->left == 0) eventsource_stop(es);
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es, (void)user;
    print_error("error", error->message);
    if (error->will_retry) fprintf(stderr, "next attempt in %.1f s\n", (double)error->delay_ms / 1000);
    if (error->body_len > 0) { /* its first line often tells more than the status */
        fputs("    ", stderr);
        print_text(stderr, error->body, strcspn(error->body, "\r\n"));
        putc('\n', stderr);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es;
    tail_t *tail = user;
    tail->failed = close->reason != EVENTSOURCE_CLOSE_STOPPED;
    wake_main();
}

/* From the second signal on, should stdout be stuck, they end the program by themselves. */
static void on_signal(int number) {
    (void)number;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    wake_main();
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "Usage: tail URL [COUNT]\n");
        return 2;
    }
    tail_t tail = {.left = argc == 3 ? atol(argv[2]) : 0};
    if (pipe(wake_pipe) != 0) {
        perror("tail: no pipe");
        return 1;
    }
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN}; /* a closed output is an error of the write instead */
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);

    eventsource_t *es = eventsource_new(argv[1]);
    eventsource_set_user_data(es, &tail, NULL);
    eventsource_on_open(es, on_open);
    eventsource_on_event(es, on_event);
    eventsource_on_error(es, on_error);
    eventsource_on_close(es, on_close);
    eventsource_status_t started = eventsource_start(es); /* what was refused before is told here */
    if (started == EVENTSOURCE_OK) {
        char byte;
        while (read(wake_pipe[0], &byte, 1) == -1 && errno == EINTR) {}
    } else {
        char why[1024] = "";
        eventsource_get_last_error(es, why, sizeof why, NULL);
        print_error(argv[1], why);
        tail.failed = 1;
    }
    eventsource_free(es); /* returns after on_close */
    return tail.failed;
}
