/* Isolation, where names are looked up: a name that hangs holds up those who want it and nobody else, and a name that many
 * want is looked up once.
 *
 * The system's resolver is this program's: the test says which names hang and where they are then. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "check.h"
#include "gate.h"
#include "peer.h"
#include "process.h"
#include "recorder.h"

#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>

enum { PARALLEL = 16, MOST = 128 };

/* ---- The resolver ------------------------------------------------------------------------------------------------ */

/* Names that begin with `hang` wait at a gate, and have no address. Those with `slow` wait at another; they and all others
 * are this host's. */
static gate_t hang = GATE_CLOSED, slow = GATE_CLOSED;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int calls, at_once, most_at_once; /* of slow names; behind the mutex */

static void count_call(int change) {
    pthread_mutex_lock(&mutex);
    calls += change > 0;
    at_once += change;
    if (at_once > most_at_once) most_at_once = at_once;
    pthread_mutex_unlock(&mutex);
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict addresses) {
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&next, &found, sizeof next);
    sigset_t blocked;
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGTERM)); /* on a thread of its own */
    if (strncmp(node, "hang", 4) == 0) {
        gate_pass(&hang);
        return EAI_AGAIN;
    }
    if (strncmp(node, "slow", 4) == 0) {
        count_call(1);
        gate_pass(&slow);
        count_call(-1);
    }
    return next("127.0.0.1", service, hints, addresses);
}

static void reset(void) {
    gate_reset(&hang);
    gate_reset(&slow);
    calls = at_once = most_at_once = 0;
}

/* ---- Clients ------------------------------------------------------------------------------------------------------ */

static recorder_t *client_of(const char *host, const char *target) {
    const char *port = strrchr(check_url, ':');
    char *url = join("http://%s%s%s", host, port, target);
    recorder_t *r = recorder_new(url);
    free(url);
    return r;
}

/* Clients whose names hang, a name for each. */
static void hang_all(recorder_t **recorders, int count) {
    for (int i = 0; i < count; i++) {
        char *host = join("hang-%d.example", i);
        recorders[i] = client_of(host, "/hang-body");
        start(recorders[i]);
        free(host);
    }
}

static void end_all(recorder_t **recorders, int count) {
    for (int i = 0; i < count; i++) recorder_end(recorders[i]);
}

static int32_t check_names_the_name(recorder_t *r, kind_t kind, const void *payload) {
    if (kind == ON_ERROR) CHECK(strstr(((const eventsource_error_t *)payload)->message, r->pointer) != NULL);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void set_connect_timeout(recorder_t *r, int64_t ms) {
    CHECK_STATUS(eventsource_set_connect_timeout(r->es, ms), EVENTSOURCE_OK);
}

/* ---- Tests -------------------------------------------------------------------------------------------------------- */

static void a_name_that_many_want_is_looked_up_once(void) {
    int clients = check_slow > 1 ? 60 : 600;
    recorder_t *recorders[600];
    for (int i = 0; i < clients; i++) {
        recorders[i] = client_of("slow.example", "/hang-body");
        CHECK_STATUS(eventsource_on_request(recorders[i]->es, record_request), EVENTSOURCE_OK);
        start(recorders[i]);
    }
    for (int i = 0; i < clients; i++) WAIT_FOR(recorders[i], "request", 1);
    gate_wait(&slow, 1);
    check_threads_named("eventsource-dns", 1);
    gate_open(&slow);
    for (int i = 0; i < clients; i++) WAIT_FOR(recorders[i], "open", 1);
    CHECK_NUMBER(most_at_once, 1);
    CHECK(calls < clients / 10); /* who came after the first look-up had a second */
    end_all(recorders, clients);
    check_other_threads(0);
    reset();
}

static void names_that_hang_keep_no_other_out(void) {
    enum { HANGING = 3 * PARALLEL };
    recorder_t *hanging[HANGING], *r = client_of("localhost", "/hang-body");
    hang_all(hanging, HANGING);
    gate_wait(&hang, HANGING);
    start(r);
    WAIT_FOR(r, "open", 1);
    check_threads_named("eventsource-dns", HANGING);
    recorder_end(r);
    end_all(hanging, HANGING);
    gate_open(&hang);
    check_other_threads(0);
    reset();
}

static void who_waits_for_a_place_has_the_time_to_connect_still_before_it(void) {
    recorder_t *hanging[MOST], *waits = client_of("localhost", "/hang-body");
    recorder_t *late = client_of("hang-0.example", "/hang-body");
    hang_all(hanging, MOST);
    gate_wait(&hang, MOST);
    set_connect_timeout(waits, 1000);
    set_connect_timeout(late, 1500);
    late->then = check_names_the_name;
    late->pointer = "hang-0.example";
    start(waits);
    start(late);
    WAIT_FOR(late, "close", 1);
    CHECK_LINES(late, "error CONNECT_TIMEOUT, final\nclose failed CONNECT_TIMEOUT\n");
    CHECK_LINES(waits, "");
    check_threads_named("eventsource-dns", MOST);
    gate_open(&hang);
    WAIT_FOR(waits, "open", 1);
    recorder_end(waits);
    recorder_end(late);
    end_all(hanging, MOST);
    check_other_threads(0);
    reset();
}

static void a_look_up_that_was_abandoned_is_taken_over_by_the_next_attempt(void) {
    recorder_t *r = client_of("slow.example", "/hang-body");
    retry_initial(r);
    set_connect_timeout(r, 50);
    start(r);
    WAIT_FOR(r, "error CONNECT_TIMEOUT, again", 3);
    CHECK_NUMBER(calls, 1);
    gate_open(&slow);
    WAIT_FOR(r, "open", 1);
    CHECK_NUMBER(most_at_once, 1);
    recorder_end(r);
    check_other_threads(0);
    reset();
}

static void a_name_that_nobody_wants_any_more_is_not_looked_up(void) {
    recorder_t *hanging[MOST], *waits = client_of("slow.example", "/");
    hang_all(hanging, MOST);
    gate_wait(&hang, MOST);
    CHECK_STATUS(eventsource_on_request(waits->es, record_request), EVENTSOURCE_OK);
    start(waits);
    WAIT_FOR(waits, "request", 1);
    stop(waits);
    gate_open(&hang);
    for (int i = 0; i < MOST; i++) WAIT_FOR(hanging[i], "close failed RESOLVE", 1);
    end_all(hanging, MOST);
    recorder_end(waits);
    check_other_threads(0);
    CHECK_NUMBER(calls, 0);
    reset();
}

CHECK_MAIN(TEST(a_name_that_many_want_is_looked_up_once),
           TEST(names_that_hang_keep_no_other_out),
           TEST(who_waits_for_a_place_has_the_time_to_connect_still_before_it),
           TEST(a_look_up_that_was_abandoned_is_taken_over_by_the_next_attempt),
           TEST(a_name_that_nobody_wants_any_more_is_not_looked_up))
