/* The program of all consumers: header and library fit together, and a call comes back through a callback. */
#include <eventsource.h>

#include <stdio.h>
#include <string.h>

static void on_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    *(int *)user += strcmp(event->type, "greeting") == 0 && strcmp(event->data, "hello") == 0;
}

int main(void) {
    static const char stream[] = "event: greeting\ndata: hello\n\n";
    const int32_t header_version = EVENTSOURCE_VERSION_NUMBER;
    int greetings = 0;
    eventsource_parser_options_t options;
    eventsource_parser_t *parser;
    eventsource_t *es;

    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = on_event;
    options.user = &greetings;
    parser = eventsource_parser_new(&options);
    if (eventsource_parser_check(parser) != EVENTSOURCE_OK) return 1;
    if (eventsource_parser_feed(parser, stream, sizeof stream - 1) != EVENTSOURCE_OK) return 2;
    eventsource_parser_free(parser);
    if (greetings != 1) return 3;

    /* Nothing listens there, and the wait says so: what matters is that a client's threads start and end. */
    es = eventsource_new("http://127.0.0.1:1/");
    if (eventsource_start(es) != EVENTSOURCE_OK) return 4;
    if (eventsource_wait(es, 10000) != EVENTSOURCE_ERR_CONNECT) return 5;
    eventsource_free(es);

    if (eventsource_version_number() != header_version) return 6;
    printf("eventsource %s works\n", eventsource_version());
    return 0;
}
