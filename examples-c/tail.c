/* tail [options] URL: prints the events of an event stream as they come, in the spirit of curl.
 *
 * Threads: the library calls the callbacks below on its own threads, one at a time. The main thread sleeps in a read of
 * a pipe until a signal handler or on_close writes to it (the "self-pipe trick": write is one of the few functions that
 * a signal handler may call), and then frees the client, which stops it if need be.
 */
#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include "print.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { DONE = 0, ENDED = 1, BAD_USAGE = 2 }; /* exit statuses */

/* ---- The command line ------------------------------------------------------------------------------------------ */

/* The values of an option that may be repeated. */
typedef struct {
    char **values;
    size_t count;
} list_t;

typedef struct {
    char *url, *method, *body, *user, *last_event_id, *proxy, *no_proxy, *unix_socket, *ca_file, *cert_file, *key_file, *pins;
    list_t headers, places;
    int64_t connect_timeout, response_timeout, read_timeout, delay, max_delay, max_redirects, max_event_size;
    int64_t count; /* 0 for no end */
    int reconnect, no_reconnect, retry_initial, compressed, tls12, tls13, insecure, http1, http2, json, help;
} options_t;

typedef struct {
    const char *name;
    enum { FLAG, TEXT, TEXTS, NUMBER, SECONDS } kind;
    size_t member; /* its offset: an int for a FLAG, a char * for TEXT, a list_t for TEXTS, else an int64_t */
    const char *value;
    const char *help;
    int64_t least, most; /* of a NUMBER */
} option_t;

#define MEMBER(name) offsetof(options_t, name)
#define MOST_BYTES ((int64_t)(SIZE_MAX < INT64_MAX ? SIZE_MAX : INT64_MAX))

static const option_t OPTIONS[] = {
    {"-H", TEXTS, MEMBER(headers), "'NAME: VALUE'", "send this header; may be repeated", 0, 0},
    {"-X", TEXT, MEMBER(method), "METHOD", "use this method instead of GET", 0, 0},
    {"-d", TEXT, MEMBER(body), "BODY", "send this body; the method is POST unless -X says another", 0, 0},
    {"-u", TEXT, MEMBER(user), "USER:PASSWORD", "send basic authentication", 0, 0},
    {"--last-event-id", TEXT, MEMBER(last_event_id), "ID", "resume after this event", 0, 0},
    {"--compressed", FLAG, MEMBER(compressed), NULL, "ask for a compressed stream", 0, 0},
    {"--connect-timeout", SECONDS, MEMBER(connect_timeout), "SECONDS", "0 for no limit (default 10)", 0, 0},
    {"--response-timeout", SECONDS, MEMBER(response_timeout), "SECONDS", "for the head, 0 for no limit (default 300)", 0, 0},
    {"--read-timeout", SECONDS, MEMBER(read_timeout), "SECONDS", "longest silence, 0 for no limit (default 0)", 0, 0},
    {"--delay", NUMBER, MEMBER(delay), "MS", "first delay before reconnecting (default 1000)", 1, INT64_MAX},
    {"--max-delay", NUMBER, MEMBER(max_delay), "MS", "the longest delay (default 60000)", 1, INT64_MAX},
    {"--reconnect", FLAG, MEMBER(reconnect), NULL, "make the request again also if it is no GET", 0, 0},
    {"--no-reconnect", FLAG, MEMBER(no_reconnect), NULL, "make one request, whatever becomes of it", 0, 0},
    {"--retry-initial", FLAG, MEMBER(retry_initial), NULL, "retry even if the very first attempt fails", 0, 0},
    {"--max-redirects", NUMBER, MEMBER(max_redirects), "N", "0 to follow none (default 16)", 0, INT32_MAX},
    {"--max-event-size", NUMBER, MEMBER(max_event_size), "BYTES", "(default 16777216)", 1, MOST_BYTES},
    {"--proxy", TEXT, MEMBER(proxy), "URL", "use this http, https, socks5 or socks5h proxy; '' for none", 0, 0},
    {"--noproxy", TEXT, MEMBER(no_proxy), "HOSTS", "use no proxy for these, separated by commas", 0, 0},
    {"--unix-socket", TEXT, MEMBER(unix_socket), "PATH", "connect to this socket, whatever the URL's host", 0, 0},
    {"--resolve", TEXTS, MEMBER(places), "HOST:PORT:ADDRESS", "where a host is; may be repeated", 0, 0},
    {"--cacert", TEXT, MEMBER(ca_file), "FILE", "trust the PEM certificates in FILE, too", 0, 0},
    {"--cert", TEXT, MEMBER(cert_file), "FILE", "show the PEM certificate in FILE to servers that want one", 0, 0},
    {"--key", TEXT, MEMBER(key_file), "FILE", "its private key, if FILE of --cert has it not", 0, 0},
    {"--pinnedpubkey", TEXT, MEMBER(pins), "PINS", "accept only servers with these keys: sha256//...;sha256//...", 0, 0},
    {"--tlsv1.2", FLAG, MEMBER(tls12), NULL, "speak TLS 1.2 or newer (the default)", 0, 0},
    {"--tlsv1.3", FLAG, MEMBER(tls13), NULL, "speak TLS 1.3 or newer", 0, 0},
    {"--insecure", FLAG, MEMBER(insecure), NULL, "accept any certificate: anybody can read and forge", 0, 0},
    {"--http1.1", FLAG, MEMBER(http1), NULL, "speak HTTP/1.1", 0, 0},
    {"--http2-prior-knowledge", FLAG, MEMBER(http2), NULL, "speak HTTP/2 without asking", 0, 0},
    {"--count", NUMBER, MEMBER(count), "N", "end after N events", 1, INT64_MAX},
    {"--json", FLAG, MEMBER(json), NULL, "print a JSON object per line for all that happens", 0, 0},
    {"--help", FLAG, MEMBER(help), NULL, "print this", 0, 0},
};
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

/* Ends the program with a message. */
static void fail(int exit_status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("tail: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs(exit_status == BAD_USAGE ? "; --help tells more\n" : "\n", stderr);
    va_end(arguments);
    exit(exit_status);
}

static void print_help(void) {
    puts("Usage: tail [options] URL\n\n"
         "Prints the events of the event stream at URL (http or https) until it ends for good. Options:\n");
    for (const option_t *option = OPTIONS; option < OPTIONS + OPTION_COUNT; option++) {
        int width = printf("  %s %s", option->name, option->value ? option->value : "");
        printf("%*s%s\n", width < 28 ? 28 - width : 1, "", option->help);
    }
    puts("\nA long option's value may also follow a =, a short one's may follow at once. SECONDS may have decimals.\n"
         "Exit status: 0 after --count events, SIGINT or SIGTERM, 1 when the stream has ended by itself, 2 for bad\n"
         "usage. A second signal ends the program at once.");
}

/* A whole number and nothing else; -1 where it is none. */
static int64_t parse_number(const char *text) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 ? (int64_t)number : -1;
}

/* Seconds with decimals, as milliseconds; -1 where it is none. Rounded up: 0 would be no limit. */
static int64_t parse_seconds(const char *text) {
    size_t whole = strspn(text, "0123456789"), length = whole, decimals = 0;
    if (text[whole] == '.') {
        decimals = strspn(text + whole + 1, "0123456789");
        length = whole + 1 + decimals;
    }
    double milliseconds = strtod(text, NULL) * 1000;
    if (text[length] != '\0' || whole + decimals == 0 || milliseconds > 1e15) return -1;
    int64_t rounded = (int64_t)milliseconds;
    return (double)rounded < milliseconds ? rounded + 1 : rounded;
}

static void append(list_t *list, char *value) {
    char **larger = realloc(list->values, (list->count + 1) * sizeof *larger);
    if (!larger) fail(ENDED, "out of memory");
    larger[list->count++] = value;
    list->values = larger;
}

static void set_option(options_t *options, const option_t *option, char *value) {
    void *member = (char *)options + option->member;
    int64_t number;
    switch (option->kind) {
    case FLAG:
        *(int *)member = 1;
        break;
    case TEXT:
        *(char **)member = value;
        break;
    case TEXTS:
        append(member, value);
        break;
    case NUMBER:
        number = parse_number(value);
        if (number < option->least || number > option->most) {
            fail(BAD_USAGE, "%s expects a whole number from %" PRId64 " to %" PRId64 ", not \"%s\"", option->name,
                 option->least, option->most, value);
        }
        *(int64_t *)member = number;
        break;
    case SECONDS:
        number = parse_seconds(value);
        if (number < 0) fail(BAD_USAGE, "%s expects seconds, as 2 or 0.5, not \"%s\"", option->name, value);
        *(int64_t *)member = number;
        break;
    }
}

/* The option that an argument names, and the value that may come with it. */
static const option_t *find_option(char *argument, char **value) {
    int is_long = argument[1] == '-';
    size_t length = is_long ? strcspn(argument, "=") : 2;
    for (const option_t *option = OPTIONS; option < OPTIONS + OPTION_COUNT; option++) {
        if (strlen(option->name) != length || strncmp(option->name, argument, length) != 0) continue;
        *value = argument[length] ? argument + length + is_long : NULL;
        return option;
    }
    fail(BAD_USAGE, "there is no option %.*s", is_long ? (int)length : (int)strlen(argument), argument);
    return NULL;
}

static options_t parse_command_line(int argc, char **argv) {
    options_t options = {.connect_timeout = 10000, .response_timeout = 300000, .delay = 1000, .max_delay = 60000,
                         .max_redirects = 16, .max_event_size = 16777216};
    int only_urls = 0;
    for (int i = 1; i < argc; i++) {
        char *argument = argv[i];
        if (!only_urls && strcmp(argument, "--") == 0) {
            only_urls = 1;
        } else if (!only_urls && argument[0] == '-' && argument[1] != '\0') {
            char *value;
            const option_t *option = find_option(argument, &value);
            if (option->kind == FLAG && value) fail(BAD_USAGE, "%s takes no value", option->name);
            if (option->kind != FLAG && !value && !(value = argv[++i])) {
                fail(BAD_USAGE, "%s expects %s", option->name, option->value);
            }
            set_option(&options, option, value);
        } else if (options.url) {
            fail(BAD_USAGE, "one URL is enough: \"%s\" comes after \"%s\"", argument, options.url);
        } else {
            options.url = argument;
        }
    }
    if (!options.url && !options.help) fail(BAD_USAGE, "there is no URL");
    return options;
}

static void free_options(options_t *options) {
    free(options->headers.values);
    free(options->places.values);
}

/* ---- Output ---------------------------------------------------------------------------------------------------- */

typedef struct {
    options_t options;
    int64_t events;
    int write_error; /* errno of the write to stdout that failed */
    int exit_status;
} tail_t;

/* Prints text as the inside of a JSON string. */
static void put_json(const char *text, size_t length) {
    for (const char *end = text + length; text < end; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
}

/* One more member of a JSON object. */
static void put_member(const char *key, const char *text, size_t length) {
    printf(",\"%s\":\"", key);
    put_json(text, length);
    putchar('"');
}

/* {"name":["value"]} of all headers, as curl's %{header_json}. The values of a repeated name stay apart: not all of them can
 * be joined, as RFC 9110 (section 5.3) says of Set-Cookie. */
static void put_headers(const eventsource_header_t *headers, size_t count) {
    putchar('{');
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(headers[first].name, headers[i].name) != 0) first++;
        if (first < i) continue; /* printed with the first of its name */
        if (i > 0) putchar(',');
        putchar('"');
        put_json(headers[i].name, headers[i].name_len);
        fputs("\":[", stdout);
        for (size_t j = i; j < count; j++) {
            if (strcmp(headers[j].name, headers[i].name) != 0) continue;
            fputs(j > i ? ",\"" : "\"", stdout);
            put_json(headers[j].value, headers[j].value_len);
            putchar('"');
        }
        putchar(']');
    }
    putchar('}');
}

/* Ends a line of output. When nobody reads it any more, the work is done. */
static void end_line(tail_t *tail, eventsource_t *es) {
    putchar('\n');
    if (fflush(stdout) == EOF && !tail->write_error) {
        tail->write_error = errno;
        eventsource_stop(es);
    }
}

/* ---- Callbacks ------------------------------------------------------------------------------------------------- */

static int wake_pipe[2]; /* to the main thread; a signal handler has no other way to it than a global */

static void wake_main(void) {
    int saved_errno = errno;
    while (write(wake_pipe[1], "", 1) == -1 && errno == EINTR) {}
    errno = saved_errno;
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    tail_t *tail = user;
    if (!tail->options.json) {
        fprintf(stderr, "open: %" PRId32 " from ", response->status);
        print_string(stderr, response->url);
        putc('\n', stderr);
        return;
    }
    printf("{\"kind\":\"open\",\"status\":%" PRId32 ",\"headers\":", response->status);
    put_headers(response->headers, response->header_count);
    putchar('}');
    end_line(tail, es);
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    tail_t *tail = user;
    if (tail->options.json) {
        fputs("{\"kind\":\"event\"", stdout);
        put_member("type", event->type, event->type_len);
        put_member("data", event->data, event->data_len);
        put_member("id", event->last_event_id, event->last_event_id_len);
        putchar('}');
    } else {
        print_text(stdout, event->type, event->type_len);
        if (event->last_event_id_len > 0) {
            fputs(" (id ", stdout);
            print_text(stdout, event->last_event_id, event->last_event_id_len);
            putchar(')');
        }
        fputs(": ", stdout);
        print_text(stdout, event->data, event->data_len);
    }
    end_line(tail, es);
    /* Inside a callback this takes effect at once: not one event more is delivered. */
    if (++tail->events == tail->options.count) eventsource_stop(es);
}

static void on_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    tail_t *tail = user;
    if (tail->options.json) {
        fputs("{\"kind\":\"comment\"", stdout);
        put_member("comment", comment->text, comment->text_len);
        putchar('}');
        end_line(tail, es);
    } else {
        fputs("comment: ", stderr);
        print_text(stderr, comment->text, comment->text_len);
        putc('\n', stderr);
    }
}

static int32_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    tail_t *tail = user;
    if (tail->options.json) {
        printf("{\"kind\":\"error\",\"code\":\"%s\",\"status\":%" PRId32, eventsource_status_name(error->code),
               error->http_status);
        put_member("message", error->message, error->message_len);
        printf(",\"will_retry\":%s,\"delay_ms\":%" PRId64 "}", error->will_retry ? "true" : "false", error->delay_ms);
        end_line(tail, es);
        return EVENTSOURCE_DEFAULT;
    }
    fputs("error: ", stderr);
    print_text(stderr, error->message, error->message_len);
    if (error->will_retry) fprintf(stderr, "; next attempt in %.1f s", (double)error->delay_ms / 1000);
    putc('\n', stderr);
    if (error->body_len > 0) { /* its first line often tells more than the status */
        fputs("    ", stderr);
        print_text(stderr, error->body, strcspn(error->body, "\r\n"));
        putc('\n', stderr);
    }
    return EVENTSOURCE_DEFAULT;
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    tail_t *tail = user;
    if (close->reason != EVENTSOURCE_CLOSE_STOPPED) tail->exit_status = ENDED;
    if (tail->options.json) {
        fputs("{\"kind\":\"closed\"}", stdout);
        end_line(tail, es);
    } else {
        fprintf(stderr, "closed%s\n", close->reason == EVENTSOURCE_CLOSE_SERVER ? " by the server" : "");
    }
    wake_main();
}

/* ---- The client ------------------------------------------------------------------------------------------------ */

/* Every setter checks its input and says what is wrong with it: that is the message for a bad option, too. */
static void check(eventsource_t *es, const char *option, eventsource_status_t status) {
    if (status == EVENTSOURCE_OK) return;
    char reason[512] = "";
    if (eventsource_get_last_error(es, reason, sizeof reason, NULL) != EVENTSOURCE_OK || !*reason) {
        snprintf(reason, sizeof reason, "%s", eventsource_status_name(status));
    }
    fail(BAD_USAGE, "%s: %s", option, reason);
}

/* Cuts text at its first colon, in place; answers what follows. */
static char *split(const char *option, char *text, const char *expected) {
    char *colon = strchr(text, ':');
    if (!colon) fail(BAD_USAGE, "%s expects %s, but there is no colon", option, expected);
    *colon = '\0';
    return colon + 1;
}

/* Headers of one name add up, but replace the library's own. */
static void set_headers(eventsource_t *es, const list_t *list) {
    char **headers = list->values;
    for (size_t i = 0; i < list->count; i++) {
        char *value = split("-H", headers[i], "'NAME: VALUE'");
        value += strspn(value, " \t");
        int repeated = 0;
        for (size_t j = 0; j < i; j++) repeated |= strcasecmp(headers[j], headers[i]) == 0;
        check(es, "-H", (repeated ? eventsource_add_header : eventsource_set_header)(es, headers[i], value));
    }
}

typedef struct {
    char *text;
    size_t length;
} file_t;

static file_t read_file(const char *option, const char *path) {
    file_t read = {0};
    size_t got;
    FILE *file = fopen(path, "rb");
    if (!file) fail(BAD_USAGE, "%s: cannot open %s: %s", option, path, strerror(errno));
    do {
        char *larger = realloc(read.text, read.length + BUFSIZ);
        if (!larger) fail(ENDED, "out of memory");
        read.text = larger;
        got = fread(read.text + read.length, 1, BUFSIZ, file);
        read.length += got;
    } while (got > 0);
    if (ferror(file)) fail(BAD_USAGE, "%s: cannot read %s: %s", option, path, strerror(errno));
    fclose(file);
    if (read.length == 0) fail(BAD_USAGE, "%s: %s is empty", option, path);
    return read;
}

static void set_client_cert(eventsource_t *es, const char *cert_file, const char *key_file) {
    file_t cert = read_file("--cert", cert_file), key = {0};
    if (key_file) key = read_file("--key", key_file);
    check(es, "--cert", eventsource_set_client_cert_pem(es, cert.text, cert.length, key.text, key.length));
    free(cert.text);
    free(key.text);
}

static void set_tls(eventsource_t *es, const options_t *o) {
    if (o->ca_file) check(es, "--cacert", eventsource_set_ca_file(es, o->ca_file));
    if (o->key_file && !o->cert_file) fail(BAD_USAGE, "--key is of no use without --cert");
    if (o->cert_file) set_client_cert(es, o->cert_file, o->key_file);
    if (o->pins) check(es, "--pinnedpubkey", eventsource_set_pinned_keys(es, o->pins));
    if (o->tls12) check(es, "--tlsv1.2", eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_2));
    if (o->tls13) check(es, "--tlsv1.3", eventsource_set_min_tls_version(es, EVENTSOURCE_TLS_1_3));
    check(es, "--insecure", eventsource_set_insecure_skip_verification(es, o->insecure));
}

/* A request that is no GET may cost or do something each time: by default it is made once. */
static eventsource_mode_t mode(const options_t *options) {
    if (options->no_reconnect) return EVENTSOURCE_MODE_ONCE;
    return options->reconnect ? EVENTSOURCE_MODE_KEEP_ALIVE : EVENTSOURCE_MODE_AUTO;
}

static void set_reconnect(eventsource_t *es, const options_t *options) {
    check(es, "--reconnect", eventsource_set_mode(es, mode(options)));
    eventsource_reconnect_t policy = {.size = sizeof policy};
    check(es, "--delay", eventsource_get_reconnect(es, &policy));
    policy.retry_initial = options->retry_initial;
    policy.delay_ms = options->delay;
    policy.max_delay_ms = options->max_delay;
    check(es, "--delay", eventsource_set_reconnect(es, &policy));
}

/* Unless they are set, the proxy and its exceptions are what the environment says. */
static void set_network(eventsource_t *es, const options_t *o) {
    if (o->proxy) check(es, "--proxy", eventsource_set_proxy(es, o->proxy));
    if (o->no_proxy) check(es, "--noproxy", eventsource_set_no_proxy(es, o->no_proxy));
    if (o->unix_socket) check(es, "--unix-socket", eventsource_set_unix_socket(es, o->unix_socket));
    for (size_t i = 0; i < o->places.count; i++) {
        check(es, "--resolve", eventsource_set_resolve(es, o->places.values[i]));
    }
}

static void configure(eventsource_t *es, const options_t *o) {
    if (o->body) check(es, "-d", eventsource_set_body(es, o->body, strlen(o->body)));
    if (o->body) check(es, "-d", eventsource_set_method(es, "POST"));
    if (o->method) check(es, "-X", eventsource_set_method(es, o->method));
    if (o->user) {
        char *password = split("-u", o->user, "USER:PASSWORD");
        check(es, "-u", eventsource_set_basic_auth(es, o->user, password));
    }
    set_headers(es, &o->headers);
    if (o->last_event_id) check(es, "--last-event-id", eventsource_set_last_event_id(es, o->last_event_id));
    check(es, "--compressed", eventsource_set_compression(es, o->compressed));
    check(es, "--connect-timeout", eventsource_set_connect_timeout(es, o->connect_timeout));
    check(es, "--response-timeout", eventsource_set_response_timeout(es, o->response_timeout));
    check(es, "--read-timeout", eventsource_set_read_timeout(es, o->read_timeout));
    set_reconnect(es, o);
    check(es, "--max-redirects", eventsource_set_max_redirects(es, (int32_t)o->max_redirects));
    check(es, "--max-event-size", eventsource_set_max_event_size(es, (size_t)o->max_event_size));
    set_network(es, o);
    set_tls(es, o);
    if (o->http1) check(es, "--http1.1", eventsource_set_http_version(es, EVENTSOURCE_HTTP_1_1));
    if (o->http2) {
        check(es, "--http2-prior-knowledge", eventsource_set_http_version(es, EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE));
    }
}

static eventsource_t *new_client(tail_t *tail) {
    eventsource_t *es = NULL;
    eventsource_status_t made = eventsource_new(tail->options.url, &es);
    if (made != EVENTSOURCE_OK) {
        fail(BAD_USAGE, "expected an http or https URL, not \"%s\" (%s)", tail->options.url,
             eventsource_status_name(made));
    }
    configure(es, &tail->options);
    eventsource_set_user_data(es, tail, NULL);
    eventsource_on_open(es, on_open);
    eventsource_on_event(es, on_event);
    eventsource_on_comment(es, on_comment);
    eventsource_on_error(es, on_error);
    eventsource_on_close(es, on_close);
    return es;
}

/* ---- The program ----------------------------------------------------------------------------------------------- */

/* From the second signal on, should stdout be stuck, they end the program by themselves. */
static void on_signal(int number) {
    (void)number;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    wake_main();
}

/* SIGINT and SIGTERM end the program in good order. SIGPIPE would kill it before it could notice that its output is
 * closed, if it ever came: the library's threads, which print, block it. */
static void catch_signals(void) {
    struct sigaction stop = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

int main(int argc, char **argv) {
    tail_t tail = {.options = parse_command_line(argc, argv), .exit_status = DONE};
    if (tail.options.help) {
        print_help();
        free_options(&tail.options);
        return DONE;
    }
    if (pipe(wake_pipe) != 0) fail(ENDED, "no pipe: %s", strerror(errno));
    eventsource_t *es = new_client(&tail);
    catch_signals();
    eventsource_status_t started = eventsource_start(es);
    if (started == EVENTSOURCE_OK) {
        char byte;
        while (read(wake_pipe[0], &byte, 1) == -1 && errno == EINTR) {}
    } else {
        fprintf(stderr, "tail: cannot start: %s\n", eventsource_status_name(started));
        tail.exit_status = ENDED;
    }
    eventsource_free(es); /* returns after on_close */
    free_options(&tail.options);
    if (tail.write_error && tail.write_error != EPIPE) {
        fprintf(stderr, "tail: cannot write: %s\n", strerror(tail.write_error));
        tail.exit_status = ENDED;
    }
    return tail.exit_status;
}
