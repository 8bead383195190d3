/* What the process holds, as Linux tells it: memory, threads, descriptors. */
#ifndef PROCESS_H
#define PROCESS_H

#include "check.h"

#include <dirent.h>
#include <unistd.h>

typedef struct {
    int64_t memory_kb; /* resident */
    int64_t threads;   /* the library's */
    int64_t files;
} holding_t;

static inline int64_t resident_kb(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1) abort();
    fclose(file);
    return (int64_t)pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Whether a thread is one of the library's. One that ends meanwhile is none. */
static inline int is_library_thread(const char *task) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (!fgets(name, sizeof name, file)) *name = '\0';
    fclose(file);
    return strncmp(name, "eventsource", strlen("eventsource")) == 0;
}

/* How many entries a folder of /proc/self has that are wanted; all, without `wanted`. */
static inline int64_t count_entries(const char *folder, int (*wanted)(const char *name)) {
    DIR *entries = opendir(folder);
    int64_t count = 0;
    if (!entries) abort();
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (*entry->d_name != '.' && (!wanted || wanted(entry->d_name))) count++;
    }
    closedir(entries);
    return count;
}

static inline holding_t process_holding(void) {
    return (holding_t){
        .memory_kb = resident_kb(),
        .threads = count_entries("/proc/self/task", is_library_thread),
        .files = count_entries("/proc/self/fd", NULL),
    };
}

#endif
