/* service: lets LaunchDarkly's sse-contract-tests drive libeventsource. `tests/judges/contract/run` starts both.
 *
 * It listens on a free port of the loopback interface and prints its URL. The protocol is the harness's, see
 * docs/service_spec.md there:
 *
 *     GET /              what the library can do
 *     POST /             starts a stream; its URL is in Location
 *     POST /streams/N    a command for stream N
 *     DELETE /streams/N  stops stream N
 *     DELETE /           ends the program
 *
 * Threads: libmicrohttpd has one, which answers the requests one after another; so the list of streams needs no lock.
 * The main thread waits for the end. The library has its own, on which stream.c's callbacks run.
 */
#define _POSIX_C_SOURCE 200809L

#include "stream.h"

#include <curl/curl.h>
#include <eventsource.h>
#include <microhttpd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS "/streams/"
#define MOST_BODY ((size_t)1 << 20)

/* All that the harness knows. A test of what is not listed here is skipped, or is not even mentioned. */
static const char *const CAPABILITIES[] = {
    "bom",  "comments",     "event-type-listeners", "headers", "last-event-id",
    "post", "read-timeout", "report",               "restart", "server-directed-shutdown-request",
};

/* The streams that run. Used by libmicrohttpd's thread, and by main when that has ended. */
typedef struct entry_t {
    unsigned long number;
    stream_t *stream;
    struct entry_t *next;
} entry_t;

typedef struct {
    entry_t *entries;
    unsigned long last_number;
    sem_t end; /* main waits for it */
} service_t;

/* A request while it is read. */
typedef struct {
    char *body;
    size_t len;
    int is_last; /* the program ends when this has been answered */
} request_t;

/* ---- The streams ------------------------------------------------------------------------------------------------ */

/* Answers where the list points to the entry with this path, NULL where it does not. */
static entry_t **find(service_t *service, const char *path) {
    char *end;
    unsigned long number = strtoul(path + strlen(STREAMS), &end, 10);
    if (*end) return NULL;
    for (entry_t **link = &service->entries; *link; link = &(*link)->next) {
        if ((*link)->number == number) return link;
    }
    return NULL;
}

static void remove_entry(entry_t **link) {
    entry_t *entry = *link;
    *link = entry->next;
    stream_stop(entry->stream);
    free(entry);
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *body,
                              const char *location) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    if (location) MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, location);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_capabilities(struct MHD_Connection *connection) {
    json_t *names = json_array();
    for (size_t i = 0; i < sizeof CAPABILITIES / sizeof *CAPABILITIES; i++) {
        json_array_append_new(names, json_string(CAPABILITIES[i]));
    }
    json_t *json = json_pack("{ss+ so}", "name", "libeventsource ", eventsource_version(), "capabilities", names);
    char *body = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    enum MHD_Result result = body ? answer(connection, MHD_HTTP_OK, body, NULL) : MHD_NO;
    free(body);
    return result;
}

static enum MHD_Result start_stream(service_t *service, struct MHD_Connection *connection, json_t *parameters) {
    char text[256];
    entry_t *entry = malloc(sizeof *entry);
    if (!entry) return MHD_NO;
    entry->stream = stream_start(parameters, text, sizeof text);
    if (!entry->stream) {
        free(entry);
        return answer(connection, MHD_HTTP_BAD_REQUEST, text, NULL);
    }
    entry->number = ++service->last_number;
    entry->next = service->entries;
    service->entries = entry;
    snprintf(text, sizeof text, STREAMS "%lu", entry->number);
    return answer(connection, MHD_HTTP_CREATED, "", text);
}

static enum MHD_Result command(stream_t *stream, struct MHD_Connection *connection, json_t *json) {
    char why[256];
    if (stream_command(stream, json, why, sizeof why)) return answer(connection, MHD_HTTP_ACCEPTED, "", NULL);
    return answer(connection, MHD_HTTP_BAD_REQUEST, why, NULL);
}

/* Answers a request that has been read. */
static enum MHD_Result handle(service_t *service, struct MHD_Connection *connection, const char *path,
                              const char *method, request_t *request) {
    int is_root = strcmp(path, "/") == 0;
    entry_t **link = strncmp(path, STREAMS, strlen(STREAMS)) == 0 ? find(service, path) : NULL;
    if (!is_root && !link) return answer(connection, MHD_HTTP_NOT_FOUND, "", NULL);

    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0) {
        json_error_t error;
        json_t *json = json_loadb(request->body ? request->body : "", request->len, JSON_ALLOW_NUL, &error);
        if (!json) return answer(connection, MHD_HTTP_BAD_REQUEST, error.text, NULL);
        enum MHD_Result result =
            is_root ? start_stream(service, connection, json) : command((*link)->stream, connection, json);
        json_decref(json);
        return result;
    }
    if (strcmp(method, MHD_HTTP_METHOD_DELETE) == 0) {
        if (is_root) request->is_last = 1;
        else remove_entry(link);
        return answer(connection, MHD_HTTP_NO_CONTENT, "", NULL);
    }
    if (is_root && strcmp(method, MHD_HTTP_METHOD_GET) == 0) return answer_capabilities(connection);
    return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "", NULL);
}

/* libmicrohttpd calls this for a request's head, for each part of its body, and at its end. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *part, size_t *part_len, void **state) {
    (void)version;
    request_t *request = *state;
    if (!request) {
        *state = calloc(1, sizeof *request);
        return *state ? MHD_YES : MHD_NO;
    }
    if (*part_len == 0) return handle(user, connection, path, method, request);

    if (*part_len > MOST_BODY - request->len) return MHD_NO; /* closes the connection */
    char *body = realloc(request->body, request->len + *part_len);
    if (!body) return MHD_NO;
    memcpy(body + request->len, part, *part_len);
    request->body = body;
    request->len += *part_len;
    *part_len = 0;
    return MHD_YES;
}

static void on_request_done(void *user, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode code) {
    (void)connection;
    (void)code;
    service_t *service = user;
    request_t *request = *state;
    if (!request) return;
    /* Not before: the answer has to leave. */
    if (request->is_last) sem_post(&service->end);
    free(request->body);
    free(request);
}

/* ---- The program ------------------------------------------------------------------------------------------------ */

int main(void) {
    service_t service = {.entries = NULL};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 0, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (sem_init(&service.end, 0, 0) != 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 1;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, &service,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, on_request_done, &service, MHD_OPTION_END);
    if (!daemon) {
        fputs("service: no port to listen on\n", stderr);
        return 1;
    }
    printf("http://127.0.0.1:%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);

    while (sem_wait(&service.end) != 0 && errno == EINTR) continue;
    MHD_stop_daemon(daemon);
    while (service.entries) remove_entry(&service.entries);
    curl_global_cleanup();
    sem_destroy(&service.end);
    return 0;
}
