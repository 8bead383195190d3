#include "callbacks.h"

/* Go's functions: cgo writes their declarations, without the const that Go does not know. */
#include "_cgo_export.h"

/* How many of Go's functions this thread is in. Go keeps them on the thread that they were called on. */
static _Thread_local int depth;

int32_t eventsource_go_in_callback(void) {
    return depth > 0;
}

static void on_events(eventsource_t *es, const eventsource_event_t *const *events, size_t count, void *user) {
    (void)es;
    depth++;
    eventsourceGoEvents((uintptr_t)user, (eventsource_event_t **)events, count);
    depth--;
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es;
    depth++;
    eventsourceGoOpen((uintptr_t)user, (eventsource_response_t *)response);
    depth--;
}

static void on_document(eventsource_t *es, const eventsource_document_t *document, void *user) {
    (void)es;
    depth++;
    eventsourceGoDocument((uintptr_t)user, (eventsource_document_t *)document);
    depth--;
}

static void on_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    (void)es;
    depth++;
    eventsourceGoComment((uintptr_t)user, (eventsource_comment_t *)comment);
    depth--;
}

static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    depth++;
    int32_t decision = eventsourceGoError((uintptr_t)user, (eventsource_error_t *)error);
    depth--;
    return decision;
}

static eventsource_decision_t on_request(eventsource_t *es, eventsource_request_t *request, void *user) {
    (void)es;
    depth++;
    int32_t decision = eventsourceGoRequest((uintptr_t)user, request);
    depth--;
    return decision;
}

static eventsource_redirect_decision_t on_redirect(eventsource_t *es, const eventsource_redirect_t *redirect, void *user) {
    (void)es;
    depth++;
    int32_t decision = eventsourceGoRedirect((uintptr_t)user, (eventsource_redirect_t *)redirect);
    depth--;
    return decision;
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es;
    depth++;
    eventsourceGoClose((uintptr_t)user, (eventsource_close_t *)close);
    depth--;
}

eventsource_status_t eventsource_go_start(eventsource_t *es, uintptr_t handle, int32_t wanted) {
    /* These cannot fail: the client is new, and it is there. */
    eventsource_set_user_data(es, (void *)handle, NULL);
    eventsource_on_events(es, on_events);
    eventsource_on_open(es, on_open);
    eventsource_on_error(es, on_error);
    eventsource_on_close(es, on_close);
    if (wanted & WANT_COMMENTS) eventsource_on_comment(es, on_comment);
    if (wanted & WANT_REQUESTS) eventsource_on_request(es, on_request);
    if (wanted & WANT_DOCUMENTS) eventsource_on_document(es, on_document);
    if (wanted & WANT_REDIRECTS) eventsource_on_redirect(es, on_redirect);
    return eventsource_start(es);
}

static void on_log(const eventsource_log_record_t *record, void *user) {
    depth++;
    eventsourceGoLog((uintptr_t)user, (eventsource_log_record_t *)record);
    depth--;
}

static void on_log_destroy(void *user) {
    depth++;
    eventsourceGoLogDestroy((uintptr_t)user);
    depth--;
}

eventsource_status_t eventsource_go_log(uintptr_t handle, int32_t level) {
    return eventsource_log_set_callback(level, handle ? on_log : NULL, (void *)handle, handle ? on_log_destroy : NULL);
}

eventsource_runtime_t *eventsource_go_runtime(eventsource_dispatch_t dispatch, int32_t threads, const char *name,
                                              int32_t measure_latency) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = dispatch;
    options.threads = threads;
    options.thread_name = name;
    options.measure_latency = measure_latency;
    return eventsource_runtime_new(&options);
}
