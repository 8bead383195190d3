/* The parser alone, for programs that have their own HTTP. The rules themselves are tested where the parser is written,
 * in Rust; here is what C sees of them. */
#include "check.h"
#include "recorder.h"

/* A parser that writes down what it finds, a line each, in the recorder's form. */
typedef struct output {
    eventsource_parser_t *parser;
    char *lines;
    void (*then)(struct output *output); /* called at the end of every callback */
} output_t;

static void note(output_t *output, eventsource_parser_t *parser, char *line) {
    char *lines = join("%s%s\n", output->lines, line);
    CHECK(parser == output->parser);
    free(output->lines);
    free(line);
    output->lines = lines;
    if (output->then) output->then(output);
}

static void on_event(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    CHECK(event->size >= sizeof *event);
    CHECK(strlen(event->type) == event->type_len);
    CHECK(event->data[event->data_len] == '\0');
    CHECK(strlen(event->last_event_id) == event->last_event_id_len);
    CHECK(event->origin[0] == '\0' && event->origin_len == 0);
    char *data = event->data_len > 1000 ? join("%zu bytes", event->data_len) : join("[%s]", event->data);
    note(user, parser, join("event %s \"%s\" %s", event->type, event->last_event_id, data));
    free(data);
}

static void on_comment(eventsource_parser_t *parser, const eventsource_comment_t *comment, void *user) {
    CHECK(comment->size >= sizeof *comment);
    CHECK(strlen(comment->text) == comment->text_len);
    note(user, parser, join("comment [%s]", comment->text));
}

static void on_retry(eventsource_parser_t *parser, int64_t retry_ms, void *user) {
    note(user, parser, join("retry %" PRId64, retry_ms));
}

static output_t *output_new(size_t max_event_size) {
    output_t *output = calloc(1, sizeof *output);
    if (!output) abort();
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    if (max_event_size) options.max_event_size = max_event_size;
    options.on_event = on_event;
    options.on_comment = on_comment;
    options.on_retry = on_retry;
    options.user = output;
    output->lines = join("%s", "");
    output->parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(output->parser), EVENTSOURCE_OK);
    memset(&options, 0x55, sizeof options); /* they have been copied */
    return output;
}

static void output_end(output_t *output) {
    eventsource_parser_free(output->parser);
    free(output->lines);
    free(output);
}

/* Feeds from memory of exactly that size, which is gone afterwards. */
static int32_t feed_bytes(output_t *output, const char *bytes, size_t len) {
    char *copy = malloc(len ? len : 1);
    if (!copy) abort();
    memcpy(copy, bytes, len);
    int32_t status = eventsource_parser_feed(output->parser, copy, len);
    free(copy);
    return status;
}

static int32_t feed(output_t *output, const char *text) {
    return feed_bytes(output, text, strlen(text));
}

static const char *last_event_id(output_t *output) {
    static char id[64];
    CHECK_STATUS(eventsource_parser_get_last_event_id(output->parser, id, sizeof id, NULL), EVENTSOURCE_OK);
    return id;
}

/* ---- What it finds ----------------------------------------------------------------------------------------------- */

/* A bit of everything. */
static const char STREAM[] = "\xEF\xBB\xBF: hello\n"
                             "retry: 1500\n"
                             "data: one\ndata: two\r\ndata:three\n\n"
                             "event: add\rid: 7\rdata: \xC3\xA4 \xFF\r\r"
                             "unknown: field\nretry: soon\n"
                             "id: 8\n\n"
                             "data\n\r\n"
                             ":\n"
                             "data: unfinished\n";
static const char FOUND[] = "comment [hello]\n"
                            "retry 1500\n"
                            "event message \"\" [one\ntwo\nthree]\n"
                            "event add \"7\" [\xC3\xA4 \xEF\xBF\xBD]\n"
                            "event message \"8\" []\n"
                            "comment []\n";

static void events_comments_and_retry_fields_come_in_their_order(void) {
    output_t *output = output_new(0);
    CHECK_STATUS(feed(output, STREAM), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, FOUND);
    CHECK_TEXT(last_event_id(output), "8");
    output_end(output);
}

static void the_stream_may_come_byte_by_byte(void) {
    output_t *output = output_new(0);
    for (size_t i = 0; i < sizeof STREAM - 1; i++) {
        CHECK_STATUS(feed_bytes(output, STREAM + i, 1), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_parser_feed(output->parser, NULL, 0), EVENTSOURCE_OK);
    }
    CHECK_TEXT(output->lines, FOUND);
    output_end(output);
}

static void the_stream_may_be_split_anywhere(void) {
    for (size_t i = 0; i < sizeof STREAM; i++) {
        output_t *output = output_new(0);
        CHECK_STATUS(feed_bytes(output, STREAM, i), EVENTSOURCE_OK);
        CHECK_STATUS(feed_bytes(output, STREAM + i, sizeof STREAM - 1 - i), EVENTSOURCE_OK);
        CHECK_TEXT(output->lines, FOUND);
        output_end(output);
    }
}

static void check_nuls(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
    (void)parser;
    ++*(int *)user;
    CHECK_NUMBER((int64_t)event->data_len, 3);
    CHECK(memcmp(event->data, "a\0b", 4) == 0);
}

static void data_may_hold_nuls(void) {
    int events = 0;
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = check_nuls;
    options.user = &events;
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, "data: a\0b\n\n", 11), EVENTSOURCE_OK);
    CHECK_NUMBER(events, 1);
    eventsource_parser_free(parser);
}

static void an_id_counts_without_an_event_and_an_empty_one_clears_it(void) {
    output_t *output = output_new(0);
    CHECK_TEXT(last_event_id(output), "");
    CHECK_STATUS(feed(output, "id: 7\n"), EVENTSOURCE_OK);
    CHECK_TEXT(last_event_id(output), ""); /* not before the blank line */
    CHECK_STATUS(feed(output, "\n"), EVENTSOURCE_OK);
    CHECK_TEXT(last_event_id(output), "7");
    CHECK_STATUS(feed(output, "id\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(last_event_id(output), "");
    CHECK_TEXT(output->lines, "");
    output_end(output);
}

static void a_retry_field_comes_at_once_and_only_if_it_is_a_number(void) {
    output_t *output = output_new(0);
    CHECK_STATUS(feed(output, "retry: 10\nretry: -1\nretry: 1.5\nretry: 0x10\nretry:\nretry: 0\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "retry 10\nretry 0\n");
    CHECK_STATUS(feed(output, "retry: 99999999999999999999999\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "retry 10\nretry 0\nretry 9223372036854775807\n");
    output_end(output);
}

static void callbacks_may_be_missing(void) {
    char id[8];
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, STREAM, sizeof STREAM - 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, id, sizeof id, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(id, "8");
    eventsource_parser_free(parser);
}

/* ---- New streams, limits ----------------------------------------------------------------------------------------- */

static void reset_drops_an_unfinished_event_and_keeps_the_last_event_id(void) {
    output_t *output = output_new(0);
    CHECK_STATUS(feed(output, "id: 7\n\nevent: add\nid: 8\ndata: unfinished\n"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_reset(output->parser), EVENTSOURCE_OK);
    CHECK_TEXT(last_event_id(output), "7");
    /* A new stream may begin with a byte order mark, as the first. */
    CHECK_STATUS(feed(output, "\xEF\xBB\xBF" "data: new\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "event message \"7\" [new]\n");
    output_end(output);
}

static void reset_forgets_half_a_line_and_half_a_line_end(void) {
    output_t *output = output_new(0);
    CHECK_STATUS(feed(output, "dat"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_reset(output->parser), EVENTSOURCE_OK);
    CHECK_STATUS(feed(output, "a: not data\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "");
    CHECK_STATUS(feed(output, "data: a\r"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_reset(output->parser), EVENTSOURCE_OK);
    CHECK_STATUS(feed(output, "\ndata: b\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "event message \"\" [b]\n");
    output_end(output);
}

static void an_event_over_the_limit_ends_the_stream_and_a_new_one_begins(void) {
    output_t *output = output_new(10);
    CHECK_STATUS(feed(output, "id: 7\ndata: 12345678\n\n"), EVENTSOURCE_OK);
    CHECK_STATUS(feed(output, "data: 123456789012\n\ndata: rest\n\n"), EVENTSOURCE_ERR_EVENT_TOO_LARGE);
    CHECK_TEXT(output->lines, "event message \"7\" [12345678]\n");
    CHECK_STATUS(feed(output, "data: new\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "event message \"7\" [12345678]\nevent message \"7\" [new]\n");
    /* Comments, too, and in pieces. */
    CHECK_STATUS(feed(output, ":12345"), EVENTSOURCE_OK);
    CHECK_STATUS(feed(output, "67890123"), EVENTSOURCE_ERR_EVENT_TOO_LARGE);
    output_end(output);
}

static void the_default_limit_is_16_mib(void) {
    size_t size = 1 << 20;
    char *chunk = malloc(size);
    output_t *output = output_new(0);
    int32_t status = EVENTSOURCE_OK;
    if (!chunk) abort();
    memset(chunk, 'x', size);
    CHECK_STATUS(feed(output, "data: "), EVENTSOURCE_OK);
    for (int i = 0; i < 15; i++) CHECK_STATUS(feed_bytes(output, chunk, size), EVENTSOURCE_OK);
    CHECK_STATUS(feed(output, "\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, "event message \"\" 15728640 bytes\n");
    CHECK_STATUS(feed(output, "data: "), EVENTSOURCE_OK);
    for (int i = 0; i < 17 && status == EVENTSOURCE_OK; i++) status = feed_bytes(output, chunk, size);
    CHECK_STATUS(status, EVENTSOURCE_ERR_EVENT_TOO_LARGE);
    free(chunk);
    output_end(output);
}

/* ---- Inside a callback ------------------------------------------------------------------------------------------- */

static void use_the_parser(output_t *output) {
    eventsource_parser_t *parser = output->parser;
    char id[8] = "?";
    CHECK_STATUS(eventsource_parser_feed(parser, "data: more\n\n", 12), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_parser_reset(parser), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_parser_get_last_event_id(parser, id, sizeof id, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_TEXT(id, "?");
}

static void a_parser_is_not_to_be_used_in_its_callbacks(void) {
    output_t *output = output_new(0);
    output->then = use_the_parser;
    CHECK_STATUS(feed(output, STREAM), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, FOUND);
    output_end(output);
}

static void use_another_parser(output_t *output) {
    (void)output;
    output_t *other = output_new(0);
    CHECK_STATUS(feed(other, "data: other\n\n"), EVENTSOURCE_OK);
    CHECK_TEXT(other->lines, "event message \"\" [other]\n");
    output_end(other);
}

static void another_parser_is_fine_in_a_callback(void) {
    output_t *output = output_new(0);
    output->then = use_another_parser;
    CHECK_STATUS(feed(output, STREAM), EVENTSOURCE_OK);
    CHECK_TEXT(output->lines, FOUND);
    output_end(output);
}

static void free_the_parser(output_t *output) {
    eventsource_parser_free(output->parser);
}

static void free_in_a_callback_takes_effect_when_feed_returns(void) {
    static const struct {
        const char *input, *lines;
    } CASES[] = {{"data: a\n\ndata: b\n\n", "event message \"\" [a]\n"},
                 {": a\n: b\n", "comment [a]\n"},
                 {"retry: 1\nretry: 2\n", "retry 1\n"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        output_t *output = output_new(0);
        output->then = free_the_parser;
        CHECK_STATUS(feed(output, CASES[i].input), EVENTSOURCE_OK);
        CHECK_TEXT(output->lines, CASES[i].lines);
        output->parser = NULL;
        output_end(output);
    }
}

static eventsource_t *some_client;

static void wait_for_a_client(output_t *output) {
    (void)output;
    CHECK_STATUS(eventsource_wait(some_client, 0), EVENTSOURCE_ERR_IN_CALLBACK);
}

static void waiting_for_a_client_is_refused_here_as_in_any_callback(void) {
    output_t *output = output_new(0);
    some_client = eventsource_new("http://127.0.0.1:1/");
    CHECK_STATUS(eventsource_check(some_client), EVENTSOURCE_OK);
    output->then = wait_for_a_client;
    CHECK_STATUS(feed(output, STREAM), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(some_client, 0), EVENTSOURCE_ERR_STATE);
    eventsource_free(some_client);
    output_end(output);
}

CHECK_MAIN(TEST(events_comments_and_retry_fields_come_in_their_order),
           TEST(the_stream_may_come_byte_by_byte),
           TEST(the_stream_may_be_split_anywhere),
           TEST(data_may_hold_nuls),
           TEST(an_id_counts_without_an_event_and_an_empty_one_clears_it),
           TEST(a_retry_field_comes_at_once_and_only_if_it_is_a_number),
           TEST(callbacks_may_be_missing),
           TEST(reset_drops_an_unfinished_event_and_keeps_the_last_event_id),
           TEST(reset_forgets_half_a_line_and_half_a_line_end),
           TEST(an_event_over_the_limit_ends_the_stream_and_a_new_one_begins),
           TEST(the_default_limit_is_16_mib),
           TEST(a_parser_is_not_to_be_used_in_its_callbacks),
           TEST(another_parser_is_fine_in_a_callback),
           TEST(free_in_a_callback_takes_effect_when_feed_returns),
           TEST(waiting_for_a_client_is_refused_here_as_in_any_callback))
