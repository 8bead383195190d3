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
