/* Events in GLib's main loop, as in a GTK program: every callback runs on its thread.
 *
 *     glib_loop URL     prints each event; ends with the stream
 */
#include <eventsource.h>

#include "print.h"

#include <glib-unix.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)user;
    print_event(event->type, event->type_len, event->data, event->data_len);
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es;
    (void)close;
    g_main_loop_quit(user);
}

/* The runtime's descriptor is readable: callbacks are due. */
static gboolean dispatch(gint fd, GIOCondition condition, gpointer runtime) {
    (void)fd;
    (void)condition;
    eventsource_status_t status = eventsource_runtime_dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT, NULL);
    return status == EVENTSOURCE_OK ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "https://example.com/stream";
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    eventsource_t *es = eventsource_new(url);
    eventsource_fd_t fd = -1;
    eventsource_set_runtime(es, runtime);
    eventsource_set_user_data(es, loop, NULL);
    eventsource_on_event(es, on_event);
    eventsource_on_close(es, on_close);
    eventsource_status_t status = eventsource_start(es); /* what was refused before is told here */
    if (status == EVENTSOURCE_OK) status = eventsource_runtime_get_fd(runtime, &fd);
    if (status == EVENTSOURCE_OK) {
        guint source = g_unix_fd_add(fd, G_IO_IN, dispatch, runtime);
        g_main_loop_run(loop);
        g_source_remove(source);
        status = eventsource_wait(es, 0); /* how it ended */
    }
    if (status != EVENTSOURCE_OK) {
        char why[256] = "";
        eventsource_get_last_error(es, why, sizeof why, NULL);
        print_error(eventsource_status_name(status), why);
    }
    eventsource_free(es);
    eventsource_runtime_free(runtime);
    g_main_loop_unref(loop);
    return status == EVENTSOURCE_OK ? 0 : 1;
}
