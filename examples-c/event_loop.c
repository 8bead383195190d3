/* Events in a program that has an event loop of its own: no callback runs on another thread than main's.
 *
 *     event_loop URL     prints each event; ends with the stream, or when a line is typed
 *
 * The runtime's descriptor is one more for the loop to wait for: it is readable while callbacks are due. So this works
 * alike with poll, epoll, kqueue, libuv, GLib or Qt.
 */
#include <eventsource.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)user;
    printf("%s: %s\n", event->type, event->data);
}

static int32_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    (void)user;
    fprintf(stderr, "%s\n", error->message);
    return EVENTSOURCE_DEFAULT;
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es;
    (void)close;
    *(int *)user = 0; /* no lock: this is the loop's own thread */
}

int main(int argc, char **argv) {
    eventsource_runtime_options_t options = {.size = sizeof options, .dispatch = EVENTSOURCE_DISPATCH_MANUAL};
    eventsource_runtime_t *runtime = NULL;
    eventsource_t *es = NULL;
    int32_t fd = -1;
    int running = 1;

    if (argc != 2) {
        fprintf(stderr, "Usage: %s URL\n", argv[0]);
        return 2;
    }
    if (eventsource_runtime_new(&options, &runtime) != EVENTSOURCE_OK) return 1;
    if (eventsource_runtime_fd(runtime, &fd) != EVENTSOURCE_OK) return 1;
    if (eventsource_new(argv[1], &es) != EVENTSOURCE_OK) return 1;
    eventsource_set_runtime(es, runtime);
    eventsource_set_user_data(es, &running, NULL);
    eventsource_on_event(es, on_event);
    eventsource_on_error(es, on_error);
    eventsource_on_close(es, on_close);
    if (eventsource_start(es) != EVENTSOURCE_OK) return 1;

    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (running) {
        char input[256];
        poll(fds, 2, -1);
        if (fds[0].revents) eventsource_runtime_dispatch(runtime, 0, 0, NULL);
        if (fds[1].revents) {
            if (read(STDIN_FILENO, input, sizeof input) > 0) break;
            fds[1].fd = -1; /* nobody is there to type */
        }
    }

    eventsource_free(es); /* if it still runs, on_close is called in here */
    eventsource_runtime_free(runtime);
    return 0;
}
