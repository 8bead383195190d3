/* A program with a fault, for valgrind and sanitizers to find: `leak` loses a client, `read` looks at an event after its
 * callback, in memory that the library has released, `overflow` adds to the largest number. */
#include <eventsource.h>

#include <limits.h>
#include <string.h>

static void keep(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    *(const char **)user = event->data;
}

static char read_after_callback(void) {
    static const char stream[] = "data: gone\n\n";
    const char *data = "";
    eventsource_parser_options_t options = {0};
    eventsource_parser_t *parser = NULL;
    char first;

    options.size = sizeof options;
    options.on_event = keep;
    options.user = &data;
    if (eventsource_parser_new(&options, &parser) != EVENTSOURCE_OK) return 0;
    eventsource_parser_feed(parser, stream, sizeof stream - 1);
    eventsource_parser_free(parser);
    first = *data;
    return first;
}

int main(int argc, char **argv) {
    eventsource_t *es = NULL;
    if (argc != 2) return 2;
    if (strcmp(argv[1], "overflow") == 0) return INT_MAX + argc > 0;
    if (strcmp(argv[1], "read") == 0) return read_after_callback() == '\0';
    eventsource_new("http://127.0.0.1/", &es);
    es = NULL;
    return es != NULL;
}
