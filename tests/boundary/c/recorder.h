/* A client whose callbacks are written down, a line each, in the form that the tests compare:
 *
 *     request 2 END_OF_STREAM                        attempt and cause
 *     open 200
 *     event message 3 [data]                         type, id, data (its length where it is long)
 *     batch of 2                                     before its events; only from a recorder_of_batches
 *     comment [text]
 *     error HTTP_STATUS 503, again | final
 *     close stopped | server | failed HTTP_STATUS
 *
 * Every recorder checks what is promised of all callbacks: one at a time, none after on_close, on_close once for each
 * start, `destroy` once and last, sizes set, texts terminated.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "check.h"

typedef enum { ON_REQUEST, ON_OPEN, ON_EVENT, ON_COMMENT, ON_ERROR, ON_CLOSE, ON_EVENTS, ON_REDIRECT, ON_DOCUMENT } kind_t;

/* The payload of ON_EVENTS. */
typedef struct {
    const eventsource_event_t *const *events;
    size_t count;
} batch_t;

typedef struct recorder {
    eventsource_t *es; /* to be set to NULL by who frees it */
    int runs;          /* how often it was started */
    /* Called at the end of every callback; the answer is that of on_error. */
    int32_t (*then)(struct recorder *r, kind_t kind, const void *payload);
    void (*at_last)(struct recorder *r); /* called in `destroy` */
    eventsource_request_t *request; /* for `then` in on_request, whose payload is not const */
    int64_t number;                 /* for `then`, to use as it likes */
    void *pointer;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Behind the mutex: */
    char *lines;
    char *data; /* of the last event */
    size_t data_len;
    int inside; /* a callback is running */
    int closes;
    int32_t end; /* what eventsource_wait is to return: how it closed last */
    int destroys;
} recorder_t;

/* A status without what all of them begin with. */
static inline const char *short_name(int32_t status) {
    const char *name = eventsource_status_name(status);
    return name + (strncmp(name, "EVENTSOURCE_ERR_", 16) == 0 ? 16 : 12);
}

static inline char *join(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = (size_t)vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = malloc(length + 1);
    if (!text) abort();
    va_start(arguments, format);
    vsnprintf(text, length + 1, format, arguments);
    va_end(arguments);
    return text;
}

static inline char *url_of(const char *target) {
    return join("%s%s", check_url, target);
}

/* ---- Callbacks --------------------------------------------------------------------------------------------------- */

/* Writes a line, which it takes over, then does what the test wants done in this callback. */
static inline int32_t recorder_note(recorder_t *r, eventsource_t *es, char *line, kind_t kind, const void *payload) {
    pthread_mutex_lock(&r->mutex);
    CHECK(es == r->es || !r->es);
    CHECK(!r->inside);
    CHECK(!r->destroys);
    CHECK(r->closes < r->runs);
    r->inside = 1;
    char *lines = join("%s%s\n", r->lines, line);
    free(r->lines);
    free(line);
    r->lines = lines;
    if (kind == ON_EVENT || kind == ON_EVENTS) {
        const batch_t *batch = payload;
        const eventsource_event_t *event = kind == ON_EVENT ? payload : batch->events[batch->count - 1];
        free(r->data);
        r->data = malloc(event->data_len + 1);
        if (!r->data) abort();
        memcpy(r->data, event->data, event->data_len + 1);
        r->data_len = event->data_len;
    }
    pthread_mutex_unlock(&r->mutex);

    int32_t answer = r->then ? r->then(r, kind, payload) : EVENTSOURCE_DECISION_DEFAULT;

    pthread_mutex_lock(&r->mutex);
    r->inside = 0;
    if (kind == ON_CLOSE) r->closes++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
    return answer;
}

static inline eventsource_decision_t record_request(eventsource_t *es, eventsource_request_t *request, void *user) {
    recorder_t *r = user;
    int64_t attempt = -1;
    int32_t code = -1, status = -1;
    CHECK_STATUS(eventsource_request_get_attempt(request, &attempt), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_request_get_cause(request, &code, &status), EVENTSOURCE_OK);
    char *line = join(status ? "request %" PRId64 " %s %" PRId32 : "request %" PRId64 " %s", attempt,
                      code == EVENTSOURCE_OK ? "first" : short_name(code), status);
    r->request = request;
    return recorder_note(r, es, line, ON_REQUEST, request);
}

static inline void record_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    CHECK(response->size >= sizeof *response);
    CHECK(strlen(response->url) == response->url_len);
    recorder_note(user, es, join("open %" PRId32, response->status), ON_OPEN, response);
}

static inline char *event_line(const eventsource_event_t *event) {
    CHECK(event->size >= sizeof *event);
    CHECK(event->type[event->type_len] == '\0' && strlen(event->type) == event->type_len);
    CHECK(event->data[event->data_len] == '\0');
    CHECK(strlen(event->last_event_id) == event->last_event_id_len);
    CHECK(event->origin_len > 0 && strlen(event->origin) == event->origin_len);
    char *data = event->data_len > 1000 ? join("%zu bytes", event->data_len) : join("[%s]", event->data);
    const char *id = event->last_event_id;
    char *line = join("event %s%s%s %s", event->type, *id ? " " : "", id, data);
    free(data);
    return line;
}

static inline void record_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    recorder_note(user, es, event_line(event), ON_EVENT, event);
}

static inline void record_events(eventsource_t *es, const eventsource_event_t *const *events, size_t count,
                                 void *user) {
    CHECK(count >= 1);
    char *lines = join("batch of %zu", count);
    for (size_t i = 0; i < count; i++) {
        char *line = event_line(events[i]), *longer = join("%s\n%s", lines, line);
        free(line);
        free(lines);
        lines = longer;
    }
    recorder_note(user, es, lines, ON_EVENTS, &(batch_t){events, count});
}

static inline void record_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    CHECK(comment->size >= sizeof *comment);
    CHECK(strlen(comment->text) == comment->text_len);
    recorder_note(user, es, join("comment [%s]", comment->text), ON_COMMENT, comment);
}

static inline eventsource_decision_t record_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    CHECK(error->size >= sizeof *error);
    CHECK(error->code >= 32 && error->code != EVENTSOURCE_ERR_PANIC);
    CHECK(error->message_len > 0 && strlen(error->message) == error->message_len);
    CHECK(error->body && error->body[error->body_len] == '\0' && error->body_len <= 3 * 4096);
    CHECK((error->headers != NULL) == (error->http_status != 0));
    CHECK(error->will_retry ? error->delay_ms >= 0 : error->delay_ms == 0);
    const char *outlook = error->will_retry ? "again" : "final";
    char *line = error->http_status
                     ? join("error %s %" PRId32 ", %s", short_name(error->code), error->http_status, outlook)
                     : join("error %s, %s", short_name(error->code), outlook);
    return recorder_note(user, es, line, ON_ERROR, error);
}

static inline void record_document(eventsource_t *es, const eventsource_document_t *document, void *user) {
    CHECK(document->size >= sizeof *document && document->response->size >= sizeof *document->response);
    CHECK(document->body[document->body_len] == '\0');
    char *line = join("document %" PRId32 " %zu [%s]", document->response->status, document->body_len, document->body);
    recorder_note(user, es, line, ON_DOCUMENT, document);
}

static inline eventsource_redirect_decision_t record_redirect(eventsource_t *es, const eventsource_redirect_t *redirect,
                                                              void *user) {
    CHECK(redirect->size >= sizeof *redirect);
    CHECK(strlen(redirect->from) == redirect->from_len && strlen(redirect->to) == redirect->to_len);
    char *line = join("redirect %" PRId32 "%s%s", redirect->status, redirect->drops_credentials ? " without credentials" : "",
                      redirect->drops_body ? " without body" : "");
    return recorder_note(user, es, line, ON_REDIRECT, redirect);
}

static inline void record_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    CHECK(close->size >= sizeof *close);
    CHECK((close->code != EVENTSOURCE_OK) == (close->reason == EVENTSOURCE_CLOSE_FAILED));
    char *line = close->reason == EVENTSOURCE_CLOSE_FAILED ? join("close failed %s", short_name(close->code))
                 : close->reason == EVENTSOURCE_CLOSE_SERVER ? join("close server")
                 : close->reason == EVENTSOURCE_CLOSE_END_OF_STREAM ? join("close end")
                                                             : join("close stopped");
    recorder_t *r = user;
    pthread_mutex_lock(&r->mutex);
    r->end = close->code;
    pthread_mutex_unlock(&r->mutex);
    recorder_note(r, es, line, ON_CLOSE, close);
}

static inline void record_destroy(void *user) {
    recorder_t *r = user;
    if (r->at_last) r->at_last(r);
    pthread_mutex_lock(&r->mutex);
    CHECK(!r->inside);
    CHECK_NUMBER(r->closes, r->runs);
    r->destroys++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

/* ---- For tests --------------------------------------------------------------------------------------------------- */

/* How a client of these tests reconnects: fast. */
static inline eventsource_reconnect_t fast_policy(eventsource_t *es) {
    eventsource_reconnect_t policy;
    CHECK_STATUS(eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
    policy.delay_ms = 10;
    policy.max_delay_ms = 10;
    policy.jitter = 0;
    return policy;
}

/* A client that has not been started. Every callback is set but on_request, which changes what happens. */
static inline recorder_t *recorder_around(eventsource_t *es) {
    recorder_t *r = calloc(1, sizeof *r);
    if (!r) abort();
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->end = EVENTSOURCE_ERR_STATE; /* never started */
    r->lines = join("%s", "");
    r->data = join("%s", "");
    r->es = es;
    eventsource_reconnect_t policy = fast_policy(r->es);
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_user_data(r->es, r, record_destroy), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_open(r->es, record_open), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event(r->es, record_event), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_comment(r->es, record_comment), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_error(r->es, record_error), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_close(r->es, record_close), EVENTSOURCE_OK);
    return r;
}

/* One for a URL, or for a path on the test server. */
static inline recorder_t *recorder_new(const char *target) {
    char *url = *target == '/' ? url_of(target) : join("%s", target);
    eventsource_t *es = eventsource_new(url);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    free(url);
    return recorder_around(es);
}

/* A client's number. */
static inline uint64_t number_of(const eventsource_t *es) {
    uint64_t number = 0;
    CHECK_STATUS(eventsource_get_number(es, &number), EVENTSOURCE_OK);
    return number;
}

/* Whose events come in batches. */
static inline recorder_t *recorder_of_batches(const char *target) {
    recorder_t *r = recorder_new(target);
    CHECK_STATUS(eventsource_on_events(r->es, record_events), EVENTSOURCE_OK);
    return r;
}

/* A stream on which every callback comes soon, and again and again. */
#define EVERYTHING "/events?count=1000000&per_connection=2&comment=hi"

static const kind_t KINDS[] = {ON_REQUEST, ON_OPEN, ON_EVENT, ON_COMMENT, ON_ERROR, ON_CLOSE};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static inline recorder_t *recorder_of_everything(void) {
    recorder_t *r = recorder_new(EVERYTHING);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    return r;
}

/* Has the very first attempt retried, too. */
static inline void retry_initial(recorder_t *r) {
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.retry_initial = 1;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
}

/* Makes every retry after the next failure far away. */
static inline void retry_late(recorder_t *r) {
    eventsource_reconnect_t policy = fast_policy(r->es);
    policy.retry_initial = 1;
    policy.delay_ms = policy.max_delay_ms = 3600 * 1000;
    CHECK_STATUS(eventsource_set_reconnect(r->es, &policy), EVENTSOURCE_OK);
}

static inline void start(recorder_t *r) {
    pthread_mutex_lock(&r->mutex);
    r->runs++;
    pthread_mutex_unlock(&r->mutex);
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_OK);
}

static inline size_t lines_with(const char *lines, const char *beginning) {
    size_t count = 0;
    for (const char *line = lines; *line; line = strchr(line, '\n') + 1) {
        count += strncmp(line, beginning, strlen(beginning)) == 0;
    }
    return count;
}

/* Waits until that many lines begin so, and their callbacks have returned. */
#define WAIT_FOR(r, beginning, count) recorder_wait((r), (beginning), (count), __FILE__, __LINE__)
static inline void recorder_wait(recorder_t *r, const char *beginning, size_t count, const char *file, int line) {
    if (check_failed()) return;
    struct timespec deadline = check_deadline();
    int late = 0;
    pthread_mutex_lock(&r->mutex);
    while (!late && (r->inside || lines_with(r->lines, beginning) < count)) {
        late = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
    }
    check_that(!late, file, line, "there are %zu lines \"%s\" in time, among:\n%s", count, beginning, r->lines);
    pthread_mutex_unlock(&r->mutex);
}

/* Waits for the client's end, and checks that the wait tells how it closed. */
#define WAIT_CLOSED(r, timeout_ms) recorder_wait_closed((r), (timeout_ms), __FILE__, __LINE__)
static inline void recorder_wait_closed(recorder_t *r, int64_t timeout_ms, const char *file, int line) {
    if (check_failed()) return;
    int32_t told = eventsource_wait(r->es, timeout_ms);
    pthread_mutex_lock(&r->mutex);
    check_that(told == r->end, file, line, "the wait tells %s, on_close told %s", eventsource_status_name(told),
               eventsource_status_name(r->end));
    pthread_mutex_unlock(&r->mutex);
}

static inline void wait_closed(recorder_t *r) {
    WAIT_CLOSED(r, check_seconds * 1000 * check_slow);
}

static inline void stop(recorder_t *r) {
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    wait_closed(r);
}

/* What has been written down. */
#define CHECK_LINES(r, expected) recorder_check((r), (expected), __FILE__, __LINE__)
static inline void recorder_check(recorder_t *r, const char *expected, const char *file, int line) {
    pthread_mutex_lock(&r->mutex);
    check_text(r->lines, expected, file, line, "what came");
    pthread_mutex_unlock(&r->mutex);
}

/* How many lines begin so. */
static inline int64_t count_lines(recorder_t *r, const char *beginning) {
    pthread_mutex_lock(&r->mutex);
    size_t count = lines_with(r->lines, beginning);
    pthread_mutex_unlock(&r->mutex);
    return (int64_t)count;
}

/* Waits for an event, and answers whether the data of the last one has this in it. */
static inline int echoed(recorder_t *r, const char *text) {
    WAIT_FOR(r, "event", 1);
    pthread_mutex_lock(&r->mutex);
    int found = strstr(r->data, text) != NULL;
    pthread_mutex_unlock(&r->mutex);
    return found;
}

/* Frees the client, unless that has been done, and the recorder. */
static inline void recorder_end(recorder_t *r) {
    eventsource_t *es = r->es;
    if (es) eventsource_free(es);
    struct timespec deadline = check_deadline();
    pthread_mutex_lock(&r->mutex);
    int late = 0;
    while (!es && !late && !r->destroys) late = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
    CHECK_NUMBER(r->destroys, 1);
    CHECK_NUMBER(r->closes, r->runs);
    int destroyed = r->destroys;
    pthread_mutex_unlock(&r->mutex);
    if (!destroyed) return; /* it may still be used: rather a leak */
    pthread_mutex_destroy(&r->mutex);
    pthread_cond_destroy(&r->changed);
    free(r->lines);
    free(r->data);
    free(r);
}

/* As recorder_end, for a client that is freed in one of its own callbacks. */
static inline void recorder_end_freed(recorder_t *r, const char *lines) {
    struct timespec deadline = check_deadline();
    int late = 0;
    pthread_mutex_lock(&r->mutex);
    while (!late && !r->destroys) late = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
    CHECK(!late);
    r->es = NULL;
    pthread_mutex_unlock(&r->mutex);
    CHECK_LINES(r, lines);
    recorder_end(r);
}

#endif
