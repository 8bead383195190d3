/* A peer that goes away while the client writes never raises SIGPIPE, which would end a host that has not thought of it.
 * The test server is one that speaks TLS. */
#include "check.h"
#include "peer.h"
#include "process.h"
#include "recorder.h"

#include <signal.h>
#include <sys/un.h>

/* How a peer goes away. To a client that writes, the system then says ECONNRESET, and EPIPE only at the next write; or
 * EPIPE at once, if it had been told of the end before. */
typedef enum { RESET, END_THEN_RESET } ending_t;
static const ending_t ENDINGS[] = {RESET, END_THEN_RESET};

static void leave(int fd, ending_t ending) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (ending == END_THEN_RESET) CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    close(fd);
}

/* The library's threads block the signal: where one is raised, it stays pending on the thread that wrote. */
static void check_no_sigpipe(void) {
    DIR *tasks = open_proc("/proc/self/task");
    if (!tasks) return;
    for (struct dirent *task; (task = readdir(tasks));) {
        const char *pending = strstr(contents("/proc/self/task", task->d_name, "status"), "SigPnd:");
        CHECK(!pending || !(strtoull(pending + 7, NULL, 16) >> (SIGPIPE - 1) & 1));
    }
    closedir(tasks);
}

/* Has SIGPIPE end the process, as it does by default; answers what was before. */
static struct sigaction make_sigpipe_deadly(void) {
    struct sigaction deadly = {.sa_handler = SIG_DFL}, before;
    CHECK(sigaction(SIGPIPE, &deadly, &before) == 0);
    return before;
}

/* A client that sends more than the system takes before the peer is gone, again and again. */
static recorder_t *recorder_that_sends(const char *url) {
    static char body[8 << 20];
    recorder_t *r = recorder_new(url);
    retry_initial(r);
    CHECK_STATUS(eventsource_set_method(r->es, "POST"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_KEEP_ALIVE), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, body, sizeof body), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_insecure_skip_verification(r->es, 1), EVENTSOURCE_OK);
    return r;
}

/* Takes a part of what the client sends, so that it is still at it, and leaves. */
static void take_and_leave(const peer_t *peer, ending_t ending) {
    static char buffer[1 << 16];
    int client = peer_accept(peer);
    ssize_t count = 1;
    for (ssize_t taken = 0; taken < 1 << 20 && count > 0; taken += count) count = recv(client, buffer, sizeof buffer, 0);
    CHECK(count > 0);
    leave(client, ending);
}

static void a_peer_that_is_gone_raises_no_sigpipe(void) {
    struct sigaction before = make_sigpipe_deadly();
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_that_sends(peer.url);
    start(r);
    for (size_t i = 1; i <= 20; i++) {
        take_and_leave(&peer, ENDINGS[i % 2]);
        WAIT_FOR(r, "error DISCONNECTED", i);
        check_no_sigpipe();
    }
    recorder_end(r);
    peer_close(&peer);
    CHECK(sigaction(SIGPIPE, &before, NULL) == 0);
}

/* A peer at a path instead of a port. */
static peer_t peer_listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    peer_t peer = {.fd = socket(AF_UNIX, SOCK_STREAM, 0), .url = "http://localhost/"};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    CHECK(bind(peer.fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(peer.fd, 16) == 0);
    return peer;
}

static void a_peer_at_a_unix_socket_that_is_gone_raises_no_sigpipe(void) {
    struct sigaction before = make_sigpipe_deadly();
    char path[64];
    snprintf(path, sizeof path, "/tmp/eventsource-broken-pipe-%ld", (long)getpid());
    peer_t peer = peer_listen_at(path);
    recorder_t *r = recorder_that_sends(peer.url);
    CHECK_STATUS(eventsource_set_unix_socket(r->es, path), EVENTSOURCE_OK);
    start(r);
    for (size_t i = 1; i <= 20; i++) {
        take_and_leave(&peer, ENDINGS[i % 2]);
        WAIT_FOR(r, "error DISCONNECTED", i);
        check_no_sigpipe();
    }
    recorder_end(r);
    peer_close(&peer);
    CHECK(unlink(path) == 0);
    CHECK(sigaction(SIGPIPE, &before, NULL) == 0);
}

/* ---- TLS --------------------------------------------------------------------------------------------------------- */

static int connect_to_server(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)atoi(strrchr(check_url, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* Passes on what there is; answers how much, 0 at the end. */
static size_t pass_on(int from, int to) {
    static char buffer[1 << 16];
    ssize_t count = recv(from, buffer, sizeof buffer, 0);
    for (ssize_t done = 0, sent; done < count; done += sent) {
        sent = send(to, buffer + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (sent <= 0) return 0;
    }
    return count > 0 ? (size_t)count : 0;
}

/* Stands between a client and the test server, and leaves once the client has sent so much, or been sent an event. */
static void relay(const peer_t *peer, size_t until_sent, recorder_t *until_event, ending_t ending) {
    int client = peer_accept(peer), server = connect_to_server();
    size_t sent = 0, passed = 1;
    while (passed && sent < until_sent && !(until_event && count_lines(until_event, "event")) && !check_failed()) {
        struct pollfd ends[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        if (poll(ends, 2, 10) == 0) continue; /* an event is no matter of sockets */
        if (ends[0].revents) sent += passed = pass_on(client, server);
        if (passed && ends[1].revents) passed = pass_on(server, client);
    }
    CHECK(passed);
    close(server);
    leave(client, ending);
}

static void a_tls_peer_that_is_gone_raises_no_sigpipe(void) {
    struct sigaction before = make_sigpipe_deadly();
    peer_t peer = peer_listen("https");
    char *url = join("%secho", peer.url);
    recorder_t *r = recorder_that_sends(url);
    start(r);
    for (size_t i = 1; i <= 20; i++) {
        relay(&peer, 1 << 20, NULL, ENDINGS[i % 2]); /* long after the handshake */
        WAIT_FOR(r, "error DISCONNECTED", i);
        check_no_sigpipe();
    }
    recorder_end(r);
    free(url);
    peer_close(&peer);
    CHECK(sigaction(SIGPIPE, &before, NULL) == 0);
}

/* The client says goodbye in TLS's own way, to nobody. */
static void closing_a_tls_stream_whose_peer_is_gone_raises_no_sigpipe(void) {
    struct sigaction before = make_sigpipe_deadly();
    peer_t peer = peer_listen("https");
    char *url = join("%shang-body", peer.url);
    recorder_t *alive = recorder_new("http://127.0.0.1:1/"); /* keeps the threads that are looked at */
    retry_initial(alive);
    start(alive);
    for (int i = 0; i < 20; i++) {
        recorder_t *r = recorder_new(url);
        CHECK_STATUS(eventsource_set_insecure_skip_verification(r->es, 1), EVENTSOURCE_OK);
        start(r);
        relay(&peer, SIZE_MAX, r, ENDINGS[i % 2]);
        recorder_end(r);
        check_no_sigpipe();
    }
    recorder_end(alive);
    free(url);
    peer_close(&peer);
    CHECK(sigaction(SIGPIPE, &before, NULL) == 0);
}

CHECK_MAIN(TEST(a_peer_that_is_gone_raises_no_sigpipe),
           TEST(a_peer_at_a_unix_socket_that_is_gone_raises_no_sigpipe),
           TEST(a_tls_peer_that_is_gone_raises_no_sigpipe),
           TEST(closing_a_tls_stream_whose_peer_is_gone_raises_no_sigpipe))
