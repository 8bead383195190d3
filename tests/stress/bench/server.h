/* What the server's parts share: a connection's bytes, and events as text. */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#ifdef BENCH_TLS
#include <openssl/ssl.h>
#else
typedef struct ssl_st SSL;
#endif

enum { BLOCK_BYTES = 512 * 1024, STREAMS_MOST = 131072, STACK_BYTES = 256 * 1024, STAMP_BYTES = 27 };

_Noreturn void fail(const char *what);
/* A thread that nobody waits for. */
void begin_thread(void *(*body)(void *), void *argument);

/* ---- Connections ------------------------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    SSL *tls; /* or NULL */
} peer_t;

/* As recv and send do it. */
ssize_t peer_read(const peer_t *peer, void *bytes, size_t length);
ssize_t peer_write(const peer_t *peer, const void *bytes, size_t length);
/* Whether all has been sent. */
int put(const peer_t *peer, const void *bytes, size_t length);

/* ---- Events ------------------------------------------------------------------------------------------------------ */

typedef struct {
    char *text;
    size_t length;
    size_t chunk; /* 0: no chunks */
} event_t;

/* Whether shape and framing are such. */
int event_of(event_t *event, const char *shape, const char *framing);
/* Copies from where so many bytes of repeated events lead. */
void event_copy(const event_t *event, size_t at, char *to, size_t length);
/* An event of STAMP_BYTES whose data is the time, and a 0. */
void stamp(char text[STAMP_BYTES + 1]);

/* ---- HTTP/2 ------------------------------------------------------------------------------------------------------ */

typedef struct http2 http2_t;

/* Speaks HTTP/2 to a client until it leaves, with so many streams at a time. */
void http2_serve(const peer_t *peer, uint32_t streams);
/* Frames of an event, for any stream. */
typedef struct {
    char *bytes;
    size_t length, payload, chunk;
} frames_t;
frames_t http2_render(const event_t *event, int64_t count);
/* Whether the client has taken them all. */
int http2_send(http2_t *connection, uint32_t stream, const frames_t *frames);

/* Its side of the server: a stream waits for commands. */
void keep_open(const peer_t *peer, http2_t *connection, uint32_t stream);

#endif
