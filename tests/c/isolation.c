/* Promise 4: a callback that blocks delays no other client noticeably, however many block at the same time.
 *
 * A probe gets an event every two milliseconds that says when it was sent; meanwhile the callbacks of other clients block
 * until all is over. Prints the longest delay, so that it can be run by hand for the figures. */
#include "check.h"
#include "peer.h"

enum { PROBES = 500, PROBE_EVERY_MS = 2, MOST_BLOCKED = 200, MOST_DELAY_MS = 50, TRIES = 6 };

typedef struct {
    peer_t peer;
    int blocked; /* how many clients are blocked */
    int apart;   /* whether one after another; else all at once */

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* for the server */
    pthread_cond_t release; /* for those that block */
    /* Behind the mutex: */
    int opened;
    int inside; /* callbacks that block */
    int released;
    int probes;
    int64_t longest_us;
} scene_t;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- The server -------------------------------------------------------------------------------------------------- */

static void *serve(void *argument) {
    scene_t *scene = argument;
    int fds[MOST_BLOCKED + 1];
    for (int i = 0; i <= scene->blocked; i++) fds[i] = peer_open(&scene->peer);
    int probe = -1; /* who of them, its path says: the last */
    probe = fds[scene->blocked];

    struct timespec deadline = check_deadline();
    pthread_mutex_lock(&scene->mutex);
    while (scene->opened <= scene->blocked &&
           pthread_cond_timedwait(&scene->changed, &scene->mutex, &deadline) == 0) {}
    CHECK_NUMBER(scene->opened, scene->blocked + 1);
    pthread_mutex_unlock(&scene->mutex);

    int told = 0;
    for (int i = 0; i < PROBES && !check_failed(); i++) {
        struct timespec pause = {.tv_nsec = PROBE_EVERY_MS * 1000000};
        char event[64];
        snprintf(event, sizeof event, "data: %" PRId64 "\n\n", now_us());
        peer_say(probe, event);
        for (; i >= 50 && told < scene->blocked; told++) {
            peer_say(fds[told], "data: block\n\n");
            if (scene->apart) {
                told++;
                break;
            }
        }
        nanosleep(&pause, NULL);
    }

    deadline = check_deadline();
    pthread_mutex_lock(&scene->mutex);
    while ((scene->probes < PROBES || scene->inside < scene->blocked) &&
           pthread_cond_timedwait(&scene->changed, &scene->mutex, &deadline) == 0) {}
    CHECK_NUMBER(scene->probes, PROBES);
    CHECK_NUMBER(scene->inside, scene->blocked);
    scene->released = 1;
    pthread_cond_broadcast(&scene->release);
    pthread_mutex_unlock(&scene->mutex);
    for (int i = 0; i <= scene->blocked; i++) close(fds[i]);
    return NULL;
}

/* ---- The clients ------------------------------------------------------------------------------------------------- */

static void note_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    scene_t *scene = user;
    (void)es;
    (void)response;
    pthread_mutex_lock(&scene->mutex);
    scene->opened++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

static void block(eventsource_t *es, const eventsource_event_t *event, void *user) {
    scene_t *scene = user;
    (void)es;
    (void)event;
    pthread_mutex_lock(&scene->mutex);
    scene->inside++;
    pthread_cond_broadcast(&scene->changed);
    while (!scene->released) pthread_cond_wait(&scene->release, &scene->mutex);
    pthread_mutex_unlock(&scene->mutex);
}

/* Blocks without ever waiting for anything. */
static void compute(eventsource_t *es, const eventsource_event_t *event, void *user) {
    scene_t *scene = user;
    int released = 0;
    (void)es;
    (void)event;
    pthread_mutex_lock(&scene->mutex);
    scene->inside++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
    while (!released) {
        for (volatile int i = 0; i < 100000; i++) {}
        pthread_mutex_lock(&scene->mutex);
        released = scene->released;
        pthread_mutex_unlock(&scene->mutex);
    }
}

static void probe(eventsource_t *es, const eventsource_event_t *event, void *user) {
    scene_t *scene = user;
    int64_t delay = now_us() - strtoll(event->data, NULL, 10);
    (void)es;
    pthread_mutex_lock(&scene->mutex);
    scene->probes++;
    if (delay > scene->longest_us) scene->longest_us = delay;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->mutex);
}

static eventsource_t *start(scene_t *scene, eventsource_event_fn on_event) {
    eventsource_t *es = NULL;
    int before = 0;
    CHECK_STATUS(eventsource_new(scene->peer.url, &es), EVENTSOURCE_OK);
    eventsource_on_open(es, note_open);
    eventsource_on_event(es, on_event);
    eventsource_set_user_data(es, scene, NULL);
    pthread_mutex_lock(&scene->mutex);
    before = scene->opened;
    pthread_mutex_unlock(&scene->mutex);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);

    /* One after another, so that the server knows which is which. */
    struct timespec deadline = check_deadline();
    pthread_mutex_lock(&scene->mutex);
    while (scene->opened == before && pthread_cond_timedwait(&scene->changed, &scene->mutex, &deadline) == 0) {}
    pthread_mutex_unlock(&scene->mutex);
    return es;
}

/* How late an event was that had to wait longest, in milliseconds. */
static int64_t longest_delay(int blocked, int apart, eventsource_event_fn how) {
    scene_t scene = {.peer = peer_listen("http"),
                     .blocked = blocked,
                     .apart = apart,
                     .mutex = PTHREAD_MUTEX_INITIALIZER,
                     .changed = PTHREAD_COND_INITIALIZER,
                     .release = PTHREAD_COND_INITIALIZER};
    eventsource_t *clients[MOST_BLOCKED + 1];
    pthread_t server;
    CHECK(pthread_create(&server, NULL, serve, &scene) == 0);
    for (int i = 0; i <= blocked; i++) clients[i] = start(&scene, i < blocked ? how : probe);
    pthread_join(server, NULL);
    for (int i = 0; i <= blocked; i++) eventsource_free(clients[i]);
    peer_close(&scene.peer);
    fprintf(stderr, "\n    %d blocked %s: the longest delay is %.1f ms", blocked,
            apart ? "one after another" : "at once", (double)scene.longest_us / 1000);
    return scene.longest_us / 1000;
}

/* What else runs on the machine can only add to a delay: once in time is enough. */
static void check_delay(int blocked, int apart, eventsource_event_fn how) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < TRIES && least > MOST_DELAY_MS * check_slow && !check_failed(); i++) {
        int64_t delay = longest_delay(blocked, apart, how);
        if (delay < least) least = delay;
    }
    CHECK(least <= MOST_DELAY_MS * check_slow);
}

static void a_blocked_callback_delays_no_other_client(void) {
    check_delay(1, 0, block);
}

static void nor_does_one_that_computes(void) {
    check_delay(1, 0, compute);
}

static void nor_do_four_times_as_many_as_there_are_processors(void) {
    check_delay(4 * (int)sysconf(_SC_NPROCESSORS_ONLN), 0, block);
}

static void nor_do_two_hundred_at_once(void) {
    check_delay(MOST_BLOCKED, 0, block);
}

static void nor_do_two_hundred_one_after_another(void) {
    check_delay(MOST_BLOCKED, 1, block);
}

CHECK_MAIN(TEST(a_blocked_callback_delays_no_other_client),
           TEST(nor_does_one_that_computes),
           TEST(nor_do_four_times_as_many_as_there_are_processors),
           TEST(nor_do_two_hundred_at_once),
           TEST(nor_do_two_hundred_one_after_another))
