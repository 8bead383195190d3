/* What this process has, of which the library must leave nothing behind. */
#ifndef PROCESS_H
#define PROCESS_H

#include "check.h"

#include <dirent.h>
#include <unistd.h>

/* How many entries a folder of /proc/self has; -1 where there is none. */
static inline int entries(const char *path) {
    int count = 0;
    DIR *folder = opendir(path);
    if (!folder) return -1;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* How many threads this process has besides the one that asks; -1 where nobody tells. */
static inline int other_threads(void) {
    enum { DOTS_AND_THIS = 3 };
    int count = entries("/proc/self/task");
    return count < 0 ? -1 : count - DOTS_AND_THIS;
}

/* The system removes a thread from the list a moment after it has been joined, and tells nobody; hence the loop, and
   hence a number and not what there was before: that may have been leaving. */
static inline void check_other_threads(int expected) {
    int64_t deadline = now_ms() + (check_failed() ? 0 : 10000 * check_slow);
    struct timespec moment = {0, 1000 * 1000};
    if (other_threads() < 0) return;
    while (other_threads() != expected && now_ms() < deadline) nanosleep(&moment, NULL);
    CHECK_NUMBER(other_threads(), expected);
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

/* How much of its memory is in the machine's; -1 where nobody tells. */
static inline int64_t resident_kib(void) {
    long pages = 0, resident = 0;
    const char *text = contents("/proc", "self", "statm");
    if (sscanf(text, "%ld %ld", &pages, &resident) != 2) return -1;
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* How many threads have a name that begins so. */
static inline int threads_named(const char *beginning) {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        const char *name = contents("/proc/self/task", task->d_name, "comm");
        count += task->d_name[0] != '.' && strncmp(name, beginning, strlen(beginning)) == 0;
    }
    closedir(tasks);
    return count;
}

/* A thread takes its name a moment after it has begun. */
static inline void check_threads_named(const char *beginning, int expected) {
    int64_t deadline = now_ms() + (check_failed() ? 0 : 10000 * check_slow);
    struct timespec moment = {0, 1000 * 1000};
    while (threads_named(beginning) != expected && now_ms() < deadline) nanosleep(&moment, NULL);
    CHECK_NUMBER(threads_named(beginning), expected);
}

#endif
