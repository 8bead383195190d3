/* A peer of parsers.py: reads streams on stdin and prints, for each, what libeventsource's parser makes of it.
 *
 * Input: for each stream the number of its chunks, then each chunk's length and bytes; numbers have four bytes, the
 * lowest first. Output: a line of JSON for each stream. The other peers speak the same.
 */
#include <eventsource.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What one stream gave, as the insides of three JSON arrays. */
typedef struct {
    FILE *events, *retries, *comments;
} found_t;

static void require(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "libeventsource peer: %s\n", what);
    exit(1);
}

static FILE *scratch(void) {
    FILE *file = tmpfile();
    require(file != NULL, "no temporary file");
    return file;
}

/* Puts a comma before all but the first. */
static FILE *next(FILE *file) {
    if (ftell(file) > 0) putc(',', file);
    return file;
}

static void put_string(FILE *file, const char *text, size_t length) {
    putc('"', file);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') putc('\\', file);
        if (c < 0x20) fprintf(file, "\\u%04x", c);
        else putc(c, file);
    }
    putc('"', file);
}

static void on_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    FILE *file = next(((found_t *)user)->events);
    putc('[', file);
    put_string(file, event->type, event->type_len);
    putc(',', file);
    put_string(file, event->data, event->data_len);
    putc(',', file);
    put_string(file, event->last_event_id, event->last_event_id_len);
    putc(']', file);
}

static void on_retry(eventsource_parser_t *parser, int64_t retry_ms, void *user) {
    (void)parser;
    fprintf(next(((found_t *)user)->retries), "%" PRId64, retry_ms);
}

static void on_comment(eventsource_parser_t *parser, const eventsource_comment_t *comment, void *user) {
    (void)parser;
    put_string(next(((found_t *)user)->comments), comment->text, comment->text_len);
}

static void print_array(const char *name, FILE *file) {
    long length = ftell(file);
    printf("\"%s\":[", name);
    rewind(file);
    while (length-- > 0) putchar(getc(file));
    printf("],");
    rewind(file);
}

static int read_number(uint32_t *number) {
    unsigned char bytes[4];
    if (fread(bytes, 1, sizeof bytes, stdin) < sizeof bytes) return 0;
    *number = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return 1;
}

static void feed_chunks(eventsource_parser_t *parser, uint32_t count) {
    while (count-- > 0) {
        uint32_t length;
        require(read_number(&length), "the input ends early");
        /* A block of its own for each chunk, so that valgrind or a sanitizer sees a read beyond it. */
        char *bytes = malloc(length ? length : 1);
        require(bytes && fread(bytes, 1, length, stdin) == length, "the input ends early");
        require(eventsource_parser_feed(parser, bytes, length) == EVENTSOURCE_OK, "feed failed");
        free(bytes);
    }
}

static void print_last_event_id(eventsource_parser_t *parser) {
    size_t length;
    eventsource_parser_get_last_event_id(parser, NULL, 0, &length);
    char *id = malloc(length + 1);
    require(id && eventsource_parser_get_last_event_id(parser, id, length + 1, &length) == EVENTSOURCE_OK, "no id");
    printf("\"id\":");
    put_string(stdout, id, length);
    free(id);
}

int main(void) {
    found_t found = {scratch(), scratch(), scratch()};
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = on_event;
    options.on_retry = on_retry;
    options.on_comment = on_comment;
    options.user = &found;
    uint32_t chunks;
    while (read_number(&chunks)) {
        eventsource_parser_t *parser = eventsource_parser_new(&options);
        require(eventsource_parser_check(parser) == EVENTSOURCE_OK, "no parser");
        feed_chunks(parser, chunks);
        putchar('{');
        print_array("events", found.events);
        print_array("retries", found.retries);
        print_array("comments", found.comments);
        print_last_event_id(parser);
        printf("}\n");
        eventsource_parser_free(parser);
    }
    return 0;
}
