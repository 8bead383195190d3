/* The threads of the soak: keepers, who look after the streams that need it; hecklers, who call whatever may be called
 * at any time; with manual dispatch, dispatchers. */
#ifndef CREW_H
#define CREW_H

#include "stream.h"

#include <poll.h>

enum { KEEPERS = 4, HECKLERS = 2, DISPATCHERS = 2 };

static stream_t *streams; /* options.streams of them */

/* ---- Keepers ----------------------------------------------------------------------------------------------------- */

/* What `summoned` says. A stream is in the queue at most once, and with one keeper at a time. */
enum { IDLE, QUEUED, KEPT, KEPT_AND_SUMMONED };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    stream_t **streams; /* a ring */
    int64_t first, count;
    int ended;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* With the mutex held. */
static inline void enqueue(stream_t *s) {
    s->summoned = QUEUED;
    queue.streams[(queue.first + queue.count++) % options.streams] = s;
    pthread_cond_signal(&queue.changed);
}

static void summon(stream_t *s) {
    pthread_mutex_lock(&queue.mutex);
    if (s->summoned == IDLE) enqueue(s);
    if (s->summoned == KEPT) s->summoned = KEPT_AND_SUMMONED;
    pthread_mutex_unlock(&queue.mutex);
}

static void *keep(void *unused) {
    pthread_mutex_lock(&queue.mutex);
    for (;;) {
        while (!queue.count && !queue.ended) pthread_cond_wait(&queue.changed, &queue.mutex);
        if (!queue.count) break;
        stream_t *s = queue.streams[queue.first++ % options.streams];
        queue.count--;
        s->summoned = KEPT;
        pthread_mutex_unlock(&queue.mutex);
        look_after(s);
        pthread_mutex_lock(&queue.mutex);
        if (s->summoned == KEPT_AND_SUMMONED) {
            enqueue(s);
        } else {
            s->summoned = IDLE;
        }
    }
    pthread_mutex_unlock(&queue.mutex);
    return unused;
}

/* ---- Hecklers ---------------------------------------------------------------------------------------------------- */

/* Does something to a stream's client while it lives its life. Whoever pauses one may leave it to others to unpause it. */
static void heckle(stream_t *s, eventsource_t *es, chance_t *chance) {
    int drawn = chance_below(chance, 1000);
    if (drawn < 300) {
        pthread_mutex_lock(&s->pause_lock);
        s->held = 0;
        ANSWERS(s, eventsource_unpause(es), EVENTSOURCE_OK);
        pthread_mutex_unlock(&s->pause_lock);
    } else if (drawn < 350) {
        ANSWERS(s, eventsource_pause(es), EVENTSOURCE_OK);
        totals.pauses++;
    } else if (drawn < 365) {
        ANSWERS(s, eventsource_stop(es), EVENTSOURCE_OK);
        totals.stops++;
    } else if (drawn < 380) {
        s->unwanted = 1;
        summon(s);
    } else if (drawn < 410) {
        int32_t answer = eventsource_reconnect_now(es);
        if (answer != EVENTSOURCE_ERR_STATE) answers(s, "eventsource_reconnect_now", answer, EVENTSOURCE_OK);
        totals.reconnects++;
    } else {
        ask(s, es);
    }
}

static void *heckle_all(void *number) {
    chance_t chance = chance_of(-2, (intptr_t)number);
    while (phase.done < options.streams) {
        stream_t *s = &streams[chance_below(&chance, (int)options.streams)];
        pthread_rwlock_rdlock(&s->lock);
        if (s->es) heckle(s, s->es, &chance);
        pthread_rwlock_unlock(&s->lock);
        sleep_ms(1);
    }
    return NULL;
}

/* ---- Dispatchers ------------------------------------------------------------------------------------------------- */

static void *dispatch(void *unused) {
    struct pollfd due = {.events = POLLIN};
    CHECK_STATUS(eventsource_runtime_get_fd(phase.runtime, &due.fd), EVENTSOURCE_OK);
    while (phase.done < options.streams && !(phase.calm && phase.time_over)) {
        if (poll(&due, 1, 50) == 1) {
            CHECK_STATUS(eventsource_runtime_dispatch(phase.runtime, 0, 16, NULL), EVENTSOURCE_OK);
        }
    }
    return unused;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static struct {
    pthread_t threads[KEEPERS + HECKLERS + DISPATCHERS];
    int count;
} crew;

static void hire(int count, void *(*work)(void *)) {
    for (intptr_t i = 0; i < count; i++) {
        if (pthread_create(&crew.threads[crew.count++], NULL, work, (void *)i) != 0) abort();
    }
}

/* Waits for the threads that were hired last. */
static void let_go(int count) {
    while (count-- > 0) pthread_join(crew.threads[--crew.count], NULL);
}

/* Waits for all: the keepers go when nothing is left to do. */
static void let_all_go(void) {
    pthread_mutex_lock(&queue.mutex);
    queue.ended = 1;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
    let_go(crew.count);
    queue.ended = 0;
}

#endif
