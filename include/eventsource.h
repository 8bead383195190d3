/** @file eventsource.h
 * libeventsource: keeps Server-Sent Events streams (EventSource, WHATWG HTML) alive for C programs.
 *
 * This header is the manual. It is written from the library's source; change that, not this.
 *
 *     eventsource_t *es = eventsource_new("https://example.com/stream");
 *     eventsource_on_event(es, on_event);
 *     eventsource_status_t end = eventsource_run(es);
 *     eventsource_free(es);
 *     return end != EVENTSOURCE_OK;
 *
 * NAMES. `eventsource_<verb>` functions act on a client. `eventsource_set_<what>` replaces a setting, `eventsource_add_<what>`
 * adds to it, `eventsource_remove_<what>` removes from it. `eventsource_on_<what>` registers a callback.
 * `eventsource_get_<what>` are getters. `eventsource_<noun>_<verb>` functions act on the other objects.
 *
 * STATUSES. Functions that can fail return an eventsource_status_t: EVENTSOURCE_OK, or a reason. In the descriptions, ERR_X
 * is short for EVENTSOURCE_ERR_X. Every function may also return EVENTSOURCE_ERR_PANIC: a bug of the library, caught. A
 * refused call changes nothing, and writes to no parameter unless its description says so. eventsource_get_last_error copies
 * the reason as text.
 * A text that does not fit into the caller's buffer is EVENTSOURCE_ERR_BUFFER. The length of the whole text is written all
 * the same. What is for people to read (eventsource_get_last_error and its like, eventsource_log_format) is cut at a
 * character. Of other texts (ids, URLs, methods) nothing is copied.
 * A refused setting keeps the client from starting until the same setting is set well or taken back: by NULL, by 0 bytes, or
 * by the function that removes it. Headers are told apart by their names. A refusal cannot be taken back if such a name was
 * NULL or not UTF-8, or if 16 others are kept already: then another client has to be made. Only EVENTSOURCE_ERR_STATE is not
 * kept, because it says nothing about the setting. So a program may ignore what setters return, and check eventsource_run
 * alone. Compilers warn if a program ignores what another function returns: see EVENTSOURCE_NODISCARD.
 *
 * POINTERS. A string is UTF-8 and ends at its first NUL. A binding for a language whose strings may contain a NUL should refuse
 * such strings. The library copies all its inputs; user data is the only caller pointer that it keeps. NULL is refused with
 * EVENTSOURCE_ERR_NULL unless the description allows it. Passing an invalid pointer or a freed parser is undefined behaviour.
 * Clients and runtimes may be freed while other threads call functions on them, or are about to: a call that comes too late
 * does nothing and returns EVENTSOURCE_ERR_FREED.
 * A struct that begins with `size` grows at its end in later versions. Before a program passes such a struct to the library, it
 * calls the struct's _init function, which sets `size` and the defaults. If the library fills the struct, the program passes
 * its sizeof. The library writes no more than that. If the program is newer than the library, the members that the library does
 * not know are set to zero.
 *
 * UNSET. NULL unsets a string, 0 bytes unset a blob, EVENTSOURCE_NO_LIMIT removes a limit of time or number. An unset string
 * or blob has its default. 0 is a value like others, or is refused: the description says which.
 *
 * UNITS. Durations are milliseconds in int64_t, or microseconds if the name ends in _us; sizes are bytes in size_t;
 * enumerations and switches are int32_t.
 *
 * CALLBACKS. After eventsource_start, callbacks run on the library's threads, or where eventsource_dispatch_t says. The
 * callbacks of one client run one at a time, in the order of the stream, not always on the same thread. Callbacks of different
 * clients run at the same time. A payload and the text in it are valid until the callback returns. A callback may block. It
 * then delays its own stream (the server has to wait, through TCP). It delays no other stream, unless dispatch is inline or
 * 1024 threads are blocked.
 * A callback may call any function of the library. Functions that would wait (eventsource_run, eventsource_wait,
 * eventsource_runtime_dispatch) return EVENTSOURCE_ERR_IN_CALLBACK there. eventsource_free takes effect when the callback
 * returns. A callback may switch to another stack and call the library there. On the library's threads, a callback's stack has
 * 2 MiB.
 * A callback must return. If an exception leaves it, the process is aborted. Never longjmp out of a callback: the library
 * counts the callback as still running. Its thread then counts as inside a callback for ever. Its client or parser makes no
 * more callbacks and is never released. A thread that waits for the client's end hangs. If it was a log callback, a thread that
 * replaces it hangs. Everything else goes on, and the process can exit. longjmp to another thread, or to a function that has
 * returned, is undefined behaviour in C.
 *
 * THE END. After eventsource_start, on_close is called exactly once, as the last callback. It is called after
 * eventsource_stop or eventsource_free, after a final error, and when the server ends the client (204) or, in some modes, the
 * stream.
 * The `destroy` given with the user data is called exactly once, after every callback has returned. This also holds for a
 * client that was never started.
 *
 * THREADS. The first start makes the library's threads. The last free ends them. Their names begin with "eventsource".
 * Two threads are enough for any number of clients: one serves them, the other watches the first. The library makes more
 * threads in three cases: while callbacks block; when there is more to do than one thread can do (up to one thread for each
 * processor); and to look host names up. While callbacks return soon, the library has at most three threads more than the
 * machine has processors, apart from those that look names up. This holds however many streams start, end or fail at once.
 * If the system refuses a thread that is needed because another one is blocked, the other clients wait. The log has a line
 * when that begins and one when it ends.
 * The library installs no signal handlers, changes no environment variables, and writes to neither stdout nor stderr
 * (SHORTAGE has the one exception).
 *
 * SIGNALS. The library's threads block all signals except those that a thread itself causes: SIGSEGV, SIGBUS, SIGFPE, SIGILL,
 * SIGTRAP, SIGABRT and SIGSYS. So the program's own handler is called for such a fault in a callback.
 * If a callback calls fork, the child gets the signal mask of the thread that made the runtime (for the shared runtime: the
 * thread of the first start). So a program that the child executes can be ended as usual.
 * The library does not notice posix_spawn, vfork, system and popen. If a callback calls one of them, the new program starts
 * with all signals blocked. To avoid that, give posix_spawn a mask (posix_spawnattr_setsigmask with POSIX_SPAWN_SETSIGMASK),
 * or set the mask of the library's threads in `on_thread_start` of eventsource_runtime_options_t.
 *
 * SHORTAGE. The system may refuse a thread, a descriptor, or memory for what a server sends (an event, the head of a
 * response, the window of a decoder). The attempt then fails with EVENTSOURCE_ERR_RESOLVE, EVENTSOURCE_ERR_CONNECT or
 * EVENTSOURCE_ERR_MEMORY, and the client tries again as after any other error.
 * If there is no memory for anything smaller, one line is written to stderr and the process is aborted. The library writes to
 * stderr in no other case.
 *
 * HOST NAMES. The library asks the system's resolver on threads named eventsource-dns. These threads are shared by the
 * process, and exist while there are names to look up. A name is looked up once at a time: all clients that wait for it get
 * the same result. Results are not kept.
 * Up to 16 names are looked up at once. A look-up that takes longer than 100 ms no longer counts towards these 16, so that a
 * name that hangs does not delay the others. There are at most 128 threads. Further names wait for a thread; this wait does
 * not count towards the connect timeout. One attempt tries at most 16 addresses of a name, of both families if the name has
 * both.
 * A look-up cannot be interrupted. A client that is stopped or freed does not wait for it, but the look-up's thread remains
 * until the resolver returns, even after the last free. Such threads call none of the program's functions and use none of its
 * memory. The program may unload the library (dlclose, FreeLibrary) meanwhile: the library's code stays in memory on purpose.
 *
 * FORK. In a forked child, handles that the parent made return EVENTSOURCE_ERR_FORKED; free them. New clients work, as far as
 * anything works between fork and exec in a process with threads. Parsers go on working. If a callback forks, the child must
 * not return from that callback.
 *
 * LOCKS. eventsource_free, eventsource_runtime_free, eventsource_wait and eventsource_run wait for callbacks. Never call them
 * while the calling thread holds a lock that one of the awaited callbacks takes: that deadlocks. eventsource_free waits for
 * the callback that is running, for on_close and for `destroy`. eventsource_runtime_free waits for all of its clients and for
 * its threads. eventsource_log_set_callback waits until the previous log callback has returned on every thread.
 *
 * CALLS. Where each function may be called. *stopped*: before the first start, and after on_close has returned. *running*: from
 * eventsource_start until then. *callback*: in a callback of the same client. *child*: after fork, on a handle of the parent.
 * "state" means ERR_STATE, "forked" ERR_FORKED, "waits" ERR_IN_CALLBACK. Names are without `eventsource_`.
 *
 *     function                                                       stopped  running  callback  child
 *     new, runtime_new, parser_new                                   yes      yes      yes       yes
 *     reconnect_init, runtime_options_init                           yes      yes      yes       yes
 *     check, get_*, pause, unpause, set_last_event_id, add_cookies   yes      yes      yes       forked
 *     start                                                          yes      state    state     forked
 *     run                                                            yes      state    waits     forked
 *     wait                                                           yes      yes      waits     forked
 *     stop                                                           yes      yes      yes       forked
 *     free, runtime_free                                             yes      yes      yes       yes
 *     reconnect_now                                                  state    yes      yes       forked
 *     set_next_delay                                                 state    state    on_error  forked
 *     set_*, share_*, add_*, remove_*, on_* (all others)             yes      state    state     forked
 *     request_*                                                      no       no       on_request no
 *     response_*, error_*                                            no       no       yes       no
 *     runtime_dispatch                                               yes      yes      waits     forked
 *     runtime_check, runtime_get_*                                   yes      yes      yes       forked
 *     parser_*                                                       yes      yes      yes       yes
 *     log_*, status_*, version, version_number, has_feature          yes      yes      yes       yes
 *     android_init                                                   yes      yes      yes       yes
 *
 * DEFAULTS. What a new client has. Times are in milliseconds, sizes in bytes.
 *
 *     setting                      default
 *     name                         none
 *     method                       GET
 *     body, header                 none, beside those that the library itself sends
 *     basic_auth                   the URL's user and password
 *     last_event_id                none
 *     cookies                      0
 *     compression                  0
 *     reconnect_with_get           0
 *     mode                         EVENTSOURCE_MODE_AUTO
 *     reconnect.retry_initial      0
 *     reconnect.delay_ms           1000
 *     reconnect.max_delay_ms       60000
 *     reconnect.factor             2
 *     reconnect.jitter             0.5
 *     reconnect.reset_after_ms     60000
 *     reconnect.max_attempts       EVENTSOURCE_NO_LIMIT
 *     reconnect.min_delay_ms       100
 *     reconnect.max_server_delay_ms 3600000
 *     connect_timeout              10000
 *     response_timeout             300000
 *     read_timeout                 EVENTSOURCE_NO_LIMIT
 *     event_timeout                EVENTSOURCE_NO_LIMIT
 *     max_redirects                16
 *     max_event_size               16777216
 *     max_error_body               4096
 *     end_marker                   none
 *     check_content_type           1
 *     proxy, no_proxy              what the environment says
 *     unix_socket, resolve         none
 *     interface                    what the routes say
 *     watch_network                1
 *     http_version                 EVENTSOURCE_HTTP_DEFAULT
 *     ca_pem, ca_file              none, beside the operating system's
 *     ca_exclusive                 0
 *     client_cert_pem, client_cert_file none
 *     pinned_keys                  any key
 *     min_tls_version              EVENTSOURCE_TLS_1_2
 *     server_name                  the URL's host
 *     insecure_skip_verification   0
 *     key_log_file                 none
 *     runtime                      the one that the clients of the process share
 *     user_data, callbacks         none
 *
 * EXAMPLES. They need <eventsource.h>, <stdio.h> and <stdlib.h>. The comment before each says what it shows.
 *
 *     // A callback for events, and one for errors: closes after three failures in a row.
 *     static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
 *         (void)es;
 *         (void)user;
 *         fwrite(event->data, 1, event->data_len, stdout);
 *     }
 *     static eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
 *         (void)es;
 *         (void)user;
 *         fprintf(stderr, "%s: %s\n", eventsource_status_name(error->code), error->message);
 *         return error->attempt >= 3 ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
 *     }
 *
 *     // A request with a fresh token for each attempt. Without a token, the attempt fails and is made again later.
 *     static eventsource_decision_t on_request(eventsource_t *es, eventsource_request_t *request, void *user) {
 *         const char *token = getenv("TOKEN");
 *         (void)es;
 *         (void)user;
 *         if (!token) return EVENTSOURCE_DECISION_RETRY;
 *         eventsource_request_set_sensitive_header(request, "Authorization", token);
 *         return EVENTSOURCE_DECISION_DEFAULT;
 *     }
 *
 *     // A batch: all events of one read, in one call.
 *     static void on_events(eventsource_t *es, const eventsource_event_t *const *events, size_t count, void *user) {
 *         (void)es;
 *         (void)user;
 *         for (size_t i = 0; i < count; i++) puts(events[i]->data);
 *     }
 *
 *     // A reconnect policy: a quarter of a second at first, at most ten seconds.
 *     static void reconnect_soon(eventsource_t *es) {
 *         eventsource_reconnect_t policy;
 *         eventsource_reconnect_init(&policy, sizeof policy);
 *         policy.delay_ms = 250;
 *         policy.max_delay_ms = 10000;
 *         eventsource_set_reconnect(es, &policy);
 *     }
 *
 *     // Once: a request that must not be repeated. Prints why it failed.
 *     static int ask_once(eventsource_t *es, const char *body, size_t len) {
 *         char why[256];
 *         eventsource_set_method(es, "POST");
 *         eventsource_set_body(es, body, len);
 *         eventsource_set_mode(es, EVENTSOURCE_MODE_ONCE);
 *         eventsource_on_event(es, on_event);
 *         eventsource_on_error(es, on_error);
 *         eventsource_on_request(es, on_request);
 *         if (eventsource_run(es) == EVENTSOURCE_OK) return 0;
 *         if (eventsource_get_last_error(es, why, sizeof why, NULL) == EVENTSOURCE_OK) fprintf(stderr, "%s\n", why);
 *         return 1;
 *     }
 *
 *     // Persistence: continue after the last event id of an earlier process, and keep it for the next one.
 *     static void run_after(eventsource_t *es, char *id, size_t capacity) {
 *         eventsource_set_last_event_id(es, id);
 *         eventsource_on_events(es, on_events);
 *         if (eventsource_run(es) != EVENTSOURCE_OK) fputs("the stream failed\n", stderr);
 *         if (eventsource_get_last_event_id(es, id, capacity, NULL) != EVENTSOURCE_OK) id[0] = 0;
 *     }
 *
 *     // Pause: read nothing while a queue is full. The server has to wait.
 *     static void queue_changed(eventsource_t *es, size_t queued) {
 *         if (queued > 1000) eventsource_pause(es);
 *         if (queued < 100) eventsource_unpause(es);
 *     }
 *
 *     // Hooks and runtime: callbacks on one thread, which runs `attach` first, for example to attach it to a virtual machine.
 *     static void attach(void *user) {
 *         (void)user;
 *     }
 *     static eventsource_runtime_t *one_thread(void) {
 *         eventsource_runtime_options_t options;
 *         eventsource_runtime_options_init(&options, sizeof options);
 *         options.dispatch = EVENTSOURCE_DISPATCH_INLINE;
 *         options.on_thread_start = attach;
 *         return eventsource_runtime_new(&options);
 *     }
 *
 *     // Dispatch: callbacks on this thread, until the client has closed.
 *     static eventsource_status_t dispatch(const char *url) {
 *         eventsource_runtime_options_t options;
 *         eventsource_runtime_options_init(&options, sizeof options);
 *         options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
 *         eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
 *         eventsource_t *es = eventsource_new(url);
 *         eventsource_set_runtime(es, runtime);
 *         eventsource_status_t end = eventsource_start(es);
 *         while (end == EVENTSOURCE_OK || end == EVENTSOURCE_ERR_TIMEOUT) {
 *             end = eventsource_runtime_dispatch(runtime, EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT, NULL);
 *             if (end == EVENTSOURCE_OK) end = eventsource_wait(es, 0);
 *             if (end == EVENTSOURCE_OK) break;
 *         }
 *         eventsource_free(es);
 *         eventsource_runtime_free(runtime);
 *         return end;
 *     }
 *
 *     // Log: each record as one line on stderr.
 *     static void on_log(const eventsource_log_record_t *record, void *user) {
 *         char line[2048];
 *         (void)user;
 *         if (eventsource_log_format(record, line, sizeof line, NULL) == EVENTSOURCE_OK) fprintf(stderr, "%s\n", line);
 *     }
 *     static void log_to_stderr(void) {
 *         eventsource_log_set_callback(EVENTSOURCE_LOG_INFO, on_log, NULL, NULL);
 *     }
 *
 *     // Parser: the events of bytes that come from elsewhere.
 *     static void on_parsed(eventsource_parser_t *parser, const eventsource_event_t *event, void *user) {
 *         (void)parser;
 *         (void)user;
 *         puts(event->type);
 *     }
 *     static eventsource_status_t parse(const void *bytes, size_t len) {
 *         eventsource_parser_options_t options;
 *         eventsource_parser_options_init(&options, sizeof options);
 *         options.on_event = on_parsed;
 *         eventsource_parser_t *parser = eventsource_parser_new(&options);
 *         eventsource_status_t status = eventsource_parser_feed(parser, bytes, len);
 *         eventsource_parser_free(parser);
 *         return status;
 *     }
 */

#ifndef EVENTSOURCE_H
#define EVENTSOURCE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Makes the compiler warn if a program ignores what a function returns. It is on functions whose failure shows nowhere else.
 * It is not on setters, because a refused setting keeps the client from starting. Define EVENTSOURCE_NO_NODISCARD to switch it
 * off.
 */
#if defined(EVENTSOURCE_NO_NODISCARD) || defined(__swift__)
#define EVENTSOURCE_NODISCARD
#elif (defined(__cplusplus) && __cplusplus >= 201703L) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L || defined(__swift__))
#define EVENTSOURCE_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define EVENTSOURCE_NODISCARD __attribute__((warn_unused_result))
#else
#define EVENTSOURCE_NODISCARD
#endif

/**
 * Tells whether a struct that a callback was given has a member. The running library may be older than this header: then its
 * structs may lack the last members.
 *
 * @param payload a pointer to a struct that begins with `size`, as callbacks are given
 * @param member a member of this header's struct
 * @return not 0 if the member is there; else it must not be read
 */
#ifdef __cplusplus
#define EVENTSOURCE_HAS(payload, member)                                              \
    ((payload)->size >= static_cast<size_t>(                                           \
        static_cast<const char *>(static_cast<const void *>(&(payload)->member + 1)) - \
        static_cast<const char *>(static_cast<const void *>(payload))))
#else
#define EVENTSOURCE_HAS(payload, member) \
    ((payload)->size >= (size_t)((const char *)(&(payload)->member + 1) - (const char *)(payload)))
#endif

/**
 * No limit, for times and counts whose description names it. Everywhere else it is refused.
 */
#define EVENTSOURCE_NO_LIMIT -1

/**
 * How many buckets `eventsource_metrics_t` has for latencies.
 */
#define EVENTSOURCE_LATENCY_BUCKETS 14

/**
 * The major version of this header.
 */
#define EVENTSOURCE_VERSION_MAJOR 0

/**
 * The minor version of this header.
 */
#define EVENTSOURCE_VERSION_MINOR 9

/**
 * The patch version of this header.
 */
#define EVENTSOURCE_VERSION_PATCH 0

/**
 * The version of this header as a number to compare, also in `#if`: major × 1000000 + minor × 1000 + patch.
 */
#define EVENTSOURCE_VERSION_NUMBER (((EVENTSOURCE_VERSION_MAJOR * 1000000) + (EVENTSOURCE_VERSION_MINOR * 1000)) + EVENTSOURCE_VERSION_PATCH)

/**
 * What a call returns, and why an attempt or a stream failed.
 *
 * 0 is success; everything else is an error. A number keeps its meaning: one that is no longer used stays reserved. Any
 * release may add statuses, so a `switch` over them needs a default branch.
 */
enum eventsource_status_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * Success.
     */
    EVENTSOURCE_OK = 0,
    /**
     * A pointer that must not be NULL is NULL.
     */
    EVENTSOURCE_ERR_NULL = 1,
    /**
     * A string is not valid UTF-8.
     */
    EVENTSOURCE_ERR_UTF8 = 2,
    /**
     * No attempt could succeed with the URL, for example because it is not absolute or neither http nor https.
     */
    EVENTSOURCE_ERR_URL = 3,
    /**
     * A header's name or value is not legal, or the header is one that the library itself writes.
     */
    EVENTSOURCE_ERR_HEADER = 4,
    /**
     * The method is not an HTTP method token, or is CONNECT.
     */
    EVENTSOURCE_ERR_METHOD = 5,
    /**
     * A number, an option or an id is out of its documented range.
     */
    EVENTSOURCE_ERR_VALUE = 6,
    /**
     * The PEM text holds no usable certificate or key, or its file cannot be read.
     */
    EVENTSOURCE_ERR_PEM = 7,
    /**
     * The call is not allowed in this state, for example a setter while the client runs.
     */
    EVENTSOURCE_ERR_STATE = 8,
    /**
     * The call would wait for a callback, and was made inside one.
     */
    EVENTSOURCE_ERR_IN_CALLBACK = 9,
    /**
     * The time given to `eventsource_wait` ran out.
     */
    EVENTSOURCE_ERR_TIMEOUT = 10,
    /**
     * The text and its NUL do not fit into the caller's buffer; the length of the text has been written to `len`.
     */
    EVENTSOURCE_ERR_BUFFER = 11,
    /**
     * The operating system refused a thread or a descriptor that the runtime needs.
     */
    EVENTSOURCE_ERR_RUNTIME = 12,
    /**
     * The library has a bug: a panic was caught before it reached the caller. The client closes.
     */
    EVENTSOURCE_ERR_PANIC = 13,
    /**
     * The client or runtime was made by this process's parent, before `fork`.
     */
    EVENTSOURCE_ERR_FORKED = 14,
    /**
     * The client or runtime has been freed.
     */
    EVENTSOURCE_ERR_FREED = 15,
    /**
     * The call needs a part that was left out when the library was built: `eventsource_has_feature`.
     */
    EVENTSOURCE_ERR_UNSUPPORTED = 16,
    /**
     * The host's name could not be resolved.
     */
    EVENTSOURCE_ERR_RESOLVE = 32,
    /**
     * No TCP connection could be made.
     */
    EVENTSOURCE_ERR_CONNECT = 33,
    /**
     * Name resolution, TCP, the proxy and TLS together took longer than the connect timeout.
     */
    EVENTSOURCE_ERR_CONNECT_TIMEOUT = 34,
    /**
     * TLS failed, in the handshake or after it. With TLS 1.3, a server that does not accept the client's certificate says so
     * after the handshake.
     */
    EVENTSOURCE_ERR_TLS = 35,
    /**
     * The connection broke before the response was complete.
     */
    EVENTSOURCE_ERR_DISCONNECTED = 36,
    /**
     * The server sent nothing for longer than the read timeout.
     */
    EVENTSOURCE_ERR_READ_TIMEOUT = 37,
    /**
     * The server's bytes are not HTTP, or break its framing, or the response's head has more than 256 KiB or
     * 1,000 fields, or more than 100 interim responses come before it; or there is a transfer coding other than chunked.
     */
    EVENTSOURCE_ERR_PROTOCOL = 38,
    /**
     * The server ended the stream.
     */
    EVENTSOURCE_ERR_END_OF_STREAM = 39,
    /**
     * The response has a status that opens no event stream.
     */
    EVENTSOURCE_ERR_HTTP_STATUS = 40,
    /**
     * The response is not `text/event-stream`.
     */
    EVENTSOURCE_ERR_CONTENT_TYPE = 41,
    /**
     * The response has more than two content codings, or one in a build without codings.
     */
    EVENTSOURCE_ERR_CONTENT_ENCODING = 42,
    /**
     * A redirect has no usable `Location` or two different ones, or leads from https to http; or `on_redirect` refused it; or
     * it would take the request's body to another origin, and `on_redirect` did not say so.
     */
    EVENTSOURCE_ERR_REDIRECT = 43,
    /**
     * More redirects than allowed.
     */
    EVENTSOURCE_ERR_TOO_MANY_REDIRECTS = 44,
    /**
     * An event is larger than the event size limit.
     */
    EVENTSOURCE_ERR_EVENT_TOO_LARGE = 45,
    /**
     * The proxy cannot be reached, or refuses, or does not speak its protocol.
     */
    EVENTSOURCE_ERR_PROXY = 46,
    /**
     * The server's certificate is not trusted. For example, it has expired, has another name, or comes from an unknown
     * authority.
     */
    EVENTSOURCE_ERR_CERTIFICATE = 47,
    /**
     * The response's content does not follow its content coding, or decodes to far more bytes than it has.
     */
    EVENTSOURCE_ERR_DECODING = 48,
    /**
     * The server, or a proxy before it, broke off an HTTP/2 stream or connection, or broke the rules of HTTP/2.
     */
    EVENTSOURCE_ERR_HTTP2 = 49,
    /**
     * The system has no memory for what the server sends: an event, a head, the window of a decoder.
     */
    EVENTSOURCE_ERR_MEMORY = 50,
    /**
     * The head of the response was not complete within the response timeout.
     */
    EVENTSOURCE_ERR_RESPONSE_TIMEOUT = 51,
    /**
     * The program's `on_request` did not make the request: its return value said so, or a change that it made was refused.
     * Nothing was sent.
     */
    EVENTSOURCE_ERR_REQUEST = 52,
    /**
     * No event came for longer than the event timeout, whatever else the server sent.
     */
    EVENTSOURCE_ERR_EVENT_TIMEOUT = 53,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_status_t eventsource_status_t;
#else
typedef int32_t eventsource_status_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * Versions of HTTP, in a response.
 */
enum eventsource_http_version_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * HTTP/1.0.
     */
    EVENTSOURCE_HTTP_VERSION_1_0 = 10,
    /**
     * HTTP/1.1.
     */
    EVENTSOURCE_HTTP_VERSION_1_1 = 11,
    /**
     * HTTP/2.
     */
    EVENTSOURCE_HTTP_VERSION_2 = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_http_version_t eventsource_http_version_t;
#else
typedef int32_t eventsource_http_version_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * Versions of TLS, for `eventsource_set_min_tls_version` and in a response.
 */
enum eventsource_tls_version_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * No TLS. Only in responses; it cannot be set.
     */
    EVENTSOURCE_TLS_NONE = 0,
    /**
     * TLS 1.2.
     */
    EVENTSOURCE_TLS_1_2 = 12,
    /**
     * TLS 1.3.
     */
    EVENTSOURCE_TLS_1_3 = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_tls_version_t eventsource_tls_version_t;
#else
typedef int32_t eventsource_tls_version_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * What an `on_error` or `on_request` callback can return.
 */
enum eventsource_decision_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * Do what the error's `will_retry` and `delay_ms` say. Any number that is no decision means this, too.
     */
    EVENTSOURCE_DECISION_DEFAULT = 0,
    /**
     * Try again, even if the error would be final. The delay is `delay_ms`; for an error that would be final, it is that of
     * the back-off.
     */
    EVENTSOURCE_DECISION_RETRY = 1,
    /**
     * Close.
     */
    EVENTSOURCE_DECISION_CLOSE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_decision_t eventsource_decision_t;
#else
typedef int32_t eventsource_decision_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * What an `on_redirect` callback can return. Within the same origin, all but the refusal are the same.
 */
enum eventsource_redirect_decision_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * Follow. Another origin gets no credentials (`drops_credentials`). If it would get the request's body (`drops_body`), the
     * redirect is refused instead. This is what happens without a callback, and for any number that is no decision.
     */
    EVENTSOURCE_REDIRECT_FOLLOW = 0,
    /**
     * Do not follow: the attempt fails with `EVENTSOURCE_ERR_REDIRECT`, which is final.
     */
    EVENTSOURCE_REDIRECT_REFUSE = 1,
    /**
     * Follow with the body, without credentials.
     */
    EVENTSOURCE_REDIRECT_FOLLOW_WITH_BODY = 2,
    /**
     * Follow with body, credentials and client certificate, for this redirect alone. Only for a host that you trust with them:
     * `to` is the server's choice. A `Host` header that was set stays behind.
     */
    EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_redirect_decision_t eventsource_redirect_decision_t;
#else
typedef int32_t eventsource_redirect_decision_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * Why a client closed.
 */
enum eventsource_close_reason_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * The program asked: `eventsource_stop`, `eventsource_free`, or `EVENTSOURCE_DECISION_CLOSE` from `on_error`.
     */
    EVENTSOURCE_CLOSE_STOPPED = 0,
    /**
     * The server asked: it sent 204 No Content.
     */
    EVENTSOURCE_CLOSE_SERVER = 1,
    /**
     * An error was final. `on_error` has been called with it.
     */
    EVENTSOURCE_CLOSE_FAILED = 2,
    /**
     * The server ended the stream without error, and the client's mode (`eventsource_set_mode`) makes that the end. No
     * `on_error` comes.
     */
    EVENTSOURCE_CLOSE_END_OF_STREAM = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_close_reason_t eventsource_close_reason_t;
#else
typedef int32_t eventsource_close_reason_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * Which failures and ends a client follows with another attempt.
 */
enum eventsource_mode_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * A GET is kept alive (`EVENTSOURCE_MODE_KEEP_ALIVE`). A request by any other method is made once
     * (`EVENTSOURCE_MODE_ONCE`), because a repetition may cost money or act twice. What counts is the method that the attempt
     * was made with, also when `on_request` has set it. With `eventsource_set_reconnect_with_get`, a stream that a POST opened
     * is kept alive by GET. The default.
     */
    EVENTSOURCE_MODE_AUTO = 0,
    /**
     * The client makes another attempt after every failure that may pass by itself, and after every end of the stream.
     */
    EVENTSOURCE_MODE_KEEP_ALIVE = 1,
    /**
     * The client makes one request and follows its redirects. Every failure is final. When the server ends the stream without
     * error, the client closes with `EVENTSOURCE_CLOSE_END_OF_STREAM`. For requests that must not be repeated, such as those
     * to a language model.
     *
     * Only two things make another request: a program that asks for it (`EVENTSOURCE_DECISION_RETRY`,
     * `eventsource_reconnect_now`), and a 401 when `on_request` is set, because the server has not acted on that request.
     */
    EVENTSOURCE_MODE_ONCE = 2,
    /**
     * As `EVENTSOURCE_MODE_KEEP_ALIVE`, until the server ends a stream without error: then the client closes with
     * `EVENTSOURCE_CLOSE_END_OF_STREAM`. For streams that finish and can be continued after a loss, such as the log of a job.
     *
     * Only the framing tells an end from a loss. If a server sends over HTTP/1 without chunks, without a length and without
     * TLS, every loss looks like an end.
     */
    EVENTSOURCE_MODE_UNTIL_END = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_mode_t eventsource_mode_t;
#else
typedef int32_t eventsource_mode_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * Which version of HTTP a client speaks.
 */
enum eventsource_http_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * https: HTTP/2 if the server chooses it in the TLS handshake (ALPN), else HTTP/1.1. http: HTTP/1.1. The default.
     */
    EVENTSOURCE_HTTP_DEFAULT = 0,
    /**
     * HTTP/1.1.
     */
    EVENTSOURCE_HTTP_1_1 = 1,
    /**
     * HTTP/2, which the server is known to speak. http: from the first byte on, without asking; but HTTP/1.1 to an HTTP
     * proxy. https: nothing else is offered, and a server that does not choose it is an error.
     */
    EVENTSOURCE_HTTP_2_PRIOR_KNOWLEDGE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_http_t eventsource_http_t;
#else
typedef int32_t eventsource_http_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * What a client is doing.
 */
enum eventsource_state_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * Never started.
     */
    EVENTSOURCE_STATE_IDLE = 0,
    /**
     * An attempt is under way.
     */
    EVENTSOURCE_STATE_CONNECTING = 1,
    /**
     * The stream is open.
     */
    EVENTSOURCE_STATE_OPEN = 2,
    /**
     * Waiting for the next attempt.
     */
    EVENTSOURCE_STATE_WAITING = 3,
    /**
     * Closed, or about to be: in the `on_error` of a final error, and in `on_close`.
     */
    EVENTSOURCE_STATE_CLOSED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_state_t eventsource_state_t;
#else
typedef int32_t eventsource_state_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * Where callbacks run.
 */
enum eventsource_dispatch_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * On the library's threads; while a callback blocks, other threads serve the other clients. The default.
     */
    EVENTSOURCE_DISPATCH_ISOLATED = 0,
    /**
     * On the runtime's one thread. This costs least. It is for callbacks that never block: a callback that blocks delays
     * every client of the runtime, and every `eventsource_free` of such a client.
     */
    EVENTSOURCE_DISPATCH_INLINE = 1,
    /**
     * On the program's threads: in `eventsource_runtime_dispatch`, and otherwise only in `eventsource_free` and
     * `eventsource_runtime_free`. For event loops, and for callbacks that must stay on one thread.
     */
    EVENTSOURCE_DISPATCH_MANUAL = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_dispatch_t eventsource_dispatch_t;
#else
typedef int32_t eventsource_dispatch_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * How much is logged; each level includes those before it.
 *
 * | level   | kinds           | contains                                                                    |
 * |---------|-----------------|-----------------------------------------------------------------------------|
 * | ERROR   | FAULT           | bugs of the library                                                         |
 * | WARNING | ERROR           | errors that are final                                                       |
 * |         | HTTP, TLS       | what is left out of requests, responses and the trusted authorities         |
 * |         | THREAD          | threads that the system refuses; look-ups of names that wait for others     |
 * | INFO    | ERROR           | errors that another attempt follows: failed attempts and lost streams       |
 * |         | OPEN, CLOSE     | streams that have opened; clients that have closed, and why                 |
 * |         | WAIT            | how long a client waits for its next attempt                                |
 * |         | NETWORK         | changes of the network, and the end of a suspension                         |
 * | DEBUG   | REQUEST         | each request of each attempt                                                |
 * |         | REDIRECT        | each redirect                                                               |
 * |         | CALL            | each call that was refused, and why                                         |
 * |         | NETWORK         | that the network cannot be watched, and why                                 |
 *
 * The kinds are those of `eventsource_log_kind_t`. No level has a record for each event or for each read.
 */
enum eventsource_log_level_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * Nothing.
     */
    EVENTSOURCE_LOG_OFF = 0,
    /**
     * Bugs of the library.
     */
    EVENTSOURCE_LOG_ERROR = 1,
    /**
     * What will probably not work as meant.
     */
    EVENTSOURCE_LOG_WARNING = 2,
    /**
     * The life of the streams.
     */
    EVENTSOURCE_LOG_INFO = 3,
    /**
     * Each request, redirect and refused call.
     */
    EVENTSOURCE_LOG_DEBUG = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_log_level_t eventsource_log_level_t;
#else
typedef int32_t eventsource_log_level_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * What happened. A later version may have more kinds, so a `switch` over them needs a default branch.
 */
enum eventsource_log_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * The client makes a request: one for each attempt, and one more for each redirect. The text has the method, the origin
     * if it is not the client's own, and the proxy.
     */
    EVENTSOURCE_LOG_KIND_REQUEST = 1,
    /**
     * The client follows a redirect. The text has the status and the new origin.
     */
    EVENTSOURCE_LOG_KIND_REDIRECT = 2,
    /**
     * A stream has opened.
     */
    EVENTSOURCE_LOG_KIND_OPEN = 3,
    /**
     * An attempt has failed, or an open stream was lost: what `on_error` is told, too. The level is `WARNING` if the error is
     * final and `INFO` if not.
     */
    EVENTSOURCE_LOG_KIND_ERROR = 4,
    /**
     * The client waits for its next attempt. The text has the delay, as `on_error` has decided.
     */
    EVENTSOURCE_LOG_KIND_WAIT = 5,
    /**
     * The client has closed. The text has the reason.
     */
    EVENTSOURCE_LOG_KIND_CLOSE = 6,
    /**
     * A last event id that is not sent, or a content coding that is unknown.
     */
    EVENTSOURCE_LOG_KIND_HTTP = 7,
    /**
     * Certificate authorities that are left out or cannot be read anew.
     */
    EVENTSOURCE_LOG_KIND_TLS = 8,
    /**
     * A call was refused. The text has the reason.
     */
    EVENTSOURCE_LOG_KIND_CALL = 9,
    /**
     * The system refuses threads, or too many names are being looked up. Such a record is about the process: it has no client.
     */
    EVENTSOURCE_LOG_KIND_THREAD = 10,
    /**
     * A bug of the library, caught.
     */
    EVENTSOURCE_LOG_KIND_FAULT = 11,
    /**
     * An address or the default route has changed, or the system has been suspended. Such a record is about the process: it
     * has no client.
     */
    EVENTSOURCE_LOG_KIND_NETWORK = 12,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_log_kind_t eventsource_log_kind_t;
#else
typedef int32_t eventsource_log_kind_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * A parser of event streams, without any network. It belongs to one thread at a time.
 */
typedef struct eventsource_parser_t eventsource_parser_t;

/**
 * The request of the attempt about to be made. It exists during `on_request` only and must not leave that callback's
 * thread. Changes hold for this attempt and its redirects; the next attempt starts from the client's settings.
 */
typedef struct eventsource_request_t eventsource_request_t;

/**
 * Threads that clients share. Programs need not make one: clients without one share a default runtime, which the first start
 * makes and the last free ends.
 *
 * Any thread may call any function on it at any time, also while another thread or a callback frees it, as for a client: a
 * call that comes too late returns `ERR_FREED`.
 */
typedef struct eventsource_runtime_t eventsource_runtime_t;

/**
 * A client: one event stream, kept alive over reconnects.
 *
 * Any thread may call any function on it at any time, also while another thread or a callback frees it. A call that has begun
 * before the free completes as usual. A call that comes after it touches no memory of the client: `eventsource_wait` and
 * `eventsource_stop` return `EVENTSOURCE_OK`, `eventsource_free` does nothing, and all others return `ERR_FREED`. This is for
 * calls that cross the free. Do not keep the pointer for long after it, because a later client may get the same pointer.
 */
typedef struct eventsource_t eventsource_t;

/**
 * Releases user data. Called exactly once, on the thread that holds it last: the library's or the caller's.
 *
 * @param user the pointer that was given with this function
 */
typedef void (*eventsource_destroy_fn)(void *user);

/**
 * One event, alive during the callback.
 */
typedef struct eventsource_event_t {
    /**
     * Bytes of this struct in the running library; a newer library may append members.
     */
    size_t size;
    /**
     * The event type; `"message"` when the stream names none. NUL-terminated UTF-8.
     */
    const char *type;
    /**
     * Bytes of `type`, without the NUL.
     */
    size_t type_len;
    /**
     * The data; its lines are separated by LF. NUL-terminated UTF-8, may itself hold NULs.
     */
    const char *data;
    /**
     * Bytes of `data`, without the NUL.
     */
    size_t data_len;
    /**
     * The last event id as of this event; empty when there is none. `eventsource_set_last_event_id` says which are not
     * sent back. NUL-terminated UTF-8.
     */
    const char *last_event_id;
    /**
     * Bytes of `last_event_id`, without the NUL.
     */
    size_t last_event_id_len;
    /**
     * The origin of the URL that the stream came from, after redirects, as browsers give it in `MessageEvent.origin`: for
     * example `"https://example.com"`, with a port unless it is the scheme's own. Empty for an event of a parser, which
     * knows no URL. NUL-terminated ASCII.
     */
    const char *origin;
    /**
     * Bytes of `origin`, without the NUL.
     */
    size_t origin_len;
} eventsource_event_t;

/**
 * Receives an event.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param event the event; it and what it points at live until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_event_fn)(struct eventsource_t *es, const struct eventsource_event_t *event, void *user);

/**
 * Receives the events of one read.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param events pointers to `count` events, in the order of the stream; they and what they point at live until the callback
 *        returns
 * @param count at least 1
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_events_fn)(struct eventsource_t *es,
                                      const struct eventsource_event_t *const *events,
                                      size_t count,
                                      void *user);

/**
 * A comment line, alive during the callback.
 */
typedef struct eventsource_comment_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t size;
    /**
     * What follows the colon, without one leading space. NUL-terminated UTF-8.
     */
    const char *text;
    /**
     * Bytes of `text`, without the NUL.
     */
    size_t text_len;
} eventsource_comment_t;

/**
 * Receives a comment.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param comment the comment; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_comment_fn)(struct eventsource_t *es, const struct eventsource_comment_t *comment, void *user);

/**
 * One header field of a response. This struct never grows: it is used in arrays.
 */
typedef struct eventsource_header_t {
    /**
     * The name, in lower case. NUL-terminated.
     */
    const char *name;
    /**
     * Bytes of `name`, without the NUL.
     */
    size_t name_len;
    /**
     * The value; bytes that are no UTF-8 appear as U+FFFD. NUL-terminated.
     */
    const char *value;
    /**
     * Bytes of `value`, without the NUL.
     */
    size_t value_len;
} eventsource_header_t;

/**
 * The response that opened the stream, alive during the callback.
 *
 * The times are those of the attempt's last request, that is, of the one after all redirects. They are microseconds, and -1
 * for a step that was not made.
 */
typedef struct eventsource_response_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t size;
    /**
     * The HTTP status code.
     */
    int32_t status;
    /**
     * The version of HTTP.
     */
    eventsource_http_version_t http_version;
    /**
     * The URL of the response: after redirects, without user information and fragment. NUL-terminated.
     */
    const char *url;
    /**
     * Bytes of `url`, without the NUL.
     */
    size_t url_len;
    /**
     * The response's headers, in the order of their first appearance; repeated ones each have an entry.
     */
    const struct eventsource_header_t *headers;
    /**
     * Entries of `headers`.
     */
    size_t header_count;
    /**
     * The version of TLS with the server; `EVENTSOURCE_TLS_NONE` without TLS. TLS with a proxy does not count.
     */
    eventsource_tls_version_t tls_version;
    /**
     * 1 if the stream shares an HTTP/2 connection that was there already; 0 if a connection was made for it.
     */
    int32_t is_reused;
    /**
     * The peer of the socket: `"192.0.2.1:443"`, `"[2001:db8::1]:443"`, or the path of a Unix socket. With a proxy, it is the
     * proxy. Empty if the system does not tell. NUL-terminated UTF-8.
     */
    const char *peer;
    /**
     * Bytes of `peer`, without the NUL.
     */
    size_t peer_len;
    /**
     * How long names were looked up, other names' look-ups that came first included. -1 if none was: the URL has an address,
     * `eventsource_set_resolve` says it, a proxy looks it up, or the connection is reused.
     */
    int64_t resolve_us;
    /**
     * How long connecting took, without looking names up: TCP or the Unix socket, and with a proxy all that leads through it.
     * -1 if the connection is reused.
     */
    int64_t connect_us;
    /**
     * How long the TLS handshake with the server took. -1 without TLS, or if the connection is reused.
     */
    int64_t tls_us;
    /**
     * How long it took from the request until the head of the response was complete.
     */
    int64_t head_us;
} eventsource_response_t;

/**
 * Called when a stream has opened.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param response the response; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_open_fn)(struct eventsource_t *es, const struct eventsource_response_t *response, void *user);

/**
 * A whole response that is not an event stream, alive during the callback.
 */
typedef struct eventsource_document_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t size;
    /**
     * The response, as `on_open` has it. `eventsource_response_get_header` finds its headers.
     */
    const struct eventsource_response_t *response;
    /**
     * The body, decoded if its content coding is known, and otherwise as it came. NUL-terminated, may itself hold NULs; not
     * checked to be UTF-8. Never NULL.
     */
    const char *body;
    /**
     * Bytes of `body`, without the NUL.
     */
    size_t body_len;
} eventsource_document_t;

/**
 * Receives a document: a whole response that is not an event stream.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param document the document; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_document_fn)(struct eventsource_t *es,
                                        const struct eventsource_document_t *document,
                                        void *user);

/**
 * A failed attempt, or the loss of an open stream; alive during the callback.
 */
typedef struct eventsource_error_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t size;
    /**
     * What went wrong: a status ≥ 32, or `EVENTSOURCE_ERR_PANIC`.
     */
    eventsource_status_t code;
    /**
     * The HTTP status of the error response; 0 if there was none, for example after the loss of an open stream.
     */
    int32_t http_status;
    /**
     * The operating system's error number (`errno`), 0 when there was none.
     */
    int32_t os_error;
    /**
     * 1 when the client is going to try again by itself, 0 when this error is final.
     */
    int32_t will_retry;
    /**
     * Consecutive failed attempts, this one included; 0 when an open stream was lost.
     */
    int64_t attempt;
    /**
     * Milliseconds until the next attempt; 0 when `will_retry` is 0, or when it comes at once.
     */
    int64_t delay_ms;
    /**
     * What went wrong, for people. NUL-terminated UTF-8.
     */
    const char *message;
    /**
     * Bytes of `message`, without the NUL.
     */
    size_t message_len;
    /**
     * The headers of the error response; NULL if there was none.
     */
    const struct eventsource_header_t *headers;
    /**
     * Entries of `headers`.
     */
    size_t header_count;
    /**
     * The first bytes of the error response's body, at most as many as `eventsource_set_max_error_body` says, decoded if their
     * content coding is known; bytes that are not UTF-8 appear as U+FFFD. Never NULL, NUL-terminated.
     */
    const char *body;
    /**
     * Bytes of `body`, without the NUL.
     */
    size_t body_len;
} eventsource_error_t;

/**
 * Called when an attempt has failed or a stream was lost.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param error the error; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 * @return what to do; any other number means `EVENTSOURCE_DECISION_DEFAULT`
 */
typedef eventsource_decision_t (*eventsource_error_fn)(struct eventsource_t *es,
                                                       const struct eventsource_error_t *error,
                                                       void *user);

/**
 * Called before each attempt. It may change the request (`eventsource_request_*`) and may block.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param request the request; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 * @return `EVENTSOURCE_DECISION_DEFAULT`: send the request, unless a change of it was refused. `EVENTSOURCE_DECISION_RETRY`:
 *         send nothing. The attempt fails with `EVENTSOURCE_ERR_REQUEST`, and another one follows after the back-off, even if
 *         it was the first, and in every mode. `EVENTSOURCE_DECISION_CLOSE`: send nothing. The attempt fails with the same
 *         status, and that is final
 */
typedef eventsource_decision_t (*eventsource_request_fn)(struct eventsource_t *es,
                                                         struct eventsource_request_t *request,
                                                         void *user);

/**
 * A redirect that can be followed, alive during the callback.
 */
typedef struct eventsource_redirect_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t size;
    /**
     * The HTTP status: 301, 302, 303, 307 or 308.
     */
    int32_t status;
    /**
     * 1 if the redirect leads to another origin and the request has something that `EVENTSOURCE_REDIRECT_FOLLOW` does not send
     * there: `Authorization`, `Cookie`, the URL's user and password, headers that hold secrets, a client certificate. Else 0.
     */
    int32_t drops_credentials;
    /**
     * 1 if the redirect leads to another origin and keeps the request's body, which `EVENTSOURCE_REDIRECT_FOLLOW` does not
     * send there. Else 0.
     */
    int32_t drops_body;
    /**
     * The URL that was requested, without user information and fragment. NUL-terminated.
     */
    const char *from;
    /**
     * Bytes of `from`, without the NUL.
     */
    size_t from_len;
    /**
     * The URL that the redirect leads to, absolute, without user information and fragment. NUL-terminated.
     */
    const char *to;
    /**
     * Bytes of `to`, without the NUL.
     */
    size_t to_len;
} eventsource_redirect_t;

/**
 * Called for each redirect of an attempt, before it is followed. It may block.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param redirect the redirect; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 * @return whether to follow it, and with what; any other number means `EVENTSOURCE_REDIRECT_FOLLOW`
 */
typedef eventsource_redirect_decision_t (*eventsource_redirect_fn)(struct eventsource_t *es,
                                                                   const struct eventsource_redirect_t *redirect,
                                                                   void *user);

/**
 * The end of a client's run, alive during the callback.
 */
typedef struct eventsource_close_t {
    /**
     * Bytes of this struct in the running library.
     */
    size_t size;
    /**
     * Why the client closed.
     */
    eventsource_close_reason_t reason;
    /**
     * The final error where `reason` is `EVENTSOURCE_CLOSE_FAILED`, else `EVENTSOURCE_OK`.
     */
    eventsource_status_t code;
} eventsource_close_t;

/**
 * Called when the client has closed: the last callback after `eventsource_start`.
 *
 * Runs on a thread of the client's runtime, or in `eventsource_runtime_dispatch`: see `eventsource_dispatch_t`.
 *
 * @param es the client
 * @param close how it ended; it lives until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_close_fn)(struct eventsource_t *es, const struct eventsource_close_t *close, void *user);

/**
 * When a client reconnects. Fill it with `eventsource_reconnect_init`, change members, give it to
 * `eventsource_set_reconnect`. Whether it reconnects at all is `eventsource_set_mode`.
 *
 * The n-th delay in a row is `delay_ms` × `factor`ⁿ⁻¹, and jitter adds a random share of up to `jitter` of it. No delay is
 * longer than `max_delay_ms`: near the maximum, jitter is taken off instead of added.
 *
 * The growth counts attempts that brought nothing. It starts over after a stream that brought something (an event, an id, a
 * `retry` or a comment) and then either was ended by the server without error or had been open for at least as long as the
 * client had waited for it. It starts over after `reset_after_ms` in any case.
 *
 * The server can ask for a longer delay than these, by its `retry` field, which takes the place of `delay_ms` while the
 * client runs, and by `Retry-After`. The client does not come back sooner than the server asked, up to
 * `max_server_delay_ms`. If that is more than `max_delay_ms`, jitter adds up to a tenth.
 *
 * No server makes the client come back sooner than `min_delay_ms`. Redirects count: after an attempt that took three
 * requests, the delay is at least three times `min_delay_ms`, even if that is more than `max_delay_ms`.
 */
typedef struct eventsource_reconnect_t {
    /**
     * Bytes of this struct as the caller compiled it. The `_init` function sets it.
     */
    size_t size;
    /**
     * 1: retry even if the very first attempt after the start fails; 0: that failure is final (default).
     */
    int32_t retry_initial;
    /**
     * Must be 0.
     */
    int32_t reserved;
    /**
     * The base delay in milliseconds, ≥ 1. Default 1000. The server's `retry` field replaces it while the client runs.
     */
    int64_t delay_ms;
    /**
     * The largest delay in milliseconds, jitter included, ≥ 1. Default 60000.
     */
    int64_t max_delay_ms;
    /**
     * How the delay grows from one failure to the next, 1 to 100. Default 2.
     */
    double factor;
    /**
     * The largest random share of a delay, 0 to 1. Default 0.5.
     */
    double jitter;
    /**
     * A stream that stays open for this many milliseconds ends the growth, whatever it brought; ≥ 0. Default 60000.
     */
    int64_t reset_after_ms;
    /**
     * Give up after this many failed attempts in a row, 1 to 4294967295. Default: `EVENTSOURCE_NO_LIMIT`.
     */
    int64_t max_attempts;
    /**
     * The shortest delay in milliseconds that a server can cause, for each request of the attempt before it; ≥ 1. Default
     * 100. If `delay_ms` or `max_delay_ms` is less, that is used instead.
     */
    int64_t min_delay_ms;
    /**
     * The largest delay in milliseconds that a server can ask for, ≥ 1. Default 3600000, one hour.
     */
    int64_t max_server_delay_ms;
} eventsource_reconnect_t;

/**
 * How a client's run has ended.
 */
typedef struct eventsource_result_t {
    /**
     * Bytes of this struct as the caller compiled it.
     */
    size_t size;
    /**
     * Why the client closed; `EVENTSOURCE_CLOSE_FAILED` also if `eventsource_start` refused.
     */
    eventsource_close_reason_t reason;
    /**
     * What `eventsource_wait` returns.
     */
    eventsource_status_t status;
    /**
     * The HTTP status of the response that ended the run: of the final error's, or 204; 0 if there was none, for example
     * after a lost stream.
     */
    int32_t http_status;
    /**
     * The operating system's error number (`errno`) of the final error, 0 when there was none.
     */
    int32_t os_error;
    /**
     * Attempts that the run has begun.
     */
    uint64_t attempts;
} eventsource_result_t;

/**
 * What a client has done since it was made.
 */
typedef struct eventsource_stats_t {
    /**
     * Bytes of this struct as the caller compiled it.
     */
    size_t size;
    /**
     * Events delivered.
     */
    uint64_t events;
    /**
     * Bytes of event streams read: decoded, and without HTTP's own.
     */
    uint64_t bytes;
    /**
     * Attempts begun.
     */
    uint64_t attempts;
    /**
     * Streams opened.
     */
    uint64_t opens;
    /**
     * Errors: failed attempts and lost streams.
     */
    uint64_t errors;
    /**
     * Milliseconds since the stream opened; -1 while it is not open.
     */
    int64_t open_ms;
    /**
     * Milliseconds since the last byte of a stream arrived; -1 when none ever has.
     */
    int64_t idle_ms;
} eventsource_stats_t;

/**
 * Called when a library thread starts or stops, on that thread.
 *
 * @param user `user` of `eventsource_runtime_options_t`
 */
typedef void (*eventsource_thread_fn)(void *user);

/**
 * Options of a runtime. `eventsource_runtime_options_init` fills it.
 */
typedef struct eventsource_runtime_options_t {
    /**
     * Bytes of this struct as the caller compiled it. The `_init` function sets it.
     */
    size_t size;
    /**
     * Where callbacks run. Default: `EVENTSOURCE_DISPATCH_ISOLATED`.
     */
    eventsource_dispatch_t dispatch;
    /**
     * How many threads may run streams at the same time, blocked ones not counted: 1 to 1024; with inline and manual
     * dispatch, 1. 0: one for each processor. A single thread does everything until that is too much for it.
     */
    int32_t threads;
    /**
     * What the threads' names begin with; the system may cut it (Linux after 15 bytes). NULL: `"eventsource"`. Copied.
     */
    const char *thread_name;
    /**
     * Called on each thread that runs callbacks, before the first, for example to attach it to a virtual machine or to set
     * its signal mask (pthread_sigmask), which the thread then keeps. Until it returns, the thread does nothing else. May be
     * NULL; not called with manual dispatch.
     */
    eventsource_thread_fn on_thread_start;
    /**
     * Called on each such thread after its last callback. May be NULL.
     */
    eventsource_thread_fn on_thread_stop;
    /**
     * Handed to these functions as it is.
     */
    void *user;
    /**
     * Called exactly once with `user`, by whichever thread is the last to hold the runtime: when it has been freed, its
     * threads have stopped and no client is on it any more; for one that could not be made, by `eventsource_runtime_free`. Not
     * called if `eventsource_runtime_new` returns NULL, or refuses the options for their `size` or for members that it does
     * not know: then `user` stays the caller's. May be NULL.
     */
    eventsource_destroy_fn destroy;
    /**
     * 1: measure how long each event takes from the read to its callback, for `latency_counts` of `eventsource_metrics_t`. It
     * costs a look at the clock for each event. 0, the default: do not.
     */
    int32_t measure_latency;
} eventsource_runtime_options_t;

#if !defined(_WIN32)
/**
 * What `poll` waits for: a file descriptor.
 */
typedef int eventsource_fd_t;
#endif

#if defined(_WIN32)
/**
 * What `WSAPoll` and `WSAEventSelect` wait for: a SOCKET. `INVALID_SOCKET` is none.
 */
typedef size_t eventsource_fd_t;
#endif

/**
 * A runtime at one moment: what it is doing, and what its clients have done since it was made, those included that have been
 * freed.
 */
typedef struct eventsource_metrics_t {
    /**
     * Bytes of this struct as the caller compiled it.
     */
    size_t size;
    /**
     * Clients with an attempt under way.
     */
    uint64_t connecting;
    /**
     * Clients with an open stream.
     */
    uint64_t open;
    /**
     * Clients that wait for their next attempt.
     */
    uint64_t waiting;
    /**
     * Threads that run callbacks, idle ones included; with manual dispatch 1, which runs none.
     */
    uint64_t threads;
    /**
     * Clients that have something to do and wait for a thread; with manual dispatch, also the turns that are due.
     */
    uint64_t queued;
    /**
     * Times that a client was started.
     */
    uint64_t starts;
    /**
     * Attempts begun: the first after each start, and reconnects.
     */
    uint64_t attempts;
    /**
     * Streams opened.
     */
    uint64_t opens;
    /**
     * Errors: failed attempts and lost streams.
     */
    uint64_t errors;
    /**
     * Events delivered.
     */
    uint64_t events;
    /**
     * Bytes of event streams read: decoded, and without HTTP's own.
     */
    uint64_t bytes;
    /**
     * Reconnects because the server ended the stream.
     */
    uint64_t reconnects_end;
    /**
     * Reconnects because there was no connection, or it was lost: names, TCP, proxies, TLS, errors of HTTP's protocol.
     */
    uint64_t reconnects_connection;
    /**
     * Reconnects because of a timeout.
     */
    uint64_t reconnects_timeout;
    /**
     * Reconnects because a response opened no stream, such as one with status 503.
     */
    uint64_t reconnects_response;
    /**
     * Reconnects that the program asked for: by `eventsource_reconnect_now`, or by `on_request`.
     */
    uint64_t reconnects_program;
    /**
     * Reconnects for other reasons, such as an event over the limit.
     */
    uint64_t reconnects_other;
    /**
     * The sum of all latencies, in nanoseconds; 0 unless the runtime's options have `measure_latency`.
     */
    uint64_t latency_sum_ns;
    /**
     * How many events had which latency: the time from the read that completed the event until the library handed it to the
     * client's callback. Callbacks that take long, pauses, and turns that wait to be dispatched make it long.
     * `latency_counts[i]` counts those of at most 4 to the power of i microseconds that no bucket before has; the last bucket
     * counts all others. With `on_events`, the time ends when the event is added to its batch. Zeros unless the runtime's
     * options have `measure_latency`.
     */
    uint64_t latency_counts[EVENTSOURCE_LATENCY_BUCKETS];
} eventsource_metrics_t;

/**
 * Receives an event. Called inside `eventsource_parser_feed`, on its thread.
 *
 * @param parser the parser
 * @param event the event; it lives until the callback returns
 * @param user `user` of `eventsource_parser_options_t`
 */
typedef void (*eventsource_parser_event_fn)(struct eventsource_parser_t *parser,
                                            const struct eventsource_event_t *event,
                                            void *user);

/**
 * Receives a comment. Called inside `eventsource_parser_feed`, on its thread.
 *
 * @param parser the parser
 * @param comment the comment; it lives until the callback returns
 * @param user `user` of `eventsource_parser_options_t`
 */
typedef void (*eventsource_parser_comment_fn)(struct eventsource_parser_t *parser,
                                              const struct eventsource_comment_t *comment,
                                              void *user);

/**
 * Receives a `retry` field. Called inside `eventsource_parser_feed`, on its thread.
 *
 * @param parser the parser
 * @param retry_ms milliseconds
 * @param user `user` of `eventsource_parser_options_t`
 */
typedef void (*eventsource_parser_retry_fn)(struct eventsource_parser_t *parser, int64_t retry_ms, void *user);

/**
 * What a parser does with what it finds. Filled by `eventsource_parser_options_init`.
 */
typedef struct eventsource_parser_options_t {
    /**
     * Bytes of this struct as the caller compiled it. The `_init` function sets it.
     */
    size_t size;
    /**
     * How much one event may hold, in bytes, at least 1. Default: 16777216 (16 MiB).
     */
    size_t max_event_size;
    /**
     * Receives events; may be NULL.
     */
    eventsource_parser_event_fn on_event;
    /**
     * Receives comments; may be NULL.
     */
    eventsource_parser_comment_fn on_comment;
    /**
     * Receives `retry` fields; may be NULL.
     */
    eventsource_parser_retry_fn on_retry;
    /**
     * Handed to the callbacks as it is.
     */
    void *user;
} eventsource_parser_options_t;

/**
 * One record of the log, alive during the callback.
 *
 * No member holds a secret: no header values, bodies or event data, and of URLs only the origin. All texts are UTF-8 without
 * line ends or other control characters, NUL-terminated and never NULL.
 */
typedef struct eventsource_log_record_t {
    /**
     * Bytes of this struct in the running library; a newer library may append members.
     */
    size_t size;
    /**
     * How important it is; never `EVENTSOURCE_LOG_OFF`.
     */
    eventsource_log_level_t level;
    /**
     * What happened.
     */
    eventsource_log_kind_t kind;
    /**
     * The number of the client that the record is about, as `eventsource_get_number` gives it. A refused call on something
     * else is about the client in whose callback it was made. 0 if the record is about none.
     */
    uint64_t client;
    /**
     * The client's name, as `eventsource_set_name` gave it; empty if it has none.
     */
    const char *name;
    /**
     * Bytes of `name`, without the NUL.
     */
    size_t name_len;
    /**
     * The client's attempt, counted from 1 since the client was made, as `eventsource_stats_t` counts them; 0 before the
     * first.
     */
    uint64_t attempt;
    /**
     * The origin of the client's URL: scheme, host, and the port if it is not the scheme's own. Empty if there is no client,
     * or if its URL was refused.
     */
    const char *origin;
    /**
     * Bytes of `origin`, without the NUL.
     */
    size_t origin_len;
    /**
     * What happened, for people. It repeats none of the members above. Durations are rounded, such as `50 ms` and `1.1 s`.
     */
    const char *text;
    /**
     * Bytes of `text`, without the NUL; at most 1024.
     */
    size_t text_len;
} eventsource_log_record_t;

/**
 * Receives a record of the log.
 *
 * @param record the record; it and what it points at live until the callback returns
 * @param user the pointer given to `eventsource_log_set_callback`
 *
 * Runs on any thread that the library runs on, the program's own included, and on several at once. It may call the library;
 * what that would log is dropped. It holds back the stream that the record is about, or the call.
 */
typedef void (*eventsource_log_fn)(const struct eventsource_log_record_t *record, void *user);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the name of a status, for example `"EVENTSOURCE_ERR_TIMEOUT"`.
 *
 * @param status any number
 * @return a static string; `"EVENTSOURCE_ERR_UNKNOWN"` for a number that is no status of this version. Never NULL,
 *         never to be freed.
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
const char *eventsource_status_name(eventsource_status_t status);

/**
 * Returns what a status means, as a phrase for people. For a client, `eventsource_get_last_error` says more.
 *
 * @param status any number
 * @return a static string; `"unknown status"` for a number that is no status of this version. Never NULL, never to be
 *         freed.
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
const char *eventsource_status_text(eventsource_status_t status);

/**
 * Makes a client for a URL. Nothing is connected until `eventsource_start`.
 *
 * A URL that is refused is a refused setting, like any other: the client is made, but does not start until
 * `eventsource_set_url` sets a URL that is accepted. `eventsource_check` and `eventsource_start` return why it was refused,
 * and `eventsource_get_last_error` has the text. So a program need not look at what this function returns: if it is NULL, all
 * calls on it are refused with `ERR_NULL`.
 *
 * @param url as for `eventsource_set_url`
 * @return the client, which the caller owns and gives to `eventsource_free`; NULL only if there is no memory for it
 *
 * Any thread, also inside callbacks.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
struct eventsource_t *eventsource_new(const char *url);

/**
 * Tells whether a setting was refused: returns what `eventsource_start` would return for that, without starting.
 *
 * For programs that want to know at once, for example when they read their configuration.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`; the status of the first setting that was refused and has not been set well since, with the text
 *         in `eventsource_get_last_error`; `ERR_NULL`, `ERR_FORKED`, `ERR_FREED`
 *
 * Any thread, any time, inside any callback.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_check(const struct eventsource_t *es);

/**
 * Starts the client: it connects, delivers events, and reconnects until it is stopped or an error is final.
 *
 * Returns at once. Everything that happens afterwards is reported through callbacks. May be called again once the client has
 * closed: after `eventsource_wait`, not yet inside `on_close`. The last event id and the statistics are kept.
 *
 * If a setting was refused and has not been set well since, the client does not start: this returns the status of the first
 * such setting, and `eventsource_get_last_error` has its text. So a program that looks at no status but this one is safe.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`; the status of a setting that was refused; `ERR_NULL`, `ERR_STATE` when it runs already or its
 *         runtime has been freed, `ERR_RUNTIME`
 *
 * Any thread, also inside callbacks.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_start(struct eventsource_t *es);

/**
 * Starts the client and waits until it has closed: `eventsource_start`, then `eventsource_wait` without a limit.
 *
 * @param es the client
 * @return as `eventsource_wait`: `EVENTSOURCE_OK` when the client ended as the program or the server asked; what
 *         `eventsource_start` returns if it refuses; `ERR_IN_CALLBACK` inside any callback of the library, `ERR_STATE` with
 *         manual dispatch: then it has not started
 *
 * Any thread but the library's.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_run(struct eventsource_t *es);

/**
 * Asks the client to close. Never blocks: what the client is doing is cut short (name resolution, connecting, TLS,
 * waiting), no further event is delivered, and `on_close` comes soon, on the library's thread.
 *
 * It does not wait for callbacks. When it returns in another thread than theirs, a callback may still be running, and one
 * more may begin that the library was just about to call; after that only `on_close` comes.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`, also when the client does not run, has been asked before or has been freed; `ERR_NULL`
 *
 * Any thread, any time, inside any callback.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_stop(struct eventsource_t *es);

/**
 * Waits until the client has closed and `on_close` has returned, and tells how it ended. Does not stop it.
 *
 * `EVENTSOURCE_OK` means that it ended as it should: the program stopped it, the server asked for the end (204), or the
 * stream ended in a mode in which that is the end. Any other status is the reason why it did not, with the text in
 * `eventsource_get_last_error`. `eventsource_get_result` has more.
 *
 * @param es the client
 * @param timeout_ms the longest wait in milliseconds; `EVENTSOURCE_NO_LIMIT` for no limit, 0 to ask only
 * @return `EVENTSOURCE_OK` when the client ended as it should or has been freed; the final error's status (32 or more, or
 *         `ERR_PANIC`) when it failed; what `eventsource_start` returned when it refused; `ERR_STATE` when the client has
 *         never been started, and for `EVENTSOURCE_NO_LIMIT` with manual dispatch, because nothing dispatches meanwhile;
 *         `ERR_NULL`, `ERR_VALUE`; `ERR_TIMEOUT` while the client runs: the text stays as it is; `ERR_IN_CALLBACK` inside
 *         any callback of the library
 *
 * Any thread but the library's.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_wait(struct eventsource_t *es,
                                      int64_t timeout_ms);

/**
 * Stops the client and releases it. NULL is fine.
 *
 * Outside callbacks it returns when no callback of this client runs or will run, `on_close` included, and the user
 * data's `destroy` has been called. Inside a callback it returns at once: `on_close` comes after that callback or, if the
 * client is another one, on its own time, and then `destroy`; for a client that does not run, `destroy` comes before this
 * returns. The client stays valid until its `on_close` has returned.
 *
 * So never call it, outside callbacks, while holding a lock that one of the client's callbacks or `destroy` takes: the two
 * would wait for each other for ever. Take the client out of the data that the lock protects, release the lock, then free.
 *
 * Other threads may be in any call on the client meanwhile; all of them that are in `eventsource_wait` return when
 * `on_close` has returned, with `EVENTSOURCE_OK`.
 *
 * With manual dispatch and outside callbacks, `on_close` is called here, on this thread. In a child process after `fork`
 * there is no `on_close`: `destroy` is called, and the client's other resources are leaked in the child.
 *
 * Leak checkers do not report a client that is never freed, because the library still has a pointer to it.
 *
 * @param es the client
 *
 * Any thread, once.
 *
 * @since 0.9.0
 */
void eventsource_free(struct eventsource_t *es);

/**
 * Makes the client read no more of its stream, so that the server has to wait, through TCP. Never blocks. Until
 * `eventsource_unpause`, no event and no comment comes, apart from a callback that is running and, if that is `on_events`,
 * its batch. All else goes on: a paused client connects, calls `on_open`, waits for its next attempt, and can be stopped. But
 * if an open stream ends meanwhile, the client notices that only after the pause. The read timeout does not run during a
 * pause.
 *
 * It does not wait for callbacks. When it returns in another thread than theirs, a callback may still be running, and one
 * more may begin that the library was just about to call: `on_error`, too, for a stream that had been lost before.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`, also when the client is paused already or does not run: then it starts paused; `ERR_NULL`
 *
 * Any thread, any time, inside any callback.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_pause(struct eventsource_t *es);

/**
 * Ends a pause: the client reads its stream again, from where it stopped. Never blocks.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`, also when the client is not paused; `ERR_NULL`
 *
 * Any thread, any time, inside any callback.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_unpause(struct eventsource_t *es);

/**
 * Sets whose threads the client runs on.
 *
 * @param es the client
 * @param runtime may be shared by any number of clients, and freed before them: that stops them. NULL, the default, for
 *        the threads that all such clients of the process share
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs, `ERR_FREED` also when the runtime has been freed;
 *         why `eventsource_runtime_new` could not make the runtime
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_runtime(struct eventsource_t *es,
                                             struct eventsource_runtime_t *runtime);

/**
 * Drops the connection, or the wait for the next attempt, and connects anew at once. The back-off keeps its growth. No
 * `on_error` tells of a connection that is dropped so.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` when the client does not run
 *
 * Any thread, inside any callback.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_reconnect_now(struct eventsource_t *es);

/**
 * Sets the pointer that every callback receives, and how it is released.
 *
 * @param es the client
 * @param user passed to the callbacks as it is; the library never reads what it points to
 * @param destroy called exactly once with `user`, after every callback has returned: when the client is freed, also
 *        if it was never started, or when another pointer is set. May be NULL.
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs: then `user` stays the caller's
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_user_data(struct eventsource_t *es, void *user, eventsource_destroy_fn destroy);

/**
 * Sets the callback for events that have no callback of their own type. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_event(struct eventsource_t *es, eventsource_event_fn callback);

/**
 * Sets the callback for events of one type, instead of the general one. NULL removes it, and takes back a call with that type
 * that was refused.
 *
 * @param es the client
 * @param type the event type, matched exactly; `"message"` for events that name none
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for an empty type, which no event has,
 *         `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_event_type(struct eventsource_t *es,
                                               const char *type,
                                               eventsource_event_fn callback);

/**
 * Sets the callback that receives all events that came with one read in one call, for languages in which each call is
 * expensive. While it is set, no event goes to the callbacks of `eventsource_on_event` and `eventsource_on_event_type`. NULL
 * removes it.
 *
 * A batch also ends before a comment for which there is a callback, after an event with more than 16 KiB, and when it has
 * more than 64 KiB of text or 1024 events. `eventsource_stop` and `eventsource_pause` take effect between batches.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_events(struct eventsource_t *es,
                                           eventsource_events_fn callback);

/**
 * Sets the callback for comments. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_comment(struct eventsource_t *es, eventsource_comment_fn callback);

/**
 * Sets the callback for the opening of the stream, at the start and after each reconnect. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_open(struct eventsource_t *es, eventsource_open_fn callback);

/**
 * Sets the callback for documents: responses that are not event streams, but whose status would open one. With it set, such a
 * response is a result and not `EVENTSOURCE_ERR_CONTENT_TYPE`. NULL removes it.
 *
 * Servers that answer either with an event stream or with JSON are meant, such as those of MCP's streamable HTTP. The response
 * is read to its end; the callback is called once with all of it, and `on_open` is not. Then the client closes with
 * `EVENTSOURCE_CLOSE_END_OF_STREAM`, in every mode. A document that is cut short is an error like a lost stream, and one that
 * is larger than the event limit is `EVENTSOURCE_ERR_EVENT_TOO_LARGE`. Responses with an error status remain errors:
 * `eventsource_set_max_error_body`. No response is a document if `eventsource_set_check_content_type` is 0.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_document(struct eventsource_t *es,
                                             eventsource_document_fn callback);

/**
 * Sets the callback for failed attempts and lost streams; what it returns may override what happens next. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_error(struct eventsource_t *es,
                                          eventsource_error_fn callback);

/**
 * Sets the callback that is asked before each attempt, for a fresh token, another URL or another body. NULL removes it.
 *
 * With it set, a first response of 401 Unauthorized is not final: the callback is asked once more, at once.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_request(struct eventsource_t *es, eventsource_request_fn callback);

/**
 * Sets the callback that is asked about each redirect: whether to follow it, and whether another origin gets what is for the
 * first one alone. NULL removes it: then redirects are followed without that.
 *
 * It is not asked about a redirect that is never followed: without a usable `Location`, from https to http, or one too many.
 * The next attempt starts from the original URL and asks again.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_redirect(struct eventsource_t *es,
                                             eventsource_redirect_fn callback);

/**
 * Sets the callback for the client's end. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_on_close(struct eventsource_t *es, eventsource_close_fn callback);

/**
 * Sets the client's name in the log: `name` of its `eventsource_log_record_t`. Default: none. The library uses it for nothing
 * else, and several clients may have the same one.
 *
 * @param es the client
 * @param name at most 128 bytes without control characters, not empty; NULL for none. It is no secret: it is logged
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_name(struct eventsource_t *es,
                                          const char *name);

/**
 * Sets the URL, in place of the one that `eventsource_new` was given.
 *
 * A URL with which no attempt could succeed is refused: one that has no scheme or another than http and https, no host or one
 * of more than 253 bytes, more than 65,534 bytes in all, a port that is 0 or more than 65535, a zone where none can be.
 * `eventsource_get_last_error` says what is wrong with it, and what would be right.
 *
 * A link-local IPv6 address may have a zone, the interface that leads to it, as RFC 6874 writes it:
 * `http://[fe80::1%25eth0]/`. The zone is a name, on Windows only a number, and need not exist yet. It is a part of the origin
 * and of the URL as callbacks see it; it is never sent. A redirect to a link-local address stays in the zone; one that names a
 * zone is an error. Such a host is not reached through a proxy: unless it is excepted (`eventsource_set_no_proxy`), the
 * attempt fails with `ERR_PROXY`.
 *
 * If its origin differs from that of the URL before, what was set for that origin is removed, as for a redirect: headers that
 * hold secrets, `Authorization`, `Cookie`, and `Host`. So set the URL first.
 *
 * @param es the client
 * @param url an absolute http or https URL; a user and password in it become basic authentication, a fragment is
 *        dropped
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`, `ERR_UNSUPPORTED` for https in a build without TLS,
 *         `ERR_HEADER` when there is no room for the user and password among the headers, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_url(struct eventsource_t *es,
                                         const char *url);

/**
 * Sets the request method. Default: GET. A request by another method is made once unless `eventsource_set_mode` says
 * otherwise, and any success status with content opens its stream: 2xx but 204, 205 and 206.
 *
 * @param es the client
 * @param method an HTTP method token, such as `"POST"`; used as written, methods are case-sensitive. NULL for GET
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_METHOD`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_method(struct eventsource_t *es, const char *method);

/**
 * Sets the request body, sent with every attempt. Default: none. Does not change the method.
 *
 * @param es the client
 * @param body copied; may be NULL when `len` is 0
 * @param len bytes of `body`; 0 for no body
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_body(struct eventsource_t *es, const void *body, size_t len);

/**
 * Sets a request header, in place of any of that name.
 *
 * The library itself sends `Accept: text/event-stream`, `Cache-Control: no-cache` and `User-Agent`, which may be
 * replaced. It alone writes `Connection`, `Content-Length`, `Expect`, `Keep-Alive`, `Last-Event-ID`,
 * `Proxy-Authorization` (from what `eventsource_set_proxy` is given), `Proxy-Connection`, `TE`, `Trailer`,
 * `Transfer-Encoding` and `Upgrade`.
 *
 * A request has room for 1,000 headers, and for 256 KiB of names and values in all.
 *
 * Over HTTP/1 a name is written as the caller spells it, and the library's own as above; over HTTP/2 all are in lower
 * case.
 *
 * @param es the client
 * @param name an HTTP field name
 * @param value without CR, LF, NUL and other control characters
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_header(struct eventsource_t *es, const char *name, const char *value);

/**
 * Adds a request header beside those of the same name. Otherwise as `eventsource_set_header`.
 *
 * @param es the client
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return as `eventsource_set_header`
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_add_header(struct eventsource_t *es, const char *name, const char *value);

/**
 * Sets a header that holds a secret: it is not sent to another origin (scheme, host and port) than the client's URL has.
 * The same holds for `Authorization` and `Cookie`, for the URL's user and password, and for a client certificate, whether
 * a redirect or `on_request` leads there. Otherwise as `eventsource_set_header`.
 *
 * @param es the client
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return as `eventsource_set_header`
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_sensitive_header(struct eventsource_t *es,
                                                      const char *name,
                                                      const char *value);

/**
 * Removes the request headers of a name, those that the library sends by itself included, such as `Accept`. There need not be
 * any. It also takes back an `eventsource_set_header` of that name that was refused. A refusal of this call itself is not
 * kept.
 *
 * @param es the client
 * @param name an HTTP field name
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER` for a name that is none, or that the library alone writes,
 *         `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_remove_header(struct eventsource_t *es,
                                               const char *name);

/**
 * Sets `Authorization` to basic authentication (RFC 7617), in UTF-8.
 *
 * @param es the client
 * @param user without a colon. NULL, and NULL for `password`, for the user and password of the URL; if it has none,
 *        `Authorization` is removed
 * @param password any, also none: `""`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a colon in `user` or control characters in either,
 *         `ERR_HEADER` if there is no room for it, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_basic_auth(struct eventsource_t *es, const char *user, const char *password);

/**
 * Sets whether to ask for a compressed stream, by `Accept-Encoding: gzip, deflate, br, zstd`. Default: 0. No such header is
 * sent then, and servers do not compress, although HTTP allows it. If the program sets an `Accept-Encoding` itself, that is
 * sent instead.
 *
 * Whatever was asked for, a response is decoded by its `Content-Encoding`. An event that the server flushes is delivered at
 * once. Up to two codings on top of each other are decoded; more are a final error, `EVENTSOURCE_ERR_CONTENT_ENCODING`. If
 * the library does not know one of them, for example `none` or `utf-8`, it reads the bytes as they are, as browsers do, and
 * logs a warning. Content that does not follow its coding is an error that is retried, `EVENTSOURCE_ERR_DECODING`.
 *
 * While the stream is open each coding's decoder holds, beside events, up to some 100 KiB and the coding's window: gzip and
 * deflate 32 KiB, zstd as the server chose it, at most 8 MiB, br likewise, at most 16 MiB. Two codings hold 34 MiB at most.
 *
 * Content that decodes without end is `EVENTSOURCE_ERR_DECODING`, too. There are two limits: without an event, 1,032 decoded
 * bytes for each byte received since the last event; in all, 64 KiB for each byte received. Up to eight times the event limit
 * is allowed in any case.
 *
 * @param es the client
 * @param on 1: ask; 0: do not
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` for 1 in a build without codings, `ERR_STATE` while the
 *         client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_compression(struct eventsource_t *es,
                                                 int32_t on);

/**
 * Sets how the client reconnects to a stream that a POST or another method opened. Default: 0, every attempt sends the method
 * and the body that were set, and unless `eventsource_set_mode` says otherwise there is only one.
 *
 * With 1 that holds until the stream has been open once since the start; each later attempt is a GET of the same URL, with
 * `Last-Event-ID` if there is one, and without body and `Content-…` headers. So a request that starts something is not
 * made again, as MCP's streamable HTTP wants it. `on_request` sees the GET and may change it.
 *
 * @param es the client
 * @param on 1: reconnect with GET; 0: repeat the request
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_reconnect_with_get(struct eventsource_t *es,
                                                        int32_t on);

/**
 * Sets the last event id that the next attempt sends, for example to go on where an earlier process ended. It counts until
 * the server sends another. Default: none.
 *
 * Every id that an event gave is accepted. Two kinds of ids are kept and not sent: one of more than 8192 bytes, because
 * servers refuse such requests, and one with control characters other than TAB, because HTTP cannot carry them. The log has a
 * warning then.
 *
 * @param es the client
 * @param id copied; without CR and LF, which no event's id has. NULL or empty for none
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE`
 *
 * Any thread, any time, also while the client runs.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_last_event_id(struct eventsource_t *es,
                                                   const char *id);

/**
 * Sets whether the client keeps the cookies that servers set, and sends them back by the rules of RFC 6265. Default: 0.
 *
 * Every response counts, also a redirect, such as that of a login, and an error. Cookies go by domain, path and `Secure`, not
 * by origin: to another host only if the server has said so with `Domain`. A domain of one label, such as `com`, is refused;
 * the library has no list of public suffixes, so a server of `a.co.uk` can set cookies for all of `co.uk`. Share no jar among
 * clients that do not trust each other's servers. A host with a zone (`eventsource_set_url`) gets no cookies.
 *
 * `on_request` sees the header `Cookie` that is about to be sent. A header `Cookie` that the program sets is sent in its
 * place. If `on_request` removes the header, none is sent to that URL; redirects get theirs.
 *
 * A jar is in memory only: `eventsource_get_cookies` and `eventsource_add_cookies` read and fill it. It holds 1000 cookies, 50
 * of each domain, of at most 5120 bytes with their attributes; what comes beyond that is dropped, and the log says so at
 * level `DEBUG`.
 *
 * @param es the client
 * @param on 1: keep cookies, in a jar of the client's own unless it has one; 0: keep none, and leave the jar
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for another number, `ERR_UNSUPPORTED` for 1 in a library that was built
 *         without cookies, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_cookies(struct eventsource_t *es,
                                             int32_t on);

/**
 * Makes the client keep cookies in the jar of another client, which both then use. Any number can share one; it stays as long
 * as the last of them.
 *
 * @param es the client
 * @param other a client that keeps cookies; it may run, and be freed before this one
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` if the other keeps no cookies, `ERR_STATE` while the client runs,
 *         `ERR_FREED`
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_share_cookies(struct eventsource_t *es,
                                               const struct eventsource_t *other);

/**
 * Adds cookies to the client's jar, for example those that an earlier process has kept: all of them, or none if one cannot be
 * added. Those that have expired are passed over.
 *
 * @param es the client, which keeps cookies
 * @param cookies as `eventsource_get_cookies` writes them, copied
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a text that has another format, holds a cookie that no
 *         server could have set, or is too much for the jar, `ERR_STATE` if the client keeps no cookies
 *
 * Any thread, any time, also while the client runs.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_add_cookies(struct eventsource_t *es,
                                             const char *cookies);

/**
 * Copies all cookies of the client's jar, those of sessions included, for example to keep them for the next process. They are
 * secrets.
 *
 * The format is that of Netscape's `cookies.txt`, which curl reads and writes, too: a line for each cookie, of seven fields
 * with TABs between them. They are the domain, `TRUE` if hosts below it get the cookie, the path, `TRUE` if it is sent over
 * TLS only, the time at which it expires in seconds since 1970 or 0, the name and the value.
 *
 * @param es the client, which keeps cookies
 * @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the text and the NUL do not fit: nothing is copied, `ERR_STATE` if
 *         the client keeps no cookies
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_get_cookies(const struct eventsource_t *es,
                                             char *buffer,
                                             size_t capacity,
                                             size_t *len);

/**
 * Sets which failures and ends the client follows with another attempt. Default: `EVENTSOURCE_MODE_AUTO`.
 *
 * @param es the client
 * @param mode the mode
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a number that is no mode, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_mode(struct eventsource_t *es, eventsource_mode_t mode);

/**
 * Fills a policy with the defaults. Change members, then give it to `eventsource_set_reconnect`.
 *
 * @param policy is written
 * @param size `sizeof *policy`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_reconnect_init(struct eventsource_reconnect_t *policy, size_t size);

/**
 * Tells how the client reconnects.
 *
 * @param es the client
 * @param policy is written
 * @param size `sizeof *policy`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_get_reconnect(const struct eventsource_t *es,
                                               struct eventsource_reconnect_t *policy,
                                               size_t size);

/**
 * Sets how the client reconnects.
 *
 * @param es the client
 * @param policy copied; filled by `eventsource_reconnect_init` or `eventsource_get_reconnect`, and changed
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a member out of its range, `ERR_STATE` while the
 *         client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_reconnect(struct eventsource_t *es, const struct eventsource_reconnect_t *policy);

/**
 * Chooses how long the client waits before its next attempt, in place of the delay that `on_error` was told.
 *
 * The choice holds for this one delay, whatever the policy says and the server asked for. It does not make a final failure
 * one that is retried: for that, `on_error` returns `EVENTSOURCE_DECISION_RETRY` as well. The next delays follow the policy
 * again. The last call counts.
 *
 * @param es the client
 * @param delay_ms milliseconds; 0 for at once
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` unless the client's `on_error` is running
 *
 * The thread of `on_error`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_next_delay(struct eventsource_t *es,
                                                int64_t delay_ms);

/**
 * Sets the longest time for name resolution, TCP, the proxy and TLS together. Default: 10000. The attempt then fails with
 * `EVENTSOURCE_ERR_CONNECT_TIMEOUT`; its message names the host if its name was still being looked up. Time in which the
 * name waits because too many others are being looked up does not count.
 *
 * If the process is stopped for longer than a timeout (by a signal, by a debugger, or with its container), no attempt fails
 * for that: what arrived meanwhile is read first, and the timeout lasts up to twice as long. This applies to every timeout.
 *
 * @param es the client
 * @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_connect_timeout(struct eventsource_t *es,
                                                     int64_t timeout_ms);

/**
 * Sets the longest time from an established connection to the complete head of the response. It covers the sending of the
 * request, and the request of a redirect has as much again. Default: 300000. A response that does not come in time is
 * `EVENTSOURCE_ERR_RESPONSE_TIMEOUT`, which is retried. A read timeout that is shorter fires first.
 *
 * @param es the client
 * @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_response_timeout(struct eventsource_t *es,
                                                      int64_t timeout_ms);

/**
 * Sets how long the stream may be silent. The stream fails if no byte arrives for this long. The response's head must be
 * complete within the same time, counted from the sending of the request. Silence on the wire counts, even while earlier
 * bytes are still being decoded. Default: `EVENTSOURCE_NO_LIMIT`. If the server sends comments as heartbeats, set a little
 * more than their interval.
 *
 * @param es the client
 * @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_read_timeout(struct eventsource_t *es,
                                                  int64_t timeout_ms);

/**
 * Sets how long the stream may go without an event. The stream fails with `EVENTSOURCE_ERR_EVENT_TIMEOUT`, which is retried,
 * if no event is complete for this long, counted from `on_open`, and from the last event on. Comments, heartbeats and events
 * without data do not count as events: set it for a server that keeps sending those after it has lost its source. Time in
 * which the client is paused does not count, nor does the time of a callback for events. Default: `EVENTSOURCE_NO_LIMIT`.
 *
 * @param es the client
 * @param timeout_ms milliseconds, at least 1; `EVENTSOURCE_NO_LIMIT` for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for 0 and other negative numbers, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_event_timeout(struct eventsource_t *es,
                                                   int64_t timeout_ms);

/**
 * Sets how many redirects one attempt follows. Default: 16.
 *
 * @param es the client
 * @param count 0 to follow none
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_max_redirects(struct eventsource_t *es, int32_t count);

/**
 * Sets how much one event may hold: data, type, id, and a comment if there is a callback for comments; whatever is
 * unfinished. Default: 16777216 (16 MiB). A larger one is an error, `EVENTSOURCE_ERR_EVENT_TOO_LARGE`, after which the
 * client reconnects. An id counts for the event that brings it. As the last event id it is kept beside the events that
 * follow, at the cost of its own size.
 *
 * Beside that, whatever the server sends, a client holds at most the head of a response (256 KiB), what decoders hold
 * (`eventsource_set_compression`), and over HTTP/2 what `eventsource_set_http_version` says.
 *
 * @param es the client
 * @param bytes ≥ 1
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_max_event_size(struct eventsource_t *es, size_t bytes);

/**
 * Sets how much of an error response's body `on_error` gets. Default: 4096. What does not arrive within a second is left out,
 * and so is what the system has no memory for.
 *
 * @param es the client
 * @param bytes 0 for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_max_error_body(struct eventsource_t *es,
                                                    size_t bytes);

/**
 * Sets the event that ends the stream, by its data: `"[DONE]"` for most language models. When it comes, the client closes with
 * `EVENTSOURCE_CLOSE_END_OF_STREAM`, in every mode, whatever the server does next; the event itself is not delivered.
 *
 * This tells a complete stream from one that was cut: an end without the marker is `EVENTSOURCE_ERR_END_OF_STREAM`, also if
 * the server ended the response as HTTP wants it. It is final or retried as the mode says. Default: none.
 *
 * @param es the client
 * @param data the whole data of the event, copied; not empty, without CR. NULL for none
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_end_marker(struct eventsource_t *es,
                                                const char *data);

/**
 * Sets whether a response must be `text/event-stream`. Default: 1.
 *
 * @param es the client
 * @param check 1: another type is a final error; 0: any type is taken for an event stream
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_check_content_type(struct eventsource_t *es, int32_t check);

/**
 * Sets the proxy, for every request of the client, redirects included. Default: what the environment says.
 *
 * An HTTP proxy is sent the request for an `http` URL, and can read all of it. For an `https` URL the proxy makes a tunnel to
 * the server (CONNECT). TLS in the tunnel is the same as without a proxy: the proxy learns only host and port. A SOCKS proxy
 * makes tunnels for both. User and password in the proxy's URL are percent-decoded and sent to the proxy alone.
 *
 * The environment is read by `eventsource_start`, in its thread: `http_proxy` or `https_proxy`, by the scheme of the
 * requested URL, else `all_proxy`; each also in upper case, which counts less, and for `HTTP_PROXY` not at all where
 * `REQUEST_METHOD` is set, as in a CGI program. Empty variables are ignored. If a variable holds an invalid proxy URL, the
 * first attempt fails with `ERR_PROXY`, which is final. The environment is not read in a program that has more rights than
 * the user who started it (set-user-id), nor if the program has set both the proxy and the exceptions, or has set that there
 * is no proxy. A program in which another thread may call `setenv` meanwhile should set them.
 *
 * @param es the client
 * @param url `"http://user:password@proxy.example:3128"`, or with `https`, `socks5` or `socks5h`; `http` without a scheme.
 *        The port is 443 for `https`, else 1080, unless given. The host may have a zone, as for `eventsource_set_url`. For
 *        `socks5` this machine resolves the server's name, else the proxy does. TLS with an `https` proxy trusts the
 *        authorities that are set for the server, in the same versions; no other TLS setting applies to it, and it is verified
 *        even if the server is not. Empty for no proxy, whatever the environment says; NULL for what it says.
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_URL`, also for a user or password that the
 *         protocol has no room for, `ERR_UNSUPPORTED` in a build without proxies, and for an https proxy in one without TLS,
 *         `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_proxy(struct eventsource_t *es,
                                           const char *url);

/**
 * Sets which hosts are reached without the proxy, by curl's rules. Default: what the environment says in `no_proxy`, else
 * in `NO_PROXY`, read as for `eventsource_set_proxy`; this holds for a proxy that the program has set, too.
 *
 * @param es the client
 * @param hosts copied; separated by commas or spaces. A name, with or without a leading dot, stands for itself and all names
 *        below it; an address for itself; a network such as `10.0.0.0/8` for all its addresses; `"*"` alone for all hosts.
 *        Entries have no port, and names are not resolved. Empty for no exceptions, whatever the environment says; NULL for
 *        what it says.
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_no_proxy(struct eventsource_t *es,
                                              const char *hosts);

/**
 * Connects to a Unix domain socket, whatever host and port the URL has, redirects included. For `https`, TLS still uses the
 * URL's host. No proxy is used then. Default: none.
 *
 * @param es the client
 * @param path of the socket, copied; it need not exist yet. NULL for none
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE` for a path that is empty or too long for the
 *         system, and always on Windows, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_unix_socket(struct eventsource_t *es,
                                                 const char *path);

/**
 * Sets whether the client watches the network. Default: 1.
 *
 * While it does, it is told when an address of this machine or the default route comes or goes, and when the system has been
 * suspended. Then:
 * - A wait for the next attempt ends at once. It is not shorter than the server asked for (`retry`, `Retry-After`) or than
 *   `on_error` chose, and from the second time on without an open stream not shorter than `delay_ms`.
 * - An open stream is verified. If this machine no longer has the address that its connection was made from, the stream is
 *   lost at once. Over HTTP/2 the server is asked for a ping and has 5 seconds to reply. Over HTTP/1 the system asks the peer
 *   for a sign of life (TCP keep-alive) and gives it up after about 4 seconds; after a suspension of more than 30 seconds
 *   the stream is lost if nothing arrives within 5 seconds.
 * - A stream that was lost that way is asked for again at once, with the same exceptions.
 *
 * No thread and no timer does this: each runtime whose clients watch has one netlink socket and one timer descriptor. Linux
 * reports all of this; macOS, iOS and FreeBSD report addresses, macOS and iOS also a suspension, once the network changes
 * after it; other systems report nothing. If the system refuses the socket, the client does without, and the log says so at
 * level `DEBUG`.
 *
 * @param es the client
 * @param watch 1: watch; 0: do not
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for another number, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_watch_network(struct eventsource_t *es,
                                                   int32_t watch);

/**
 * Makes every connection through one network interface or from one local address, as curl's `--interface`; those to a proxy,
 * too. Default: what the system's routes say. It does not apply to Unix sockets. With an interface, a URL may have a
 * link-local IPv6 address without a zone, `http://[fe80::1]/`; `eventsource_set_url` says how a URL has one.
 *
 * If there is no such interface or address when the client connects, or the server has no address of the local address's
 * family, the attempt fails with `ERR_CONNECT` and is retried as others are.
 *
 * @param es the client
 * @param interface the name of an interface, such as `"eth0"` (Linux and Android; Linux before 5.7 wants the capability
 *        `CAP_NET_RAW`), or an address of this machine, copied. `"if!eth0"` and `"host!10.0.0.2"` say which of the two is
 *        meant. NULL for none
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE` for a text that can be neither, and for a
 *         name on other systems, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_interface(struct eventsource_t *es,
                                               const char *interface);

/**
 * Sets the addresses of a host and port, in place of those set for the same host and port before. The system's resolver is
 * not asked for this host then. TLS and `Host` still use the name. The entry also applies to a proxy's name, but not to names
 * that a proxy resolves. For several hosts, call this once for each.
 *
 * @param es the client
 * @param entry `"host:port:address"`, as curl's `--resolve`, copied; more addresses follow after commas, those of IPv6 may
 *        be in brackets, and a link-local one have a zone, as RFC 4007 writes it: `fe80::1%eth0`; no more than 16. The host
 *        may be `*`, for all that have no entry
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_resolve(struct eventsource_t *es,
                                             const char *entry);

/**
 * Adds addresses after those that were set for the same host and port. Otherwise as `eventsource_set_resolve`.
 *
 * @param es the client
 * @param entry as for `eventsource_set_resolve`; no more than 16 addresses in all
 * @return as `eventsource_set_resolve`
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_add_resolve(struct eventsource_t *es, const char *entry);

/**
 * Removes the addresses that were set for a host and port. There need not be any. It also takes back an
 * `eventsource_set_resolve` of that host and port that was refused. A refusal of this call itself is not kept.
 *
 * @param es the client
 * @param host `"host:port"`, as in the entry
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_remove_resolve(struct eventsource_t *es, const char *host);

/**
 * Sets which version of HTTP is spoken.
 *
 * Clients that speak HTTP/2 to the same scheme, host and port share a connection, as many as the server allows on one, if
 * they are on the same runtime and have the same settings for whom to trust and how to connect. Each has a window of its own
 * there, so a client whose callback blocks or that is stopped does not affect the others. The connection is closed when the
 * last of them ends. The server is pinged every 30 seconds. The connection is dropped if there is no reply within 20 seconds.
 *
 * Whatever the server sends, a stream over HTTP/2 holds at most 1 MiB beside its event limit and its decoders, and a
 * connection at most 2 MiB beside its streams. Of content that is not read, because a callback blocks or the client is
 * paused, 128 KiB are kept at most; then the server has to wait. While no response has been read, its heads hold at most
 * 4 MiB.
 *
 * If the server breaks off a stream or connection (RST_STREAM, or GOAWAY with an error), or breaks the rules of HTTP/2, the
 * error is `EVENTSOURCE_ERR_HTTP2`. If the connection ends without a reason, it is `EVENTSOURCE_ERR_DISCONNECTED`.
 *
 * @param es the client
 * @param version the version
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a version that is none, `ERR_UNSUPPORTED` for HTTP/2 in a build
 *         without it, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_http_version(struct eventsource_t *es,
                                                  eventsource_http_t version);

/**
 * Trusts certificate authorities beside the operating system's, or in their place: `eventsource_set_ca_exclusive`.
 *
 * The settings for TLS apply to every connection of the client to a server: also after redirects (to other hosts, too), after
 * reconnects, and through proxies. Only the authorities and the lowest version of TLS also apply to an https proxy. Pinned
 * keys, the server name, the client's certificate and `eventsource_set_insecure_skip_verification` apply to servers only.
 *
 * A server's own certificate may be given here, too, even if it is self-signed, such as one by `openssl req -x509`. It is
 * trusted for its names and dates. It needs a subjectAltName.
 *
 * Authorities are read as a whole or not at all. If the operating system's cannot be read, for example because no
 * descriptor is free, the attempt fails with `EVENTSOURCE_ERR_TLS`, also if the authorities given here would be enough; the
 * next attempt reads them again. An operating system that has none is no error if others are given. After
 * `EVENTSOURCE_ERR_CERTIFICATE` the next attempt reads them anew, at most once a minute for clients with equal settings, so
 * that renewed authorities need no restart. If that fails, what was read before stays trusted, and the log says so.
 *
 * On systems that keep their authorities in files, the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` say where
 * these are; not in a program that has more rights than the user who started it (set-user-id), for which no variable counts.
 *
 * @param es the client
 * @param pem one or more certificates in PEM form, copied; a later call, or one of `eventsource_set_ca_file`, replaces an
 *        earlier one's
 * @param len bytes of `pem`; 0 to trust the operating system's alone
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_ca_pem(struct eventsource_t *es,
                                            const void *pem,
                                            size_t len);

/**
 * The same as `eventsource_set_ca_pem`, from a file. It is read now, and again by an attempt that finds another size, date or
 * inode; streams that are open go on. If it cannot be read then, or holds no certificate, what it held before stays trusted
 * for that attempt, and the log has a warning. No other call on the client waits while it is read now.
 *
 * @param es the client
 * @param path of a regular file of at most 16 MiB, with one or more certificates in PEM form. NULL to trust the operating
 *        system's authorities alone
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_PEM`, also for a file that cannot be read, is larger,
 *         or is a pipe or device, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_ca_file(struct eventsource_t *es,
                                             const char *path);

/**
 * Sets whether the authorities of `eventsource_set_ca_pem` or `eventsource_set_ca_file` are the only ones that are
 * trusted. Default: 0.
 *
 * @param es the client
 * @param exclusive 1: trust only the authorities that are set here; without any, no server is trusted. 0: trust them in
 *        addition to the operating system's
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client
 *         runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_ca_exclusive(struct eventsource_t *es,
                                                  int32_t exclusive);

/**
 * Sets the certificate that the client shows to servers that ask for one. It is not shown to proxies. Default: none.
 *
 * A key that does not belong to the certificate, or is encrypted, is refused here. Whether the certificate is valid, and of a
 * trusted authority, the server decides. If it refuses the certificate, the error is `EVENTSOURCE_ERR_TLS`, and its message
 * has the server's reason.
 *
 * A later call, or one of `eventsource_set_client_cert_file`, replaces an earlier one's.
 *
 * @param es the client
 * @param cert PEM: the client's certificate, then those that lead to its authority, if any; copied
 * @param cert_len bytes of `cert`; 0, and 0 for `key_len`, for no certificate
 * @param key PEM: its private key (PKCS #8, PKCS #1 or SEC1), not encrypted; copied, and never logged or told
 * @param key_len bytes of `key`; 0 when `cert` holds the key, too
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_client_cert_pem(struct eventsource_t *es,
                                                     const void *cert,
                                                     size_t cert_len,
                                                     const void *key,
                                                     size_t key_len);

/**
 * The same as `eventsource_set_client_cert_pem`, from files. They are read now, and again by an attempt that finds another
 * size, date or inode, so that a renewed certificate needs no restart. Streams that are open go on; an attempt resumes no
 * session and joins no connection of an earlier certificate. If the files cannot be read then, or do not belong together, for
 * example while they are being replaced, that attempt uses the certificate of before, and the log has a warning. No other
 * call on the client waits while they are read now.
 *
 * @param es the client
 * @param cert_path of a regular file of at most 16 MiB, in PEM form: the client's certificate, then those that lead to its
 *        authority, if any. NULL, and NULL for `key_path`, for no certificate
 * @param key_path of such a file with the private key; NULL when the certificate's file holds the key, too
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_PEM`, also for a file that cannot be read, is larger, or is a pipe or
 *         device, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_client_cert_file(struct eventsource_t *es,
                                                      const char *cert_path,
                                                      const char *key_path);

/**
 * Accepts only servers whose certificate has one of these public keys. This is checked in addition to the certificate's
 * verification, and even if `eventsource_set_insecure_skip_verification` switches that off. It is checked for the server's
 * own certificate, not for its authorities', and not for a proxy's. Default: any key.
 *
 * @param es the client
 * @param pins as curl has them: `sha256//` and the SHA-256 of the key (its SubjectPublicKeyInfo in DER) in base64; several
 *        are separated by `;`. NULL for any key
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while
 *         the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_pinned_keys(struct eventsource_t *es,
                                                 const char *pins);

/**
 * Sets the lowest version of TLS that is spoken. Default: TLS 1.2. The library speaks no older version.
 *
 * @param es the client
 * @param version the version
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client
 *         runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_min_tls_version(struct eventsource_t *es,
                                                     eventsource_tls_version_t version);

/**
 * Sets the name that the client sends in the handshake (SNI), and that servers' certificates must have, in place of the URL's
 * host. The connection is still made to that host, and `Host` still names it. Default: the URL's host.
 *
 * @param es the client
 * @param name a DNS name or an IP address; NULL for the URL's host
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while
 *         the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_server_name(struct eventsource_t *es,
                                                 const char *name);

/**
 * INSECURE: accepts any certificate of a server, so an attacker on the network path can read and forge the
 * stream and the credentials. For tests only. Pinned keys still count, and an https proxy is still verified.
 *
 * @param es the client
 * @param skip 1: verify nothing; 0: verify (default)
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client
 *         runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_insecure_skip_verification(struct eventsource_t *es,
                                                                int32_t skip);

/**
 * Writes the secrets of the client's TLS connections to a file, so that a tool such as Wireshark can decrypt what it has
 * captured of them: one line for each secret, in the format of NSS. Whoever reads the file can read these connections,
 * credentials included: for debugging only. Default: none. The library does not look at the environment variable
 * `SSLKEYLOGFILE`; a program that wants to heed it passes its value.
 *
 * Connections to servers and to https proxies write. They are shared only among clients with the same file. The file is opened
 * now, to append to it, and stays open until no client has it. A line that cannot be written is missing; the log has a
 * warning.
 *
 * @param es the client
 * @param path the file, which is made with the mode 0600 if there is none. It must be a regular file that belongs to the user
 *        whom the process runs as, and nobody else may read or write it (not checked on Windows). NULL for none
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_VALUE` if the file cannot be opened or others may use
 *         it, `ERR_UNSUPPORTED` in a build without TLS, `ERR_STATE` while the client runs
 *
 * Any thread, while the client does not run.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_set_key_log_file(struct eventsource_t *es,
                                                  const char *path);

/**
 * Tells what the client is doing.
 *
 * @param es the client
 * @param state receives the state
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_get_state(const struct eventsource_t *es,
                                           eventsource_state_t *state);

/**
 * Copies the last event id, for example to keep it for the next process.
 *
 * @param es the client
 * @param buffer receives the id and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the id's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the id and the NUL do not fit: nothing is copied
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_get_last_event_id(const struct eventsource_t *es,
                                                   char *buffer,
                                                   size_t capacity,
                                                   size_t *len);

/**
 * Copies the text of what went wrong last: a refused call's reason, or the message of the last `on_error`. Kept until
 * something else goes wrong; empty when nothing has. A wait whose time runs out (`ERR_TIMEOUT`) and a text that does not fit
 * (`ERR_BUFFER`) leave it as it is.
 *
 * @param es the client
 * @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the text and the NUL do not fit: it is cut at a character
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_get_last_error(const struct eventsource_t *es,
                                                char *buffer,
                                                size_t capacity,
                                                size_t *len);

/**
 * Tells the client's number, by which the log tells it from others: `client` of its `eventsource_log_record_t`.
 *
 * @param es the client
 * @param number receives a number from 1 on, which no other client of the process has or will have
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_get_number(const struct eventsource_t *es, uint64_t *number);

/**
 * Tells the pointer that was given to `eventsource_set_user_data`, for code that has only the client.
 *
 * @param es the client
 * @param user receives the pointer; NULL if none was set
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_get_user_data(const struct eventsource_t *es, void **user);

/**
 * Tells how the client ended: what `eventsource_wait` returns, and more. While the client runs, this is about the run before;
 * in `on_close`, about the run that ends.
 *
 * @param es the client
 * @param result is written
 * @param size `sizeof *result`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has, `ERR_STATE` when the client has not
 *         ended yet
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_get_result(const struct eventsource_t *es,
                                            struct eventsource_result_t *result,
                                            size_t size);

/**
 * Tells what the client has done. Each member is exact, but they are read one after another, so they may be of slightly
 * different moments.
 *
 * @param es the client
 * @param stats is written
 * @param size `sizeof *stats`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_get_stats(const struct eventsource_t *es,
                                           struct eventsource_stats_t *stats,
                                           size_t size);

/**
 * Tells which attempt this is.
 *
 * @param request the request, during `on_request`
 * @param number receives 1 for the first attempt since the start or since the stream was last open, then 2, 3, …
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_attempt(const struct eventsource_request_t *request, int64_t *number);

/**
 * Tells why this attempt is made.
 *
 * @param request the request, during `on_request`
 * @param code receives the status of the error before this attempt; `EVENTSOURCE_OK` if there was none, that is, at the start
 *        and after `eventsource_reconnect_now`
 * @param http_status receives the HTTP status that went with it, 0 when there was none; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_cause(const struct eventsource_request_t *request,
                                                   eventsource_status_t *code,
                                                   int32_t *http_status);

/**
 * Copies the URL of this attempt, without user information and fragment.
 *
 * @param request the request, during `on_request`
 * @param buffer receives the URL and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the URL's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the URL and the NUL do not fit: nothing is copied
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_url(const struct eventsource_request_t *request,
                                                 char *buffer,
                                                 size_t capacity,
                                                 size_t *len);

/**
 * Copies the method of this attempt.
 *
 * @param request the request, during `on_request`
 * @param buffer receives the method and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the method's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the method and the NUL do not fit: nothing is copied
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_method(const struct eventsource_request_t *request,
                                                    char *buffer,
                                                    size_t capacity,
                                                    size_t *len);

/**
 * Lends the headers of this attempt as they are now: those that were set, sensitive ones with their values, and those that the
 * library adds, such as `Accept` and `Last-Event-ID`. What the connection itself writes is not among them: `Connection`,
 * `Content-Length`, and `Host` unless it was set.
 *
 * @param request the request, during `on_request`
 * @param headers receives an array that lives, unchanged, until `on_request` returns
 * @param count receives the entries of the array
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_headers(const struct eventsource_request_t *request,
                                                     const struct eventsource_header_t **headers,
                                                     size_t *count);

/**
 * Finds a header of this attempt by its name, among those of `eventsource_request_get_headers`.
 *
 * @param request the request, during `on_request`
 * @param name the header's name, in any case
 * @param index 0 for the first header of that name, 1 for the second, …
 * @param value receives the value, NUL-terminated, alive until `on_request` returns; NULL if there is no such header
 * @param len receives the value's bytes without the NUL, 0 if there is none; may be NULL
 * @return `EVENTSOURCE_OK`, also if there is no such header; `ERR_NULL`, `ERR_UTF8`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_header(const struct eventsource_request_t *request,
                                                    const char *name,
                                                    size_t index,
                                                    const char **value,
                                                    size_t *len);

/**
 * Lends the body of this attempt as it is now.
 *
 * @param request the request, during `on_request`
 * @param body receives the bytes, alive and unchanged until `on_request` returns; NULL for no body
 * @param len receives the bytes of `body`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_get_body(const struct eventsource_request_t *request,
                                                  const void **body,
                                                  size_t *len);

/**
 * Sets a header for this attempt, in place of any of that name.
 *
 * @param request the request, during `on_request`
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_set_header(struct eventsource_request_t *request,
                                                    const char *name,
                                                    const char *value);

/**
 * Adds a header for this attempt beside those of the same name.
 *
 * @param request the request, during `on_request`
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_add_header(struct eventsource_request_t *request,
                                                    const char *name,
                                                    const char *value);

/**
 * Sets a header that holds a secret for this attempt, as `eventsource_set_sensitive_header`.
 *
 * @param request the request, during `on_request`
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_set_sensitive_header(struct eventsource_request_t *request,
                                                              const char *name,
                                                              const char *value);

/**
 * Removes the headers of a name for this attempt; there need not be any.
 *
 * @param request the request, during `on_request`
 * @param name an HTTP field name
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_remove_header(struct eventsource_request_t *request, const char *name);

/**
 * Sets `Authorization` to basic authentication for this attempt, as `eventsource_set_basic_auth`.
 *
 * @param request the request, during `on_request`
 * @param user without a colon
 * @param password any, also none: `""`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_HEADER` if there is no room for it
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_set_basic_auth(struct eventsource_request_t *request,
                                                        const char *user,
                                                        const char *password);

/**
 * Sets the method for this attempt, as `eventsource_set_method`.
 *
 * @param request the request, during `on_request`
 * @param method as for `eventsource_set_method`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_METHOD`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_set_method(struct eventsource_request_t *request, const char *method);

/**
 * Sets the URL for this attempt, as for `eventsource_set_url`. A user and password in it replace the authorization.
 *
 * If the URL has another origin (scheme, host or port), this drops what was set for the first one: `Authorization`,
 * `Cookie`, `Host`, headers that hold a secret, and the client certificate. Set the URL first, then the headers that are
 * meant for it.
 *
 * @param request the request, during `on_request`
 * @param url as for `eventsource_set_url`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`, `ERR_UNSUPPORTED` for https in a build without TLS
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_set_url(struct eventsource_request_t *request,
                                                 const char *url);

/**
 * Sets the body for this attempt.
 *
 * @param request the request, during `on_request`
 * @param body copied; may be NULL when `len` is 0
 * @param len bytes of `body`; 0 for no body
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 *
 * The thread of `on_request`, until that callback returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_request_set_body(struct eventsource_request_t *request, const void *body, size_t len);

/**
 * Finds a header of the response that opened the stream by its name.
 *
 * @param response what `on_open` was called with
 * @param name the header's name, in any case
 * @param index 0 for the first header of that name, 1 for the second, …
 * @param value receives the value, NUL-terminated, alive as long as the response; NULL if there is no such header
 * @param len receives the value's bytes without the NUL, 0 if there is none; may be NULL
 * @return `EVENTSOURCE_OK`, also if there is no such header; `ERR_NULL`, `ERR_UTF8`
 *
 * Any thread, until the callback that was given it returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_response_get_header(const struct eventsource_response_t *response,
                                                     const char *name,
                                                     size_t index,
                                                     const char **value,
                                                     size_t *len);

/**
 * Finds a header of an error response by its name.
 *
 * @param error what `on_error` was called with; if there was no response, it has no headers
 * @param name as for `eventsource_response_get_header`
 * @param index as for `eventsource_response_get_header`
 * @param value receives the value, NUL-terminated, alive as long as the error; NULL if there is no such header
 * @param len as for `eventsource_response_get_header`
 * @return as `eventsource_response_get_header`
 *
 * Any thread, until the callback that was given it returns.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_error_get_header(const struct eventsource_error_t *error,
                                                  const char *name,
                                                  size_t index,
                                                  const char **value,
                                                  size_t *len);

/**
 * Fills options with the defaults. Change members, then give them to `eventsource_runtime_new`.
 *
 * @param options is written
 * @param size `sizeof *options`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_runtime_options_init(struct eventsource_runtime_options_t *options, size_t size);

/**
 * Makes a runtime and its threads. `eventsource_set_runtime` puts a client on it.
 *
 * If the options are refused, or the system refuses threads, the handle is made all the same. `eventsource_runtime_check`, all
 * other calls on it and `eventsource_set_runtime` return why, and `eventsource_runtime_get_last_error` has the text. It is
 * freed like any other.
 *
 * @param options copied; filled by `eventsource_runtime_options_init`, and changed. NULL for the defaults
 * @return the runtime, which the caller owns and gives to `eventsource_runtime_free`; NULL only if there is no memory for it
 *
 * Any thread, also inside callbacks.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
struct eventsource_runtime_t *eventsource_runtime_new(const struct eventsource_runtime_options_t *options);

/**
 * Tells whether the runtime could be made.
 *
 * @param runtime the runtime
 * @return `EVENTSOURCE_OK`; if it could not, `ERR_VALUE` or `ERR_UTF8` because of the options, or `ERR_RUNTIME` because of
 *         the system, with the text in `eventsource_runtime_get_last_error`; `ERR_NULL`, `ERR_FORKED`, `ERR_FREED`
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_runtime_check(const struct eventsource_runtime_t *runtime);

/**
 * Copies the text of why a call on the runtime was refused last, or why the runtime could not be made. Kept until another
 * call is refused; empty when none has been.
 *
 * @param runtime the runtime
 * @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_BUFFER` when the text and the NUL do not fit: it is cut at a character;
 *         `ERR_NULL`, `ERR_FORKED`, `ERR_FREED`
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_runtime_get_last_error(const struct eventsource_runtime_t *runtime,
                                                        char *buffer,
                                                        size_t capacity,
                                                        size_t *len);

/**
 * Stops all clients of the runtime, ends its threads and releases it. NULL is fine.
 *
 * Outside callbacks it waits until each client's `on_close` has returned (with manual dispatch it calls them) and the
 * runtime's threads have ended, `on_thread_stop` included. So never call it, outside callbacks, while holding a lock that a
 * callback of any client of the runtime, a thread hook or a `destroy` takes: the two would wait for each other for ever.
 *
 * Inside a callback it returns at once, and the same happens later. With manual dispatch that is before the
 * `eventsource_runtime_dispatch` that called the callback returns or, if the callback is another runtime's, in each client's
 * `eventsource_free`.
 *
 * The clients are not freed: the caller frees them, before or afterwards. Until another runtime is set, `eventsource_start`
 * returns `ERR_STATE` for them.
 *
 * Other threads may be in `eventsource_runtime_dispatch` meanwhile. Those that run a callback return after it; those that wait
 * return at once, with `ERR_FREED`. The file descriptor of `eventsource_runtime_get_fd` is readable from now on, until it is
 * closed with the runtime.
 *
 * @param runtime the runtime
 *
 * Any thread, once. In a child process after `fork` it does nothing.
 *
 * @since 0.9.0
 */
void eventsource_runtime_free(struct eventsource_runtime_t *runtime);

/**
 * Runs callbacks that are due, on this thread, in turns: one turn is all events and comments of one read of one client,
 * or one other callback. Turns that become due meanwhile are left to the next call. Only for manual dispatch.
 *
 * Several threads may dispatch at the same time; the callbacks of one client still come one at a time.
 *
 * @param runtime the runtime
 * @param timeout_ms how long to wait, in milliseconds, for a callback to become due if none is; `EVENTSOURCE_NO_LIMIT` for
 *        no limit, 0 not to wait
 * @param max the most turns, at least 1; `EVENTSOURCE_NO_LIMIT` for as many as are due
 * @param ran receives how many turns have been run, 0 after the time has run out; may be NULL. A turn need not contain a
 *        callback: a read can end in the middle of an event.
 * @return `EVENTSOURCE_OK`, also when one of these callbacks has freed the runtime; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE`
 *         unless dispatch is manual, `ERR_IN_CALLBACK` inside any callback of the library, `ERR_FORKED`, `ERR_FREED` when the
 *         runtime has been freed, also during the wait
 *
 * Any thread but the library's, several at the same time, outside callbacks.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_runtime_dispatch(struct eventsource_runtime_t *runtime,
                                                  int64_t timeout_ms,
                                                  int64_t max,
                                                  size_t *ran);

/**
 * Tells which file descriptor is readable while callbacks are due, for `poll` and event loops. Only for manual dispatch.
 *
 * On Windows it is a SOCKET. `WSAPoll` and `select` wait for it as `poll` does. A loop that waits for handles, as with
 * `WaitForMultipleObjects` or `MsgWaitForMultipleObjects`, ties it to an event object once:
 * `WSAEventSelect(fd, event, FD_READ)`. When the event is signalled, reset it with `WSAEnumNetworkEvents` and then call
 * `eventsource_runtime_dispatch` until it has run nothing: Windows signals the event anew only when callbacks become due
 * after none was.
 *
 * @param runtime the runtime
 * @param fd receives the descriptor. It stays the runtime's: wait for it, but neither read from it nor close it.
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` unless dispatch is manual, `ERR_FORKED`, `ERR_FREED`
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_runtime_get_fd(const struct eventsource_runtime_t *runtime,
                                                eventsource_fd_t *fd);

/**
 * Tells what a runtime is doing, and what its clients have done, for monitoring: `examples-c/metrics.c` writes it as
 * OpenMetrics text. Each number is exact, but they are read one after another, so they may be of slightly different moments.
 *
 * @param runtime the runtime; NULL for the one that the clients of the process share. That is made when a client starts, and
 *        goes with the last one: all numbers are 0 while there is none, and begin at 0 with the next
 * @param metrics is written
 * @param size `sizeof *metrics`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has, `ERR_FORKED`, `ERR_FREED`
 *
 * Any thread, any time. It looks at each of the runtime's clients.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_runtime_get_metrics(const struct eventsource_runtime_t *runtime,
                                                     struct eventsource_metrics_t *metrics,
                                                     size_t size);

/**
 * Fills options with the defaults. Change members, then give them to `eventsource_parser_new`.
 *
 * @param options is written
 * @param size `sizeof *options`: no more than that is written, and members that only a newer library knows are zero
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_parser_options_init(struct eventsource_parser_options_t *options, size_t size);

/**
 * Makes a parser.
 *
 * If the options are refused, the handle is made all the same. `eventsource_parser_check` and all other calls on it return
 * why, and `eventsource_parser_get_last_error` has the text. It is freed like any other.
 *
 * @param options copied; filled by `eventsource_parser_options_init`, and changed
 * @return the parser, which the caller owns and gives to `eventsource_parser_free`; NULL only if there is no memory for it
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
struct eventsource_parser_t *eventsource_parser_new(const struct eventsource_parser_options_t *options);

/**
 * Tells whether the parser's options were accepted.
 *
 * @param parser the parser
 * @return `EVENTSOURCE_OK`; if they were not, `ERR_NULL` or `ERR_VALUE`, and `eventsource_parser_get_last_error` has the text;
 *         `ERR_NULL` for the parser
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_parser_check(const struct eventsource_parser_t *parser);

/**
 * Copies the text of why a call on the parser was refused last, or its options. Kept until another call is refused; empty
 * when none has been.
 *
 * @param parser the parser
 * @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the text's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the text and the NUL do not fit: it is cut at a character
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_parser_get_last_error(const struct eventsource_parser_t *parser,
                                                       char *buffer,
                                                       size_t capacity,
                                                       size_t *len);

/**
 * Parses the next bytes of the stream, however they are split, and calls the callbacks before it returns.
 *
 * @param parser the parser
 * @param bytes may be NULL when `len` is 0
 * @param len bytes of `bytes`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`; `ERR_EVENT_TOO_LARGE` when an event is over the limit, or `ERR_MEMORY` when there is
 *         no memory for it: then the rest of `bytes` is not parsed, and the parser has begun a new stream; `ERR_IN_CALLBACK`
 *         inside one of this parser's callbacks
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_parser_feed(struct eventsource_parser_t *parser,
                                             const void *bytes,
                                             size_t len);

/**
 * Begins a new stream: drops an unfinished event, expects a byte order mark again, keeps the last event id.
 *
 * @param parser the parser
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_IN_CALLBACK` inside one of this parser's callbacks
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_parser_reset(struct eventsource_parser_t *parser);

/**
 * Copies the last event id: what a `Last-Event-ID` header should say on reconnecting.
 *
 * @param parser the parser
 * @param buffer receives the id and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the id's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when the id and the NUL do not fit: nothing is copied;
 *         `ERR_IN_CALLBACK` inside one of this parser's callbacks, where the event has it
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_parser_get_last_event_id(const struct eventsource_parser_t *parser,
                                                          char *buffer,
                                                          size_t capacity,
                                                          size_t *len);

/**
 * Releases a parser. NULL is fine. Inside one of its callbacks it takes effect when the feeding call returns, and the
 * rest of the input is not parsed.
 *
 * @param parser the parser
 *
 * One thread at a time.
 *
 * @since 0.9.0
 */
void eventsource_parser_free(struct eventsource_parser_t *parser);

/**
 * Sets where the library logs, for the whole process. Default: nowhere. The library never writes to stdout or stderr.
 *
 * When this returns, the callback set before is not running on any thread, will not be called again, and its `destroy` has
 * been called. Until then, records may still be passed to it in other threads, and this waits for them: never call it while
 * holding a lock that the callback before takes. The new callback may be called before this returns. No other call waits.
 *
 * A child process after `fork` logs nowhere until it sets a callback; the parent's `destroy` is not called there.
 *
 * @param level the most detailed level wanted
 * @param fn the callback; NULL to log nowhere
 * @param user passed to `fn` as it is; the library never reads what it points to
 * @param destroy called exactly once with `user`: when the callback is replaced; before this returns if `fn` is NULL or
 *        `level` is `EVENTSOURCE_LOG_OFF`. It may call any function of the library. May be NULL. A callback that is never
 *        replaced is never destroyed.
 * @return `EVENTSOURCE_OK`; `ERR_VALUE` for a level that does not exist; `ERR_IN_CALLBACK` inside a log callback. If it is
 *         refused, nothing changes and `user` stays the caller's.
 *
 * Any thread, also inside callbacks other than the log's own.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_log_set_callback(eventsource_log_level_t level,
                                                  eventsource_log_fn fn,
                                                  void *user,
                                                  eventsource_destroy_fn destroy);

/**
 * Writes a record as one line of text, without a line end, such as
 * `info: client 3 (prices), attempt 2, https://example.com: next attempt in 1.1 s`. What a record does not have is left out:
 * `warning: no thread can be started`.
 *
 * The form may change with any version. Programs that look for something use the members of the record.
 *
 * @param record the record, from a log callback; or one that the program has filled, with its `size`
 * @param buffer receives the line and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`; 2048 are enough for any record of this version
 * @param len receives the whole line's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has, `ERR_BUFFER` when the line and the NUL
 *         do not fit: it is cut at a character
 *
 * Any thread, also inside the log callback.
 *
 * @since 0.9.0
 */
eventsource_status_t eventsource_log_format(const struct eventsource_log_record_t *record,
                                            char *buffer,
                                            size_t capacity,
                                            size_t *len);

/**
 * The version of the library that is running, which may be newer than the header.
 *
 * @return a static string such as `"0.9.0"`; never to be freed
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
const char *eventsource_version(void);

/**
 * The version of the library that is running, as a number to compare.
 *
 * @return major × 1000000 + minor × 1000 + patch
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
int32_t eventsource_version_number(void);

/**
 * Returns whether the library that is running has a part that a build can leave out. The header is the same for all builds. A
 * call that needs a part that is not there returns `EVENTSOURCE_ERR_UNSUPPORTED`.
 *
 * | name | what |
 * |---|---|
 * | `"codings"` | the content codings gzip, deflate, br and zstd: `eventsource_set_compression` |
 * | `"cookies"` | cookies: `eventsource_set_cookies` |
 * | `"http2"` | HTTP/2. Without, https is HTTP/1.1 |
 * | `"proxies"` | HTTP and SOCKS proxies: `eventsource_set_proxy`. Without, attempts for which the environment names a proxy fail |
 * | `"tls"` | https URLs, and all settings for TLS |
 *
 * @param name the name of the part
 * @return 1 if it is there, else 0, also for NULL and for a name that this version does not know
 *
 * Any thread, any time.
 *
 * @since 0.9.0
 */
int32_t eventsource_has_feature(const char *name);

#if defined(__ANDROID__)
/**
 * Gives the library access to Android's certificate verifier, which is Java code. Only on Android.
 *
 * Call it once, before the first stream over TLS, for example in a native method that `Application.onCreate` calls. Until it
 * has returned `EVENTSOURCE_OK`, each attempt over TLS fails with `ERR_TLS`, except with `eventsource_set_ca_exclusive` or
 * `eventsource_set_insecure_skip_verification`. Later calls do nothing and return `EVENTSOURCE_OK`.
 *
 *     JNIEXPORT jint JNICALL Java_com_example_App_initStreams(JNIEnv *env, jclass self, jobject context) {
 *         (void)self;
 *         return eventsource_android_init(env, context);
 *     }
 *
 * The app needs the class `org.rustls.platformverifier.CertificateVerifier`, from the Android library of the crate
 * rustls-platform-verifier. docs/platforms.md says how the app gets it.
 *
 * The library keeps references to the Java virtual machine, to the context and to its class loader for the life of the
 * process.
 *
 * @param env the calling thread's `JNIEnv *`; no Java exception may be pending
 * @param context a local or global reference (`jobject`) to an `android.content.Context`, best the application's, because it
 *        is kept
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, or `ERR_TLS` if the class is missing or Java throws an exception, which is cleared.
 *         The log tells why
 *
 * Any thread that is attached to the Java virtual machine.
 *
 * @since 0.9.0
 */
EVENTSOURCE_NODISCARD
eventsource_status_t eventsource_android_init(void *env,
                                              void *context);
#endif

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVENTSOURCE_H */
