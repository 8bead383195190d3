#include "callbacks.h"

/* Go's functions: cgo writes their declarations, without the const that Go does not know. */
#include "_cgo_export.h"

static void on_events(eventsource_t *es, const eventsource_event_t *const *events, size_t count, void *user) {
    (void)es;
    eventsourceGoEvents((uintptr_t)user, (eventsource_event_t **)events, count);
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es;
    eventsourceGoOpen((uintptr_t)user, (eventsource_response_t *)response);
}

static void on_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    (void)es;
    eventsourceGoComment((uintptr_t)user, (eventsource_comment_t *)comment);
}

static int32_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    return eventsourceGoError((uintptr_t)user, (eventsource_error_t *)error);
}

static void on_request(eventsource_t *es, eventsource_request_t *request, void *user) {
    (void)es;
    eventsourceGoRequest((uintptr_t)user, request);
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es;
    eventsourceGoClose((uintptr_t)user, (eventsource_close_t *)close);
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
    return eventsource_start(es);
}

static void on_log(int32_t level, const char *message, void *user) {
    eventsourceGoLog((uintptr_t)user, level, (char *)message);
}

eventsource_status_t eventsource_go_log(uintptr_t handle, int32_t level) {
    return eventsource_set_log_callback(handle ? on_log : NULL, level, (void *)handle);
}
