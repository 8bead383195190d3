/* The smallest program that stays on an event stream: it prints events; the library reconnects by itself. */
#include "print.h"
#include <eventsource.h>
#include <stdio.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es; (void)user;
    print_event(event->type, event->type_len, event->data, event->data_len);
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "https://example.com/stream";
    char why[1024] = "";
    eventsource_t *es = eventsource_new(url);
    /* A program with a token goes on with: eventsource_set_header(es, "Authorization", "Bearer …"). */
    eventsource_on_event(es, on_event);
    eventsource_status_t end = eventsource_run(es); /* until the stream has ended; then how */
    eventsource_get_last_error(es, why, sizeof why, NULL);
    if (end != EVENTSOURCE_OK) print_error(eventsource_status_name(end), why);
    eventsource_free(es);
    return end == EVENTSOURCE_OK ? 0 : 1;
}
