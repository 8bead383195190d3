/* A setter that does nothing, for the tests that must notice. It is loaded before the library (LD_PRELOAD).
 *
 *     -D SETTER=eventsource_set_proxy          this function answers EVENTSOURCE_OK
 *     -D STRUCT_eventsource_reconnect_t -D MEMBER=delay_ms
 *                                              this member of what a function is given counts as if it were not set
 */
#define _GNU_SOURCE

#ifdef SETTER

int SETTER(void);
int SETTER(void) {
    return 0;
}

#else

#include <eventsource.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The library's function of this name. C has no conversion of what dlsym returns. */
static void find(const char *name, void *function) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    memcpy(function, &found, sizeof found);
}

#ifdef STRUCT_eventsource_reconnect_t
eventsource_status_t eventsource_set_reconnect(eventsource_t *es, const eventsource_reconnect_t *policy) {
    eventsource_status_t (*next)(eventsource_t *, const eventsource_reconnect_t *);
    eventsource_reconnect_t given = *policy, before;
    find("eventsource_set_reconnect", &next);
    if (eventsource_get_reconnect(es, &before, sizeof before) == EVENTSOURCE_OK) given.MEMBER = before.MEMBER;
    return next(es, &given);
}
#else
#ifdef STRUCT_eventsource_runtime_options_t
#define FUNCTION eventsource_runtime_new
#define OPTIONS eventsource_runtime_options_t
#define OUT eventsource_runtime_t
#else
#define FUNCTION eventsource_parser_new
#define OPTIONS eventsource_parser_options_t
#define OUT eventsource_parser_t
#endif
#define TEXT(name) #name
#define NAME(name) TEXT(name)

OUT *FUNCTION(const OPTIONS *options) {
    OUT *(*next)(const OPTIONS *);
    OPTIONS given;
    find(NAME(FUNCTION), &next);
    if (!options) return next(options);
    given = *options;
    memset(&given.MEMBER, 0, sizeof given.MEMBER);
    return next(&given);
}
#endif

#endif
