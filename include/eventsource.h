/** @file eventsource.h
 * libeventsource: keeps Server-Sent Events streams (EventSource, WHATWG HTML) alive for C programs.
 *
 * This header is the manual. It is written from the library's source; change that, not this.
 *
 *     eventsource_t *es = NULL;
 *     if (eventsource_new("https://example.com/stream", &es) != EVENTSOURCE_OK) return 1;
 *     eventsource_on_event(es, on_event);
 *     eventsource_start(es);
 *     eventsource_wait(es, EVENTSOURCE_FOREVER);
 *     eventsource_free(es);
 *
 * NAMES. `eventsource_<verb>` is a client's life; `eventsource_set_<what>` its settings, `eventsource_on_<what>` its
 * callbacks, both before eventsource_start; `eventsource_get_<what>` questions at any time; `eventsource_<noun>_<verb>` the
 * other objects.
 *
 * STATUSES. What can fail answers an eventsource_status_t: EVENTSOURCE_OK, or a reason. In the descriptions ERR_X is
 * short for EVENTSOURCE_ERR_X. Every call may also answer EVENTSOURCE_ERR_PANIC: a bug of the library, caught. A refused
 * call changes nothing and writes to no parameter unless its description says so; eventsource_get_last_error has the
 * reason as text.
 *
 * POINTERS. A string is UTF-8 and ends at its first NUL; a binding for a language whose strings may hold one should refuse
 * those. The library copies what it is given and keeps no pointer of the caller's but user data. NULL is refused with
 * EVENTSOURCE_ERR_NULL unless the description allows it. A pointer that is neither NULL nor valid, and a parser that has been
 * freed, are the caller's fault and undefined behaviour. Clients and runtimes may be freed while other threads are in calls
 * on them, or about to make one: such a call does nothing and answers EVENTSOURCE_ERR_FREED when it comes too late.
 * A struct that begins with `size` grows at its end in later versions; where the caller fills it or has it filled,
 * `size` must be set to sizeof first.
 *
 * UNITS. Durations are milliseconds in int64_t, sizes bytes in size_t, enumerations and switches int32_t.
 *
 * CALLBACKS. After eventsource_start they run on the library's threads, or where eventsource_dispatch_t says: for one
 * client one at a time, in the order of the stream, not always on the same thread; for different clients at the same
 * time. A payload and the text in it live until the callback returns. A callback may block: it holds back its own stream
 * (the server is made to wait through TCP), not the others, unless there are 1024 threads of them or dispatch is inline. It may
 * call any function of the library; what would wait (eventsource_wait, eventsource_runtime_dispatch) answers
 * EVENTSOURCE_ERR_IN_CALLBACK there, and eventsource_free takes effect when the callback returns. It may change to
 * another stack meanwhile, and call the library there. Its own stack has 2 MiB on the library's threads.
 * It must return. If an exception leaves it, the process is aborted. If a longjmp does (to where C allows one: in the same
 * thread, to a function that has not returned), it is taken to be running still, for ever: its thread is inside a callback
 * from then on, and the rules above hold there; its client or parser calls nothing more and is never released; the call
 * that it came in is never finished; who waits for its end in another thread does so for ever (for a log callback's:
 * eventsource_set_log_callback, and then whatever logs). All else goes on, and the process can exit.
 *
 * THE END. After eventsource_start, on_close comes exactly once, and last. It comes after eventsource_stop or
 * eventsource_free, when an error is final, or when the server asks for the end (204). The `destroy` given with the user
 * data is called exactly once, after every callback has returned, also for a client that never started.
 *
 * THREADS. The first start makes the library's threads, the last free ends them. They are named eventsource*. However many
 * clients there are, one thread serves them and one watches it. More threads come while callbacks block, up to one for each
 * processor when there is more to do than one thread can do, and threads that look host names up. While callbacks return
 * soon, the library never has more threads than the processors and three, apart from those that look names up, however many
 * streams start, end or fail at once. If the system refuses a thread that is needed in place of a blocked one, the other
 * clients wait; the log has a line when that begins and one when it ends.
 * The library installs no signal handlers, writes to neither stdout nor stderr, and changes no environment variables.
 *
 * SIGNALS. The library's threads block all signals but those that a thread itself causes (SIGSEGV, SIGBUS, SIGFPE, SIGILL,
 * SIGTRAP, SIGABRT, SIGSYS): such a fault in a callback reaches the program's own handler. A callback that calls fork gets a
 * child that blocks what the thread blocked that made the runtime (the thread of the first start, if the runtime is the
 * shared one), so a program that the child then becomes can be ended as usual. posix_spawn, vfork, system and popen tell the
 * library nothing: in a callback they start a program that blocks all signals. Give posix_spawn a mask
 * (posix_spawnattr_setsigmask with POSIX_SPAWN_SETSIGMASK), or set the mask of the library's threads in `on_thread_start` of
 * eventsource_runtime_options_t.
 *
 * SHORTAGE. If the system refuses a thread, a descriptor, or memory for what a server sends (an event, the head of a response,
 * the window of a decoder), the attempt fails, and is made again like after any other error: with EVENTSOURCE_ERR_RESOLVE,
 * EVENTSOURCE_ERR_CONNECT or EVENTSOURCE_ERR_MEMORY. If there is no memory for anything smaller, the process is aborted: then,
 * and only then, one line is written to stderr.
 *
 * HOST NAMES. The system's resolver is asked on threads of the process, named eventsource-dns, which exist for as long as
 * there is a name to look up. Each name is looked up once at a time, and all clients that wait for it get the result, which
 * is not kept. Up to 16 names are looked up at once. Those that take longer than 100 ms do not count towards that, so that
 * a name that hangs does not delay the others: there are up to 128 threads then. Further names wait, and this wait does not
 * count towards the connect timeout. At most 16 addresses of a name are tried in one attempt, of both families if there
 * are both.
 * A look-up cannot be interrupted. A client that is stopped or freed does not wait for it, but its thread remains until the
 * resolver returns, also after the last free: up to 128 threads. They call nothing of the program's and use none of its
 * memory. The library may be unloaded (dlclose) meanwhile: its code stays in memory on purpose.
 *
 * FORK. In a child process, what the parent made answers EVENTSOURCE_ERR_FORKED and can be freed; new clients work (as far
 * as anything does between fork and exec in a process with threads). Parsers go on working. A child that is made inside
 * a callback must not return from it.
 */

#ifndef EVENTSOURCE_H
#define EVENTSOURCE_H

#include <stddef.h>
#include <stdint.h>

/**
 * For `eventsource_wait`: wait without a limit.
 */
#define EVENTSOURCE_FOREVER -1

/**
 * The major version of this header.
 */
#define EVENTSOURCE_VERSION_MAJOR 0

/**
 * The minor version of this header.
 */
#define EVENTSOURCE_VERSION_MINOR 1

/**
 * The patch version of this header.
 */
#define EVENTSOURCE_VERSION_PATCH 0

/**
 * What a call answers, and why an attempt or a stream failed.
 *
 * 0 is success; everything else is an error. A number keeps its meaning for ever: one that is no longer used stays
 * reserved. New ones may come with any release, so a `switch` over statuses needs a default branch.
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
     * The URL cannot be parsed, is not absolute, or is neither http nor https.
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
     * The call does not fit the client's state, as a setter while it runs.
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
     * The buffer is too small; the needed size has been reported.
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
     * TLS failed: in the handshake, or in what came after it. With TLS 1.3 that is where a server says that it does not
     * accept the client's certificate.
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
     * The server answered with a status that is no event stream.
     */
    EVENTSOURCE_ERR_HTTP_STATUS = 40,
    /**
     * The response is not `text/event-stream`.
     */
    EVENTSOURCE_ERR_CONTENT_TYPE = 41,
    /**
     * The response has more than two content codings.
     */
    EVENTSOURCE_ERR_CONTENT_ENCODING = 42,
    /**
     * A redirect has no usable `Location` or two different ones, or leads from https to http.
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
     * The server's certificate is not to be trusted: it has expired, has another name, comes from an unknown authority, …
     */
    EVENTSOURCE_ERR_CERTIFICATE = 47,
    /**
     * The response's content does not follow its content coding, or is decoded to far more than it is.
     */
    EVENTSOURCE_ERR_DECODING = 48,
    /**
     * The server, or what is between, broke off an HTTP/2 stream or connection, or broke the rules of HTTP/2.
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
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_status_t eventsource_status_t;
#else
typedef int32_t eventsource_status_t;
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
     * The program asked: `eventsource_stop`, `eventsource_free`, or `EVENTSOURCE_STOP` from `on_error`.
     */
    EVENTSOURCE_CLOSE_STOPPED = 0,
    /**
     * The server asked: it answered 204 No Content.
     */
    EVENTSOURCE_CLOSE_SERVER = 1,
    /**
     * An error was final; `on_error` has told it.
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
    EVENTSOURCE_IDLE = 0,
    /**
     * An attempt is under way.
     */
    EVENTSOURCE_CONNECTING = 1,
    /**
     * The stream is open.
     */
    EVENTSOURCE_OPEN = 2,
    /**
     * Waiting for the next attempt.
     */
    EVENTSOURCE_WAITING = 3,
    /**
     * Closed, or about to be: in the `on_error` of a final error, and in `on_close`.
     */
    EVENTSOURCE_CLOSED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_state_t eventsource_state_t;
#else
typedef int32_t eventsource_state_t;
#endif // __STDC_VERSION__ >= 202311L || defined(__swift__)
#endif // __cplusplus

/**
 * What an `on_error` callback can answer.
 */
enum eventsource_decision_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
    /**
     * Do what the error's `will_retry` and `delay_ms` say. Any number that is no decision means this, too.
     */
    EVENTSOURCE_DEFAULT = 0,
    /**
     * Try again, also where the error would be final: then after the back-off delay, else after `delay_ms`.
     */
    EVENTSOURCE_RECONNECT = 1,
    /**
     * Close.
     */
    EVENTSOURCE_STOP = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L || defined(__swift__)
typedef enum eventsource_decision_t eventsource_decision_t;
#else
typedef int32_t eventsource_decision_t;
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
     * On the runtime's one thread. It costs least, and is for callbacks that never block: one that does holds up every
     * client of the runtime, the end of a client in `eventsource_free` included.
     */
    EVENTSOURCE_DISPATCH_INLINE = 1,
    /**
     * On threads of the program's, in `eventsource_runtime_dispatch`, and nowhere else but in `eventsource_free` and
     * `eventsource_runtime_free`. For event loops, and for what must stay on one thread.
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
 * How much is logged; each level includes those before it.
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
     * Faults of the library or the system.
     */
    EVENTSOURCE_LOG_ERROR = 1,
    /**
     * What will probably not work as meant.
     */
    EVENTSOURCE_LOG_WARNING = 2,
    /**
     * The life of the streams: opened, lost, closed.
     */
    EVENTSOURCE_LOG_INFO = 3,
    /**
     * Each attempt, redirect and refused call.
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
     * was made with, also when `on_request` has set it. With `eventsource_set_resume_with_get`, a stream that a POST opened
     * is kept alive: it is resumed by GET. The default.
     */
    EVENTSOURCE_MODE_AUTO = 0,
    /**
     * The client makes another attempt after every failure that may pass by itself, and after every end of the stream.
     */
    EVENTSOURCE_MODE_KEEP_ALIVE = 1,
    /**
     * The client makes one request and follows its redirects. Every failure is final. When the server ends the stream without
     * error, the client closes with `EVENTSOURCE_CLOSE_END_OF_STREAM`. For requests that must not be repeated, such as
     * those that a language model answers.
     *
     * Only two things make another request: a program that asks for it (`EVENTSOURCE_RECONNECT`,
     * `eventsource_reconnect_now`), and a 401 when `on_request` is set, because the server has not acted on that request.
     */
    EVENTSOURCE_MODE_ONCE = 2,
    /**
     * As `EVENTSOURCE_MODE_KEEP_ALIVE`, until the server ends a stream without error: then the client closes with
     * `EVENTSOURCE_CLOSE_END_OF_STREAM`. For streams that are complete at some time and can be resumed after a loss, such as
     * the log of a job.
     *
     * Only framing tells an end from a loss: where a server sends neither chunks nor a length nor TLS, each is an end.
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
 * Versions of TLS, for `eventsource_set_min_tls_version`.
 */
enum eventsource_tls_version_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L || defined(__swift__)
 {
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
 * A parser of event streams, without any network. It belongs to one thread at a time.
 */
typedef struct eventsource_parser_t eventsource_parser_t;

/**
 * The request of the attempt about to be made. It exists during `on_request` only and must not leave that callback's
 * thread. Changes hold for this attempt and its redirects; the next attempt starts from the client's settings.
 */
typedef struct eventsource_request_t eventsource_request_t;

/**
 * Threads that clients share. Programs that are content with the default need none: it is made at the first start and
 * gone after the last free.
 *
 * Any thread may call any function on it at any time, also while another thread or a callback frees it, as for a client: a
 * call that comes too late answers `ERR_FREED`.
 */
typedef struct eventsource_runtime_t eventsource_runtime_t;

/**
 * A client: one event stream, kept alive over reconnects.
 *
 * Any thread may call any function on it at any time, also while another thread or a callback frees it. A call that is under
 * way then works on what is there until it returns. A call that comes when the client is gone touches nothing of it:
 * `eventsource_wait`, `eventsource_stop` and `eventsource_free` have nothing to do, all others answer `ERR_FREED`. That is for
 * calls that cross the free; no program should keep the pointer for long, because it is given to another client one day.
 */
typedef struct eventsource_t eventsource_t;

/**
 * Releases user data.
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
} eventsource_event_t;

/**
 * Receives an event.
 *
 * @param es the client
 * @param event the event; it and what it points at live until the callback returns
 * @param user the pointer given to `eventsource_set_user_data`
 */
typedef void (*eventsource_event_fn)(struct eventsource_t *es, const struct eventsource_event_t *event, void *user);

/**
 * Receives the events of one read.
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
     * The HTTP version: 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
     */
    int32_t http_version;
    /**
     * The URL that answered: after redirects, without user information and fragment. NUL-terminated.
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
} eventsource_response_t;

/**
 * Told that a stream has opened.
 */
typedef void (*eventsource_open_fn)(struct eventsource_t *es, const struct eventsource_response_t *response, void *user);

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
     * The HTTP status code of the answer that was the error; 0 when there was none, as for the loss of an open stream.
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
     * The headers of that answer; NULL when there was none.
     */
    const struct eventsource_header_t *headers;
    /**
     * Entries of `headers`.
     */
    size_t header_count;
    /**
     * The first bytes of the answer's body (at most 4096) where the answer was no event stream, decoded if their content
     * coding is known; bytes that are no UTF-8 appear as U+FFFD. Never NULL, NUL-terminated.
     */
    const char *body;
    /**
     * Bytes of `body`, without the NUL.
     */
    size_t body_len;
} eventsource_error_t;

/**
 * Told of a failed attempt or a lost stream. @return an `eventsource_decision_t`
 */
typedef int32_t (*eventsource_error_fn)(struct eventsource_t *es, const struct eventsource_error_t *error, void *user);

/**
 * Called before each attempt; may change the request (`eventsource_request_*`) and may block.
 */
typedef void (*eventsource_request_fn)(struct eventsource_t *es, struct eventsource_request_t *request, void *user);

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
 * Told that the client has closed: the last callback after `eventsource_start`.
 */
typedef void (*eventsource_close_fn)(struct eventsource_t *es, const struct eventsource_close_t *close, void *user);

/**
 * When a client reconnects. Fill it with `eventsource_get_reconnect`, change members, give it to
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
     * Bytes of this struct as the caller compiled it: `sizeof(eventsource_reconnect_t)`.
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
     * Give up after this many failed attempts in a row, at most 4294967295; 0 for no limit (default).
     */
    int64_t max_attempts;
    /**
     * The shortest delay in milliseconds that a server can bring about, for each request of the attempt before it; ≥ 1.
     * Default 100. Where `delay_ms` or `max_delay_ms` is less, that counts instead.
     */
    int64_t min_delay_ms;
    /**
     * The largest delay in milliseconds that a server can ask for, ≥ 1. Default 3600000, one hour.
     */
    int64_t max_server_delay_ms;
} eventsource_reconnect_t;

/**
 * What a client has done since it was made.
 */
typedef struct eventsource_stats_t {
    /**
     * Bytes of this struct as the caller compiled it: `sizeof(eventsource_stats_t)`.
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
 * Told of a thread. @param user the pointer given with it
 */
typedef void (*eventsource_thread_fn)(void *user);

/**
 * What a runtime is told when it is made. All but `size` may be zero.
 */
typedef struct eventsource_runtime_options_t {
    /**
     * Bytes of this struct as the caller compiled it: `sizeof(eventsource_runtime_options_t)`.
     */
    size_t size;
    /**
     * Where callbacks run: an `eventsource_dispatch_t`. 0: isolated.
     */
    int32_t dispatch;
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
     * threads have stopped and no client is on it any more. Not called where `eventsource_runtime_new` refuses: then `user`
     * stays the caller's. May be NULL.
     */
    eventsource_destroy_fn destroy;
} eventsource_runtime_options_t;

/**
 * Receives an event, inside `eventsource_parser_feed`.
 */
typedef void (*eventsource_parser_event_fn)(struct eventsource_parser_t *parser,
                                            const struct eventsource_event_t *event,
                                            void *user);

/**
 * Receives a comment, inside `eventsource_parser_feed`.
 */
typedef void (*eventsource_parser_comment_fn)(struct eventsource_parser_t *parser,
                                              const struct eventsource_comment_t *comment,
                                              void *user);

/**
 * Receives a `retry` field, in milliseconds, inside `eventsource_parser_feed`.
 */
typedef void (*eventsource_parser_retry_fn)(struct eventsource_parser_t *parser, int64_t retry_ms, void *user);

/**
 * What a parser does with what it finds. Zero all of it, set `size` and the members that matter.
 */
typedef struct eventsource_parser_options_t {
    /**
     * Bytes of this struct as the caller compiled it: `sizeof(eventsource_parser_options_t)`.
     */
    size_t size;
    /**
     * How much one event may hold, in bytes; 0 for the default of 16777216 (16 MiB).
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
 * Receives a line for the log. @param level an `eventsource_log_level_t` @param message NUL-terminated UTF-8 without a
 * line end, alive during the call @param user the pointer given with the callback
 */
typedef void (*eventsource_log_fn)(int32_t level, const char *message, void *user);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status, as `"EVENTSOURCE_ERR_TIMEOUT"`.
 *
 * @param status any number
 * @return a static string; `"EVENTSOURCE_ERR_UNKNOWN"` for a number that is no status of this version. Never NULL,
 *         never to be freed.
 *
 * Any thread, any time.
 */
const char *eventsource_status_name(int32_t status);

/**
 * What a status means, as a phrase for people. `eventsource_get_last_error` says more where there is a client.
 *
 * @param status any number
 * @return a static string; `"unknown status"` for a number that is no status of this version. Never NULL, never to be
 *         freed.
 *
 * Any thread, any time.
 */
const char *eventsource_status_text(int32_t status);

/**
 * Makes a client for a URL. Nothing is connected until `eventsource_start`.
 *
 * A URL with which no attempt could succeed is refused: one of more than 65,534 bytes, a host of more than 253, the port 0.
 * The log says at the level WARNING why a URL is refused, and what would be right.
 *
 * @param url an absolute http or https URL; a user and password in it become basic authentication, a fragment is
 *        dropped
 * @param out receives the client, which the caller owns and gives to `eventsource_free`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`
 */
eventsource_status_t eventsource_new(const char *url,
                                     struct eventsource_t **out);

/**
 * Starts the client: it connects, delivers events, and reconnects until it is stopped or an error is final.
 *
 * Returns at once; everything that happens is told through callbacks. May be called again once the client has
 * closed: after `eventsource_wait`, not yet inside `on_close`. The last event id and the statistics are kept.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` when it runs already or its runtime has been freed, `ERR_RUNTIME`
 *
 * Any thread, also inside callbacks.
 */
eventsource_status_t eventsource_start(struct eventsource_t *es);

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
 */
eventsource_status_t eventsource_stop(struct eventsource_t *es);

/**
 * Waits until the client has closed and `on_close` has returned. Does not stop it.
 *
 * @param es the client
 * @param timeout_ms the longest wait in milliseconds; `EVENTSOURCE_FOREVER` for no limit, 0 to ask only
 * @return `EVENTSOURCE_OK` when the client does not run (any more) or has been freed; `ERR_NULL`, `ERR_VALUE`, `ERR_TIMEOUT`,
 *         `ERR_IN_CALLBACK` inside any callback of the library, `ERR_STATE` for `EVENTSOURCE_FOREVER` with manual dispatch:
 *         its end needs somebody who dispatches
 *
 * Any thread but the library's.
 */
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
 * Other threads may be in any call on the client meanwhile; all of them that are in `eventsource_wait` return
 * `EVENTSOURCE_OK` when `on_close` has returned.
 *
 * With manual dispatch and outside callbacks, `on_close` is called here, on this thread. In a child process after `fork`
 * there is no `on_close`: `destroy` is called, and what else the parent's client had stays allocated.
 *
 * A client that is never freed is not lost for tools that look for leaks, because the library can still find it.
 *
 * @param es the client
 *
 * Any thread, once.
 */
void eventsource_free(struct eventsource_t *es);

/**
 * Makes the client read no more of its stream, so that the server has to wait, through TCP. Never blocks. Until
 * `eventsource_resume`, no event and no comment comes, apart from a callback that is running and, if that is
 * `on_events`, its batch. All else goes on: a paused client connects, is told of `on_open`, waits for its next attempt, can
 * be stopped; but an open stream that ends meanwhile is noticed only afterwards, and the read timeout does not count.
 *
 * It does not wait for callbacks. When it returns in another thread than theirs, a callback may still be running, and one
 * more may begin that the library was just about to call: `on_error`, too, for a stream that had been lost before.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`, also when the client is paused already or does not run: then it starts paused; `ERR_NULL`
 *
 * Any thread, any time, inside any callback.
 */
eventsource_status_t eventsource_pause(struct eventsource_t *es);

/**
 * Ends a pause: the stream goes on where it was held. Never blocks.
 *
 * @param es the client
 * @return `EVENTSOURCE_OK`, also when the client is not paused; `ERR_NULL`
 *
 * Any thread, any time, inside any callback.
 */
eventsource_status_t eventsource_resume(struct eventsource_t *es);

/**
 * Sets whose threads the client runs on.
 *
 * @param es the client
 * @param runtime may be shared by any number of clients, and freed before them: that stops them. NULL, the default, for
 *        the threads that all such clients of the process share
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs, `ERR_FREED` also when the runtime has been freed
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
 */
eventsource_status_t eventsource_reconnect_now(struct eventsource_t *es);

/**
 * Sets the pointer that every callback receives, and how it is released.
 *
 * @param es the client
 * @param user handed to the callbacks as it is; the library never looks behind it
 * @param destroy called exactly once with `user`, after every callback has returned: when the client is freed, also
 *        if it was never started, or when another pointer is set. May be NULL.
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs: then `user` stays the caller's
 */
eventsource_status_t eventsource_set_user_data(struct eventsource_t *es, void *user, eventsource_destroy_fn destroy);

/**
 * Sets the callback for events that have no callback of their own type. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_event(struct eventsource_t *es, eventsource_event_fn callback);

/**
 * Sets the callback for events of one type, instead of the general one. NULL removes it.
 *
 * @param es the client
 * @param type the event type, matched exactly; `"message"` for events that name none
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for an empty type, which no event has,
 *         `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_event_type(struct eventsource_t *es,
                                               const char *type,
                                               eventsource_event_fn callback);

/**
 * Sets the callback that receives all events that came with one read in one call, for languages in which each call is
 * dear. While it is set, no event goes to the callbacks of `eventsource_on_event` and `eventsource_on_event_type`. NULL
 * removes it.
 *
 * A batch also ends before a comment for which there is a callback, after an event with more than 16 KiB, and when it has
 * more than 64 KiB of text. `eventsource_stop` and `eventsource_pause` take effect between batches.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_events(struct eventsource_t *es,
                                           eventsource_events_fn callback);

/**
 * Sets the callback for comments. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_comment(struct eventsource_t *es, eventsource_comment_fn callback);

/**
 * Sets the callback for the opening of the stream, at the start and after each reconnect. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_open(struct eventsource_t *es, eventsource_open_fn callback);

/**
 * Sets the callback for failed attempts and lost streams; its answer may override what happens next. NULL removes
 * it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_error(struct eventsource_t *es, eventsource_error_fn callback);

/**
 * Sets the callback that is asked before each attempt, for a fresh token, another URL or another body. NULL removes it.
 *
 * With it set, a first answer of 401 Unauthorized is not final: the callback is asked once more, at once.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_request(struct eventsource_t *es, eventsource_request_fn callback);

/**
 * Sets the callback for the client's end. NULL removes it.
 *
 * @param es the client
 * @param callback what to call; NULL for nothing
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_on_close(struct eventsource_t *es, eventsource_close_fn callback);

/**
 * Sets the request method. Default: GET. A request by another method is made once unless `eventsource_set_mode` says
 * otherwise, and any success status with content opens its stream: 2xx but 204, 205 and 206.
 *
 * @param es the client
 * @param method an HTTP method token, as `"POST"`; used as written, methods are case-sensitive
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_METHOD`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_method(struct eventsource_t *es, const char *method);

/**
 * Sets the request body, sent with every attempt. Default: none. Does not change the method.
 *
 * @param es the client
 * @param body copied; may be NULL when `len` is 0
 * @param len bytes of `body`; 0 for no body
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` while the client runs
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
 */
eventsource_status_t eventsource_set_header(struct eventsource_t *es, const char *name, const char *value);

/**
 * Adds a request header beside those of the same name. Otherwise as `eventsource_set_header`.
 *
 * @param es the client
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return as `eventsource_set_header`
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
 */
eventsource_status_t eventsource_set_sensitive_header(struct eventsource_t *es,
                                                      const char *name,
                                                      const char *value);

/**
 * Sets `Authorization` to basic authentication (RFC 7617), in UTF-8.
 *
 * @param es the client
 * @param user without a colon
 * @param password any, also none: `""`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a colon in `user` or control characters in either,
 *         `ERR_HEADER` if there is no room for it, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_basic_auth(struct eventsource_t *es, const char *user, const char *password);

/**
 * Sets whether to ask for a compressed stream, by `Accept-Encoding: gzip, deflate, br, zstd`. Default: 0, no such header is
 * sent; servers do not compress then, although HTTP allows it. An `Accept-Encoding` of the program's own comes in its place.
 *
 * Whatever was asked for, a response is decoded by its `Content-Encoding`, as a stream: an event that the server flushes is
 * delivered at once. Two codings on top of each other are decoded; more are a final error,
 * `EVENTSOURCE_ERR_CONTENT_ENCODING`. If the library does not know one of them, for example `none` or `utf-8`, it reads the
 * bytes as they are, as browsers do, and logs a warning. Content that does not follow its coding is an error that is
 * retried, `EVENTSOURCE_ERR_DECODING`.
 *
 * While the stream is open each coding's decoder holds, beside events, up to some 100 KiB and the coding's window: gzip and
 * deflate 32 KiB, zstd as the server chose it, at most 8 MiB, br likewise, at most 16 MiB. Two codings hold 34 MiB at most.
 *
 * Content that is decoded without end is an error, too, `EVENTSOURCE_ERR_DECODING`: without an event, more than 1,032 bytes
 * for each byte that has come since the last event; at all, more than 64 KiB for each byte that has come. Eight times the
 * event limit is free in both cases.
 *
 * @param es the client
 * @param on 1: ask; 0: do not
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_compression(struct eventsource_t *es,
                                                 int32_t on);

/**
 * Sets how a stream is resumed that was asked for with a POST or the like. Default: 0, every attempt sends the method and
 * the body that were set, and unless `eventsource_set_mode` says otherwise there is only one.
 *
 * With 1 that holds until the stream has been open once since the start; each later attempt is a GET of the same URL, with
 * `Last-Event-ID` if there is one, and without body and `Content-…` headers. So a request that starts something is not
 * made again, as MCP's streamable HTTP wants it. `on_request` sees the GET and may change it.
 *
 * @param es the client
 * @param on 1: resume with GET; 0: repeat the request
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_resume_with_get(struct eventsource_t *es,
                                                     int32_t on);

/**
 * Sets the last event id that the next attempt sends, for example to go on where an earlier process ended. It counts until
 * the server sends another; an empty id clears it.
 *
 * Every id that an event gave is accepted. Two kinds of ids are kept and not sent: one of more than 8192 bytes, because
 * servers refuse such requests, and one with control characters other than TAB, because HTTP cannot carry them. The log has a
 * warning then.
 *
 * @param es the client
 * @param id copied; without CR and LF, which no event's id has
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`
 *
 * Any thread, any time, also while the client runs.
 */
eventsource_status_t eventsource_set_last_event_id(struct eventsource_t *es,
                                                   const char *id);

/**
 * Sets which failures and ends the client follows with another attempt. Default: `EVENTSOURCE_MODE_AUTO`.
 *
 * @param es the client
 * @param mode an `eventsource_mode_t`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a number that is no mode, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_mode(struct eventsource_t *es, int32_t mode);

/**
 * Tells how the client reconnects.
 *
 * @param es the client
 * @param policy its `size` must be set; the other members are written
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 */
eventsource_status_t eventsource_get_reconnect(struct eventsource_t *es, struct eventsource_reconnect_t *policy);

/**
 * Sets how the client reconnects.
 *
 * @param es the client
 * @param policy copied; its `size` must be set
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a member out of its range, `ERR_STATE` while the
 *         client runs
 */
eventsource_status_t eventsource_set_reconnect(struct eventsource_t *es, const struct eventsource_reconnect_t *policy);

/**
 * Chooses how long the client waits before its next attempt, in place of the delay that `on_error` was told.
 *
 * The choice holds for this one delay, whatever the policy says and the server asked for. It does not make a final failure
 * one that is retried: for that, `on_error` returns `EVENTSOURCE_RECONNECT` as well. The next delays follow the policy
 * again. The last call counts.
 *
 * @param es the client
 * @param delay_ms milliseconds; 0 for at once
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` unless the client's `on_error` is running
 */
eventsource_status_t eventsource_set_next_delay(struct eventsource_t *es,
                                                int64_t delay_ms);

/**
 * Sets the longest time for name resolution, TCP, the proxy and TLS together. Default: 10000. The attempt then fails with
 * `EVENTSOURCE_ERR_CONNECT_TIMEOUT`; its message names the host if its name was still being looked up. Time in which the
 * name waits because too many others are being looked up does not count.
 *
 * A process that is stopped for longer than a timeout, by a signal, a debugger or with its container, does not fail for
 * that: what came meanwhile is read first, and the timeout lasts up to twice as long. That holds for every timeout.
 *
 * @param es the client
 * @param timeout_ms milliseconds; 0 for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_connect_timeout(struct eventsource_t *es,
                                                     int64_t timeout_ms);

/**
 * Sets the longest time from an established connection to the complete head of the response. It covers the sending of the
 * request, and the request of a redirect has as much again. Default: 300000. A response that does not come in time is
 * `EVENTSOURCE_ERR_RESPONSE_TIMEOUT`, which is retried. A read timeout that is shorter fires first.
 *
 * @param es the client
 * @param timeout_ms milliseconds; 0 for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_response_timeout(struct eventsource_t *es,
                                                      int64_t timeout_ms);

/**
 * Sets the longest silence of the stream: no byte of it for so long. The response's head must be complete within the
 * same time, counted from the sending of the request. Silence is counted on the wire, also while what has come is still
 * being decoded. Default: no limit. A server that sends comments as heartbeats allows for a little more than their
 * interval.
 *
 * @param es the client
 * @param timeout_ms milliseconds; 0 for no limit
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_read_timeout(struct eventsource_t *es, int64_t timeout_ms);

/**
 * Sets how many redirects one attempt follows. Default: 16.
 *
 * @param es the client
 * @param count 0 to follow none
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` when negative, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_max_redirects(struct eventsource_t *es, int32_t count);

/**
 * Sets how much one event may hold: data, type, id, and a comment if there is a callback for comments; whatever is
 * unfinished. Default: 16777216 (16 MiB). A larger one is an error, `EVENTSOURCE_ERR_EVENT_TOO_LARGE`, after which the
 * client reconnects. An id counts for the event that brings it. As the last event id it is kept beside the events that
 * follow, at the cost of its own size.
 *
 * @param es the client
 * @param bytes ≥ 1
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_max_event_size(struct eventsource_t *es, size_t bytes);

/**
 * Sets whether a response must be `text/event-stream`. Default: 1.
 *
 * @param es the client
 * @param check 1: another type is a final error; 0: any type is taken for an event stream
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_check_content_type(struct eventsource_t *es, int32_t check);

/**
 * Sets the proxy, for every request of the client, redirects included. Default: what the environment says.
 *
 * An `http` URL is requested from an HTTP proxy, which reads all of it. To the host of an `https` URL the proxy makes a
 * tunnel (CONNECT), in which TLS with the server is what it is without a proxy: the proxy learns host and port. A SOCKS
 * proxy makes tunnels for both. User and password in the proxy's URL are percent-decoded and sent to the proxy alone.
 *
 * The environment is read by `eventsource_start`, in its thread: `http_proxy` or `https_proxy`, by the scheme of the
 * requested URL, else `all_proxy`; each also in upper case, which counts less, and for `HTTP_PROXY` not at all where
 * `REQUEST_METHOD` is set, as in a CGI program. An empty variable is none. One that holds no proxy's URL makes the first
 * attempt fail with `ERR_PROXY`, which is final. It is not read when the program has set both the proxy and the
 * exceptions, or no proxy: for programs in which another thread may call `setenv` meanwhile. Nor is it read in a program
 * that has more rights than whoever started it (set-user-id).
 *
 * @param es the client
 * @param url `"http://user:password@proxy.example:3128"`, or with `https`, `socks5` or `socks5h`; `http` without a
 *        scheme. The port is 443 for `https`, else 1080, unless given. For `socks5` this machine resolves the server's
 *        name, else the proxy does. TLS with an `https` proxy trusts the authorities that are set for the server, in the
 *        same versions; nothing else that is set for the server holds for it, and it is verified also when the server
 *        is not. Empty for no proxy, whatever the environment says; NULL for what it says.
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_URL`, also for a user or password that the
 *         protocol has no room for, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_proxy(struct eventsource_t *es,
                                           const char *url);

/**
 * Sets which hosts are reached without the proxy, by curl's rules. Default: what the environment says in `no_proxy`, else
 * in `NO_PROXY`, read as for `eventsource_set_proxy`; this holds for a proxy that the program has set, too.
 *
 * @param es the client
 * @param hosts copied; separated by commas or spaces. A name stands for itself and all below it, with or without a leading
 *        dot; an address for itself; a network, as `10.0.0.0/8`, for all its addresses; `"*"` alone for all hosts. It has
 *        no ports, and no name is resolved for it. Empty for no exceptions, whatever the environment says; NULL for what
 *        it says.
 * @return `EVENTSOURCE_OK`; `ERR_NULL` for the client, `ERR_UTF8`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_no_proxy(struct eventsource_t *es,
                                              const char *hosts);

/**
 * Connects to a Unix domain socket, whatever host and port the URL has, redirects included; TLS, for `https`, is with the
 * URL's host still. No proxy is used then. Default: none.
 *
 * @param es the client
 * @param path of the socket, copied; it need not exist yet. Empty for none
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE` for a path that is too long for the system, and on
 *         Windows, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_unix_socket(struct eventsource_t *es,
                                                 const char *path);

/**
 * Says where a host is, instead of the system's resolver; the name stays what it is for TLS and `Host`. It counts for the
 * proxy's name, too, but not for names that a proxy resolves. May be called for several hosts.
 *
 * @param es the client
 * @param entry `"host:port:address"`, as curl's `--resolve`, copied; more addresses follow after commas, those of IPv6 may
 *        be in brackets; no more than 16. The host may be `*`, for all that have no entry. It replaces an entry for the same
 *        host and port. Empty to forget all
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_resolve(struct eventsource_t *es,
                                             const char *entry);

/**
 * Sets which version of HTTP is spoken.
 *
 * Clients that speak HTTP/2 to the same scheme, host and port share a connection, as many as the server allows on one, if
 * they are on the same runtime and have the same settings for whom to trust and how to connect. Each has a window of its
 * own there, so that one whose callback blocks or that is stopped is nothing to the others. The connection ends with the
 * last of them. The server is asked for a sign of life every 30 seconds, and given up after 20 more.
 *
 * What the server breaks off, as by RST_STREAM or GOAWAY with an error, and what breaks the rules of HTTP/2 is
 * `EVENTSOURCE_ERR_HTTP2`; an end of the connection without a reason is `EVENTSOURCE_ERR_DISCONNECTED`.
 *
 * @param es the client
 * @param version an `eventsource_http_t`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a version that is none, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_http_version(struct eventsource_t *es,
                                                  int32_t version);

/**
 * Trusts certificate authorities beside the operating system's, or in their place: `eventsource_set_ca_exclusive`.
 *
 * What the settings for TLS say holds for every connection of the client to a server: also after redirects, to other
 * hosts, too, when it reconnects, and through proxies. For an https proxy hold the authorities and the lowest version of
 * TLS. Pinned keys, the server name, the client's certificate and `eventsource_set_insecure_skip_verification` are for
 * servers alone.
 *
 * A certificate that is given here and that a server shows as its own is trusted for its names and dates, also when it is
 * self-signed, as `openssl req -x509` makes it. It needs a subjectAltName.
 *
 * Authorities are read as a whole or not at all. If the operating system's cannot be read, for example because no
 * descriptor is free, the attempt fails with `EVENTSOURCE_ERR_TLS`, also if the authorities given here would be enough; the
 * next attempt reads them again. An operating system that has none is no error if others are given. After
 * `EVENTSOURCE_ERR_CERTIFICATE` the next attempt reads them anew, at most once a minute for clients with equal settings, so
 * that renewed authorities need no restart. If that fails, what was read before stays trusted, and the log says so.
 *
 * On systems that keep their authorities in files, the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` say where
 * these are; not in a program that has more rights than whoever started it (set-user-id), for which no variable counts.
 *
 * @param es the client
 * @param pem one or more certificates in PEM form, copied; a later call, or one of `eventsource_set_ca_file`, replaces an
 *        earlier one's
 * @param len bytes of `pem`; 0 to trust the operating system's alone
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_ca_pem(struct eventsource_t *es,
                                            const void *pem,
                                            size_t len);

/**
 * The same as `eventsource_set_ca_pem`, from a file. It is read now, and again when the authorities are read anew; if it
 * cannot be read then, or holds no certificate, what it held before stays trusted. No other call on the client waits while
 * it is read.
 *
 * @param es the client
 * @param path of a regular file of at most 16 MiB, with one or more certificates in PEM form
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_PEM`, also for a file that cannot be read, is larger, or is a pipe or
 *         device, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_ca_file(struct eventsource_t *es,
                                             const char *path);

/**
 * Sets whether the authorities of `eventsource_set_ca_pem` or `eventsource_set_ca_file` are the only ones that are
 * trusted. Default: 0.
 *
 * @param es the client
 * @param exclusive 1: the operating system's are not trusted, and without others no server is; 0: they are, too
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_ca_exclusive(struct eventsource_t *es, int32_t exclusive);

/**
 * Sets the certificate that the client shows to servers that ask for one. A proxy does not get to see it. Default: none.
 *
 * A key that does not belong to the certificate, or is encrypted, is refused here. Whether the certificate is valid, and
 * of an authority that the server trusts, is for the server to say: `EVENTSOURCE_ERR_TLS`, with what it said.
 *
 * @param es the client
 * @param cert PEM: the client's certificate, then those that lead to its authority, if any; copied
 * @param cert_len bytes of `cert`; 0, and 0 for `key_len`, for no certificate
 * @param key PEM: its private key (PKCS #8, PKCS #1 or SEC1), not encrypted; copied, and never logged or told
 * @param key_len bytes of `key`; 0 when `cert` holds the key, too
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_PEM`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_client_cert_pem(struct eventsource_t *es,
                                                     const void *cert,
                                                     size_t cert_len,
                                                     const void *key,
                                                     size_t key_len);

/**
 * Accepts only servers whose certificate has one of these public keys. That comes on top of the certificate's
 * verification, and is still checked where that is switched off by `eventsource_set_insecure_skip_verification`. It counts
 * for the server's own certificate, not for its authorities', and not for a proxy's. Default: any key.
 *
 * @param es the client
 * @param pins as curl has them: `sha256//` and the SHA-256 of the key (its SubjectPublicKeyInfo in DER) in base64; several
 *        are separated by `;`. NULL for any key
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_pinned_keys(struct eventsource_t *es,
                                                 const char *pins);

/**
 * Sets the lowest version of TLS that is spoken. Default: TLS 1.2; what is older is not spoken at all.
 *
 * @param es the client
 * @param version an `eventsource_tls_version_t`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_min_tls_version(struct eventsource_t *es, int32_t version);

/**
 * Sets the name that servers are asked for in the handshake (SNI) and that their certificates must have, in place of the
 * URL's host. The connection is still made to that host, and `Host` still names it. Default: the URL's host.
 *
 * @param es the client
 * @param name a DNS name or an IP address; NULL for the URL's host
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_server_name(struct eventsource_t *es,
                                                 const char *name);

/**
 * INSECURE: accepts any certificate of a server, so that whoever sits on the network path can read and forge the
 * stream and the credentials. For tests only. Pinned keys still count, and an https proxy is still verified.
 *
 * @param es the client
 * @param skip 1: verify nothing; 0: verify (default)
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE` while the client runs
 */
eventsource_status_t eventsource_set_insecure_skip_verification(struct eventsource_t *es, int32_t skip);

/**
 * Tells what the client is doing.
 *
 * @param es the client
 * @param state receives the state
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 */
eventsource_status_t eventsource_get_state(struct eventsource_t *es, eventsource_state_t *state);

/**
 * Copies the last event id, as to keep it for the next process.
 *
 * @param es the client
 * @param buffer receives the id and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the id's bytes without the NUL, also with `ERR_BUFFER`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the id's length: nothing is copied
 */
eventsource_status_t eventsource_get_last_event_id(struct eventsource_t *es,
                                                   char *buffer,
                                                   size_t capacity,
                                                   size_t *len);

/**
 * Copies the text of what went wrong last: a refused call's reason, or the message of the last `on_error`. Kept until
 * something else goes wrong; empty when nothing has.
 *
 * @param es the client
 * @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the text's length without the NUL, whatever is answered but `ERR_NULL`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the text's length: nothing is copied
 *         (and the text stays as it is)
 */
eventsource_status_t eventsource_get_last_error(struct eventsource_t *es, char *buffer, size_t capacity, size_t *len);

/**
 * Tells what the client has done. The members are each exact, and taken one after another.
 *
 * @param es the client
 * @param stats its `size` must be set; the other members are written
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a `size` that no version has
 */
eventsource_status_t eventsource_get_stats(struct eventsource_t *es, struct eventsource_stats_t *stats);

/**
 * Tells which attempt this is.
 *
 * @param request the request, during `on_request`
 * @param number receives 1 for the first attempt since the start or since the stream was last open, then 2, 3, …
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 */
eventsource_status_t eventsource_request_get_attempt(struct eventsource_request_t *request, int64_t *number);

/**
 * Tells why this attempt is made.
 *
 * @param request the request, during `on_request`
 * @param code receives the `eventsource_status_t` of what went wrong before; `EVENTSOURCE_OK` when nothing did: at the
 *        start, and after `eventsource_reconnect_now`
 * @param http_status receives the HTTP status that went with it, 0 when there was none; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`
 */
eventsource_status_t eventsource_request_get_cause(struct eventsource_request_t *request,
                                                   int32_t *code,
                                                   int32_t *http_status);

/**
 * Copies the URL of this attempt, without user information and fragment.
 *
 * @param request the request, during `on_request`
 * @param buffer receives the URL and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the URL's length without the NUL, whatever is answered but `ERR_NULL`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the URL's length: nothing is copied
 */
eventsource_status_t eventsource_request_get_url(struct eventsource_request_t *request,
                                                 char *buffer,
                                                 size_t capacity,
                                                 size_t *len);

/**
 * Sets a header for this attempt, in place of any of that name.
 *
 * @param request the request, during `on_request`
 * @param name an HTTP field name
 * @param value as for `eventsource_set_header`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_HEADER`
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
 */
eventsource_status_t eventsource_request_remove_header(struct eventsource_request_t *request, const char *name);

/**
 * Sets the method for this attempt, as `eventsource_set_method`.
 *
 * @param request the request, during `on_request`
 * @param method as for `eventsource_set_method`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_METHOD`
 */
eventsource_status_t eventsource_request_set_method(struct eventsource_request_t *request, const char *method);

/**
 * Sets the URL for this attempt, as for `eventsource_new`. A user and password in it replace the authorization.
 *
 * If the URL has another origin (scheme, host or port), this drops what was set for the first one: `Authorization`,
 * `Cookie`, `Host`, headers that hold a secret, and the client certificate. Set the URL first, then the headers that are
 * meant for it.
 *
 * @param request the request, during `on_request`
 * @param url as for `eventsource_new`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_URL`
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
 */
eventsource_status_t eventsource_request_set_body(struct eventsource_request_t *request, const void *body, size_t len);

/**
 * Makes a runtime and its threads. `eventsource_set_runtime` puts a client on it.
 *
 * @param options copied; its `size` must be set. NULL for the defaults
 * @param out receives the runtime, which the caller owns and gives to `eventsource_runtime_free`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_UTF8`, `ERR_VALUE`, `ERR_RUNTIME`
 *
 * Any thread, also inside callbacks.
 */
eventsource_status_t eventsource_runtime_new(const struct eventsource_runtime_options_t *options,
                                             struct eventsource_runtime_t **out);

/**
 * Stops all clients of the runtime, ends its threads and releases it. NULL is fine.
 *
 * Outside callbacks it returns when each client's `on_close` has returned (with manual dispatch it calls them) and no
 * thread is left. Inside a callback it returns at once, and all that happens on its own time: with manual dispatch, before
 * the `eventsource_runtime_dispatch` that called the callback returns, or, if the callback is another runtime's, for each
 * client in its `eventsource_free`. The clients remain the caller's to free; until another runtime is set,
 * `eventsource_start` answers `ERR_STATE` for them.
 *
 * Other threads may be in `eventsource_runtime_dispatch` meanwhile: those that run a callback return after it, and those that
 * wait return at once, with `ERR_FREED`. The file descriptor of `eventsource_runtime_fd` is readable from now on, until it is
 * closed with the runtime.
 *
 * @param runtime the runtime
 *
 * Any thread, once. In a child process after `fork` it does nothing.
 */
void eventsource_runtime_free(struct eventsource_runtime_t *runtime);

/**
 * Runs callbacks that are due, on this thread, in turns: one turn is all events and comments of one read of one client,
 * or one other callback. Turns that become due meanwhile are left to the next call. Only for manual dispatch.
 *
 * Several threads may dispatch at the same time; the callbacks of one client still come one at a time.
 *
 * @param runtime the runtime
 * @param timeout_ms how long to wait, in milliseconds, for a callback to become due if none is; `EVENTSOURCE_FOREVER` for
 *        no limit, 0 not to wait
 * @param max the most turns; 0 for as many as are due
 * @param ran receives how many turns have been run, 0 after the time has run out; may be NULL. A turn need not contain a
 *        callback: a read can end in the middle of an event.
 * @return `EVENTSOURCE_OK`, also when one of these callbacks has freed the runtime; `ERR_NULL`, `ERR_VALUE`, `ERR_STATE`
 *         unless dispatch is manual, `ERR_IN_CALLBACK` inside any callback of the library, `ERR_FORKED`, `ERR_FREED` when the
 *         runtime has been freed, also during the wait
 */
eventsource_status_t eventsource_runtime_dispatch(struct eventsource_runtime_t *runtime,
                                                  int64_t timeout_ms,
                                                  size_t max,
                                                  size_t *ran);

/**
 * Tells which file descriptor is readable while callbacks are due, for `poll` and whatever is built on it. Only for manual
 * dispatch, and not on Windows.
 *
 * @param runtime the runtime
 * @param fd receives the descriptor. It stays the runtime's: wait for it, but neither read from it nor close it.
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_STATE` unless dispatch is manual, `ERR_FORKED`, `ERR_FREED`
 */
eventsource_status_t eventsource_runtime_fd(struct eventsource_runtime_t *runtime,
                                            int32_t *fd);

/**
 * Makes a parser.
 *
 * @param options copied; its `size` must be set
 * @param out receives the parser, which the caller owns and gives to `eventsource_parser_free`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_VALUE` for a bad `size`
 */
eventsource_status_t eventsource_parser_new(const struct eventsource_parser_options_t *options,
                                            struct eventsource_parser_t **out);

/**
 * Parses the next bytes of the stream, however they are split, and calls the callbacks before it returns.
 *
 * @param parser the parser
 * @param bytes may be NULL when `len` is 0
 * @param len bytes of `bytes`
 * @return `EVENTSOURCE_OK`; `ERR_NULL`; `ERR_EVENT_TOO_LARGE` when an event is over the limit, `ERR_MEMORY` when there
 *         is no memory for it: the rest is not parsed, and the parser has begun a new stream; `ERR_IN_CALLBACK` inside one of this parser's callbacks
 *
 * One thread at a time.
 */
eventsource_status_t eventsource_parser_feed(struct eventsource_parser_t *parser,
                                             const void *bytes,
                                             size_t len);

/**
 * Begins a new stream: drops an unfinished event, expects a byte order mark again, keeps the last event id.
 *
 * @param parser the parser
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_IN_CALLBACK` inside one of this parser's callbacks
 */
eventsource_status_t eventsource_parser_reset(struct eventsource_parser_t *parser);

/**
 * Copies the last event id: what a `Last-Event-ID` header should say on reconnecting.
 *
 * @param parser the parser
 * @param buffer receives the text and a NUL; may be NULL when `capacity` is 0
 * @param capacity bytes of `buffer`
 * @param len receives the text's length without the NUL, whatever is answered but `ERR_NULL`; may be NULL
 * @return `EVENTSOURCE_OK`; `ERR_NULL`, `ERR_BUFFER` when `capacity` ≤ the text's length: nothing is copied;
 *         `ERR_IN_CALLBACK` inside one of this parser's callbacks, where the event has it
 */
eventsource_status_t eventsource_parser_get_last_event_id(struct eventsource_parser_t *parser,
                                                          char *buffer,
                                                          size_t capacity,
                                                          size_t *len);

/**
 * Releases a parser. NULL is fine. Inside one of its callbacks it takes effect when the feeding call returns, and the
 * rest of the input is not parsed.
 *
 * @param parser the parser
 */
void eventsource_parser_free(struct eventsource_parser_t *parser);

/**
 * The version of the library that is running, which may be newer than the header.
 *
 * @return a static string, as `"0.1.0"`; never to be freed
 */
const char *eventsource_version(void);

/**
 * The version of the library that is running, as a number to compare.
 *
 * @return major × 1000000 + minor × 1000 + patch
 */
int32_t eventsource_version_number(void);

/**
 * Sets where the library logs, for the whole process. Default: nowhere; the library never writes to stdout or stderr.
 * Header values, bodies, event data, user information and queries of URLs are never logged.
 *
 * @param fn called on any thread, by several at once; NULL to log nowhere
 * @param level the most detailed `eventsource_log_level_t` wanted
 * @param user handed to `fn` as it is. When this function returns, the callback set before is not running and will
 *        not be called again. A child process after `fork` has no log callback until it sets one.
 * @return `EVENTSOURCE_OK`; `ERR_VALUE` for a level that does not exist; `ERR_IN_CALLBACK` inside a log callback
 *
 * Any thread.
 */
eventsource_status_t eventsource_set_log_callback(eventsource_log_fn fn, int32_t level, void *user);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* EVENTSOURCE_H */
