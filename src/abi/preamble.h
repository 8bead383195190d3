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
