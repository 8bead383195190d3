/* Events in a program that has an event loop of its own: no callback runs on another thread than main's.
 *
 *     event_loop URL     prints each event; ends with the stream, or when a line is typed
 *
 * The runtime's descriptor is one more for the loop to wait for: it is readable while callbacks are due. So this works
 * alike with poll, epoll, kqueue, libuv, GLib or Qt.
 */
#include <eventsource.h>

#include "print.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/* The callbacks' user data. It needs no lock: they run on the loop's own thread. */
typedef struct {
    int running;
    int failed;
} loop_t;

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)user;
    print_event(event->type, event->type_len, event->data, event->data_len);
}

static void tell(eventsource_t *es, eventsource_status_t status) {
    char reason[256] = "";
    eventsource_get_last_error(es, reason, sizeof reason, NULL);
    print_error(eventsource_status_name(status), reason);
}

/* Only what is final: an error that is retried needs no attention. */
static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    loop_t *loop = user;
    loop->running = 0;
    if (close->reason != EVENTSOURCE_CLOSE_FAILED) return;
    tell(es, close->code);
    loop->failed = 1;
}

/* Until the stream has ended or a line has been typed. */
static void run(loop_t *loop, eventsource_runtime_t *runtime, eventsource_fd_t fd) {
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (loop->running) {
        char input[256];
        if (poll(fds, 2, -1) < 0) continue; /* interrupted by a signal */
        if (fds[0].revents && eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, NULL) != EVENTSOURCE_OK) break;
        if (fds[1].revents) {
            if (read(STDIN_FILENO, input, sizeof input) > 0) break;
            fds[1].fd = -1; /* nobody is there to type */
        }
    }
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "https://example.com/stream";
    loop_t loop = {.running = 1};
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    eventsource_t *es = eventsource_new(url);
    eventsource_fd_t fd = -1;
    eventsource_set_runtime(es, runtime);
    eventsource_set_user_data(es, &loop, NULL);
    eventsource_on_event(es, on_event);
    eventsource_on_close(es, on_close);
    eventsource_status_t status = eventsource_start(es); /* what was refused before is told here */
    if (status == EVENTSOURCE_OK) status = eventsource_runtime_get_fd(runtime, &fd);
    if (status == EVENTSOURCE_OK) run(&loop, runtime, fd);
    if (status != EVENTSOURCE_OK) tell(es, status);
    eventsource_free(es); /* if it still runs, on_close is called in here */
    eventsource_runtime_free(runtime);
    return status == EVENTSOURCE_OK && !loop.failed ? 0 : 1;
}
