/* on_events: the events of one read come in one call. */
#include "check.h"
#include "peer.h"
#include "recorder.h"
#include "runtime.h"

/* A client whose events come in batches, with the server's end of its stream. */
static recorder_t *open_stream(peer_t *peer, int *fd) {
    *peer = peer_listen("http");
    recorder_t *r = recorder_of_batches(peer->url);
    start(r);
    *fd = peer_open(peer);
    WAIT_FOR(r, "open", 1);
    return r;
}

static void close_stream(peer_t *peer, int fd, recorder_t *r) {
    recorder_end(r);
    close(fd);
    peer_close(peer);
}

/* ---- What a batch is --------------------------------------------------------------------------------------------- */

static void the_events_of_one_read_come_in_one_call_and_in_order(void) {
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    peer_say(fd, "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5");
    WAIT_FOR(r, "event", 4);
    peer_say(fd, "\n\n");
    WAIT_FOR(r, "event", 5);
    peer_say(fd, "data: 6\n\ndata: 7\n\n");
    WAIT_FOR(r, "event", 7);
    CHECK_LINES(r, "open 200\n"
                   "batch of 4\nevent message [1]\nevent message [2]\nevent message [3]\nevent message [4]\n"
                   "batch of 1\nevent message [5]\n"
                   "batch of 2\nevent message [6]\nevent message [7]\n");
    close_stream(&peer, fd, r);
}

static void the_events_of_a_batch_have_each_its_own_texts(void) {
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    peer_say(fd, "data: no id\n\n"
                 "id: 1\nevent: add\ndata: first\n\n"
                 "event: add\ndata: same type and id\n\n"
                 "event: remove\ndata: same id\n\n"
                 "id: 12\nevent: remove\ndata: same type\n\n"
                 "id: 1\ndata\n\n"
                 "id: only an id\n\n"
                 "event: only a type\n\n"
                 "data: two\ndata: lines\n\n"
                 "id\nevent: \xC3\xA4\ndata: \xC3\xB6\n\n"
                 "data:\n\n");
    WAIT_FOR(r, "batch", 1);
    CHECK_LINES(r, "open 200\n"
                   "batch of 9\n"
                   "event message [no id]\n"
                   "event add 1 [first]\n"
                   "event add 1 [same type and id]\n"
                   "event remove 1 [same id]\n"
                   "event remove 12 [same type]\n"
                   "event message 1 []\n"
                   "event message only an id [two\nlines]\n"
                   "event \xC3\xA4 [\xC3\xB6]\n"
                   "event message []\n");
    close_stream(&peer, fd, r);
}

static int32_t check_nuls(recorder_t *r, kind_t kind, const void *payload) {
    static const struct {
        const char *data;
        size_t len;
    } EXPECTED[] = {{"\0", 1}, {"a\0b", 3}, {"\0\0c", 3}, {"d", 1}};
    const batch_t *batch = payload;
    if (kind != ON_EVENTS) return EVENTSOURCE_DECISION_DEFAULT;
    CHECK_NUMBER((int64_t)batch->count, 4);
    for (size_t i = 0; i < 4 && i < batch->count; i++) {
        const eventsource_event_t *event = batch->events[i];
        CHECK_NUMBER((int64_t)event->data_len, (int64_t)EXPECTED[i].len);
        CHECK(memcmp(event->data, EXPECTED[i].data, EXPECTED[i].len + 1) == 0);
        CHECK_TEXT(event->last_event_id, ""); /* an id with a NUL is none */
        CHECK_TEXT(event->type, "message");
    }
    r->number++;
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void the_data_in_a_batch_may_hold_nuls(void) {
    static const char STREAM[] = "data: \0\n\ndata: a\0b\n\nid: 1\0\ndata: \0\0c\n\ndata: d\n\n";
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    r->then = check_nuls;
    peer_send(fd, STREAM, sizeof STREAM - 1);
    WAIT_FOR(r, "batch", 1);
    CHECK_NUMBER(r->number, 1);
    close_stream(&peer, fd, r);
}

static void comments_part_batches_in_the_order_of_the_stream(void) {
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    peer_say(fd, ": a\ndata: 1\n\ndata: 2\n\n: b\n: c\ndata: 3\n\ndata: 4\n: d\n\n: e\n");
    WAIT_FOR(r, "comment [e]", 1);
    CHECK_LINES(r, "open 200\ncomment [a]\nbatch of 2\nevent message [1]\nevent message [2]\ncomment [b]\n"
                   "comment [c]\nbatch of 1\nevent message [3]\ncomment [d]\nbatch of 1\nevent message [4]\n"
                   "comment [e]\n");
    close_stream(&peer, fd, r);
}

static void comments_that_nobody_wants_part_nothing(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_of_batches(peer.url);
    CHECK_STATUS(eventsource_on_comment(r->es, NULL), EVENTSOURCE_OK);
    start(r);
    int fd = peer_open(&peer);
    WAIT_FOR(r, "open", 1);
    peer_say(fd, ": a\ndata: 1\n\n: b\ndata: 2\n\n");
    WAIT_FOR(r, "event", 2);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message [1]\nevent message [2]\n");
    close_stream(&peer, fd, r);
}

static void a_large_event_ends_its_batch(void) {
    enum { LARGE = 20 * 1000 };
    static char large[LARGE + 1];
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    memset(large, 'x', LARGE);
    char *stream = join("id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: %s\n\nid: 3\ndata: c\n\n", large);
    peer_say(fd, stream);
    free(stream);
    WAIT_FOR(r, "event message 3 [c]", 1);
    CHECK_LINES(r, "open 200\nbatch of 3\nevent message 1 [a]\nevent message 1 [b]\n"
                   "event message 2 20000 bytes\nbatch of 1\nevent message 3 [c]\n");

    /* One whose id is what is large, and so are then all that follow it. */
    stream = join("id: %s\ndata: d\n\n", large);
    peer_say(fd, stream);
    free(stream);
    WAIT_FOR(r, "batch", 3);
    peer_say(fd, "data: e\n\ndata: f\n\nid: 4\ndata: g\n\ndata: h\n\n");
    WAIT_FOR(r, "event message 4 [h]", 1);
    CHECK_NUMBER(count_lines(r, "event"), 9);
    CHECK_NUMBER(count_lines(r, "batch of 1"), 4);
    CHECK_NUMBER(count_lines(r, "batch of 2"), 1);
    close_stream(&peer, fd, r);
}

/* ---- Which callback ---------------------------------------------------------------------------------------------- */

static void record_typed(eventsource_t *es, const eventsource_event_t *event, void *user) {
    recorder_note(user, es, join("typed %s [%s]", event->type, event->data), ON_EVENT, event);
}

static int32_t stop_on_error(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)payload;
    return kind == ON_ERROR ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

static void on_events_is_called_instead_of_the_callbacks_for_single_events(void) {
    recorder_t *r = recorder_of_batches("/status/200?header=Content-Type:text/event-stream"
                                        "&body=data:1%0A%0Aevent:add%0Adata:2%0A%0A");
    CHECK_STATUS(eventsource_on_event_type(r->es, "add", record_typed), EVENTSOURCE_OK);
    r->then = stop_on_error;
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message [1]\nevent add [2]\nerror END_OF_STREAM, again\n"
                   "close stopped\n");
    recorder_end(r);
}

static void without_on_events_the_callbacks_for_single_events_are_called_again(void) {
    recorder_t *r = recorder_of_batches("/status/200?header=Content-Type:text/event-stream"
                                        "&body=data:1%0A%0Aevent:add%0Adata:2%0A%0A");
    CHECK_STATUS(eventsource_on_event_type(r->es, "add", record_typed), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_events(r->es, NULL), EVENTSOURCE_OK);
    r->then = stop_on_error;
    start(r);
    wait_closed(r);
    CHECK_LINES(r, "open 200\nevent message [1]\ntyped add [2]\nerror END_OF_STREAM, again\nclose stopped\n");
    recorder_end(r);
}

/* ---- The end of a stream ----------------------------------------------------------------------------------------- */

static void what_came_before_the_end_of_a_stream_comes_before_its_error(void) {
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    peer_say(fd, "data: 1\n\ndata: 2\n\ndata: unfinished\n");
    close(fd);
    fd = peer_open(&peer);
    peer_say(fd, "\ndata: 3\n\n");
    WAIT_FOR(r, "event", 3);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message [1]\nevent message [2]\nerror END_OF_STREAM, again\n"
                   "open 200\nbatch of 1\nevent message [3]\n");
    close_stream(&peer, fd, r);
}

static void what_came_before_an_event_over_the_limit_comes_before_its_error(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_of_batches(peer.url);
    CHECK_STATUS(eventsource_set_max_event_size(r->es, 20), EVENTSOURCE_OK);
    retry_late(r);
    start(r);
    int fd = peer_open(&peer);
    WAIT_FOR(r, "open", 1);
    peer_say(fd, "id: 1\ndata: 1\n\ndata: 2\n\ndata: 123456789012345678901\n\ndata: 3\n\n");
    WAIT_FOR(r, "error", 1);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message 1 [1]\nevent message 1 [2]\n"
                   "error EVENT_TOO_LARGE, again\n");
    close_stream(&peer, fd, r);
}

static void a_stream_that_is_cut_continues_after_the_last_batch(void) {
    recorder_t *r = recorder_of_batches("/events?count=20&per_connection=3&then=204");
    start(r);
    wait_closed(r);
    for (int i = 1; i <= 20; i++) {
        char *line = join("event message %d [event %d]\n", i, i);
        CHECK_NUMBER(count_lines(r, line), 1);
        free(line);
    }
    CHECK_NUMBER(count_lines(r, "event"), 20);
    CHECK_NUMBER(count_lines(r, "open"), 7);
    recorder_end(r);
}

/* ---- Inside a batch ---------------------------------------------------------------------------------------------- */

static int32_t stop_in_batch(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENTS) CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static int32_t reconnect_in_batch(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENTS && r->number++ == 0) CHECK_STATUS(eventsource_reconnect_now(r->es), EVENTSOURCE_OK);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static int32_t free_in_batch(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENTS) eventsource_free(r->es);
    return EVENTSOURCE_DECISION_DEFAULT;
}

#define TWO_THEN_MORE "id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n: comment\nid: 3\ndata: 3\n\n"

static void nothing_follows_a_batch_that_stops_the_client_and_its_last_id_counts(void) {
    char id[8] = "";
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    r->then = stop_in_batch;
    peer_say(fd, TWO_THEN_MORE);
    WAIT_FOR(r, "close", 1);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message 1 [1]\nevent message 2 [2]\nclose stopped\n");
    CHECK_STATUS(eventsource_get_last_event_id(r->es, id, sizeof id, NULL), EVENTSOURCE_OK);
    CHECK_TEXT(id, "2");
    close_stream(&peer, fd, r);
}

static void nothing_follows_a_batch_that_reconnects_from_the_old_stream(void) {
    peer_t peer;
    int fd;
    char request[4096] = "";
    recorder_t *r = open_stream(&peer, &fd);
    r->then = reconnect_in_batch;
    peer_say(fd, TWO_THEN_MORE);
    int next = peer_accept(&peer);
    CHECK(recv(next, request, sizeof request - 1, 0) > 0);
    CHECK(strstr(request, "Last-Event-ID: 2\r\n") != NULL);
    peer_say(next, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: new\n\n");
    WAIT_FOR(r, "batch", 2);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message 1 [1]\nevent message 2 [2]\n"
                   "open 200\nbatch of 1\nevent message 2 [new]\n");
    close_stream(&peer, fd, r);
    close(next);
}

static void nothing_follows_a_batch_that_frees_the_client(void) {
    peer_t peer;
    int fd;
    recorder_t *r = open_stream(&peer, &fd);
    r->then = free_in_batch;
    peer_say(fd, TWO_THEN_MORE);
    recorder_end_freed(r, "open 200\nbatch of 2\nevent message 1 [1]\nevent message 2 [2]\nclose stopped\n");
    close(fd);
    peer_close(&peer);
}

static void a_batch_is_one_turn_of_manual_dispatch(void) {
    peer_t peer = peer_listen("http");
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_of_batches(peer.url), runtime);
    start(r);
    int fd = peer_open(&peer);
    WAIT_ON(runtime, r, "open", 1);
    peer_say(fd, "data: 1\n\ndata: 2\n\n");
    CHECK_NUMBER((int64_t)dispatch(runtime, check_seconds * 1000 * check_slow, 1), 1);
    CHECK_LINES(r, "open 200\nbatch of 2\nevent message [1]\nevent message [2]\n");
    recorder_end(r);
    eventsource_runtime_free(runtime);
    close(fd);
    peer_close(&peer);
}

/* ---- Many -------------------------------------------------------------------------------------------------------- */

enum { EVENTS = 100 * 1000 };

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int64_t calls, events;
} counted_t;

static void count_events(eventsource_t *es, const eventsource_event_t *const *events, size_t count, void *user) {
    counted_t *counted = user;
    (void)es;
    pthread_mutex_lock(&counted->mutex);
    counted->calls++;
    CHECK(count <= 1024);
    for (size_t i = 0; i < count; i++) {
        char expected[32];
        counted->events++;
        snprintf(expected, sizeof expected, "%" PRId64, counted->events);
        CHECK_TEXT(events[i]->data, expected);
        CHECK_TEXT(events[i]->last_event_id, expected);
    }
    pthread_cond_broadcast(&counted->changed);
    pthread_mutex_unlock(&counted->mutex);
}

static void a_hundred_thousand_events_come_in_order_and_in_far_fewer_calls(void) {
    counted_t counted = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    eventsource_stats_t stats;
    peer_t peer = peer_listen("http");
    char *stream = malloc(EVENTS * 32), *end = stream;
    if (!stream) abort();
    for (int i = 1; i <= EVENTS; i++) end += sprintf(end, "id: %d\ndata: %d\n\n", i, i);
    eventsource_t *es = eventsource_new(peer.url);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_user_data(es, &counted, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_events(es, count_events), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    int fd = peer_open(&peer);
    peer_send(fd, stream, (size_t)(end - stream));

    struct timespec deadline = check_deadline();
    int late = 0;
    pthread_mutex_lock(&counted.mutex);
    while (!late && counted.events < EVENTS) late = pthread_cond_timedwait(&counted.changed, &counted.mutex, &deadline);
    CHECK_NUMBER(counted.events, EVENTS);
    CHECK(counted.calls < EVENTS / 100);
    pthread_mutex_unlock(&counted.mutex);
    CHECK_STATUS(eventsource_get_stats(es, &stats, sizeof stats), EVENTSOURCE_OK);
    CHECK_NUMBER((int64_t)stats.events, EVENTS);
    eventsource_free(es);
    free(stream);
    close(fd);
    peer_close(&peer);
}

CHECK_MAIN(TEST(the_events_of_one_read_come_in_one_call_and_in_order),
           TEST(the_events_of_a_batch_have_each_its_own_texts),
           TEST(the_data_in_a_batch_may_hold_nuls),
           TEST(comments_part_batches_in_the_order_of_the_stream),
           TEST(comments_that_nobody_wants_part_nothing),
           TEST(a_large_event_ends_its_batch),
           TEST(on_events_is_called_instead_of_the_callbacks_for_single_events),
           TEST(without_on_events_the_callbacks_for_single_events_are_called_again),
           TEST(what_came_before_the_end_of_a_stream_comes_before_its_error),
           TEST(what_came_before_an_event_over_the_limit_comes_before_its_error),
           TEST(a_stream_that_is_cut_continues_after_the_last_batch),
           TEST(nothing_follows_a_batch_that_stops_the_client_and_its_last_id_counts),
           TEST(nothing_follows_a_batch_that_reconnects_from_the_old_stream),
           TEST(nothing_follows_a_batch_that_frees_the_client),
           TEST(a_batch_is_one_turn_of_manual_dispatch),
           TEST(a_hundred_thousand_events_come_in_order_and_in_far_fewer_calls))
