/* What C has to do between the library and Go: a handle travels as the user data pointer, but it is a number, and Go must
 * never see it as a pointer (its stacks may hold none that point nowhere). */
#ifndef CALLBACKS_H
#define CALLBACKS_H

#include <eventsource.h>

/* Which callbacks somebody waits for, besides those that the stream itself needs. */
enum { WANT_COMMENTS = 1, WANT_REQUESTS = 2, WANT_REDIRECTS = 4, WANT_DOCUMENTS = 8 };

/* Sets the callbacks, with the handle for their user data, and starts the client. */
eventsource_status_t eventsource_go_start(eventsource_t *es, uintptr_t handle, int32_t wanted);

/* Makes a runtime. cgo may not pass a struct of Go's that points to a name of Go's. */
eventsource_runtime_t *eventsource_go_runtime(eventsource_dispatch_t dispatch, int32_t threads, const char *name,
                                              int32_t measure_latency);

/* Whether the calling thread is in a callback of the library. */
int32_t eventsource_go_in_callback(void);

/* Sets the log callback, with the handle for its user data, which the library gives back by eventsourceGoLogDestroy unless
 * it refuses; none for 0. */
eventsource_status_t eventsource_go_log(uintptr_t handle, int32_t level);

#endif
