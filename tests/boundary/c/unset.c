/* What unsets a setting leaves what a client is like that never had it: NULL for texts, no bytes for blobs,
 * EVENTSOURCE_NO_LIMIT for times.
 *
 * Every setter of settings.txt that a client has is here, or has its reason (tests/packaging/checks/Settings.cmake):
 *     without eventsource_set_url: a client always has a URL
 *     without eventsource_set_user_data: nothing that is sent depends on it; lifecycle.c unsets it
 *     without eventsource_set_name: it is for the log alone
 *     without eventsource_set_next_delay: it is used up by the next attempt
 *     without eventsource_set_reconnect: its struct has the defaults from eventsource_reconnect_init
 *     without eventsource_set_runtime: NULL is the shared runtime, on which all clients of these tests run
 *     without eventsource_set_no_proxy: NULL is what the environment says; settings.c has the environment
 *     without eventsource_set_reconnect_with_get: a switch, which 0 unsets
 *     without eventsource_set_check_content_type: a switch, which 1 unsets
 *     without eventsource_set_watch_network: a switch, which 1 unsets
 *     without eventsource_set_ca_exclusive: a switch, which 0 unsets
 *     without eventsource_set_insecure_skip_verification: a switch, which 0 unsets
 *     without eventsource_set_mode: EVENTSOURCE_MODE_AUTO unsets it
 *     without eventsource_set_min_tls_version: EVENTSOURCE_TLS_1_2 unsets it
 *     without eventsource_set_max_redirects: a number, which has no other form of being unset than its default
 *     without eventsource_set_max_event_size: a number, likewise
 *     without eventsource_set_max_error_body: a number, likewise
 *     without eventsource_set_end_marker: no request shows it; events.c unsets it
 *
 *     unset URL [[-]NAME]
 */
#include "check.h"
#include "peer.h"
#include "recorder.h"

static void ok(eventsource_status_t status) { CHECK_STATUS(status, EVENTSOURCE_OK); }

/* For settings whose two calls do not fit into a line. */
#define SET(what, ...) eventsource_set_##what(es, __VA_ARGS__)

/* A jar with a cookie for the peer. */
static eventsource_status_t set_cookie(eventsource_t *es) {
    ok(eventsource_set_cookies(es, 1));
    return eventsource_add_cookies(es, "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\n");
}

/* A setting that a request shows: how it is set, and how it is unset. */
#define SHOWN                                                                                                         \
    SETTING(method, eventsource_set_method(es, "PUT"), eventsource_set_method(es, NULL))                              \
    SETTING(body, eventsource_set_body(es, "body", 4), eventsource_set_body(es, NULL, 0))                             \
    SETTING(body_of_bytes, eventsource_set_body(es, "body", 4), eventsource_set_body(es, "body", 0))                  \
    SETTING(header, eventsource_set_header(es, "X-A", "1"), eventsource_remove_header(es, "X-A"))                     \
    SETTING(added_header, eventsource_add_header(es, "X-A", "1"), eventsource_remove_header(es, "x-a"))               \
    SETTING(sensitive_header, eventsource_set_sensitive_header(es, "X-A", "1"), eventsource_remove_header(es, "X-A")) \
    SETTING(basic_auth, eventsource_set_basic_auth(es, "user", ""), eventsource_set_basic_auth(es, NULL, NULL))       \
    SETTING(last_event_id, eventsource_set_last_event_id(es, "7"), eventsource_set_last_event_id(es, NULL))           \
    SETTING(last_event_id_of_no_bytes, eventsource_set_last_event_id(es, "7"), eventsource_set_last_event_id(es, "")) \
    SETTING(cookies, set_cookie(es), eventsource_set_cookies(es, 0))                                                  \
    SETTING(compression, eventsource_set_compression(es, 1), eventsource_set_compression(es, 0))                      \
    SETTING(http, SET(http_version, EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE), SET(http_version, EVENTSOURCE_HTTP_DEFAULT))

/* A setting that keeps the client from its peer while it is set. */
#define HIDDEN                                                                                                        \
    SETTING(proxy, eventsource_set_proxy(es, "http://127.0.0.1:1"), eventsource_set_proxy(es, NULL))                  \
    SETTING(unix_socket, eventsource_set_unix_socket(es, "no/such"), eventsource_set_unix_socket(es, NULL))           \
    SETTING(interface, eventsource_set_interface(es, "none0"), eventsource_set_interface(es, NULL))                   \
    SETTING(resolve, eventsource_set_resolve(es, "*:0:127.0.0.1"), eventsource_remove_resolve(es, "*:0"))             \
    SETTING(added_resolve, eventsource_add_resolve(es, "*:0:127.0.0.1"), eventsource_remove_resolve(es, "*:0"))       \
    SETTING(connect_timeout, SET(connect_timeout, 1), SET(connect_timeout, EVENTSOURCE_NO_LIMIT))                     \
    SETTING(response_timeout, SET(response_timeout, 1), SET(response_timeout, EVENTSOURCE_NO_LIMIT))                  \
    SETTING(read_timeout, eventsource_set_read_timeout(es, 1), eventsource_set_read_timeout(es, EVENTSOURCE_NO_LIMIT)) \
    SETTING(ca_pem, eventsource_set_ca_pem(es, "no PEM", 6), eventsource_set_ca_pem(es, NULL, 0))                     \
    SETTING(ca_file, eventsource_set_ca_file(es, "/no/such"), eventsource_set_ca_file(es, NULL))                      \
    SETTING(key_log_file, SET(key_log_file, "/no/such/file"), SET(key_log_file, NULL))                                \
    SETTING(client_cert_pem, SET(client_cert_pem, "no PEM", 6, NULL, 0), SET(client_cert_pem, NULL, 0, NULL, 0))      \
    SETTING(client_cert_file, SET(client_cert_file, "/no/such", NULL), SET(client_cert_file, NULL, NULL))             \
    SETTING(pinned_keys, eventsource_set_pinned_keys(es, "nonsense"), eventsource_set_pinned_keys(es, NULL))          \
    SETTING(server_name, eventsource_set_server_name(es, "a b"), eventsource_set_server_name(es, NULL))

typedef struct {
    const char *name;
    void (*set)(eventsource_t *es);
    void (*unset)(eventsource_t *es);
} setting_t;

#define SETTING(name, set, unset)                                    \
    static void set_##name(eventsource_t *es) { (void)(set); }       \
    static void unset_##name(eventsource_t *es) { ok(unset); }
SHOWN HIDDEN
#undef SETTING

#define SETTING(name, set, unset) {#name, set_##name, unset_##name},
static const setting_t shown[] = {SHOWN};
static const setting_t hidden[] = {HIDDEN};
#undef SETTING

/* The request of a client that has been prepared so, at a peer that reads it and answers with a stream. */
static void request_of(peer_t *peer, const char *url, const setting_t *setting, int unset, char request[4096]) {
    eventsource_t *es = eventsource_new(url);
    if (setting) setting->set(es);
    if (unset) setting->unset(es);
    ok(eventsource_start(es));
    int fd = peer_accept(peer);
    memset(request, 0, 4096);
    CHECK(fd >= 0 && recv(fd, request, 4095, 0) > 0);
    eventsource_free(es);
    close(fd);
}

static void leave_no_trace(peer_t *peer, const char *url) {
    char untouched[4096], set[4096], unset[4096];
    request_of(peer, url, NULL, 0, untouched);
    for (size_t i = 0; i < sizeof shown / sizeof *shown && !check_failed(); i++) {
        request_of(peer, url, &shown[i], 0, set);
        request_of(peer, url, &shown[i], 1, unset);
        if (strcmp(set, untouched) == 0 || strcmp(unset, untouched) != 0) CHECK_TEXT("it is set, or not unset", shown[i].name);
    }
}

static void an_unset_setting_leaves_no_trace_in_the_request(void) {
    peer_t peer = peer_listen("http");
    leave_no_trace(&peer, peer.url);
    peer_close(&peer);
}

/* basic_auth has its default from there. */
static void nor_does_it_in_that_of_a_url_with_a_user(void) {
    char url[96], request[4096];
    peer_t peer = peer_listen("http");
    snprintf(url, sizeof url, "http://us:er@%s", peer.url + strlen("http://"));
    request_of(&peer, url, NULL, 0, request);
    CHECK(strstr(request, "Basic dXM6ZXI=") != NULL);
    leave_no_trace(&peer, url);
    peer_close(&peer);
}

static void an_unset_setting_does_not_keep_the_client_from_its_server(void) {
    char untouched[4096], unset[4096];
    peer_t peer = peer_listen("http");
    request_of(&peer, peer.url, NULL, 0, untouched);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden && !check_failed(); i++) {
        request_of(&peer, peer.url, &hidden[i], 1, unset);
        if (strcmp(unset, untouched) != 0) CHECK_TEXT("it is not unset", hidden[i].name);
    }
    peer_close(&peer);
}

/* The head comes later than any time that was set before. */
static void a_time_without_limit_never_fires(void) {
    peer_t peer = peer_listen("http");
    recorder_t *r = recorder_new(peer.url);
    ok(eventsource_set_connect_timeout(r->es, 1));
    ok(eventsource_set_response_timeout(r->es, 1));
    ok(eventsource_set_read_timeout(r->es, 1));
    ok(eventsource_set_event_timeout(r->es, 1));
    ok(eventsource_set_connect_timeout(r->es, EVENTSOURCE_NO_LIMIT));
    ok(eventsource_set_response_timeout(r->es, EVENTSOURCE_NO_LIMIT));
    ok(eventsource_set_read_timeout(r->es, EVENTSOURCE_NO_LIMIT));
    ok(eventsource_set_event_timeout(r->es, EVENTSOURCE_NO_LIMIT));
    start(r);
    int fd = peer_accept(&peer);
    eventsource_status_t status = eventsource_wait(r->es, 50);
    CHECK_STATUS(status, EVENTSOURCE_ERR_TIMEOUT);
    CHECK(fd >= 0);
    peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    WAIT_FOR(r, "open", 1);
    CHECK_STATUS(eventsource_wait(r->es, 50), EVENTSOURCE_ERR_TIMEOUT);
    peer_say(fd, "data: late\n\n");
    WAIT_FOR(r, "event message [late]", 1);
    close(fd);
    recorder_end(r);
    peer_close(&peer);
}

CHECK_MAIN(TEST(an_unset_setting_leaves_no_trace_in_the_request), TEST(nor_does_it_in_that_of_a_url_with_a_user),
           TEST(an_unset_setting_does_not_keep_the_client_from_its_server), TEST(a_time_without_limit_never_fires))
