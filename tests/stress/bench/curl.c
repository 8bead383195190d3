/* The benchmark's client on libcurl, with a parser of the usual kind: what people write today who have no SSE client in C.
 * client.h has its command line.
 *
 * The parser does what the standard asks for but for wrong encodings and `retry`: LF, CR and CRLF, also between reads, a byte
 * order mark, data of several lines, event types and ids. It knows no limits, and the client does not reconnect. */
#define _POSIX_C_SOURCE 200809L

#include "client.h"

#include <curl/curl.h>
#include <unistd.h>

/* ---- The parser -------------------------------------------------------------------------------------------------- */

typedef struct {
    char *bytes;
    size_t length, capacity;
} text_t;

static void append(text_t *text, const char *bytes, size_t length) {
    if (text->capacity - text->length < length) {
        text->capacity = (text->length + length) * 2;
        text->bytes = realloc(text->bytes, text->capacity);
        if (!text->bytes) fail("no memory");
    }
    if (length > 0) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

typedef struct {
    text_t line; /* what there is of one that has not ended */
    text_t type, data, id;
    int begun, after_cr, has_data;
    stream_t *stream;
} parser_t;

static int64_t opened, finished;
static usage_t opened_at, finished_at;

static void dispatch(parser_t *parser) {
    append(&parser->data, "", 1);
    size_t length = parser->data.length - 1;
    int done = options.stamped ? count_stamped(parser->stream, parser->data.bytes, length)
                               : count_event(parser->stream, length);
    if (done && ++finished == options.streams) finished_at = usage();
}

static void set(text_t *text, const char *bytes, size_t length) {
    text->length = 0;
    append(text, bytes, length);
}

static void parse_line(parser_t *parser, const char *line, size_t length) {
    if (!parser->begun) {
        parser->begun = 1;
        if (length >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) line += 3, length -= 3;
    }
    if (length == 0) {
        if (parser->has_data) dispatch(parser);
        parser->has_data = 0;
        parser->data.length = parser->type.length = 0;
        return;
    }
    const char *colon = memchr(line, ':', length);
    size_t name = colon ? (size_t)(colon - line) : length;
    const char *value = colon ? colon + 1 : line + length;
    if (value < line + length && *value == ' ') value++;
    size_t value_length = (size_t)(line + length - value);
    if (name == 4 && memcmp(line, "data", 4) == 0) {
        if (parser->has_data) append(&parser->data, "\n", 1);
        append(&parser->data, value, value_length);
        parser->has_data = 1;
    } else if (name == 5 && memcmp(line, "event", 5) == 0) {
        set(&parser->type, value, value_length);
    } else if (name == 2 && memcmp(line, "id", 2) == 0) {
        if (!memchr(value, '\0', value_length)) set(&parser->id, value, value_length);
    }
}

static const char *find_end(const char *bytes, const char *end) {
    const char *lf = memchr(bytes, '\n', (size_t)(end - bytes));
    const char *cr = memchr(bytes, '\r', (size_t)((lf ? lf : end) - bytes));
    return cr ? cr : lf;
}

static void parse(parser_t *parser, const char *bytes, size_t length) {
    const char *end = bytes + length;
    if (parser->after_cr && bytes < end && *bytes == '\n') bytes++;
    parser->after_cr = 0;
    while (bytes < end) {
        const char *line_end = find_end(bytes, end);
        if (!line_end) {
            append(&parser->line, bytes, (size_t)(end - bytes));
            return;
        }
        if (parser->line.length > 0) {
            append(&parser->line, bytes, (size_t)(line_end - bytes));
            parse_line(parser, parser->line.bytes, parser->line.length);
            parser->line.length = 0;
        } else {
            parse_line(parser, bytes, (size_t)(line_end - bytes));
        }
        bytes = line_end + 1;
        if (*line_end == '\r') {
            if (bytes == end) parser->after_cr = 1;
            else if (*bytes == '\n') bytes++;
        }
    }
}

/* ---- The transfers ----------------------------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t one, size_t length, void *parser) {
    (void)one;
    parse(parser, bytes, length);
    return length;
}

static size_t on_header(char *line, size_t one, size_t length, void *unused) {
    (void)one, (void)unused;
    if (length == 2 && line[0] == '\r') {
        opened++;
        opened_at = usage();
    }
    return length;
}

static void begin(CURLM *multi, parser_t *parser, const char *url) {
    CURL *easy = curl_easy_init();
    if (!easy) fail("no memory");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (options.is_http2) {
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L); /* for a connection that others are opening */
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    }
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, parser);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (options.ca) {
        struct curl_blob ca = {options.ca, strlen(options.ca), CURL_BLOB_COPY};
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
    }
    curl_multi_add_handle(multi, easy);
}

/* Goes on for as long as the counter is below the count. What curl_easy_perform does for its one transfer is the same. */
static void drive(CURLM *multi, const int64_t *counter, int64_t count) {
    int left, messages;
    while (*counter < count) {
        if (curl_multi_perform(multi, &left) != CURLM_OK) fail("curl_multi_perform fails");
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &messages));) {
            if (message->data.result != CURLE_OK) fail(curl_easy_strerror(message->data.result));
            if (options.stay) fail("a stream has ended");
            if (++finished == options.streams) finished_at = usage();
        }
        if (*counter < count) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

int main(int argc, char **argv) {
    (void)argc;
    parse_options(argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    parser_t *parsers = calloc((size_t)options.streams, sizeof *parsers);
    if (!multi || !parsers) fail("no memory");
    curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)INT16_MAX); /* or its own limit of 100 holds */
    for (int64_t i = 0; i < options.streams; i++) {
        parsers[i].stream = &streams[i];
        begin(multi, &parsers[i], url_of(i));
        if ((i + 1) % options.step == 0) drive(multi, &opened, i + 1);
    }
    drive(multi, &opened, options.streams);
    report("open", opened_at, "");

    drive(multi, &finished, options.streams);
    report_done(finished_at);
    if (options.stay) drive(multi, &finished, INT64_MAX);
    return 0;
}
