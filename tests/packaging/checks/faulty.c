/* A program with a fault, for valgrind and sanitizers to find:
 *
 *     leak       loses a parser; clients can be found in the library, by handles that C may have kept
 *     read       looks at an event after its callback, in memory that the library has released
 *     length     has the library look beyond the end of what it is given
 *     write      writes beyond the end of memory of its own
 *     overflow   adds to the largest number
 */
#include <eventsource.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void keep(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    *(const char **)user = event->data;
}

/* Answers the data of the event that a stream of so many bytes has, which is no longer there. */
static const char *parse(const char *stream, size_t len) {
    const char *data = "";
    eventsource_parser_options_t options;
    eventsource_parser_t *parser;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = keep;
    options.user = &data;
    parser = eventsource_parser_new(&options);
    if (eventsource_parser_feed(parser, stream, len) != EVENTSOURCE_OK) exit(0);
    eventsource_parser_free(parser);
    return data;
}

int main(int argc, char **argv) {
    static const char stream[] = "data: gone\n\n";
    const size_t len = sizeof stream - 1;
    const char *fault = argc == 2 ? argv[1] : "";
    eventsource_parser_options_t options;
    eventsource_parser_t *parser = NULL;
    char *copy;

    if (strcmp(fault, "leak") == 0) {
        eventsource_parser_options_init(&options, sizeof options);
        /* Some: a register may still have the last one. */
        for (int i = 0; i < 10; i++) parser = eventsource_parser_new(&options);
        parser = NULL;
        return parser != NULL;
    }
    if (strcmp(fault, "read") == 0) return *parse(stream, len) == '\0';
    if (strcmp(fault, "overflow") == 0) return INT_MAX + argc > 0;
    copy = malloc(len);
    if (!copy) return 0;
    memcpy(copy, stream, len);
    if (strcmp(fault, "length") == 0) parse(copy, len + 1);
    if (strcmp(fault, "write") == 0) copy[len] = '\0';
    free(copy);
    return 0;
}
