/* Promise 5: one client never holds more than its event limit and a small constant, whatever the server sends; and what it
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
    eventsource_t *es = NULL;
    CHECK_STATUS(eventsource_new(peer->url, &es), EVENTSOURCE_OK);
    eventsource_reconnect_t policy = {.size = sizeof policy};
    eventsource_get_reconnect(es, &policy);
    policy.enabled = 0;
    eventsource_set_reconnect(es, &policy);
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
    eventsource_stop(es);
}

static void a_callback_that_sleeps_makes_the_server_wait_and_takes_no_memory(void) {
    static char events[64 * KIB];
    for (size_t i = 0; i < sizeof events; i++) events[i] = "data: 01234567\n\n"[i % 16];
    peer_t peer = peer_listen("http");
    sem_t over;
    CHECK(sem_init(&over, 0, 0) == 0);
    eventsource_t *es = client_of(&peer);
    eventsource_on_event(es, sleep_on);
    eventsource_set_user_data(es, &over, NULL);
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

static int32_t check_too_large(eventsource_t *es, const eventsource_error_t *error, void *user) {
    (void)es;
    CHECK_STATUS(error->code, EVENTSOURCE_ERR_EVENT_TOO_LARGE);
    atomic_fetch_add((atomic_int *)user, 1);
    return EVENTSOURCE_STOP;
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
        eventsource_set_max_event_size(es, LIMIT);
        eventsource_on_event(es, refuse_event);
        eventsource_on_error(es, check_too_large);
        eventsource_on_comment(es, NULL);
        eventsource_set_user_data(es, &errors, NULL);
        int64_t before = resident_kib(), most = before;
        CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
        int fd = peer_open(&peer);
        if (i < 4) peer_send(fd, BEGINNINGS[i], strlen(BEGINNINGS[i]));
        int64_t sent = i < 4 ? blast(fd, filler, sizeof filler, &most) : blast(fd, lines, sizeof lines - 4, &most);
        CHECK(sent >= LIMIT && sent < 4 * LIMIT + 64 * (int64_t)MIB);
        CHECK_STATUS(eventsource_wait(es, 10000 * check_slow), EVENTSOURCE_OK);
        CHECK_NUMBER(atomic_load(&errors), 1);
        CHECK(most - before < LIMIT / KIB + SMALL_CONSTANT_KIB);
        eventsource_free(es);
        close(fd);
        peer_close(&peer);
    }
}

/* ---- Many streams -------------------------------------------------------------------------------------------------- */

enum { STREAMS = 200 };

/* What the allocator keeps of threads that were called in while there was too much to do. */
enum { THREADS_KIB = 8 * KIB };

static void count_bytes(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es;
    atomic_fetch_add((atomic_llong *)user, (long long)event->data_len);
}

static void count_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es;
    (void)response;
    atomic_fetch_add((atomic_llong *)user, 1);
}

static void wait_until(atomic_llong *counter, long long count) {
    struct timespec pause = {.tv_nsec = 1000000};
    for (int64_t end = now_ms() + 20000 * check_slow; atomic_load(counter) < count && now_ms() < end;) {
        nanosleep(&pause, NULL);
    }
    CHECK_NUMBER(atomic_load(counter), count);
}

/* Sends each stream a burst of events of a size, and looks how much more each holds afterwards, once it is idle. */
static void check_burst(size_t event_size, size_t burst_size, int64_t most_kib) {
    static char burst[2 * MIB];
    eventsource_t *clients[STREAMS];
    int fds[STREAMS];
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
    for (int i = 0; i < STREAMS; i++) {
        clients[i] = client_of(&peer);
        eventsource_on_open(clients[i], count_open);
        eventsource_on_event(clients[i], count_bytes);
        eventsource_set_user_data(clients[i], &count, NULL);
        CHECK_STATUS(eventsource_start(clients[i]), EVENTSOURCE_OK);
        fds[i] = peer_open(&peer);
    }
    wait_until(&count, STREAMS);
    int64_t idle = resident_kib();
    for (int i = 0; i < STREAMS; i++) peer_send(fds[i], burst, length);
    wait_until(&count, STREAMS + STREAMS * (long long)data);

    int64_t most = idle + THREADS_KIB + STREAMS * most_kib;
    struct timespec pause = {.tv_nsec = 50 * 1000000};
    for (int64_t end = now_ms() + 10000 * check_slow; resident_kib() > most && now_ms() < end;) nanosleep(&pause, NULL);
    fprintf(stderr, "\n    after %zu events of %zu bytes a stream holds %.1f KiB more", data / event_size, event_size,
            (double)(resident_kib() - idle) / STREAMS);
    CHECK(resident_kib() <= most);
    for (int i = 0; i < STREAMS; i++) {
        eventsource_free(clients[i]);
        close(fds[i]);
    }
    peer_close(&peer);
}

static void after_a_burst_a_stream_is_nearly_as_small_as_before(void) {
    check_burst(16, 128 * KIB, 4);
    check_burst(KIB, MIB, 8);
    /* What the library gives back the allocator keeps, in part, between what is in use. */
    check_burst(16 * KIB, MIB, 32);
    check_burst(MIB, MIB, 256);
}

CHECK_MAIN(TEST(a_callback_that_sleeps_makes_the_server_wait_and_takes_no_memory),
           TEST(an_event_without_end_is_held_up_to_the_limit_and_no_further),
           TEST(after_a_burst_a_stream_is_nearly_as_small_as_before))
