/* What this process has, of which the library must leave nothing behind. */
#ifndef PROCESS_H
#define PROCESS_H

#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef _WIN32

#include <psapi.h>
#include <tlhelp32.h>

/* mingw's headers have it for Windows 10 alone, whose other names they would bring, too. */
WINBASEAPI HRESULT WINAPI GetThreadDescription(HANDLE thread, PWSTR *name);

/* Windows has no folder of that kind: what is looked for in one is not checked here. */
static inline DIR *open_proc(const char *path) {
    fprintf(stderr, " (not checked: there is no %s)", path);
    return NULL;
}

static inline int entries(const char *path) {
    open_proc(path);
    return -1;
}

/* Calls this with each thread of this process; answers how many there are. */
static inline int each_thread(void (*look)(DWORD id, void *user), void *user) {
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 thread = {.dwSize = sizeof thread};
    int count = 0;
    for (BOOL more = Thread32First(all, &thread); more; more = Thread32Next(all, &thread)) {
        if (thread.th32OwnerProcessID != GetCurrentProcessId()) continue;
        if (look) look(thread.th32ThreadID, user);
        count++;
    }
    CloseHandle(all);
    return count;
}

/* How many threads this process has besides the one that asks. */
static inline int other_threads(void) {
    return each_thread(NULL, NULL) - 1;
}

/* What a thread is called; "" if it is gone. */
static inline void name_of_thread(DWORD id, char *name, int size) {
    HANDLE thread = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, id);
    PWSTR wide = NULL;
    *name = '\0';
    if (thread && SUCCEEDED(GetThreadDescription(thread, &wide))) {
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, name, size, NULL, NULL);
        LocalFree(wide);
    }
    if (thread) CloseHandle(thread);
}

/* What this thread is called, until this thread's next call. */
static inline const char *this_threads_name(void) {
    static _Thread_local char name[256];
    name_of_thread(GetCurrentThreadId(), name, sizeof name);
    return name;
}

typedef struct {
    const char *beginning;
    int count;
} named_t;

static inline void count_if_named(DWORD id, void *user) {
    named_t *named = user;
    char name[256];
    name_of_thread(id, name, sizeof name);
    named->count += strncmp(name, named->beginning, strlen(named->beginning)) == 0;
}

/* How many threads have a name that begins so. */
static inline int threads_named(const char *beginning) {
    named_t named = {beginning, 0};
    each_thread(count_if_named, &named);
    return named.count;
}

/* Windows tells no states of threads. */
static inline int open_state_of_this_thread(void) {
    return -1;
}

static inline int thread_waits(int state) {
    (void)state;
    return 1;
}

/* How much of its memory is in the machine's. */
static inline int64_t resident_kib(void) {
    PROCESS_MEMORY_COUNTERS memory = {.cb = sizeof memory};
    CHECK(K32GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory));
    return (int64_t)(memory.WorkingSetSize / 1024);
}

/* There are no such files. */
static inline const char *contents(const char *folder, const char *name, const char *file) {
    (void)folder;
    (void)name;
    (void)file;
    return "";
}

#else

/* Opens a folder in which the system tells of this process. Where there is none, on systems other than Linux, says so:
 * what needs it is not checked there. On Linux that is a failure. */
static inline DIR *open_proc(const char *path) {
    DIR *folder = opendir(path);
#ifdef __linux__
    check_that(folder != NULL, __FILE__, __LINE__, "there is %s", path);
#else
    if (!folder) fprintf(stderr, " (not checked: there is no %s)", path);
#endif
    return folder;
}

/* How many entries a folder of /proc/self has; -1 where there is none. */
static inline int entries(const char *path) {
    int count = 0;
    DIR *folder = open_proc(path);
    if (!folder) return -1;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

enum { DOTS_AND_THIS = 3 }; /* entries of a folder of threads */

/* How many threads there are before the program has started any: qemu has one of its own. */
static int threads_at_first;
#ifdef __linux__
__attribute__((constructor)) static void count_threads_at_first(void) {
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return; /* the tests will tell */
    threads_at_first = -DOTS_AND_THIS;
    while (readdir(tasks)) threads_at_first++;
    closedir(tasks);
}
#endif

/* How many threads this process has besides the one that asks; -1 where nobody tells. */
static inline int other_threads(void) {
    int count = entries("/proc/self/task");
    return count < 0 ? -1 : count - DOTS_AND_THIS - threads_at_first;
}

/* The contents of a small file, until this thread's next call; "" where there is none. */
static inline const char *contents(const char *folder, const char *name, const char *file) {
    static _Thread_local char text[4096];
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", folder, name, file);
    FILE *stream = fopen(path, "r");
    size_t length = stream ? fread(text, 1, sizeof text - 1, stream) : 0;
    text[length] = '\0';
    if (stream) fclose(stream);
    return text;
}

/* What another thread can read this thread's state from, to be closed; -1 where nobody tells. */
static inline int open_state_of_this_thread(void) {
    return open("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC);
}

/* Whether the thread waits whose state was opened so; 1 if it is gone, and where nobody tells. */
static inline int thread_waits(int state) {
    char stat[512] = "";
    if (state < 0 || pread(state, stat, sizeof stat - 1, 0) <= 0) return 1;
    const char *name_end = strrchr(stat, ')');
    return name_end != NULL && name_end[1] == ' ' && name_end[2] == 'S';
}

/* How much of its memory is in the machine's; -1 where nobody tells. */
static inline int64_t resident_kib(void) {
    long pages = 0, resident = 0;
    const char *text = contents("/proc", "self", "statm");
    int told = sscanf(text, "%ld %ld", &pages, &resident) == 2;
#ifdef __linux__
    CHECK(told);
#endif
    if (!told) return -1;
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* How many threads have a name that begins so. */
static inline int threads_named(const char *beginning) {
    int count = 0;
    DIR *tasks = open_proc("/proc/self/task");
    if (!tasks) return 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        const char *name = contents("/proc/self/task", task->d_name, "comm");
        count += task->d_name[0] != '.' && strncmp(name, beginning, strlen(beginning)) == 0;
    }
    closedir(tasks);
    return count;
}

/* What this thread is called, until this thread's next call. */
static inline const char *this_threads_name(void) {
    static _Thread_local char name[256];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(contents("/proc", "thread-self", "comm"), "\n"),
             contents("/proc", "thread-self", "comm"));
    return name;
}

#endif

/* The system removes a thread from the list a moment after it has been joined, and tells nobody; hence the loop, and
   hence a number and not what there was before: that may have been leaving. */
static inline void check_other_threads(int expected) {
    int64_t deadline = now_ms() + (check_failed() ? 0 : check_seconds * 1000 * check_slow);
    struct timespec moment = {0, 1000 * 1000};
    if (other_threads() < 0) return;
    while (other_threads() != expected && now_ms() < deadline) nanosleep(&moment, NULL);
    CHECK_NUMBER(other_threads(), expected);
}

/* A thread takes its name a moment after it has begun. */
static inline void check_threads_named(const char *beginning, int expected) {
    int64_t deadline = now_ms() + (check_failed() ? 0 : check_seconds * 1000 * check_slow);
    struct timespec moment = {0, 1000 * 1000};
    while (threads_named(beginning) != expected && now_ms() < deadline) nanosleep(&moment, NULL);
    CHECK_NUMBER(threads_named(beginning), expected);
}

#endif
