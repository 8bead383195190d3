/* Setters with faults, for the tests that must notice. It is loaded before the library (LD_PRELOAD), and the environment
 * variable PLANTED says which fault is there: a function's name, a colon and what is wrong with it. */
#define _GNU_SOURCE

#include <eventsource.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static int planted(const char *fault) {
    const char *chosen = getenv("PLANTED");
    return chosen && strcmp(chosen, fault) == 0;
}

/* The library's function of this name. C has no conversion of what dlsym returns. */
static void find(const char *name, void *function) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    memcpy(function, &found, sizeof found);
}

/* inverted: 1 for 0, and 0 for 1 */
#define SWITCH(name)                                                   \
    eventsource_status_t name(eventsource_t *es, int32_t on) {         \
        eventsource_status_t (*next)(eventsource_t *, int32_t);        \
        find(#name, &next);                                            \
        return next(es, planted(#name ":inverted") ? !on : on);        \
    }
SWITCH(eventsource_set_cookies)
SWITCH(eventsource_set_compression)
SWITCH(eventsource_set_reconnect_with_get)
SWITCH(eventsource_set_check_content_type)
SWITCH(eventsource_set_watch_network)
SWITCH(eventsource_set_ca_exclusive)
SWITCH(eventsource_set_insecure_skip_verification)

/* null-as-empty, empty-as-null, empty-ignored */
#define TEXT(name)                                                                        \
    eventsource_status_t name(eventsource_t *es, const char *text) {                      \
        eventsource_status_t (*next)(eventsource_t *, const char *);                      \
        int empty = text && !*text;                                                       \
        find(#name, &next);                                                               \
        if (empty && planted(#name ":empty-ignored")) return EVENTSOURCE_OK;              \
        if (empty && planted(#name ":empty-as-null")) return next(es, NULL);              \
        return next(es, !text && planted(#name ":null-as-empty") ? "" : text);            \
    }
TEXT(eventsource_set_proxy)
TEXT(eventsource_set_no_proxy)
TEXT(eventsource_set_pinned_keys)
TEXT(eventsource_set_server_name)
TEXT(eventsource_set_unix_socket)
TEXT(eventsource_set_interface)
TEXT(eventsource_set_last_event_id)

/* empty-ignored */
#define BYTES(name)                                                                       \
    eventsource_status_t name(eventsource_t *es, const void *bytes, size_t len) {         \
        eventsource_status_t (*next)(eventsource_t *, const void *, size_t);              \
        find(#name, &next);                                                               \
        if (len == 0 && planted(#name ":empty-ignored")) return EVENTSOURCE_OK;           \
        return next(es, bytes, len);                                                      \
    }
BYTES(eventsource_set_body)
BYTES(eventsource_set_ca_pem)

/* another: it does what the other function does */
#define ENTRY(name, other)                                              \
    eventsource_status_t name(eventsource_t *es, const char *entry) {   \
        eventsource_status_t (*next)(eventsource_t *, const char *);    \
        find(planted(#name ":another") ? #other : #name, &next);        \
        return next(es, entry);                                         \
    }
ENTRY(eventsource_set_resolve, eventsource_add_resolve)
ENTRY(eventsource_add_resolve, eventsource_set_resolve)

/* another: it sets what the other function does */
#define TIME(name, other)                                              \
    eventsource_status_t name(eventsource_t *es, int64_t timeout_ms) { \
        eventsource_status_t (*next)(eventsource_t *, int64_t);        \
        find(planted(#name ":another") ? #other : #name, &next);       \
        return next(es, timeout_ms);                                   \
    }
TIME(eventsource_set_connect_timeout, eventsource_set_response_timeout)
TIME(eventsource_set_response_timeout, eventsource_set_read_timeout)
TIME(eventsource_set_read_timeout, eventsource_set_response_timeout)
TIME(eventsource_set_event_timeout, eventsource_set_read_timeout)

/* another; exchanged: each text for the other */
#define TEXTS(name, other, object)                                                             \
    eventsource_status_t name(object *of, const char *first, const char *second) {             \
        eventsource_status_t (*next)(object *, const char *, const char *);                    \
        find(planted(#name ":another") ? #other : #name, &next);                               \
        return planted(#name ":exchanged") ? next(of, second, first) : next(of, first, second); \
    }
TEXTS(eventsource_set_header, eventsource_add_header, eventsource_t)
TEXTS(eventsource_add_header, eventsource_set_header, eventsource_t)
TEXTS(eventsource_set_sensitive_header, eventsource_set_header, eventsource_t)
TEXTS(eventsource_set_basic_auth, eventsource_set_basic_auth, eventsource_t)
TEXTS(eventsource_set_client_cert_file, eventsource_set_client_cert_file, eventsource_t)
TEXTS(eventsource_request_set_basic_auth, eventsource_request_set_basic_auth, eventsource_request_t)
TEXTS(eventsource_request_set_header, eventsource_request_add_header, eventsource_request_t)
TEXTS(eventsource_request_add_header, eventsource_request_set_header, eventsource_request_t)
TEXTS(eventsource_request_set_sensitive_header, eventsource_request_set_header, eventsource_request_t)

/* exchanged: certificate and key; empty-ignored */
eventsource_status_t eventsource_set_client_cert_pem(eventsource_t *es, const void *cert, size_t cert_len, const void *key,
                                                     size_t key_len) {
    eventsource_status_t (*next)(eventsource_t *, const void *, size_t, const void *, size_t);
    find("eventsource_set_client_cert_pem", &next);
    if (cert_len == 0 && planted("eventsource_set_client_cert_pem:empty-ignored")) return EVENTSOURCE_OK;
    if (planted("eventsource_set_client_cert_pem:exchanged")) return next(es, key, key_len, cert, cert_len);
    return next(es, cert, cert_len, key, key_len);
}
