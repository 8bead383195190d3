/* bench-threads [--streams N] [--threads N] [--busy N] [--blocking]: how many threads the library has while thousands of
 * streams start, end or are reset at once, and callbacks do nothing.
 *
 * --threads: as in eventsource_runtime_options_t. --busy: so many processes compute meanwhile. --blocking: callbacks sleep
 * for a moment, which is a fault here, to show that it is found. Prints the most threads in each phase, and ends with 1 if
 * they are more than the processors and three: those that run streams, one that watches them, and a little. */
#define _GNU_SOURCE

#include <eventsource.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Listeners, each on an address of its own: a queue for each, and ports enough for the clients. */
enum { LISTENERS = 8, MORE_THAN_PROCESSORS = 3, LIMIT_S = 240 };

static int listeners[LISTENERS];
static struct sockaddr_in addresses[LISTENERS];

static void fail(const char *what) {
    fprintf(stderr, "%s (%s)\n", what, strerror(errno));
    _exit(2);
}

/* A process that ends with this one, and after a time limit at the latest. */
static int begin_process(void) {
    pid_t parent = getpid(), child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(0);
        alarm(LIMIT_S);
    }
    return child == 0;
}

static void pause_ns(long ns) {
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* ---- The server: one thread, so that it is no part of what is counted ------------------------------------------------ */

enum { END = 'e', RESET = 'r' };

static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "9\r\ndata: 1\n\n\r\n";
static const char LAST[] = "0\r\n\r\n";

static void accept_all(int listener, int epoll, char *is_open, int most) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        if (fd >= most) fail("too many descriptors");
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        is_open[fd] = 1;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll");
    }
    if (errno != EAGAIN) fail("accept");
}

/* A request has come, or the client has gone. */
static void answer(int fd, char *is_open) {
    char request[4096];
    ssize_t length = recv(fd, request, sizeof request, 0);
    if (length > 0 && send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) > 0) return;
    is_open[fd] = 0;
    close(fd);
}

static void end_all(int how, char *is_open, int most) {
    struct linger reset = {.l_onoff = 1};
    for (int fd = 0; fd < most; fd++) {
        if (!is_open[fd]) continue;
        if (how == RESET) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        if (how == END) send(fd, LAST, sizeof LAST - 1, MSG_NOSIGNAL);
        is_open[fd] = 0;
        close(fd);
    }
}

static void serve(int commands, int most) {
    char *is_open = calloc((size_t)most, 1);
    int epoll = epoll_create1(0);
    if (!is_open || epoll < 0) fail("the server");
    struct epoll_event events[256];
    for (int i = 0; i <= LISTENERS; i++) {
        events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = i < LISTENERS ? listeners[i] : commands};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, events[0].data.fd, &events[0]) != 0) fail("epoll");
    }
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd, is_listener = 0;
            for (int j = 0; j < LISTENERS; j++) is_listener |= fd == listeners[j];
            if (fd == commands) {
                char how;
                if (read(commands, &how, 1) != 1) _exit(0);
                end_all(how, is_open, most);
                break; /* what else is in `events` may be gone */
            }
            if (is_listener) accept_all(fd, epoll, is_open, most);
            if (!is_listener && is_open[fd]) answer(fd, is_open);
        }
    }
}

static void listen_everywhere(void) {
    for (int i = 0; i < LISTENERS; i++) {
        socklen_t length = sizeof addresses[i];
        addresses[i].sin_family = AF_INET;
        addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i);
        listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (bind(listeners[i], (struct sockaddr *)&addresses[i], length) != 0 || listen(listeners[i], 4096) != 0 ||
            getsockname(listeners[i], (struct sockaddr *)&addresses[i], &length) != 0) {
            fail("listen");
        }
    }
}

/* Answers where it takes commands. */
static int begin_server(int most) {
    int ends[2];
    listen_everywhere();
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    if (begin_process()) {
        close(ends[1]);
        serve(ends[0], most);
    }
    close(ends[0]);
    for (int i = 0; i < LISTENERS; i++) close(listeners[i]);
    return ends[1];
}

/* ---- The threads ----------------------------------------------------------------------------------------------------- */

static atomic_int most_threads; /* of the process, in this phase */

static int threads_now(int stat) {
    char text[1024];
    ssize_t length = pread(stat, text, sizeof text - 1, 0);
    if (length <= 0) fail("/proc/self/stat");
    text[length] = '\0';
    char *field = strrchr(text, ')'); /* the second; the number of threads is the twentieth */
    for (int i = 2; i < 20 && field; i++) field = strchr(field + 1, ' ');
    return field ? atoi(field) : 0;
}

static void *watch_threads(void *unused) {
    int stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    for (;;) {
        int now = threads_now(stat);
        if (now > atomic_load(&most_threads)) atomic_store(&most_threads, now);
        pause_ns(200 * 1000);
    }
    return unused;
}

/* ---- The clients ----------------------------------------------------------------------------------------------------- */

static atomic_int opened, closed;
static int is_blocking;

static void do_nothing(void) {
    if (is_blocking) pause_ns(20 * 1000 * 1000);
}

static void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    (void)es, (void)response, (void)user;
    do_nothing();
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    (void)es, (void)event, (void)user;
    do_nothing();
    atomic_fetch_add(&opened, 1);
}

static void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    (void)es, (void)close, (void)user;
    do_nothing();
    atomic_fetch_add(&closed, 1);
}

static void must(eventsource_status_t status) {
    if (status != EVENTSOURCE_OK) fail(eventsource_status_text(status));
}

static eventsource_t *client(int number, eventsource_runtime_t *runtime) {
    char url[64], host[INET_ADDRSTRLEN];
    const struct sockaddr_in *address = &addresses[number % LISTENERS];
    inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
    snprintf(url, sizeof url, "http://%s:%d/", host, ntohs(address->sin_port));
    eventsource_t *es = eventsource_new(url);
    must(eventsource_check(es));
    must(eventsource_set_runtime(es, runtime));
    must(eventsource_set_mode(es, EVENTSOURCE_MODE_ONCE));
    must(eventsource_set_connect_timeout(es, LIMIT_S * 1000));
    must(eventsource_on_open(es, on_open));
    must(eventsource_on_event(es, on_event));
    must(eventsource_on_close(es, on_close));
    return es;
}

static void await(const char *phase, atomic_int *count, int wanted) {
    time_t deadline = time(NULL) + LIMIT_S;
    while (atomic_load(count) < wanted) {
        pause_ns(1000 * 1000);
        if (atomic_load(&closed) > 0 && count != &closed) fail("a stream could not be opened");
        if (time(NULL) > deadline) fail(phase);
    }
}

/* Has all streams start, then end as the command says. Answers the most threads of the library in both phases. */
static int start_and_end(eventsource_t **clients, int streams, int commands, char how) {
    int mine = 2, start, end;
    atomic_store(&most_threads, 0);
    atomic_store(&opened, 0);
    atomic_store(&closed, 0);
    for (int i = 0; i < streams; i++) must(eventsource_start(clients[i]));
    await("they do not open", &opened, streams);
    start = atomic_exchange(&most_threads, 0) - mine;
    if (write(commands, &how, 1) != 1) fail("the server is gone");
    await("they do not end", &closed, streams);
    end = atomic_load(&most_threads) - mine;
    for (int i = 0; i < streams; i++) {
        if (eventsource_wait(clients[i], EVENTSOURCE_NO_LIMIT) == EVENTSOURCE_ERR_TIMEOUT) abort(); /* however it ended */
    }
    printf("%d start: %d threads; %s: %d threads\n", streams, start, how == END ? "end" : "are reset", end);
    fflush(stdout);
    return start > end ? start : end;
}

int main(int argc, char **argv) {
    int streams = 1000, busy = 0, most = 0;
    eventsource_runtime_options_t how;
    eventsource_runtime_options_init(&how, sizeof how);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--blocking") == 0) {
            is_blocking = 1;
        } else if (i + 1 < argc) {
            int number = atoi(argv[++i]);
            if (strcmp(argv[i - 1], "--streams") == 0) streams = number;
            if (strcmp(argv[i - 1], "--threads") == 0) how.threads = number;
            if (strcmp(argv[i - 1], "--busy") == 0) busy = number;
        }
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || (rlim_t)streams + 100 > files.rlim_max) fail("too few descriptors");
    int commands = begin_server(streams + 100);
    for (int i = 0; i < busy; i++) {
        if (begin_process()) {
            for (volatile int j = 0;; j++) {}
        }
    }

    pthread_t watcher;
    eventsource_t **clients = calloc((size_t)streams, sizeof *clients);
    if (!clients || pthread_create(&watcher, NULL, watch_threads, NULL) != 0) fail("no memory");
    eventsource_runtime_t *runtime = eventsource_runtime_new(&how);
    must(eventsource_runtime_check(runtime));
    for (int i = 0; i < streams; i++) clients[i] = client(i, runtime);
    for (const char *end = (char[]){END, RESET, 0}; *end; end++) {
        int threads = start_and_end(clients, streams, commands, *end);
        if (threads > most) most = threads;
    }
    for (int i = 0; i < streams; i++) eventsource_free(clients[i]);
    eventsource_runtime_free(runtime);

    int processors = how.threads ? how.threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int is_too_much = most > processors + MORE_THAN_PROCESSORS;
    printf("threads: %d, at most %d: %s\n", most, processors + MORE_THAN_PROCESSORS, is_too_much ? "too much" : "ok");
    return is_too_much;
}
