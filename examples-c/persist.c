/* A stream that goes on where this program was ended, because the last event id is kept in a file.
 *
 *     persist FILE URL [N]     prints each event; ends with the stream, or after N events
 *
 * An event counts as dealt with when its id is in the file, so after a crash in between it comes once more: at least
 * once, as the server can give no better.
 */
#define _POSIX_C_SOURCE 200809L

#include <eventsource.h>

#include "print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <io.h>
#include <windows.h>
#else
#include <unistd.h>
#endif

typedef struct {
    const char *file;
    char *temporary; /* beside it */
    long left;
    int failed;
} store_t;

/* What was stored, or "" when nothing was; NULL when it cannot be read whole. An id has no NUL in it, and may have any length.
 * The caller frees it. */
static char *load(const char *file) {
    FILE *input = fopen(file, "rb");
    if (!input) return errno == ENOENT ? calloc(1, 1) : NULL;
    char *id = NULL;
    size_t length = 0, got = 0;
    do {
        length += got;
        char *larger = realloc(id, length + BUFSIZ + 1);
        if (!larger) break;
        id = larger;
        got = fread(id + length, 1, BUFSIZ, input);
    } while (got > 0);
    if (got > 0 || ferror(input) || !id) {
        free(id);
        id = NULL;
    } else {
        id[length] = '\0';
    }
    fclose(input);
    return id;
}

#ifdef _WIN32
static int write_to_disk(FILE *file) {
    return _commit(_fileno(file)) == 0;
}

/* Windows' rename would not replace a file. */
static int replace(const char *from, const char *to) {
    return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
}
#else
static int write_to_disk(FILE *file) {
    return fsync(fileno(file)) == 0;
}

static int replace(const char *from, const char *to) {
    return rename(from, to) == 0;
}
#endif

/* Either the old id is in the file or the new one, whenever the machine stops. */
static int save(const store_t *store, const char *id, size_t length) {
    FILE *output = fopen(store->temporary, "wb");
    if (!output) return 0;
    int is_written = fwrite(id, 1, length, output) == length && fflush(output) == 0 && write_to_disk(output);
    return (fclose(output) == 0) & is_written && replace(store->temporary, store->file);
}

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    store_t *store = user;
    /* Deal with it; then say so. */
    print_event(event->last_event_id, event->last_event_id_len, event->data, event->data_len);
    if (!save(store, event->last_event_id, event->last_event_id_len)) {
        fprintf(stderr, "%s: %s\n", store->file, strerror(errno));
        store->failed = 1;
        eventsource_stop(es);
    }
    if (--store->left == 0) eventsource_stop(es); /* no further event comes */
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "Usage: persist FILE URL [N]\n");
        return 2;
    }
    store_t store = {.file = argv[1], .left = argc == 4 ? atol(argv[3]) : 0};
    char *id = load(store.file);
    store.temporary = malloc(strlen(store.file) + sizeof ".new");
    if (!id || !store.temporary) {
        fprintf(stderr, "%s: %s\n", store.file, strerror(errno));
        return 1;
    }
    strcat(strcpy(store.temporary, store.file), ".new");

    eventsource_t *es = eventsource_new(argv[2]);
    eventsource_set_last_event_id(es, id);
    eventsource_set_user_data(es, &store, NULL);
    eventsource_on_event(es, on_event);
    eventsource_status_t status = eventsource_run(es); /* what was refused before is told here */
    if (status != EVENTSOURCE_OK) {
        char why[1024] = "";
        eventsource_get_last_error(es, why, sizeof why, NULL);
        fprintf(stderr, "%s: %s\n", argv[2], why);
    }
    eventsource_free(es);
    free(store.temporary);
    free(id);
    return status == EVENTSOURCE_OK && !store.failed ? 0 : 1;
}
