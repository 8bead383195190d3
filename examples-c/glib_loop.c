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

/* Only what is final: an error that is retried needs no attention. */
static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    char reason[256] = "";
    g_main_loop_quit(user);
    if (close->reason != EVENTSOURCE_CLOSE_FAILED) return;
    eventsource_get_last_error(es, reason, sizeof reason, NULL);
    print_error(eventsource_status_name(close->code), reason);
}

/* The runtime's descriptor is readable: callbacks are due. */
static gboolean dispatch(gint fd, GIOCondition condition, gpointer runtime) {
    (void)fd;
    (void)condition;
    eventsource_runtime_dispatch(runtime, 0, 0, NULL);
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "https://example.com/stream";
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    eventsource_runtime_options_t options = {.size = sizeof options, .dispatch = EVENTSOURCE_DISPATCH_MANUAL};
    eventsource_runtime_t *runtime = NULL;
    eventsource_t *es = NULL;
    int32_t fd = -1;
    eventsource_status_t status = eventsource_runtime_new(&options, &runtime);
    if (status == EVENTSOURCE_OK) status = eventsource_runtime_fd(runtime, &fd);
    if (status == EVENTSOURCE_OK) status = eventsource_new(url, &es);
    if (status == EVENTSOURCE_OK) status = eventsource_set_runtime(es, runtime);
    if (status == EVENTSOURCE_OK) status = eventsource_set_user_data(es, loop, NULL);
    if (status == EVENTSOURCE_OK) status = eventsource_on_event(es, on_event);
    if (status == EVENTSOURCE_OK) status = eventsource_on_close(es, on_close);
    if (status == EVENTSOURCE_OK) status = eventsource_start(es);
    if (status == EVENTSOURCE_OK) {
        guint source = g_unix_fd_add(fd, G_IO_IN, dispatch, runtime);
        g_main_loop_run(loop);
        g_source_remove(source);
    } else {
        g_printerr("%s: %s\n", url, eventsource_status_name(status));
    }
    eventsource_free(es); /* NULL is fine */
    eventsource_runtime_free(runtime);
    g_main_loop_unref(loop);
    return status == EVENTSOURCE_OK ? 0 : 1;
}
