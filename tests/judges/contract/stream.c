/* One stream of the contract tests. What the harness asks becomes calls of the library; what the library calls back
 * becomes posts to the harness, whose URLs are numbered 1, 2, 3, … so that it can tell their order.
 *
 * The posts are made inside the callbacks, and each is answered before the callback returns. A callback may block, for
 * as long as it likes: it holds back its own stream alone. Since the callbacks of a client come one at a time and in
 * the order of the stream, so do the posts, without a queue, a thread, or a lock around the counter.
 */
#define _POSIX_C_SOURCE 200809L

#include "stream.h"

#include <curl/curl.h>
#include <eventsource.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A harness that answers no more must not keep the service from ending. Twice what the harness waits for a post. */
#define POST_TIMEOUT_MS 10000L

/* The client's user data; release() frees it. */
struct stream_t {
    eventsource_t *es;
    char *callback_url;

    /* Used in callbacks only. */
    CURL *curl;
    struct curl_slist *headers; /* of the posts */
    long posts;

    /* The event types to report beside "message". `listen` adds to them while callbacks run. */
    pthread_mutex_t lock;
    char **types;
    size_t type_count;
};

/* What the harness asks for. Strings belong to the JSON text; NULL where they are missing. */
typedef struct {
    const char *stream_url, *callback_url, *method, *body, *last_event_id;
    size_t body_len;
    json_t *headers;
    json_int_t initial_delay, read_timeout; /* milliseconds, -1 where missing */
} parameters_t;

static void *needed(void *allocated) {
    if (!allocated) {
        fputs("service: out of memory\n", stderr);
        exit(1);
    }
    return allocated;
}

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(needed(malloc(size)), text, size);
}

/* ---- Posts to the harness --------------------------------------------------------------------------------------- */

static size_t ignore_body(char *bytes, size_t size, size_t count, void *user) {
    (void)bytes;
    (void)user;
    return size * count;
}

/* Makes the handle for all posts of a stream: it keeps the connection. */
static void prepare_posts(stream_t *stream) {
    stream->curl = needed(curl_easy_init());
    /* Large events are sent at once, too, not after a round trip that asks whether they are welcome. */
    stream->headers = needed(curl_slist_append(NULL, "Expect:"));
    needed(curl_slist_append(stream->headers, "Content-Type: application/json"));
    curl_easy_setopt(stream->curl, CURLOPT_HTTPHEADER, stream->headers);
    curl_easy_setopt(stream->curl, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(stream->curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(stream->curl, CURLOPT_TIMEOUT_MS, POST_TIMEOUT_MS);
    curl_easy_setopt(stream->curl, CURLOPT_NOSIGNAL, 1L); /* timeouts without SIGALRM: this is a threaded program */
    curl_easy_setopt(stream->curl, CURLOPT_PROXY, "");    /* the harness is on this machine: none, whatever is set */
}

/* Posts a message and releases it. A lost post is told on stderr; the harness misses it by itself. */
static void post(stream_t *stream, json_t *message) {
    /* The library promises UTF-8, and jansson refuses anything else. */
    if (!message) message = json_pack("{ss ss}", "kind", "error", "error", "a payload of the library is not UTF-8");
    char *body = needed(json_dumps(message, JSON_COMPACT));
    json_decref(message);

    size_t size = strlen(stream->callback_url) + 32;
    char *url = needed(malloc(size));
    snprintf(url, size, "%s/%ld", stream->callback_url, ++stream->posts);

    curl_easy_setopt(stream->curl, CURLOPT_URL, url);
    curl_easy_setopt(stream->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(stream->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    CURLcode code = curl_easy_perform(stream->curl);
    if (code != CURLE_OK) fprintf(stderr, "service: post to %s: %s\n", url, curl_easy_strerror(code));
    free(url);
    free(body);
}

/* ---- Callbacks -------------------------------------------------------------------------------------------------- */

static int is_listened_to(stream_t *stream, const char *type) {
    int found = strcmp(type, "message") == 0;
    pthread_mutex_lock(&stream->lock);
    for (size_t i = 0; !found && i < stream->type_count; i++) found = strcmp(type, stream->types[i]) == 0;
    pthread_mutex_unlock(&stream->lock);
    return found;
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    stream_t *stream = user;
    if (!is_listened_to(stream, event->type)) return;
    post(stream, json_pack("{ss s{ss% ss% ss%}}", "kind", "event", "event", "type", event->type, event->type_len, "data",
                           event->data, event->data_len, "id", event->last_event_id, event->last_event_id_len));
}

static void on_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    (void)es;
    post(user, json_pack("{ss ss%}", "kind", "comment", "comment", comment->text, comment->text_len));
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    post(user, json_pack("{ss ss%}", "kind", "error", "error", error->message, error->message_len));
    return EVENTSOURCE_DECISION_DEFAULT;
}

/* The client is gone, no callback will follow. */
static void release(void *user) {
    stream_t *stream = user;
    curl_easy_cleanup(stream->curl);
    curl_slist_free_all(stream->headers);
    pthread_mutex_destroy(&stream->lock);
    for (size_t i = 0; i < stream->type_count; i++) free(stream->types[i]);
    free(stream->types);
    free(stream->callback_url);
    free(stream);
}

/* ---- Starting --------------------------------------------------------------------------------------------------- */

static int read_parameters(json_t *json, parameters_t *parameters, char *why, size_t why_size) {
    /* The harness writes null for what it does not set. */
    const char *name;
    void *next;
    json_t *value;
    json_object_foreach_safe(json, next, name, value) {
        if (json_is_null(value)) json_object_del(json, name);
    }

    *parameters = (parameters_t){.initial_delay = -1, .read_timeout = -1};
    json_error_t error;
    if (json_unpack_ex(json, &error, 0, "{ss ss s?s s?s% s?s s?o s?I s?I}", "streamUrl", &parameters->stream_url,
                       "callbackUrl", &parameters->callback_url, "method", &parameters->method, "body",
                       &parameters->body, &parameters->body_len, "lastEventId", &parameters->last_event_id, "headers",
                       &parameters->headers, "initialDelayMs", &parameters->initial_delay, "readTimeoutMs",
                       &parameters->read_timeout) != 0) {
        snprintf(why, why_size, "%s", error.text);
        return 0;
    }
    return 1;
}

static eventsource_status_t set_delay(eventsource_t *es, int64_t delay) {
    eventsource_reconnect_t policy;
    eventsource_status_t status = eventsource_get_reconnect(es, &policy, sizeof policy);
    if (status != EVENTSOURCE_OK) return status;
    policy.delay_ms = delay > 0 ? delay : 1; /* "at once", which the harness writes as 0, is 1 to the library */
    return eventsource_set_reconnect(es, &policy);
}

/* Whether the first attempt is retried is left at the library's default: the harness is there before its clients. */
static eventsource_status_t configure(eventsource_t *es, const parameters_t *parameters) {
    eventsource_status_t status = eventsource_on_event(es, on_event);
    if (status == EVENTSOURCE_OK) status = eventsource_on_comment(es, on_comment);
    if (status == EVENTSOURCE_OK) status = eventsource_on_error(es, on_error);

    if (status == EVENTSOURCE_OK && parameters->method) status = eventsource_set_method(es, parameters->method);
    if (status == EVENTSOURCE_OK && parameters->body) {
        status = eventsource_set_body(es, parameters->body, parameters->body_len);
    }
    if (status == EVENTSOURCE_OK && parameters->last_event_id) {
        status = eventsource_set_last_event_id(es, parameters->last_event_id);
    }
    if (status == EVENTSOURCE_OK && parameters->initial_delay >= 0) status = set_delay(es, parameters->initial_delay);
    if (status == EVENTSOURCE_OK && parameters->read_timeout >= 0) {
        status = eventsource_set_read_timeout(es, parameters->read_timeout);
    }
    const char *name;
    json_t *value;
    json_object_foreach(parameters->headers, name, value) {
        /* What is no string has the value NULL, and the library refuses that. */
        if (status == EVENTSOURCE_OK) status = eventsource_set_header(es, name, json_string_value(value));
    }
    return status;
}

stream_t *stream_start(json_t *json, char *why, size_t why_size) {
    parameters_t parameters;
    if (!read_parameters(json, &parameters, why, why_size)) return NULL;

    eventsource_t *es = eventsource_new(parameters.stream_url);
    stream_t *stream = needed(calloc(1, sizeof *stream));
    stream->es = es;
    stream->callback_url = copy(parameters.callback_url);
    pthread_mutex_init(&stream->lock, NULL);
    prepare_posts(stream);
    /* From here on the client owns the stream: whoever frees the one releases the other. */
    eventsource_set_user_data(es, stream, release);

    eventsource_status_t status = configure(es, &parameters);
    if (status == EVENTSOURCE_OK) status = eventsource_start(es);
    if (status != EVENTSOURCE_OK) {
        if (eventsource_get_last_error(es, why, why_size, NULL) != EVENTSOURCE_OK) {
            snprintf(why, why_size, "%s", eventsource_status_name(status));
        }
        eventsource_free(es);
        return NULL;
    }
    return stream;
}

/* ---- Commands --------------------------------------------------------------------------------------------------- */

/* Report events of this type, too. Listeners of the library are set before the start, and on_event is called for every
 * type that has none; so a program whose listeners come and go keeps them itself, like this one. */
static void listen_to(stream_t *stream, const char *type) {
    pthread_mutex_lock(&stream->lock);
    stream->types = needed(realloc(stream->types, (stream->type_count + 1) * sizeof *stream->types));
    stream->types[stream->type_count++] = copy(type);
    pthread_mutex_unlock(&stream->lock);
}

int stream_command(stream_t *stream, json_t *command, char *why, size_t why_size) {
    const char *name = "";
    const char *type = NULL;
    json_unpack(command, "{ss}", "command", &name);
    if (strcmp(name, "restart") == 0) {
        eventsource_status_t status = eventsource_reconnect_now(stream->es);
        if (status == EVENTSOURCE_OK) return 1;
        snprintf(why, why_size, "%s", eventsource_status_name(status));
    } else if (strcmp(name, "listen") == 0 && json_unpack(command, "{s{ss}}", "listen", "type", &type) == 0) {
        listen_to(stream, type);
        return 1;
    } else {
        snprintf(why, why_size, "neither \"restart\" nor a \"listen\" with a type");
    }
    return 0;
}

void stream_stop(stream_t *stream) {
    eventsource_free(stream->es);
}
