/* Programs that end in ways of their own, as by exit() while streams run: the test starts its own program once more, in
 * a role, and looks at how that ends. For C and C++.
 *
 *     program URL --role NAME    play this role; the test server's URL is set as for tests
 *
 * CHECK_PROGRAM in the environment is the file to start; otherwise that is this program's own. For programs that an emulator
 * runs.
 */
#ifndef CHILD_H
#define CHILD_H

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#ifndef _WIN32
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;
#endif

typedef struct {
    const char *name;
    int (*play)(void); /* what it answers, main does */
} role_t;

/* How a child ended. */
typedef struct {
    int status;        /* as of waitpid; on Windows the exit code */
    char output[4096]; /* to stdout */
    int64_t last_ms;   /* from the last of that to the end */
} ended_t;

static char *child_program; /* this program's file */

#define ROLE(function) {#function, function}
/* ROLES: an array of role_t; then the tests, as for CHECK_MAIN. */
#define CHECK_MAIN_WITH_ROLES(ROLES, ...)                                                                     \
    int main(int argc, char **argv) {                                                                         \
        static const test_t tests[] = {__VA_ARGS__};                                                          \
        if (argc == 4 && strcmp(argv[2], "--role") == 0) {                                                    \
            return child_play(argv[1], argv[3], ROLES, sizeof ROLES / sizeof *ROLES);                         \
        }                                                                                                     \
        child_program = getenv("CHECK_PROGRAM") ? getenv("CHECK_PROGRAM") : argv[0];                          \
        return check_main(argc, argv, tests, sizeof tests / sizeof *tests);                                   \
    }

static inline int child_play(const char *url, const char *name, const role_t *roles, size_t count) {
    check_begin(url);
#ifdef _WIN32
    _setmode(STDOUT_FILENO, _O_BINARY); /* lines end as they are written */
#endif
    for (size_t i = 0; i < count; i++) {
        if (strcmp(roles[i].name, name) == 0) return roles[i].play();
    }
    return 2;
}

/* A line that is in the output whatever happens afterwards: of a child's role, not of its stdio. */
static inline void child_say(const char *line) {
    CHECK(write(STDOUT_FILENO, line, (unsigned)strlen(line)) == (ssize_t)strlen(line));
    CHECK(write(STDOUT_FILENO, "\n", 1) == 1);
}

static inline void child_say_exit(void) {
    child_say("the process exits");
}

#ifdef _WIN32

#define WIFEXITED(status) (!WIFSIGNALED(status))
#define WEXITSTATUS(status) (status)
/* An exit code that is an exception's, or that of abort(). */
#define WIFSIGNALED(status) ((status) < 0 || (status) == 3)
#define WTERMSIG(status) ((status) == 3 || (unsigned)(status) == 0xC0000409U ? SIGABRT : (status) < 0 ? SIGSEGV : 0)

/* For a role that is to end by abort(): it has no last words in the test's output, and says if it exits after all. */
static inline void child_expect_abort(void) {
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    CHECK(freopen("NUL", "w", stderr) != NULL);
    CHECK(atexit(child_say_exit) == 0);
}

/* Reads a child's output until there is no more, for which it has as long as everything else. Nothing waits for a pipe with
 * a limit; hence the looks at it. */
static inline void child_read(HANDLE pipe, ended_t *ended) {
    int64_t begin = now_ms(), deadline = begin + (check_failed() ? 0 : check_seconds * 1000 * check_slow);
    struct timespec moment = {0, 1000 * 1000};
    size_t length = 0;
    DWORD ready = 0, count = 0;
    while (PeekNamedPipe(pipe, NULL, 0, NULL, &ready, NULL)) {
        if (ready == 0) {
            CHECK(now_ms() <= deadline); /* it is still running */
            if (now_ms() > deadline) break;
            nanosleep(&moment, NULL);
            continue;
        }
        if (!ReadFile(pipe, ended->output + length, (DWORD)(sizeof ended->output - 1 - length), &count, NULL)) break;
        if (count == 0) break;
        length += count;
        begin = now_ms();
    }
    ended->last_ms = now_ms() - begin;
    ended->output[length] = '\0';
}

/* Starts a child whose output comes through the pipe. */
static inline PROCESS_INFORMATION child_start(const char *role, DWORD flags, HANDLE *pipe) {
    char command[4096], program[MAX_PATH];
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOA startup;
    PROCESS_INFORMATION child;
    HANDLE output = NULL;
    memset(&startup, 0, sizeof startup);
    memset(&child, 0, sizeof child);
    CHECK(GetModuleFileNameA(NULL, program, sizeof program) > 0); /* CHECK_PROGRAM is for others */
    snprintf(command, sizeof command, "\"%s\" %s --role %s", program, check_url, role);
    if (!CreatePipe(pipe, &output, &inherited, 0)) abort();
    SetHandleInformation(*pipe, HANDLE_FLAG_INHERIT, 0);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    startup.hStdOutput = output;
    CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, flags, NULL, NULL, &startup, &child));
    CloseHandle(output);
    return child;
}

/* Waits for a child's end, or ends it when that takes too long. */
static inline ended_t child_end(PROCESS_INFORMATION child, HANDLE pipe) {
    ended_t ended;
    DWORD code = 0;
    memset(&ended, 0, sizeof ended);
    if (child.hProcess) {
        child_read(pipe, &ended);
        if (check_failed()) TerminateProcess(child.hProcess, 1);
        CHECK(WaitForSingleObject(child.hProcess, 10000) == WAIT_OBJECT_0);
        CHECK(GetExitCodeProcess(child.hProcess, &code));
        ended.status = (int)code;
        CloseHandle(child.hProcess);
        CloseHandle(child.hThread);
    }
    CloseHandle(pipe);
    return ended;
}

/* Runs a child to its end, or ends it when that takes too long. */
static inline ended_t child_run(const char *role) {
    HANDLE pipe;
    PROCESS_INFORMATION child = child_start(role, 0, &pipe);
    return child_end(child, pipe);
}

#else

/* For a role that is to end by abort(): it leaves no core file, has no last words in the test's output, and says if it
 * exits after all. */
static inline void child_expect_abort(void) {
    struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    CHECK(atexit(child_say_exit) == 0);
}

/* Reads a child's output until there is no more, for which it has as long as everything else. */
static inline void child_read(int fd, ended_t *ended) {
    int64_t begin = now_ms(), deadline = begin + (check_failed() ? 0 : check_seconds * 1000 * check_slow);
    size_t length = 0;
    for (;;) {
        struct pollfd poll_fd = {fd, POLLIN, 0};
        int64_t left = deadline - now_ms();
        int ready = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
        if (ready < 0 && errno == EINTR) continue;
        ssize_t count = ready == 1 ? read(fd, ended->output + length, sizeof ended->output - 1 - length) : -1;
        CHECK(ready == 1); /* it is still running */
        if (count <= 0) break;
        length += (size_t)count;
        begin = now_ms();
    }
    ended->last_ms = now_ms() - begin;
    ended->output[length] = '\0';
}

/* Runs a child to its end, or ends it when that takes too long. */
static inline ended_t child_run(const char *role) {
    char option[] = "--role";
    char *arguments[] = {child_program, strdup(check_url), option, strdup(role), NULL};
    ended_t ended;
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid = -1;
    memset(&ended, 0, sizeof ended);
    if (!arguments[1] || !arguments[3] || pipe(ends) != 0 || posix_spawn_file_actions_init(&actions) != 0) abort();
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    CHECK(posix_spawn(&pid, child_program, &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (pid > 0) {
        child_read(ends[0], &ended);
        /* Its output ends when it does. If there was trouble, it may still run. */
        if (check_failed()) kill(pid, SIGKILL);
        CHECK(waitpid(pid, &ended.status, 0) == pid);
    }
    close(ends[0]);
    free(arguments[1]);
    free(arguments[3]);
    return ended;
}

#endif

/* The child ended by itself, with this code. */
#define CHECK_EXIT(ended, code) check_exit((ended), (code), __FILE__, __LINE__)
static inline void check_exit(const ended_t *ended, int code, const char *file, int line) {
    check_that(WIFEXITED(ended->status) && WEXITSTATUS(ended->status) == code, file, line,
               "it exits with %d\n        but: %s %d", code, WIFEXITED(ended->status) ? "exit code" : "signal",
               WIFEXITED(ended->status) ? WEXITSTATUS(ended->status) : WTERMSIG(ended->status));
}

/* A signal ended the child. */
#define CHECK_SIGNAL(ended, number) check_signal((ended), (number), __FILE__, __LINE__)
static inline void check_signal(const ended_t *ended, int number, const char *file, int line) {
    check_that(WIFSIGNALED(ended->status) && WTERMSIG(ended->status) == number, file, line,
               "signal %d ends it\n        but: %s %d", number, WIFEXITED(ended->status) ? "exit code" : "signal",
               WIFEXITED(ended->status) ? WEXITSTATUS(ended->status) : WTERMSIG(ended->status));
}

#endif
