/* Events in GLib's main loop, as in a GTK program: every callback runs on its thread.
 *
 *     glib_loop URL     prints each event; ends with the stream
 */
#include <eventsource.h>

#include <glib-unix.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)user;
    g_print("%s: %s\n", event->type, event->data);
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es;
    (void)close;
    g_main_loop_quit(user);
}

static gboolean dispatch(gint fd, GIOCondition condition, gpointer user) {
    (void)fd;
    (void)condition;
    eventsource_runtime_dispatch(user, 0, 0, NULL);
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
    eventsource_runtime_options_t options = {.size = sizeof options, .dispatch = EVENTSOURCE_DISPATCH_MANUAL};
    eventsource_runtime_t *runtime = NULL;
    eventsource_t *es = NULL;
    int32_t fd = -1;

    if (argc != 2) {
        g_printerr("Usage: %s URL\n", argv[0]);
        return 2;
    }
    if (eventsource_runtime_new(&options, &runtime) != EVENTSOURCE_OK) return 1;
    if (eventsource_runtime_fd(runtime, &fd) != EVENTSOURCE_OK) return 1;
    if (eventsource_new(argv[1], &es) != EVENTSOURCE_OK) return 1;

    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    guint source = g_unix_fd_add(fd, G_IO_IN, dispatch, runtime);
    eventsource_set_runtime(es, runtime);
    eventsource_set_user_data(es, loop, (void (*)(void *))g_main_loop_unref);
    eventsource_on_event(es, on_event);
    eventsource_on_close(es, on_close);
    if (eventsource_start(es) != EVENTSOURCE_OK) return 1;
    g_main_loop_run(loop);

    g_source_remove(source);
    eventsource_free(es);
    eventsource_runtime_free(runtime);
    return 0;
}
