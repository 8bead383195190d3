/* A server that is no more than a socket: for what the test server cannot do, such as never to accept a connection. */
#ifndef PEER_H
#define PEER_H

#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEER_FILLERS = 4 };

typedef struct {
    int fd;
    char url[64];
    int fillers[PEER_FILLERS];
} peer_t;

static inline peer_t peer_listen(const char *scheme) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    peer_t peer = {.fd = -1};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(peer.fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(peer.fd, (struct sockaddr *)&address, &length) == 0);
    CHECK(listen(peer.fd, 16) == 0);
    snprintf(peer.url, sizeof peer.url, "%s://127.0.0.1:%d/", scheme, ntohs(address.sin_port));
    return peer;
}

/* Fills the queue of connections that wait to be accepted: on Linux, further ones hang. */
static inline void peer_fill(peer_t *peer) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    CHECK(listen(peer->fd, 0) == 0);
    CHECK(getsockname(peer->fd, (struct sockaddr *)&address, &length) == 0);
    for (int i = 0; i < PEER_FILLERS; i++) {
        peer->fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fcntl(peer->fillers[i], F_SETFL, O_NONBLOCK) == 0);
        CHECK(connect(peer->fillers[i], (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
    }
}

static inline void peer_close(const peer_t *peer) {
    close(peer->fd);
    for (int i = 0; i < PEER_FILLERS && peer->fillers[i] > 0; i++) close(peer->fillers[i]);
}

/* Waits until there is something to accept or to read. */
static inline void peer_wait(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (!check_failed()) CHECK(poll(&poll_fd, 1, check_seconds * 1000 * check_slow) == 1);
}

/* The next connection, of which the first bytes have come: a request, or the beginning of a TLS handshake. */
static inline int peer_accept(const peer_t *peer) {
    peer_wait(peer->fd);
    int fd = check_failed() ? -1 : accept(peer->fd, NULL, NULL);
    if (fd >= 0) peer_wait(fd);
    return fd;
}

/* Sends all of it. Up to 32 KiB, sent while the client waits for them, come in one read. */
static inline void peer_send(int fd, const char *bytes, size_t length) {
    while (length > 0 && !check_failed()) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        CHECK(sent > 0);
        if (sent <= 0) break;
        bytes += sent;
        length -= (size_t)sent;
    }
}

static inline void peer_say(int fd, const char *text) {
    peer_send(fd, text, strlen(text));
}

/* The next connection, answered with the head of an event stream: what is sent from now on is that stream. */
static inline int peer_open(const peer_t *peer) {
    char request[4096];
    if (check_failed()) return -1;
    int fd = peer_accept(peer);
    CHECK(fd >= 0 && recv(fd, request, sizeof request, 0) > 0);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    return fd;
}

enum { FLOOD_EVENT = 1024, FLOOD_DATA = 1016, FLOOD_MOST = 64 << 20 };

/* Sends events of FLOOD_EVENT bytes until the other side has taken no more for a while, or FLOOD_MOST bytes. Answers how
 * many it has taken. */
static inline size_t peer_flood(int fd) {
    char event[FLOOD_EVENT];
    size_t total = 0;
    int size = 64 * 1024;
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    memset(event, 'x', sizeof event);
    memcpy(event, "data: ", 6);
    memcpy(event + 6 + FLOOD_DATA, "\n\n", 2);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
    while (total < FLOOD_MOST && !check_failed() && poll(&poll_fd, 1, 200 * check_slow) == 1) {
        size_t at = total % sizeof event;
        ssize_t sent = send(fd, event + at, sizeof event - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        CHECK(sent > 0 || errno == EAGAIN);
        if (sent > 0) total += (size_t)sent;
    }
    return total;
}

#endif
