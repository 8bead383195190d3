/* bench-server [--http2 STREAMS] [--addresses N] [--no-tickets] [CERTIFICATE KEY]: sends event streams as fast as the system takes them, over TLS if it is
 * given PEM files for that; over HTTP/2, with so many streams to a connection, if it is told so, and otherwise over HTTP/1.1.
 * --addresses: it listens at so many of them, from 127.0.0.1 on, at one port. --no-tickets: no session is resumed.
 * It prints its URL, obeys the commands on its standard input, and ends where that ends.
 *
 *     GET /SHAPE/FRAMING/COUNT   so many events, and the end of the stream
 *     GET /open                  the head; events come on command
 *
 *     send SHAPE FRAMING COUNT   so many events to each open stream, one stream after the other
 *     drop                       ends all connections with open streams
 *     resumed                    prints how many sessions were resumed
 *     stamp ROUNDS PAUSE_US      in each round, to each open stream one event whose data is the time (CLOCK_MONOTONIC, ns)
 *
 * SHAPE: LINESxBYTES, the data of an event; LINESxBYTES+ has an event type and an id, too; `comments` are empty ones, of
 * which COUNT are followed by a single event. FRAMING: `close`, the body ends where the connection does; a number, chunks
 * of so many bytes, wherever events begin; `event`, a chunk for each event. Over HTTP/2 a chunk is a DATA frame.
 *
 * What is sent is rendered once, some hundred kilobytes of it, and sent from the page cache again and again: the server must
 * be no part of what is measured. */
#define _GNU_SOURCE

#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint32_t http2_streams; /* to a connection; 0: HTTP/1.1 */

void fail(const char *what) {
    perror(what);
    exit(1);
}

void begin_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, body, argument) != 0) fail("thread");
    pthread_attr_destroy(&attributes);
}

/* ---- Connections ------------------------------------------------------------------------------------------------- */

#ifdef BENCH_TLS

static SSL_CTX *tls_context;
static atomic_int resumed;

/* Over HTTP/2, a client that does not offer it is refused. */
static int choose_http2(SSL *tls, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                        unsigned int offered_length, void *unused) {
    static const unsigned char HTTP2[] = "\x02h2";
    (void)tls, (void)unused;
    int found = SSL_select_next_proto((unsigned char **)chosen, length, HTTP2, sizeof HTTP2 - 1, offered, offered_length);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void tls_load(const char *certificate, const char *key, int tickets) {
    tls_context = SSL_CTX_new(TLS_server_method());
    if (!tls_context || SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "no usable certificate and key in %s and %s\n", certificate, key);
        exit(1);
    }
    if (!tickets) {
        SSL_CTX_set_num_tickets(tls_context, 0);
        SSL_CTX_set_options(tls_context, SSL_OP_NO_TICKET);
        SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
    }
    if (http2_streams > 0) SSL_CTX_set_alpn_select_cb(tls_context, choose_http2, NULL);
}

static int tls_accept(peer_t *peer) {
    if (!tls_context) return 1;
    peer->tls = SSL_new(tls_context);
    if (SSL_set_fd(peer->tls, peer->fd) != 1 || SSL_accept(peer->tls) != 1) return 0;
    if (SSL_session_reused(peer->tls)) atomic_fetch_add(&resumed, 1);
    return 1;
}

static int tls_resumed(void) {
    return atomic_load(&resumed);
}

static ssize_t tls_read(SSL *tls, void *bytes, size_t length) {
    return SSL_read(tls, bytes, (int)length);
}

static ssize_t tls_write(SSL *tls, const void *bytes, size_t length) {
    return SSL_write(tls, bytes, length < BLOCK_BYTES ? (int)length : BLOCK_BYTES);
}

static void tls_close(peer_t *peer) {
    if (!peer->tls) return;
    SSL_shutdown(peer->tls);
    SSL_free(peer->tls);
}

#else

static void tls_load(const char *certificate, const char *key, int tickets) {
    (void)certificate, (void)key, (void)tickets;
    fputs("built without OpenSSL\n", stderr);
    exit(1);
}

static int tls_accept(peer_t *peer) {
    (void)peer;
    return 1;
}

static int tls_resumed(void) {
    return 0;
}

static ssize_t tls_read(SSL *tls, void *bytes, size_t length) {
    (void)tls, (void)bytes, (void)length;
    return -1;
}

static ssize_t tls_write(SSL *tls, const void *bytes, size_t length) {
    (void)tls, (void)bytes, (void)length;
    return -1;
}

static void tls_close(peer_t *peer) {
    (void)peer;
}

#endif

ssize_t peer_read(const peer_t *peer, void *bytes, size_t length) {
    return peer->tls ? tls_read(peer->tls, bytes, length) : recv(peer->fd, bytes, length, 0);
}

ssize_t peer_write(const peer_t *peer, const void *bytes, size_t length) {
    return peer->tls ? tls_write(peer->tls, bytes, length) : send(peer->fd, bytes, length, MSG_NOSIGNAL);
}

int put(const peer_t *peer, const void *bytes, size_t length) {
    for (const char *from = bytes; length > 0;) {
        ssize_t sent = peer_write(peer, from, length);
        if (sent <= 0) return 0;
        from += sent;
        length -= (size_t)sent;
    }
    return 1;
}

static int say(const peer_t *peer, const char *text) {
    return put(peer, text, strlen(text));
}

/* Lets the client close the connection: a close before that could take from it what it has not read yet. */
static void hang_up(peer_t *peer) {
    char rest[1024];
    tls_close(peer);
    shutdown(peer->fd, SHUT_WR);
    while (recv(peer->fd, rest, sizeof rest, 0) > 0) {}
    close(peer->fd);
}

/* ---- Rendering --------------------------------------------------------------------------------------------------- */

int event_of(event_t *event, const char *shape, const char *framing) {
    int lines, bytes;
    char plus = 0;
    FILE *out = open_memstream(&event->text, &event->length);
    if (!out) fail("memory");
    if (sscanf(shape, "%dx%d%c", &lines, &bytes, &plus) >= 2) {
        if (plus == '+') fputs("event: update\nid: 12345678\n", out);
        for (int line = 0; line < lines; line++) {
            fputs("data: ", out);
            for (int i = 0; i < bytes; i++) putc_unlocked("abcdefghijklmnopqrstuvwxyz"[i % 26], out);
            putc_unlocked('\n', out);
        }
        putc_unlocked('\n', out);
    } else if (strcmp(shape, "comments") == 0) {
        fputs(":\n", out);
    }
    fclose(out);
    event->chunk = strcmp(framing, "event") == 0 ? event->length : strtoul(framing, NULL, 10);
    return event->length > 0 && (event->chunk > 0 || strcmp(framing, "close") == 0);
}

void event_copy(const event_t *event, size_t at, char *to, size_t length) {
    while (length > 0) {
        size_t from = at % event->length;
        size_t part = event->length - from < length ? event->length - from : length;
        memcpy(to, event->text + from, part);
        at += part;
        to += part;
        length -= part;
    }
}

void stamp(char text[STAMP_BYTES + 1]) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, STAMP_BYTES + 1, "data: %019" PRId64 "\n\n", (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

/* Bytes to be sent, in memory that has a file, for sendfile. */
typedef struct {
    int fd;
    char *bytes;
    size_t length;
} block_t;

static block_t render(const event_t *event, int64_t count) {
    block_t block = {.fd = memfd_create("block", MFD_CLOEXEC)};
    FILE *out = block.fd < 0 ? NULL : fdopen(dup(block.fd), "w");
    if (!out) fail("memfd");
    size_t total = event->length * (size_t)count;
    size_t chunk = event->chunk ? event->chunk : total;
    for (size_t at = 0; at < total;) {
        size_t end = total - at < chunk ? total : at + chunk;
        if (event->chunk) fprintf(out, "%zx\r\n", end - at);
        while (at < end) {
            size_t from = at % event->length;
            size_t length = event->length - from < end - at ? event->length - from : end - at;
            fwrite(event->text + from, 1, length, out);
            at += length;
        }
        if (event->chunk) fputs("\r\n", out);
    }
    block.length = (size_t)ftell(out);
    if (fclose(out) != 0) fail("memfd");
    if (block.length > 0) {
        block.bytes = mmap(NULL, block.length, PROT_READ, MAP_SHARED, block.fd, 0);
        if (block.bytes == MAP_FAILED) fail("mmap");
    }
    return block;
}

static void discard(block_t *block) {
    if (block->length > 0) munmap(block->bytes, block->length);
    close(block->fd);
}

static int send_block(const peer_t *peer, const block_t *block) {
    for (off_t at = 0; (size_t)at < block->length;) {
        size_t left = block->length - (size_t)at;
        ssize_t sent = peer->tls ? peer_write(peer, block->bytes + at, left) : sendfile(peer->fd, block->fd, &at, left);
        if (sent <= 0) return 0;
        if (peer->tls) at += sent; /* sendfile moves it itself */
    }
    return 1;
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n";
static const char CHUNKED[] = "Transfer-Encoding: chunked\r\n\r\n";
static const char UNTIL_CLOSE[] = "Connection: close\r\n\r\n";

/* Whether there is such a stream. */
static int blast(const peer_t *peer, const char *shape, const char *framing, int64_t count) {
    event_t event, last;
    if (!event_of(&event, shape, framing) || !event_of(&last, "1x20", framing)) return 0;
    int64_t fit = BLOCK_BYTES / (int64_t)event.length;
    if (fit < 1) fit = 1;
    if (fit > count) fit = count;
    block_t block = render(&event, fit), rest = render(&event, fit ? count % fit : 0), end = render(&last, 1);
    int taken = say(peer, HEAD) && say(peer, event.chunk ? CHUNKED : UNTIL_CLOSE);
    for (int64_t i = fit ? count / fit : 0; taken && i > 0; i--) taken = send_block(peer, &block);
    if (taken) taken = send_block(peer, &rest);
    if (taken && strcmp(shape, "comments") == 0) taken = send_block(peer, &end);
    if (taken && event.chunk) say(peer, "0\r\n\r\n");
    discard(&block);
    discard(&rest);
    discard(&end);
    free(event.text);
    free(last.text);
    return 1;
}

/* Those that wait for commands; they are kept to the end of the process. */
static struct {
    pthread_mutex_t mutex;
    struct {
        peer_t peer;
        http2_t *connection; /* NULL: HTTP/1.1 */
        uint32_t stream;
    } streams[STREAMS_MOST];
    int count;
} opened = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void keep_open(const peer_t *peer, http2_t *connection, uint32_t stream) {
    pthread_mutex_lock(&opened.mutex);
    if (opened.count == STREAMS_MOST) fail("too many streams");
    opened.streams[opened.count].peer = *peer;
    opened.streams[opened.count].connection = connection;
    opened.streams[opened.count++].stream = stream;
    pthread_mutex_unlock(&opened.mutex);
}

/* Whether the stream stays open. */
static int http1_serve(const peer_t *peer) {
    char request[4096] = "", shape[32], framing[32];
    int64_t count;
    size_t length = 0;
    while (!strstr(request, "\r\n\r\n") && length + 1 < sizeof request) {
        ssize_t n = peer_read(peer, request + length, sizeof request - 1 - length);
        if (n <= 0) break;
        length += (size_t)n;
        request[length] = '\0';
    }
    if (strncmp(request, "GET /open ", 10) == 0) {
        keep_open(peer, NULL, 0);
        if (say(peer, HEAD)) say(peer, CHUNKED);
        return 1;
    }
    if (sscanf(request, "GET /%31[^/]/%31[^/]/%" SCNd64, shape, framing, &count) != 3 ||
        !blast(peer, shape, framing, count)) {
        say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    return 0;
}

static void *serve(void *accepted) {
    peer_t peer = {.fd = (int)(intptr_t)accepted};
    int on = 1;
    setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (tls_accept(&peer)) {
        if (http2_streams > 0) {
            http2_serve(&peer, http2_streams);
            return NULL; /* others may still be about to send */
        }
        if (http1_serve(&peer)) return NULL;
    }
    hang_up(&peer);
    return NULL;
}

/* A thread for each connection, which ends when there is no more to send at once. */
_Noreturn static void *accept_all(void *listener) {
    for (;;) {
        int fd = accept4((int)(intptr_t)listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR) fail("accept");
        if (fd >= 0) begin_thread(serve, (void *)(intptr_t)fd);
    }
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void send_all(const char *shape, const char *framing, int64_t count) {
    event_t event;
    if (!event_of(&event, shape, framing) || !event.chunk) fail("send");
    block_t block = {0};
    frames_t frames = {0};
    if (http2_streams > 0) frames = http2_render(&event, count);
    else block = render(&event, count);
    for (int i = 0; i < opened.count; i++) {
        http2_t *connection = opened.streams[i].connection;
        if (connection) http2_send(connection, opened.streams[i].stream, &frames);
        else send_block(&opened.streams[i].peer, &block);
    }
    free(frames.bytes);
    if (http2_streams == 0) discard(&block);
    free(event.text);
}

static void drop_all(void) {
    for (int i = 0; i < opened.count; i++) {
        /* One of HTTP/2 is still read by its thread, which then leaves it. */
        shutdown(opened.streams[i].peer.fd, SHUT_RDWR);
        if (!opened.streams[i].connection) close(opened.streams[i].peer.fd);
    }
    opened.count = 0;
}

static void send_stamp(int stream) {
    char text[STAMP_BYTES + 1], chunk[64];
    http2_t *connection = opened.streams[stream].connection;
    stamp(text);
    if (connection) {
        event_t event = {text, STAMP_BYTES, STAMP_BYTES};
        frames_t frames = http2_render(&event, 1);
        http2_send(connection, opened.streams[stream].stream, &frames);
        free(frames.bytes);
    } else {
        snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", (unsigned)STAMP_BYTES, text);
        say(&opened.streams[stream].peer, chunk);
    }
}

static void stamp_all(int64_t rounds, int64_t pause_us) {
    struct timespec pause = {pause_us / 1000000, pause_us % 1000000 * 1000};
    while (rounds-- > 0) {
        for (int i = 0; i < opened.count; i++) send_stamp(i);
        nanosleep(&pause, NULL);
    }
}

static int listen_at(int number, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)number)};
    pthread_t thread;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 || listen(listener, SOMAXCONN) != 0) {
        fail("listen");
    }
    if (pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener) != 0) fail("thread");
    return ntohs(address.sin_port);
}

/* Whether it is one. */
static int obey(const char *command) {
    char shape[32], framing[32];
    int64_t count, pause_us;
    if (sscanf(command, "send %31s %31s %" SCNd64, shape, framing, &count) == 3) {
        send_all(shape, framing, count);
    } else if (sscanf(command, "stamp %" SCNd64 " %" SCNd64, &count, &pause_us) == 2) {
        stamp_all(count, pause_us);
    } else if (strcmp(command, "drop\n") == 0) {
        drop_all();
    } else if (strcmp(command, "resumed\n") == 0) {
        printf("%d\n", tls_resumed());
        fflush(stdout);
    } else {
        return 0;
    }
    return 1;
}

int main(int argc, char **argv) {
    char command[128];
    int addresses = 1, tickets = 1;
    while (*++argv && strncmp(*argv, "--", 2) == 0) {
        if (strcmp(*argv, "--no-tickets") == 0) tickets = 0;
        else if (argv[1] && strcmp(*argv, "--http2") == 0) http2_streams = (uint32_t)strtoul(*++argv, NULL, 10);
        else if (argv[1] && strcmp(*argv, "--addresses") == 0) addresses = atoi(*++argv);
        else break;
    }
    int is_tls = argv[0] && argv[1];
    (void)argc;
    if ((argv[0] && !is_tls) || (is_tls && argv[2])) {
        fputs("Usage: bench-server [--http2 STREAMS] [--addresses N] [--no-tickets] [CERTIFICATE KEY]\n", stderr);
        return 2;
    }
    if (is_tls) tls_load(argv[0], argv[1], tickets);
    signal(SIGPIPE, SIG_IGN);
    int port = listen_at(0, 0);
    for (int number = 1; number < addresses; number++) listen_at(number, port);
    printf("%s://127.0.0.1:%d\n", is_tls ? "https" : "http", port);
    fflush(stdout);
    while (fgets(command, sizeof command, stdin)) {
        pthread_mutex_lock(&opened.mutex);
        int is_known = obey(command);
        pthread_mutex_unlock(&opened.mutex);
        if (!is_known) {
            fprintf(stderr, "no such command: %s", command);
            return 2;
        }
    }
    return 0;
}
