/* The library as a part of a plugin, which comes and goes with dlopen and dlclose. This program is not linked with it, and
 * must not use what of check.h calls it. */
#include "check.h"
#include "process.h"
#include "resolver.h"

#include <dlfcn.h>
#include <signal.h>

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int events, destroys;
} plugin_t;

static void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    plugin_t *plugin = user;
    (void)es;
    (void)event;
    pthread_mutex_lock(&plugin->mutex);
    plugin->events++;
    pthread_cond_broadcast(&plugin->changed);
    pthread_mutex_unlock(&plugin->mutex);
}

static void on_destroy(void *user) {
    plugin_t *plugin = user;
    pthread_mutex_lock(&plugin->mutex);
    plugin->destroys++;
    pthread_mutex_unlock(&plugin->mutex);
}

/* dlsym answers a pointer to an object, which ISO C does not make one to a function. */
#define FIND(function)                                                                  \
    do {                                                                                \
        void *found = dlsym(library, #function);                                        \
        if (!found) fprintf(stderr, "\n    %s\n", dlerror()), abort();                  \
        memcpy(&function##_p, &found, sizeof found);                                    \
    } while (0)

static void load_use_and_unload(const char *url) {
    plugin_t plugin = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    struct timespec deadline = check_deadline();
    int late = 0;
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "\n    %s\n", dlerror()), abort();
    eventsource_t *(*eventsource_new_p)(const char *);
    eventsource_status_t (*eventsource_start_p)(eventsource_t *);
    eventsource_status_t (*eventsource_on_event_p)(eventsource_t *, eventsource_event_fn);
    eventsource_status_t (*eventsource_set_user_data_p)(eventsource_t *, void *, eventsource_destroy_fn);
    void (*eventsource_free_p)(eventsource_t *);
    FIND(eventsource_new);
    FIND(eventsource_start);
    FIND(eventsource_on_event);
    FIND(eventsource_set_user_data);
    FIND(eventsource_free);

    eventsource_t *es = eventsource_new_p(url);
    CHECK_NUMBER(eventsource_set_user_data_p(es, &plugin, on_destroy), EVENTSOURCE_OK);
    CHECK_NUMBER(eventsource_on_event_p(es, on_event), EVENTSOURCE_OK);
    CHECK_NUMBER(eventsource_start_p(es), EVENTSOURCE_OK);
    pthread_mutex_lock(&plugin.mutex);
    while (!late && !plugin.events) late = pthread_cond_timedwait(&plugin.changed, &plugin.mutex, &deadline);
    CHECK(!late);
    pthread_mutex_unlock(&plugin.mutex);
    eventsource_free_p(es);
    CHECK_NUMBER(plugin.destroys, 1);
    CHECK_NUMBER(dlclose(library), 0);
}

/* The thread that looks the name up is still in the library when that is unloaded, and returns to its code. */
static void it_may_be_unloaded_while_a_look_up_hangs(void) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "\n    %s\n", dlerror()), abort();
    eventsource_t *(*eventsource_new_p)(const char *);
    eventsource_status_t (*eventsource_start_p)(eventsource_t *);
    void (*eventsource_free_p)(eventsource_t *);
    FIND(eventsource_new);
    FIND(eventsource_start);
    FIND(eventsource_free);

    eventsource_t *es = eventsource_new_p("http://name.invalid/");
    CHECK_NUMBER(eventsource_start_p(es), EVENTSOURCE_OK);
    gate_wait(&resolver, 1);
    eventsource_free_p(es);
    CHECK_NUMBER(dlclose(library), 0);
    check_threads_named("eventsource-dns", 1);
    check_other_threads(1);
    gate_open(&resolver);
    check_other_threads(0);
    gate_reset(&resolver);
}

static void rounds_of_dlopen_and_dlclose_leave_no_thread_no_descriptor_and_no_growth(void) {
    enum { ROUNDS = 200, WARM = 50, MOST_KIB = 512 };
    char url[128];
    snprintf(url, sizeof url, "%s/hang-body", check_url);
    int files = entries("/proc/self/fd");
    int64_t warm = 0;
    for (int i = 0; i < ROUNDS && !check_failed(); i++) {
        if (i == WARM) warm = resident_kib();
        load_use_and_unload(url);
        CHECK_NUMBER(entries("/proc/self/fd"), files);
        check_other_threads(0);
    }
    int64_t growth = resident_kib() - warm;
    check_that(growth <= MOST_KIB, __FILE__, __LINE__, "it grows by no more than %d KiB\n        but: %" PRId64, MOST_KIB,
               growth);
}

CHECK_MAIN(TEST(it_may_be_unloaded_while_a_look_up_hangs),
           TEST(rounds_of_dlopen_and_dlclose_leave_no_thread_no_descriptor_and_no_growth))
