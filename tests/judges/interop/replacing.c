/* Replaces a stream of HTTP/2 again and again at the server's limit of two, beside another that nobody touches; prints what
 * goes wrong, and how many connections there were.
 *
 *     replacing URL TIMES
 */
#include <eventsource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(eventsource_status_t status, const char *what) {
    if (status == EVENTSOURCE_OK) return;
    printf("%s: %s\n", what, eventsource_status_name(status));
    exit(1);
}

/* What a stream has seen; the program looks at it when its client has closed. */
struct seen {
    const char *name;
    int errors;
    long events;
    /* The port that the server sees, by which connections are told apart. */
    long port;
};

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es;
    struct seen *seen = user;
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, "x-port") == 0) seen->port = atol(response->headers[i].value);
    }
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    struct seen *seen = user;
    seen->errors++;
    printf("%s: %s\n", seen->name, error->message);
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* A stream that is replaced is stopped by its first event: so it has one, and ends while others begin. */
static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)event;
    struct seen *seen = user;
    seen->events++;
    if (strcmp(seen->name, "replaced") == 0) eventsource_stop(es);
}

static eventsource_t *begin(const char *url, struct seen *seen) {
    eventsource_t *es = eventsource_new(url);
    check(eventsource_set_user_data(es, seen, NULL), "user data");
    check(eventsource_set_http_version(es, EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE), "version");
    check(eventsource_on_open(es, on_open), "on_open");
    check(eventsource_on_event(es, on_event), "on_event");
    check(eventsource_on_error(es, on_error), "on_error");
    check(eventsource_start(es), "start");
    return es;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const char *url = argv[1];
    int times = atoi(argv[2]);
    struct seen untouched = {.name = "untouched"};
    eventsource_t *es = begin(url, &untouched);
    int connections = 0, errors = 0;
    long last = 0;
    for (int i = 0; i < times; i++) {
        struct seen replaced = {.name = "replaced"};
        eventsource_t *other = begin(url, &replaced);
        check(eventsource_wait(other, 20000), "the end of a stream");
        eventsource_free(other);
        if (replaced.port != last) connections++;
        last = replaced.port;
        errors += replaced.errors;
    }
    check(eventsource_stop(es), "stop");
    check(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), "the end of the other");
    eventsource_free(es);
    errors += untouched.errors;
    printf("%d errors, %d connections, %s\n", errors, connections, untouched.events > 0 ? "alive" : "silent");
    return 0;
}
