/* The server's HTTP/2 (RFC 9113): no more of it than clients need to receive event streams, and by hand, so that frames are
 * rendered once and sent again and again. Heads of requests are decoded by nghttp2.
 *
 * A thread reads a connection, and what a stream sends is sent by others, as far as the client's windows allow.
 * Connections are kept to the end of the process, which serves one client. */
#define _GNU_SOURCE

#include "server.h"

#ifdef BENCH_HTTP2

#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_HEAD = 9, FRAME_MOST = 16384, WINDOW = 65535, HEADER_BYTES = 64 * 1024 };
enum { DATA = 0, HEADERS = 1, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };
enum { MAX_CONCURRENT_STREAMS = 3, INITIAL_WINDOW_SIZE = 4 };

static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/* `:status: 200`, and `content-type` by its number in HPACK's table. */
static const char HEAD[] = "\x88\x0f\x10\x11text/event-stream";
static const char NOT_FOUND[] = "\x8d";

struct http2 {
    peer_t peer;
    pthread_mutex_t writing; /* over TLS, reading as well */
    nghttp2_hd_inflater *inflater;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t changed;
    int gone;
    int64_t window, initial_window;
    int64_t windows[STREAMS_MOST]; /* of the streams 1, 3, ... */
    char rest[HEADER_BYTES]; /* what has been read and not yet looked at */
    size_t from, to;
};

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

static void put_number(char *to, size_t bytes, uint64_t number) {
    while (bytes-- > 0) to[bytes] = (char)number, number >>= 8;
}

static uint32_t number_at(const char *from, size_t bytes) {
    uint32_t number = 0;
    while (bytes-- > 0) number = number << 8 | (unsigned char)*from++;
    return number;
}

static void put_head(char *to, size_t length, int type, int flags, uint32_t stream) {
    put_number(to, 3, length);
    to[3] = (char)type;
    to[4] = (char)flags;
    put_number(to + 5, 4, stream);
}

/* ---- Sending ----------------------------------------------------------------------------------------------------- */

static int send_bytes(http2_t *connection, const void *bytes, size_t length) {
    pthread_mutex_lock(&connection->writing);
    int sent = put(&connection->peer, bytes, length);
    pthread_mutex_unlock(&connection->writing);
    return sent;
}

static int send_frame(http2_t *connection, int type, int flags, uint32_t stream, const void *payload, size_t length) {
    char frame[256];
    put_head(frame, length, type, flags, stream);
    if (length > 0) memcpy(frame + FRAME_HEAD, payload, length);
    return send_bytes(connection, frame, FRAME_HEAD + length);
}

frames_t http2_render(const event_t *event, int64_t count) {
    frames_t frames = {.payload = event->length * (size_t)count, .chunk = event->chunk};
    size_t number = (frames.payload + event->chunk - 1) / event->chunk;
    char *to = frames.bytes = malloc(frames.payload + number * FRAME_HEAD + 1);
    if (!to || event->chunk > FRAME_MOST) fail("frames");
    for (size_t at = 0, length; at < frames.payload; at += length) {
        length = frames.payload - at < event->chunk ? frames.payload - at : event->chunk;
        put_head(to, length, DATA, 0, 1);
        event_copy(event, at, to + FRAME_HEAD, length);
        to += FRAME_HEAD + length;
    }
    frames.length = (size_t)(to - frames.bytes);
    return frames;
}

/* Waits until the client takes a frame of `chunk` bytes, or all that is left, and answers how much of it it takes: whole
 * frames. 0: it is gone. */
static size_t take_window(http2_t *connection, uint32_t stream, size_t left, size_t chunk) {
    int64_t *window = &connection->windows[stream / 2];
    size_t taken = 0;
    pthread_mutex_lock(&connection->mutex);
    while (!connection->gone && taken == 0) {
        int64_t both = *window < connection->window ? *window : connection->window;
        size_t room = both > 0 ? (size_t)both : 0;
        taken = room >= left ? left : room - room % chunk;
        if (taken == 0) pthread_cond_wait(&connection->changed, &connection->mutex);
    }
    *window -= (int64_t)taken;
    connection->window -= (int64_t)taken;
    pthread_mutex_unlock(&connection->mutex);
    return taken;
}

int http2_send(http2_t *connection, uint32_t stream, const frames_t *frames) {
    size_t whole = FRAME_HEAD + frames->chunk;
    char *from = frames->bytes, *end = from + frames->length;
    if (from < end && number_at(from + 5, 4) != stream) {
        for (char *head = from; head < end; head += whole) put_number(head + 5, 4, stream);
    }
    for (size_t left = frames->payload, taken; left > 0; left -= taken) {
        taken = take_window(connection, stream, left, frames->chunk);
        size_t length = taken + (taken + frames->chunk - 1) / frames->chunk * FRAME_HEAD;
        if (taken == 0 || !send_bytes(connection, from, length)) return 0;
        from += length;
    }
    return 1;
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

typedef struct {
    http2_t *connection;
    uint32_t stream;
    int64_t count;
    event_t event;
    int is_comments;
} blast_t;

static int send_events(const blast_t *blast, const event_t *event, int64_t count) {
    int64_t fit = BLOCK_BYTES / (int64_t)event->length;
    if (fit < 1) fit = 1;
    frames_t frames = http2_render(event, fit), rest = http2_render(event, count % fit);
    int taken = 1;
    for (int64_t i = count / fit; taken && i > 0; i--) taken = http2_send(blast->connection, blast->stream, &frames);
    if (taken) taken = http2_send(blast->connection, blast->stream, &rest);
    free(frames.bytes);
    free(rest.bytes);
    return taken;
}

static void *send_blast(void *argument) {
    blast_t *blast = argument;
    event_t last;
    int taken = send_events(blast, &blast->event, blast->count);
    if (taken && blast->is_comments && event_of(&last, "1x20", "event")) {
        taken = send_events(blast, &last, 1);
        free(last.text);
    }
    if (taken) send_frame(blast->connection, DATA, END_STREAM, blast->stream, NULL, 0);
    free(blast->event.text);
    free(blast);
    return NULL;
}

static void answer(http2_t *connection, uint32_t stream, const char *path) {
    char shape[32], framing[32];
    blast_t blast = {.connection = connection, .stream = stream};
    if (strcmp(path, "/open") == 0) {
        keep_open(&connection->peer, connection, stream);
        send_frame(connection, HEADERS, END_HEADERS, stream, HEAD, sizeof HEAD - 1);
    } else if (sscanf(path, "/%31[^/]/%31[^/]/%" SCNd64, shape, framing, &blast.count) == 3 &&
               event_of(&blast.event, shape, framing) && blast.event.chunk > 0) {
        blast_t *copy = malloc(sizeof *copy);
        if (!copy) fail("memory");
        blast.is_comments = strcmp(shape, "comments") == 0;
        *copy = blast;
        send_frame(connection, HEADERS, END_HEADERS, stream, HEAD, sizeof HEAD - 1);
        begin_thread(send_blast, copy);
    } else {
        send_frame(connection, HEADERS, END_HEADERS | END_STREAM, stream, NOT_FOUND, sizeof NOT_FOUND - 1);
    }
}

/* ---- Receiving --------------------------------------------------------------------------------------------------- */

/* Over TLS, only one thread at a time may have to do with a connection. */
static ssize_t receive(http2_t *connection, void *bytes, size_t length) {
    const peer_t *peer = &connection->peer;
    if (!peer->tls) return peer_read(peer, bytes, length);
#ifdef BENCH_TLS
    struct pollfd readable = {.fd = peer->fd, .events = POLLIN};
    if (SSL_pending(peer->tls) == 0) poll(&readable, 1, -1);
    pthread_mutex_lock(&connection->writing);
    ssize_t read = peer_read(peer, bytes, length);
    pthread_mutex_unlock(&connection->writing);
    return read;
#else
    return -1;
#endif
}

/* The next so many bytes; NULL at the end. */
static const char *next(http2_t *connection, size_t length) {
    if (length > sizeof connection->rest) return NULL;
    if (connection->from + length > sizeof connection->rest) {
        connection->to -= connection->from;
        memmove(connection->rest, connection->rest + connection->from, connection->to);
        connection->from = 0;
    }
    while (connection->to - connection->from < length) {
        ssize_t n = receive(connection, connection->rest + connection->to, sizeof connection->rest - connection->to);
        if (n <= 0) return NULL;
        connection->to += (size_t)n;
    }
    const char *bytes = connection->rest + connection->from;
    connection->from += length;
    return bytes;
}

static void take_request(http2_t *connection, int flags, uint32_t stream, const char *block, size_t length) {
    char path[128] = "";
    if (!(flags & END_HEADERS) || stream / 2 >= STREAMS_MOST) fail("a request beyond what is understood");
    if (flags & PADDED) length -= 1 + (size_t)(unsigned char)*block, block++;
    if (flags & PRIORITY) block += 5, length -= 5;
    for (int about = 0; !(about & NGHTTP2_HD_INFLATE_FINAL);) {
        nghttp2_nv field;
        ssize_t used = nghttp2_hd_inflate_hd2(connection->inflater, &field, &about, (const uint8_t *)block, length, 1);
        if (used < 0) fail("a request's head");
        block += used;
        length -= (size_t)used;
        if (about & NGHTTP2_HD_INFLATE_EMIT && field.namelen == 5 && memcmp(field.name, ":path", 5) == 0) {
            snprintf(path, sizeof path, "%.*s", (int)field.valuelen, (const char *)field.value);
        }
    }
    nghttp2_hd_inflate_end_headers(connection->inflater);
    pthread_mutex_lock(&connection->mutex);
    connection->windows[stream / 2] = connection->initial_window;
    pthread_mutex_unlock(&connection->mutex);
    answer(connection, stream, path);
}

static void take_settings(http2_t *connection, const char *settings, size_t length) {
    pthread_mutex_lock(&connection->mutex);
    for (; length >= 6; settings += 6, length -= 6) {
        /* Before the first request, as clients do it: no window is open that it would change. */
        if (number_at(settings, 2) == INITIAL_WINDOW_SIZE) connection->initial_window = number_at(settings + 2, 4);
    }
    pthread_mutex_unlock(&connection->mutex);
    send_frame(connection, SETTINGS, ACK, 0, NULL, 0);
}

/* Why a client has failed, which not all of them tell. */
static void take_goaway(const char *payload, size_t length) {
    uint32_t reason = number_at(payload + 4, 4);
    if (reason) fprintf(stderr, "GOAWAY: %" PRIu32 " %.*s\n", reason, (int)(length - 8), payload + 8);
}

static void take_window_update(http2_t *connection, uint32_t stream, uint32_t more) {
    pthread_mutex_lock(&connection->mutex);
    *(stream ? &connection->windows[stream / 2 % STREAMS_MOST] : &connection->window) += more;
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->mutex);
}

/* Whether there was one. */
static int take_frame(http2_t *connection) {
    const char *head = next(connection, FRAME_HEAD);
    if (!head) return 0;
    size_t length = number_at(head, 3);
    int type = head[3], flags = head[4];
    uint32_t stream = number_at(head + 5, 4) & INT32_MAX;
    const char *payload = next(connection, length);
    if (!payload) return 0;
    if (type == HEADERS) take_request(connection, flags, stream, payload, length);
    if (type == SETTINGS && !(flags & ACK)) take_settings(connection, payload, length);
    if (type == PING && !(flags & ACK)) send_frame(connection, PING, ACK, 0, payload, length);
    if (type == GOAWAY && length >= 8) take_goaway(payload, length);
    if (type == WINDOW_UPDATE) take_window_update(connection, stream, number_at(payload, 4));
    return 1;
}

void http2_serve(const peer_t *peer, uint32_t streams) {
    char settings[6];
    http2_t *connection = calloc(1, sizeof *connection);
    if (!connection || nghttp2_hd_inflate_new(&connection->inflater) != 0) fail("memory");
    connection->peer = *peer;
    connection->window = connection->initial_window = WINDOW;
    pthread_mutex_init(&connection->writing, NULL);
    pthread_mutex_init(&connection->mutex, NULL);
    pthread_cond_init(&connection->changed, NULL);
    put_number(settings, 2, MAX_CONCURRENT_STREAMS);
    put_number(settings + 2, 4, streams);
    const char *preface = next(connection, sizeof PREFACE - 1);
    if (preface && memcmp(preface, PREFACE, sizeof PREFACE - 1) == 0 &&
        send_frame(connection, SETTINGS, 0, 0, settings, sizeof settings)) {
        while (take_frame(connection)) {}
    }
    pthread_mutex_lock(&connection->mutex);
    connection->gone = 1;
    pthread_cond_broadcast(&connection->changed);
    pthread_mutex_unlock(&connection->mutex);
}

#else

void http2_serve(const peer_t *peer, uint32_t streams) {
    (void)peer, (void)streams;
    fail("built without nghttp2");
}

frames_t http2_render(const event_t *event, int64_t count) {
    (void)event, (void)count;
    return (frames_t){0};
}

int http2_send(http2_t *connection, uint32_t stream, const frames_t *frames) {
    (void)connection, (void)stream, (void)frames;
    return 0;
}

#endif
