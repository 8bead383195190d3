/* What the tests in C take from POSIX, on Windows. Only for them: it does as much as they need. The headers beside this one
 * have the names that they include. */
#ifndef POSIX_H
#define POSIX_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Sockets: of the type int, because handles are small numbers; with errors in errno ----------------------------------- */

#define MSG_NOSIGNAL 0 /* nothing is raised */
#define MSG_DONTWAIT 0x40000000
#define SHUT_WR SD_SEND
#define O_NONBLOCK 0x4000
#define F_SETFL 4
#define EAI_SYSTEM EAI_FAIL
#undef ECONNREFUSED
#define ECONNREFUSED WSAECONNREFUSED /* what the system says, and with it the library; C's number is another */

/* Winsock has to be begun by each program. Programs are over before that could be ended. */
static inline void posix_begin(void) {
    static int has_begun;
    WSADATA data;
    if (!has_begun) has_begun = WSAStartup(MAKEWORD(2, 2), &data) == 0;
}

static inline int posix_result(int result) {
    if (result != SOCKET_ERROR) return result;
    switch (WSAGetLastError()) {
    case WSAEWOULDBLOCK: errno = EAGAIN; break;
    case WSAEINPROGRESS: errno = EINPROGRESS; break;
    case WSAECONNRESET: errno = ECONNRESET; break;
    default: errno = EIO;
    }
    return -1;
}

static inline int posix_socket(int family, int type, int protocol) {
    posix_begin();
    SOCKET made = socket(family, type, protocol);
    return made == INVALID_SOCKET ? -1 : (int)made;
}

static inline int posix_accept(int fd, struct sockaddr *address, socklen_t *length) {
    SOCKET accepted = accept((SOCKET)fd, address, length);
    return accepted == INVALID_SOCKET ? -1 : (int)accepted;
}

/* One that would have to wait is in progress. */
static inline int posix_connect(int fd, const struct sockaddr *address, socklen_t length) {
    int result = posix_result(connect((SOCKET)fd, address, length));
    if (result < 0 && errno == EAGAIN) errno = EINPROGRESS;
    return result;
}

static inline int posix_poll(struct pollfd *fds, unsigned long count, int timeout_ms) {
    return posix_result(WSAPoll(fds, count, timeout_ms));
}

static inline ssize_t posix_send(int fd, const void *bytes, size_t length, int flags) {
    struct pollfd writable = {(SOCKET)fd, POLLOUT, 0};
    if (flags & MSG_DONTWAIT && WSAPoll(&writable, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return posix_result(send((SOCKET)fd, (const char *)bytes, (int)length, flags & ~MSG_DONTWAIT));
}

static inline ssize_t posix_recv(int fd, void *bytes, size_t length, int flags) {
    return posix_result(recv((SOCKET)fd, (char *)bytes, (int)length, flags));
}

static inline int posix_setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    return posix_result(setsockopt((SOCKET)fd, level, name, (const char *)value, length));
}

static inline int posix_fcntl(int fd, int command, int flags) {
    u_long is_nonblocking = flags & O_NONBLOCK ? 1 : 0;
    (void)command;
    return posix_result(ioctlsocket((SOCKET)fd, (long)FIONBIO, &is_nonblocking));
}

/* A socket, or else a file. */
static inline int posix_close(int fd) {
    if (closesocket((SOCKET)fd) == 0) return 0;
    return WSAGetLastError() == WSAENOTSOCK || WSAGetLastError() == WSANOTINITIALISED ? _close(fd) : -1;
}

/* C++ has members of these names, and tests without sockets. */
#ifndef __cplusplus
#define socket posix_socket
#define accept posix_accept
#define connect posix_connect
#define poll posix_poll
#define send posix_send
#define recv posix_recv
#define setsockopt posix_setsockopt
#define fcntl posix_fcntl
#define close posix_close
#endif

/* ---- The environment ------------------------------------------------------------------------------------------------ */

static inline int setenv(const char *name, const char *value, int overwrites) {
    (void)overwrites;
    return _putenv_s(name, value);
}

static inline int unsetenv(const char *name) {
    return _putenv_s(name, "");
}

/* ---- Files and threads ------------------------------------------------------------------------------------------------ */

static inline int dprintf(int fd, const char *format, ...) {
    char text[16384];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return _write(fd, text, (unsigned)length);
}

static inline int posix_dup2(int from, int to) {
    return _dup2(from, to) == 0 ? to : -1;
}
#define dup2 posix_dup2

enum { _SC_NPROCESSORS_ONLN };

static inline long sysconf(int name) {
    SYSTEM_INFO info;
    (void)name;
    GetSystemInfo(&info);
    return (long)info.dwNumberOfProcessors;
}

static inline int pause(void) {
    Sleep(INFINITE);
    return -1;
}

/* ---- Signals: those that C has ---------------------------------------------------------------------------------------- */

struct sigaction {
    void (*sa_handler)(int);
    int sa_flags;
};

enum { SIGTRAP = 40, SIGBUS, SIGSYS, SIGKILL, SIGSTOP, SIGPIPE };

static inline int posix_sigaction(int number, const struct sigaction *action, struct sigaction *before) {
    void (*handler)(int) = signal(number, action ? action->sa_handler : SIG_GET);
    if (handler == SIG_ERR) return -1;
    if (!action) signal(number, handler); /* wine's, when asked, sets what it is asked with */
    if (before) before->sa_handler = handler, before->sa_flags = 0;
    return 0;
}
#define sigaction(number, action, before) posix_sigaction(number, action, before)

/* ---- Shared libraries ------------------------------------------------------------------------------------------------- */

enum { RTLD_NOW, RTLD_LOCAL };

static inline void *dlopen(const char *file, int flags) {
    (void)flags;
    return LoadLibraryA(file);
}

static inline void *dlsym(void *library, const char *name) {
    FARPROC found = GetProcAddress((HMODULE)library, name);
    void *pointer;
    memcpy(&pointer, &found, sizeof pointer);
    return pointer;
}

static inline int dlclose(void *library) {
    return FreeLibrary((HMODULE)library) ? 0 : -1;
}

static inline const char *dlerror(void) {
    static char text[64];
    snprintf(text, sizeof text, "error %lu of Windows", GetLastError());
    return text;
}

#endif
