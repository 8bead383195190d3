/* A gate that threads block at until the test opens it. */
#ifndef GATE_H
#define GATE_H

#include "check.h"

typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int arrivals; /* how many have come, ever */
    int open;
} gate_t;

#define GATE_CLOSED {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0}

/* Blocks while the gate is closed. */
static inline void gate_pass(gate_t *gate) {
    struct timespec deadline = check_deadline();
    int late = 0;
    pthread_mutex_lock(&gate->mutex);
    gate->arrivals++;
    pthread_cond_broadcast(&gate->changed);
    while (!late && !gate->open) late = pthread_cond_timedwait(&gate->changed, &gate->mutex, &deadline);
    CHECK(!late);
    pthread_mutex_unlock(&gate->mutex);
}

/* Waits until so many have come. */
static inline void gate_wait(gate_t *gate, int arrivals) {
    struct timespec deadline = check_deadline();
    int late = 0;
    pthread_mutex_lock(&gate->mutex);
    while (!late && gate->arrivals < arrivals) late = pthread_cond_timedwait(&gate->changed, &gate->mutex, &deadline);
    CHECK(!late);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_open(gate_t *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = 1;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

/* Closes it again, when nobody is at it any more. */
static inline void gate_reset(gate_t *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->arrivals = gate->open = 0;
    pthread_mutex_unlock(&gate->mutex);
}

#endif
