/* The smallest program that stays on an event stream: it prints events; the library reconnects by itself. */
#include "print.h"
#include <eventsource.h>
#include <stdio.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es; (void)user;
    print_event(event->type, event->type_len, event->data, event->data_len);
}

/* Only what is final: an error that is retried needs no attention. */
static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    char reason[256] = "";
    (void)user;
    if (close->reason != EVENTSOURCE_CLOSE_FAILED) return;
    eventsource_get_last_error(es, reason, sizeof reason, NULL);
    print_error(eventsource_status_name(close->code), reason);
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "https://example.com/stream";
    eventsource_t *es = NULL;
    eventsource_status_t status = eventsource_new(url, &es);
    /* A program with a token goes on with: eventsource_set_header(es, "Authorization", "Bearer …"). */
    if (status == EVENTSOURCE_OK) status = eventsource_on_event(es, on_event);
    if (status == EVENTSOURCE_OK) status = eventsource_on_close(es, on_close);
    if (status == EVENTSOURCE_OK) status = eventsource_start(es);
    if (status == EVENTSOURCE_OK) status = eventsource_wait(es, EVENTSOURCE_FOREVER);
    if (status != EVENTSOURCE_OK) fprintf(stderr, "%s: %s\n", url, eventsource_status_name(status));
    eventsource_free(es); /* NULL is fine */
    return status == EVENTSOURCE_OK ? 0 : 1;
}
