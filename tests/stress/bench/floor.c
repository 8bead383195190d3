/* No client at all: receives, and looks for data, which has to come in one piece. What it costs is the system's, and nobody
 * can do for less. Only for streams that stay open, and for stamped events on them. */
#define _GNU_SOURCE

#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[256 * 1024 + 1];

/* What has come; it ends in a NUL. */
static const char *receive(int fd) {
    ssize_t length = recv(fd, buffer, sizeof buffer - 1, 0);
    if (length <= 0) fail("the connection ended");
    buffer[length] = '\0';
    return buffer;
}

static int open_stream(int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char request[512];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nhost: bench\r\n\r\n", path);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("no connection");
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length) fail("no request");
    while (!strstr(receive(fd), "\r\n\r\n")) {}
    return fd;
}

int main(int count, char **arguments) {
    int port;
    char path[256];
    struct epoll_event ready[1024];
    (void)count;
    parse_options(arguments);
    if (!options.stay || sscanf(options.url, "http://127.0.0.1:%d%255s", &port, path) != 2) {
        fail("only for streams of this machine that stay open");
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int64_t i = 0; i < options.streams; i++) {
        int fd = open_stream(port, path);
        struct epoll_event of_stream = {.events = EPOLLIN | EPOLLET, .data.u64 = (uint64_t)i << 32 | (uint32_t)fd};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &of_stream) != 0) fail("no epoll");
    }
    report("opened", usage(), "");
    for (int64_t done = 0; done < options.streams;) {
        int many = epoll_wait(epoll, ready, sizeof ready / sizeof *ready, -1);
        for (int i = 0; i < many; i++) {
            const char *data = receive((int)(uint32_t)ready[i].data.u64);
            while ((data = strstr(data, "data: "))) {
                data += strlen("data: ");
                done += count_stamped(&streams[ready[i].data.u64 >> 32], data, strcspn(data, "\n"));
            }
        }
    }
    report_done(usage());
    pause();
    return 0;
}
