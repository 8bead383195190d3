/* Stays on an event stream, and tells the system's log what the library does: each line has the client's name. */
#define _DEFAULT_SOURCE

#include "print.h"
#include <eventsource.h>
#include <stdio.h>
#include <syslog.h>

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es; (void)user;
    print_event(event->type, event->type_len, event->data, event->data_len);
}

static int priority_of(eventsource_log_level_t level) {
    switch (level) {
    case EVENTSOURCE_LOG_ERROR: return LOG_ERR;
    case EVENTSOURCE_LOG_WARNING: return LOG_WARNING;
    case EVENTSOURCE_LOG_INFO: return LOG_INFO;
    default: return LOG_DEBUG;
    }
}

/* Comes on any thread. A journal with fields would take client, name, attempt, origin and kind one by one. */
static void on_log(const eventsource_log_record_t *record, void *user) {
    (void)user;
    char line[2048];
    eventsource_log_format(record, line, sizeof line, NULL);
    syslog(priority_of(record->level), "%s", line);
}

int main(int argc, char **argv) {
    char why[1024] = "";
    openlog("log", LOG_PERROR, LOG_USER); /* and on stderr, too */
    eventsource_log_set_callback(EVENTSOURCE_LOG_INFO, on_log, NULL, NULL);
    eventsource_t *es = eventsource_new(argc > 1 ? argv[1] : "https://example.com/stream");
    eventsource_set_name(es, "prices");
    eventsource_on_event(es, on_event);
    eventsource_status_t end = eventsource_run(es);
    eventsource_get_last_error(es, why, sizeof why, NULL);
    if (end != EVENTSOURCE_OK) print_error(eventsource_status_name(end), why);
    eventsource_free(es);
    eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL); /* before closelog */
    closelog();
    return end == EVENTSOURCE_OK ? 0 : 1;
}
