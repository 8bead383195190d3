/* chat [--model NAME] BASE_URL PROMPT: asks a language model behind an endpoint in OpenAI's style, and prints the answer as
 * it comes.
 *
 *     OPENAI_API_KEY=… chat https://api.openai.com/v1 'Why is the sky blue?'
 *     chat --model llama3.2 http://localhost:11434/v1 'Why is the sky blue?'
 *
 * The answer is an event stream: {"choices":[{"delta":{"content":"…"}}]} again and again, and [DONE]. It is asked for once:
 * to ask again would cost again, and nobody could tell where the first answer broke off. So a loss is an error, and the exit
 * status is 0 only if the answer is whole: the library is told that [DONE] is the end marker, and an end without it is an error.
 * What went wrong is told with the request's id, for those who run the endpoint, and with what is left of the rate limit.
 */
#include <eventsource.h>

#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON: as much as it takes ------------------------------------------------------------------------------------
 *
 * These find a value in JSON that is well-formed; they do not check that it is. A member whose name is written with escapes
 * is not recognised, and of several with one name the first counts. A program with more to read takes a JSON library. */

static const char *skip_space(const char *json) {
    return json + strspn(json, " \t\r\n");
}

/* What follows the string that begins here; NULL if it does not end. */
static const char *after_string(const char *json) {
    for (json++; *json != '"'; json++) {
        if (*json == '\\') json++;
        if (*json == '\0') return NULL;
    }
    return json + 1;
}

/* What follows the value that begins here; NULL if it does not end. */
static const char *after_value(const char *json) {
    int depth = 0;
    do {
        json += strspn(json, " \t\r\n,:");
        if (*json == '\0') return NULL;
        if (*json == '"') {
            json = after_string(json);
            if (!json) return NULL;
        } else if (*json == '{' || *json == '[') {
            depth++;
            json++;
        } else if (*json == '}' || *json == ']') {
            depth--;
            json++;
        } else {
            json += strcspn(json, " \t\r\n,:\"{}[]");
        }
    } while (depth > 0);
    return json;
}

/* The value of an object's member; NULL if there is none, or `json` is NULL or no object. */
static const char *member(const char *json, const char *name) {
    size_t len = strlen(name);
    if (!json || *json != '{') return NULL;
    json = skip_space(json + 1);
    while (json && *json == '"') {
        const char *key = json + 1, *end = after_string(json);
        if (!end || *skip_space(end) != ':') return NULL;
        json = skip_space(skip_space(end) + 1);
        if ((size_t)(end - key) == len + 1 && strncmp(key, name, len) == 0) return json;
        json = after_value(json);
        if (!json) return NULL;
        json = skip_space(json);
        if (*json == ',') json = skip_space(json + 1);
    }
    return NULL;
}

/* The first element of an array; NULL if there is none, or `json` is NULL or no array. */
static const char *first_element(const char *json) {
    if (!json || *json != '[') return NULL;
    json = skip_space(json + 1);
    return *json == ']' ? NULL : json;
}

/* The four digits of a \u; what is none of those becomes U+FFFD. Moves behind them. */
static unsigned long code_unit(const char **json) {
    char digits[5] = "", *rest;
    strncpy(digits, *json, 4);
    unsigned long unit = strtoul(digits, &rest, 16);
    *json += rest - digits;
    return rest == digits + 4 ? unit : 0xFFFD;
}

/* Encodes a character as UTF-8; answers its length. */
static size_t encode(char bytes[4], unsigned long c) {
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(size == 1 ? c : (0xF00 >> size & 0xF0) | c);
    return size;
}

/* Reads the character that an escape stands for, or half of one and the other half; moves behind it. */
static unsigned long unescape(const char **json) {
    char escape = *(*json)++;
    if (escape == 'n') return '\n';
    if (escape == 't') return '\t';
    if (escape != 'u') return strchr("bfr", escape) ? ' ' : (unsigned long)(unsigned char)escape;
    unsigned long unit = code_unit(json);
    if (unit >= 0xD800 && unit < 0xDC00 && strncmp(*json, "\\u", 2) == 0) { /* half of a pair */
        const char *behind = *json + 2;
        unsigned long low = code_unit(&behind);
        if (low >= 0xDC00 && low < 0xE000) {
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            *json = behind;
        }
    }
    return unit >= 0xD800 && unit < 0xE000 ? 0xFFFD : unit;
}

/* Prints what a string stands for. Nothing for NULL and for what is no string, as null. */
static void put_string(FILE *to, const char *json) {
    if (!json || *json != '"') return;
    json++;
    while (*json != '\0' && *json != '"') {
        char escaped[4];
        const char *text = json;
        size_t length = strcspn(json, "\"\\");
        if (length > 0) {
            json += length;
        } else if (*++json == '\0') {
            return;
        } else {
            length = encode(escaped, unescape(&json));
            text = escaped;
        }
        print_lines(to, text, length, ""); /* lest a model steer the terminal */
    }
}

/* Appends a text as a JSON string; there is room for six times its length and two. */
static char *append_string(char *json, const char *text) {
    *json++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *json++ = '\\';
        if ((unsigned char)*text < ' ') json += sprintf(json, "\\u%04x", (unsigned)*text);
        else *json++ = *text;
    }
    *json++ = '"';
    return json;
}

/* ---- The answer -------------------------------------------------------------------------------------------------- */

typedef struct {
    char request_id[128]; /* as the endpoint tells it */
    int failed;           /* what went wrong has been told */
} answer_t;

/* An error as these endpoints tell it, {"error":{"message":"…"}}, or whatever it is. */
static void tell_error(const char *json) {
    const char *error = member(skip_space(json), "error"), *message = member(error, "message");
    if (!message) message = error;
    fputs("chat: ", stderr);
    if (message && *message == '"') put_string(stderr, message);
    else print_string(stderr, json);
    putc('\n', stderr);
}

static void tell(const char *what, const char *value) {
    fprintf(stderr, "chat: %s: ", what);
    print_string(stderr, value);
    putc('\n', stderr);
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    answer_t *answer = user;
    const char *id;
    (void)es;
    eventsource_response_get_header(response, "x-request-id", 0, &id, NULL);
    snprintf(answer->request_id, sizeof answer->request_id, "%s", id ? id : "");
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    answer_t *answer = user;
    const char *json = skip_space(event->data);
    if (member(json, "error")) { /* it went wrong after the 200; some endpoints also give the event the type "error" */
        tell_error(json);
        if (*answer->request_id) tell("x-request-id", answer->request_id);
        answer->failed = 1;
        eventsource_stop(es);
    } else {
        put_string(stdout, member(member(first_element(member(json, "choices")), "delta"), "content"));
        fflush(stdout);
    }
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    answer_t *answer = user;
    (void)es;
    print_error("chat", error->message);
    if (error->body_len > 0) tell_error(error->body);
    for (size_t i = 0; i < error->header_count; i++) {
        const char *name = error->headers[i].name;
        if (strcmp(name, "x-request-id") == 0 || strncmp(name, "x-ratelimit-", 12) == 0 || strncmp(name, "retry-after", 11) == 0) {
            tell(name, error->headers[i].value);
        }
    }
    if (error->http_status == 0 && *answer->request_id) tell("x-request-id", answer->request_id);
    answer->failed = 1;
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* ---- The question ------------------------------------------------------------------------------------------------ */

static void check(eventsource_t *es, const char *what, eventsource_status_t status) {
    char reason[256] = "";
    if (status == EVENTSOURCE_OK) return;
    if (es) eventsource_get_last_error(es, reason, sizeof reason, NULL);
    fprintf(stderr, "chat: %s: %s\n", what, *reason ? reason : eventsource_status_text(status));
    eventsource_free(es);
    exit(2);
}

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (memory) return memory;
    fputs("chat: no memory\n", stderr);
    exit(1);
}

static eventsource_t *new_client(const char *base) {
    size_t len = strlen(base);
    char *url = allocate(len + sizeof "/chat/completions");
    while (len > 0 && base[len - 1] == '/') len--;
    memcpy(url, base, len);
    strcpy(url + len, "/chat/completions");
    eventsource_t *es = eventsource_new(url);
    free(url);
    check(es, base, eventsource_check(es));
    return es;
}

static void set_question(eventsource_t *es, const char *model, const char *prompt) {
    char *json = allocate(6 * (strlen(model) + strlen(prompt)) + 128), *end = json;
    end += sprintf(end, "{\"stream\":true,\"model\":");
    end = append_string(end, model);
    end += sprintf(end, ",\"messages\":[{\"role\":\"user\",\"content\":");
    end = append_string(end, prompt);
    end += sprintf(end, "}]}");
    check(es, "the body", eventsource_set_body(es, json, (size_t)(end - json)));
    free(json);
    check(es, "the method", eventsource_set_method(es, "POST"));
    check(es, "the type", eventsource_set_header(es, "Content-Type", "application/json"));
}

/* Local servers need no key. It never leaves the environment for the command line, which everybody on the machine sees. */
static void set_key(eventsource_t *es) {
    const char *key = getenv("OPENAI_API_KEY");
    if (!key || !*key) return;
    char *bearer = allocate(sizeof "Bearer " + strlen(key));
    strcat(strcpy(bearer, "Bearer "), key);
    eventsource_status_t status = eventsource_set_header(es, "Authorization", bearer);
    free(bearer);
    check(es, "OPENAI_API_KEY", status);
}

/* One request, and its answer to the end. For a POST that is the default; here it is said all the same. */
static void set_one_shot(eventsource_t *es) {
    check(es, "the mode", eventsource_set_mode(es, EVENTSOURCE_MODE_ONCE));
    check(es, "the end marker", eventsource_set_end_marker(es, "[DONE]"));
    check(es, "the timeout", eventsource_set_read_timeout(es, 5 * 60 * 1000)); /* models think long */
}

int main(int argc, char **argv) {
    const char *model = "gpt-4o-mini";
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--model") == 0) {
        model = argv[2];
        first = 3;
    }
    if (argc - first != 2) {
        fprintf(stderr, "Usage: [OPENAI_API_KEY=KEY] chat [--model NAME] BASE_URL PROMPT\n");
        return 2;
    }
    answer_t answer = {"", 0};
    eventsource_t *es = new_client(argv[first]);
    set_question(es, model, argv[first + 1]);
    set_key(es);
    set_one_shot(es);
    eventsource_set_user_data(es, &answer, NULL);
    eventsource_on_open(es, on_open);
    eventsource_on_event(es, on_event);
    eventsource_on_error(es, on_error);
    eventsource_status_t end = eventsource_run(es);
    if (end != EVENTSOURCE_OK && !answer.failed) check(es, "it does not start", end);
    eventsource_free(es);

    putchar('\n');
    return end == EVENTSOURCE_OK && !answer.failed ? 0 : 1;
}
