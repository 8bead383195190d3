/* Memory is bounded: one client never holds more than its event limit and a small constant, whatever the server sends; and what it
 * held it gives back. The figures are the process's resident memory, so the server's part is kept small. */
#include "check.h"
#include "peer.h"
#include "process.h"

#include <semaphore.h>
#include <stdatomic.h>

enum { KIB = 1024, MIB = 1024 * KIB };

/* What a debug build's threads, buffers and allocator take besides. */
enum { SMALL_CONSTANT_KIB = 4 * KIB };

static eventsource_t *client_of(const peer_t *peer) {
    eventsource_t *es = eventsource_new(peer->url);
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_mode(es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
    return es;
}

/* ---- A server that is faster than the callback -------------------------------------------------------------------- */

/* Sends the same bytes again and again, up to a GiB, until the peer takes none for a second. Answers how many were taken. */
static int64_t blast(int fd, const char *bytes, size_t length, int64_t *most_kib) {
    int64_t sent = 0;
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    for (int64_t last_progress = now_ms(); sent < 1024 * (int64_t)MIB && now_ms() - last_progress < 1000;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        if (poll(&poll_fd, 1, 100) == 1) {
            ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN) break; /* it hung up */
            if (n > 0) {
                sent += n;
                last_progress = now_ms();
            }
        }
        int64_t now = resident_kib();
        if (now > *most_kib) *most_kib = now;
    }
    return sent;
}

/* Sleeps until the test is over. */
static void sleep_on(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)event;
    while (sem_wait(user) != 0) {}
    CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
}

static void a_callback_that_sleeps_makes_the_server_wait_and_takes_no_memory(void) {
    static char events[64 * KIB];
    for (size_t i = 0; i < sizeof events; i++) events[i] = "data: 01234567\n\n"[i % 16];
    peer_t peer = peer_listen("http");
    sem_t over;
    CHECK(sem_init(&over, 0, 0) == 0);
    eventsource_t *es = client_of(&peer);
    CHECK_STATUS(eventsource_on_event(es, sleep_on), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_user_data(es, &over, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    int fd = peer_open(&peer);

    int64_t before = resident_kib(), most = before;
    int64_t sent = blast(fd, events, sizeof events, &most);
    CHECK(sent < 64 * (int64_t)MIB); /* what the system's buffers hold */
    CHECK(most - before < SMALL_CONSTANT_KIB);
    fprintf(stderr, "\n    of 1 GiB %.1f MiB were taken; memory grew by %" PRId64 " KiB", (double)sent / MIB, most - before);

    CHECK(sem_post(&over) == 0);
    eventsource_free(es);
    sem_destroy(&over);
    close(fd);
    peer_close(&peer);
}

static void refuse_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)event;
    (void)user;
    CHECK(!"an event that never ends");
}

static void refuse_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    (void)es;
    (void)comment;
    (void)user;
    CHECK(!"a comment that never ends");
}

static eventsource_decision_t check_too_large(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    CHECK_STATUS(error->code, EVENTSOURCE_ERR_EVENT_TOO_LARGE);
    atomic_fetch_add((atomic_int *)user, 1);
    return EVENTSOURCE_DECISION_CLOSE;
}

/* Whatever an event can be made of without end. */
static void an_event_without_end_is_held_up_to_the_limit_and_no_further(void) {
    static const char *const BEGINNINGS[] = {"data: ", "event: ", "id: ", ": "};
    static char filler[64 * KIB], lines[64 * KIB];
    enum { LIMIT = 8 * MIB };
    memset(filler, 'x', sizeof filler);
    for (size_t i = 0; i < sizeof lines; i++) lines[i] = "data: 01234567\n"[i % 15];
    for (int i = 0; i < 5; i++) {
        peer_t peer = peer_listen("http");
        atomic_int errors = 0;
        eventsource_t *es = client_of(&peer);
        CHECK_STATUS(eventsource_set_max_event_size(es, LIMIT), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_event(es, refuse_event), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_error(es, check_too_large), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_comment(es, refuse_comment), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_user_data(es, &errors, NULL), EVENTSOURCE_OK);
        int64_t before = resident_kib(), most = before;
        CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
        int fd = peer_open(&peer);
        if (i < 4) peer_send(fd, BEGINNINGS[i], strlen(BEGINNINGS[i]));
        int64_t sent = i < 4 ? blast(fd, filler, sizeof filler, &most) : blast(fd, lines, sizeof lines - 4, &most);
        CHECK(sent >= LIMIT && sent < 4 * LIMIT + 64 * (int64_t)MIB);
        CHECK_STATUS(eventsource_wait(es, check_seconds * 1000 * check_slow), EVENTSOURCE_OK); /* on_error has stopped it */
        CHECK_NUMBER(atomic_load(&errors), 1);
        CHECK(most - before < LIMIT / KIB + SMALL_CONSTANT_KIB);
        eventsource_free(es);
        close(fd);
        peer_close(&peer);
    }
}

static void stop_at_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)user;
    CHECK_TEXT(event->data, "after it");
    CHECK_STATUS(eventsource_stop(es), EVENTSOURCE_OK);
}

static void a_comment_that_nobody_wants_is_never_too_large(void) {
    static char filler[64 * KIB];
    enum { LIMIT = 1 * MIB };
    memset(filler, 'x', sizeof filler);
    peer_t peer = peer_listen("http");
    eventsource_t *es = client_of(&peer);
    CHECK_STATUS(eventsource_set_max_event_size(es, LIMIT), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event(es, stop_at_event), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    int fd = peer_open(&peer);
    int64_t before = resident_kib(), most = before;
    peer_say(fd, ":");
    for (int sent = 0; sent < 16 * LIMIT; sent += sizeof filler) {
        peer_send(fd, filler, sizeof filler);
        int64_t now = resident_kib();
        if (now > most) most = now;
    }
    peer_say(fd, "\ndata: after it\n\n");
    CHECK_STATUS(eventsource_wait(es, check_seconds * 1000 * check_slow), EVENTSOURCE_OK);
    CHECK(most - before < SMALL_CONSTANT_KIB);
    eventsource_free(es);
    close(fd);
    peer_close(&peer);
}

/* ---- Many streams -------------------------------------------------------------------------------------------------- */

enum { STREAMS = 200 };

/* What is kept of threads that were called in while there was too much to do, and the buffer that the last one reads into. */
enum { THREADS_KIB = 2 * KIB };

/* More than a stream is to take, whatever it has read before. */
enum { STREAM_KIB = 5 };

typedef struct {
    eventsource_t *clients[STREAMS];
    int fds[STREAMS];
} streams_t;

static void count_bytes(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    atomic_fetch_add((atomic_llong *)user, (long long)event->data_len);
}

static void count_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es;
    (void)response;
    atomic_fetch_add((atomic_llong *)user, 1); /* which may begin a larger struct */
}

/* However long it takes, if it goes on. */
static void wait_until(atomic_llong *counter, long long count) {
    struct timespec pause = {.tv_nsec = 1000000};
    long long before = -1, now;
    for (int64_t end = 0; (now = atomic_load(counter)) < count; nanosleep(&pause, NULL)) {
        if (now != before) {
            before = now;
            end = now_ms() + check_seconds * 1000 * check_slow;
        } else if (now_ms() >= end || check_failed()) {
            break;
        }
    }
    CHECK_NUMBER(now, count);
}

/* Each with the callback for its events. */
static void open_streams(streams_t *streams, const peer_t *peer, eventsource_event_fn on_event, void *user) {
    for (int i = 0; i < STREAMS; i++) {
        streams->clients[i] = client_of(peer);
        CHECK_STATUS(eventsource_on_open(streams->clients[i], count_open), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_event(streams->clients[i], on_event), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_user_data(streams->clients[i], user, NULL), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_start(streams->clients[i]), EVENTSOURCE_OK);
        streams->fds[i] = peer_open(peer);
    }
}

static void close_streams(streams_t *streams) {
    for (int i = 0; i < STREAMS; i++) {
        eventsource_free(streams->clients[i]);
        close(streams->fds[i]);
    }
}

static void an_idle_stream_is_small(void) {
    streams_t some, more;
    atomic_llong count = 0;
    peer_t peer = peer_listen("http");
    /* What all streams share counts once, with these. */
    open_streams(&some, &peer, NULL, &count);
    wait_until(&count, STREAMS);
    int64_t before = resident_kib();
    open_streams(&more, &peer, NULL, &count);
    wait_until(&count, 2 * STREAMS);
    fprintf(stderr, "\n    an idle stream takes %.1f KiB", (double)(resident_kib() - before) / STREAMS);
    CHECK(resident_kib() - before <= STREAMS * STREAM_KIB);
    close_streams(&some);
    close_streams(&more);
    peer_close(&peer);
}

/* Sends each stream a burst of events of a size, and looks how much more each holds afterwards, once it is idle. */
static void check_burst(size_t event_size, size_t burst_size) {
    static char burst[2 * MIB];
    streams_t streams;
    size_t length = 0, data = 0;
    while (data < burst_size) {
        memcpy(burst + length, "data: ", 6);
        memset(burst + length + 6, 'x', event_size);
        memcpy(burst + length + 6 + event_size, "\n\n", 2);
        length += event_size + 8;
        data += event_size;
    }
    peer_t peer = peer_listen("http");
    atomic_llong count = 0;
    open_streams(&streams, &peer, count_bytes, &count);
    wait_until(&count, STREAMS);
    int64_t idle = resident_kib();
    for (int i = 0; i < STREAMS; i++) peer_send(streams.fds[i], burst, length);
    wait_until(&count, STREAMS + STREAMS * (long long)data);

    int64_t most = idle + THREADS_KIB + STREAMS * STREAM_KIB;
    struct timespec pause = {.tv_nsec = 50 * 1000000};
    for (int64_t end = now_ms() + check_seconds * 1000 * check_slow; resident_kib() > most && now_ms() < end;) nanosleep(&pause, NULL);
    fprintf(stderr, "\n    after %zu events of %zu bytes a stream holds %.1f KiB more", data / event_size, event_size,
            (double)(resident_kib() - idle) / STREAMS);
    CHECK(resident_kib() <= most);
    close_streams(&streams);
    peer_close(&peer);
}

static void after_a_burst_a_stream_is_nearly_as_small_as_before(void) {
    check_burst(16, 128 * KIB);
    check_burst(KIB, MIB);
    check_burst(16 * KIB, MIB);
    check_burst(MIB, MIB);
}

/* ---- Many threads --------------------------------------------------------------------------------------------------- */

static int mappings(void) {
    int lines = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps);
    if (!maps) return 0;
    for (int c; (c = fgetc(maps)) != EOF;) lines += c == '\n';
    fclose(maps);
    return lines;
}

typedef struct {
    atomic_llong count; /* of streams that have opened, then of those that are blocked as well */
    sem_t over;
} blockade_t;

static void wait_for_end(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    (void)event;
    blockade_t *blockade = user;
    atomic_fetch_add(&blockade->count, 1);
    while (sem_wait(&blockade->over) != 0) {}
}

/* Each has a stack, which is a mapping and a guard. */
static void threads_that_have_left_leave_no_stacks_behind(void) {
    streams_t streams;
    peer_t peer = peer_listen("http");
    blockade_t blockade = {0};
    CHECK(sem_init(&blockade.over, 0, 0) == 0);
    open_streams(&streams, &peer, wait_for_end, &blockade);
    for (int i = 0; i < STREAMS; i++) peer_send(streams.fds[i], "data: x\n\n", 9);
    wait_until(&blockade.count, 2 * STREAMS);
    CHECK(mappings() > 2 * STREAMS);
    for (int i = 0; i < STREAMS; i++) CHECK(sem_post(&blockade.over) == 0);

    /* The C library keeps some stacks for new threads. */
    struct timespec pause = {.tv_nsec = 50 * 1000000};
    for (int64_t end = now_ms() + check_seconds * 1000 * check_slow; mappings() > STREAMS && now_ms() < end;) nanosleep(&pause, NULL);
    CHECK(mappings() <= STREAMS);
    close_streams(&streams);
    sem_destroy(&blockade.over);
    peer_close(&peer);
}

CHECK_MAIN(TEST(a_callback_that_sleeps_makes_the_server_wait_and_takes_no_memory),
           TEST(an_event_without_end_is_held_up_to_the_limit_and_no_further),
           TEST(a_comment_that_nobody_wants_is_never_too_large),
           TEST(an_idle_stream_is_small),
           TEST(after_a_burst_a_stream_is_nearly_as_small_as_before),
           TEST(threads_that_have_left_leave_no_stacks_behind))
