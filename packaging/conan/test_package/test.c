/* Fails unless header and library are of one version, and the library parses an event. */
#include <eventsource.h>
#include <stdio.h>
#include <string.h>

static void on_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    *(int *)user = strcmp(event->type, "greeting") == 0 && strcmp(event->data, "hello") == 0;
}

int main(void) {
    const char stream[] = "event: greeting\ndata: hello\n\n";
    int found = 0;
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = on_event;
    options.user = &found;
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    eventsource_status_t status = eventsource_parser_feed(parser, stream, sizeof stream - 1);
    eventsource_parser_free(parser);
    printf("libeventsource %s: %s\n", eventsource_version(), eventsource_status_text(status));
    return found && eventsource_version_number() == EVENTSOURCE_VERSION_NUMBER ? 0 : 1;
}
