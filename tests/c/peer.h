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
    if (!check_failed()) CHECK(poll(&poll_fd, 1, 10000 * check_slow) == 1);
}

/* The next connection, of which the first bytes have come: a request, or the beginning of a TLS handshake. */
static inline int peer_accept(const peer_t *peer) {
    peer_wait(peer->fd);
    int fd = check_failed() ? -1 : accept(peer->fd, NULL, NULL);
    if (fd >= 0) peer_wait(fd);
    return fd;
}

#endif
