/* Events in a Windows program that waits for messages and handles: no callback runs on another thread than main's.
 *
 *     windows_loop URL     prints each event; ends with the stream
 *
 * The runtime's descriptor is a SOCKET. WSAEventSelect ties it to an event object, and a loop waits for that beside its window
 * messages. Windows signals the event once, when callbacks become due. So the program dispatches until nothing is left.
 */
#include <eventsource.h>

#include "print.h"

#include <winsock2.h>
#include <windows.h>

#include <stdio.h>

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

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    loop_t *loop = user;
    loop->running = 0;
    if (close->reason != EVENTSOURCE_CLOSE_FAILED) return;
    tell(es, close->code);
    loop->failed = 1;
}

/* Runs the callbacks that are due, and those that become due meanwhile. */
static void dispatch(eventsource_runtime_t *runtime) {
    size_t ran = 1;
    while (ran > 0 && eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, &ran) == EVENTSOURCE_OK) {}
}

/* Until the stream has ended, or the program is told to quit. */
static int run(loop_t *loop, eventsource_runtime_t *runtime, eventsource_fd_t fd) {
    WSANETWORKEVENTS network;
    HANDLE due = WSACreateEvent();
    if (!due || WSAEventSelect(fd, due, FD_READ) != 0) return 0;
    while (loop->running) {
        MSG message;
        DWORD which = MsgWaitForMultipleObjects(1, &due, FALSE, INFINITE, QS_ALLINPUT);
        if (which == WAIT_FAILED) break;
        if (which == WAIT_OBJECT_0) {
            WSAEnumNetworkEvents(fd, due, &network); /* resets the event: before the callbacks, so that none is missed */
            dispatch(runtime);
        }
        while (PeekMessage(&message, NULL, 0, 0, PM_REMOVE)) {
            if (message.message == WM_QUIT) loop->running = 0;
            TranslateMessage(&message);
            DispatchMessage(&message);
        }
    }
    WSACloseEvent(due);
    return 1;
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "https://example.com/stream";
    loop_t loop = {1, 0};
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    eventsource_t *es = eventsource_new(url);
    eventsource_fd_t fd = INVALID_SOCKET;
    eventsource_set_runtime(es, runtime);
    eventsource_set_user_data(es, &loop, NULL);
    eventsource_on_event(es, on_event);
    eventsource_on_close(es, on_close);
    eventsource_status_t status = eventsource_start(es); /* what was refused before is told here */
    if (status == EVENTSOURCE_OK) status = eventsource_runtime_get_fd(runtime, &fd);
    if (status == EVENTSOURCE_OK && !run(&loop, runtime, fd)) loop.failed = 1;
    if (status != EVENTSOURCE_OK) tell(es, status);
    eventsource_free(es); /* if it still runs, on_close is called in here */
    eventsource_runtime_free(runtime);
    return status == EVENTSOURCE_OK && !loop.failed ? 0 : 1;
}
