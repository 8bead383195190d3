/* A stream of the soak: the client that keeps it, what its connections are dealt, its callbacks, and what is checked in
 * them. The server's side is the test server's /chaos.
 *
 * What happens to a stream follows from the seed, its number, and how many connections and callbacks it has had; but when
 * other threads come in between is up to the machine. */
#ifndef STREAM_H
#define STREAM_H

#include "check.h"

#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { READ_TIMEOUT_MS = 300, MAX_DELAY_MS = 60, MAX_EVENT_BYTES = 300 * 1024 };

/* ---- What the program was told ----------------------------------------------------------------------------------- */

typedef enum { SHARED, ISOLATED, INLINE, MANUAL } dispatch_t; /* but for SHARED, on a runtime of our own */

/* A fault to plant, to see the soak fail. */
typedef enum { NO_PLANT, LOST, TWICE, DAMAGED, FORGOTTEN, CLOSED_TWICE, FILE_LEAK, THREAD_LEAK, MEMORY_LEAK } plant_t;

static struct {
    int64_t streams, events, seconds, rounds, seed, dispatch, batch, plant;
} options = {.streams = 300, .events = 40, .seconds = 6, .rounds = 2, .seed = 1};

/* ---- Chance ------------------------------------------------------------------------------------------------------ */

/* SplitMix64: numbers that look random and follow from the seeds. */
typedef struct {
    uint64_t state;
} chance_t;

static inline uint64_t chance_next(chance_t *chance) {
    uint64_t z = chance->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static inline int chance_below(chance_t *chance, int limit) {
    return (int)(chance_next(chance) % (uint64_t)limit);
}

/* Of the program's seed and two others. */
static inline chance_t chance_of(int64_t a, int64_t b) {
    chance_t chance = {(uint64_t)options.seed};
    chance.state = chance_next(&chance) ^ (uint64_t)a;
    chance.state = chance_next(&chance) ^ (uint64_t)b;
    return chance;
}

/* ---- What a connection is dealt ---------------------------------------------------------------------------------- */

/* Where a connection is sent, and the error that it must end with. */
typedef struct {
    const char *name;
    int weight;
    const char *chaos;  /* what /chaos is asked for; */
    const char *target; /* else, the target; a %s in it is that of the /chaos to come to */
    int32_t code, http_status;
} deal_t;

static const deal_t DEALS[] = {
    {"to the last event", 10, "at=last&cut=clean", NULL, EVENTSOURCE_ERR_END_OF_STREAM, 0},
    {"end between events", 8, "at=between&cut=clean", NULL, EVENTSOURCE_ERR_END_OF_STREAM, 0},
    {"end inside an event", 6, "at=inside&cut=clean", NULL, EVENTSOURCE_ERR_END_OF_STREAM, 0},
    {"close between events", 6, "at=between&cut=abort", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"close inside an event", 8, "at=inside&cut=abort", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"reset between events", 6, "at=between&cut=reset", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"reset inside an event", 8, "at=inside&cut=reset", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"close inside a chunk", 6, "at=inside&cut=short-chunk", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"broken chunk size", 4, "at=inside&cut=bad-chunk", NULL, EVENTSOURCE_ERR_PROTOCOL, 0},
    {"silence between events", 4, "at=between&cut=hold", NULL, EVENTSOURCE_ERR_READ_TIMEOUT, 0},
    {"silence inside an event", 4, "at=inside&cut=hold", NULL, EVENTSOURCE_ERR_READ_TIMEOUT, 0},
    {"event without end", 2, "at=inside&cut=endless", NULL, EVENTSOURCE_ERR_EVENT_TOO_LARGE, 0},
    {"close before the head", 4, "at=head&cut=abort", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"reset before the head", 4, "at=head&cut=reset", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"close inside the head", 3, "at=in-head&cut=abort", NULL, EVENTSOURCE_ERR_DISCONNECTED, 0},
    {"silence before the head", 2, "at=head&cut=hold", NULL, EVENTSOURCE_ERR_READ_TIMEOUT, 0},
    {"garbage", 4, NULL, "/garbage", EVENTSOURCE_ERR_PROTOCOL, 0},
    {"503, Retry-After", 4, NULL, "/status/503?header=Retry-After:1", EVENTSOURCE_ERR_HTTP_STATUS, 503},
    {"401", 2, NULL, "/status/401", EVENTSOURCE_ERR_HTTP_STATUS, 401},
    {"404", 2, NULL, "/status/404", EVENTSOURCE_ERR_HTTP_STATUS, 404},
    {"another type", 2, NULL, "/type?value=text/html", EVENTSOURCE_ERR_CONTENT_TYPE, 200},
    {"redirect", 4, "at=between&cut=clean", "/redirect?code=307&to=%s", EVENTSOURCE_ERR_END_OF_STREAM, 0},
    {"redirect to itself", 1, NULL, "/redirect?to=%%23", EVENTSOURCE_ERR_TOO_MANY_REDIRECTS, 302},
};
enum { DEAL_COUNT = sizeof DEALS / sizeof *DEALS };

/* Stays open, silent. */
static const deal_t CALM = {"calm", 0, "at=last&cut=hold", NULL, EVENTSOURCE_OK, 0};

static inline const deal_t *deal_for(int64_t stream, int connection) {
    chance_t chance = chance_of(stream, connection);
    int all = 0;
    for (int i = 0; i < DEAL_COUNT; i++) all += DEALS[i].weight;
    int drawn = chance_below(&chance, all);
    const deal_t *deal = DEALS;
    while (drawn >= deal->weight) drawn -= deal++->weight;
    return deal;
}

/* ---- What all streams have in common ----------------------------------------------------------------------------- */

static struct {
    int calm;                       /* no faults and no mischief: one event each, then silence */
    int64_t events;                 /* of each stream */
    atomic_llong streams;           /* that have begun, in all phases: their numbers */
    eventsource_runtime_t *runtime; /* NULL for the shared one */
    atomic_int time_over;           /* no new streams; in a calm phase, all end */
    atomic_int done;                /* how many have no more clients */
    atomic_int quiet;               /* in a calm phase: how many are open and have had their event */
} phase;

/* For the closing table. */
static struct {
    atomic_llong streams, events, bytes, notes, connections[DEAL_COUNT], errors[64];
    atomic_llong started, made, stops_inside, stops, frees_inside, frees, reconnects, pauses, blocked;
} totals;

/* ---- A stream ---------------------------------------------------------------------------------------------------- */

/* Kinds of callbacks, as sets. */
enum { REQUEST = 1, OPEN = 2, EVENTS = 4, COMMENT = 8, ERROR = 16, CLOSE = 32, ANY = 63 };

typedef struct {
    pthread_rwlock_t lock; /* shared by who uses `es`, exclusive for who takes it away or puts it there */
    eventsource_t *es;
    eventsource_t *client; /* the same, and still while it is being freed */

    pthread_mutex_t pause_lock; /* around `held` and what sets it: */
    int held;                   /* paused in a callback, and nobody has unpaused it */

    atomic_int summoned; /* a state of the crew's */
    atomic_int unwanted; /* the client is to be freed */
    atomic_int done;     /* no more clients in this phase */

    /* Written in callbacks, or while there is no client that could call any: */
    int64_t number; /* of the stream; none is used twice */
    chance_t chance;
    int slow; /* its callbacks often block */
    const deal_t *deal;
    int connection;                 /* the number of the last one */
    int next;                       /* which callbacks may come next */
    int finished;                   /* the server has said that there is no more; or there has been nothing yet */
    int64_t events, opens, errors;  /* of this client */
    eventsource_close_reason_t reason;

    /* Watched by others meanwhile: */
    atomic_int last; /* the number of the last event */
    atomic_int inside;
    atomic_int starts, closes, made, destroyed;
    atomic_llong moved_ms; /* when the stream began or had its last event */
} stream_t;

/* Has the stream looked after by somebody who may wait; see crew.h. */
static void summon(stream_t *s);

/* What is promised does not hold. Only the first are told: one fault can break hundreds of streams. */
static inline void broken(const stream_t *s, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&check_mutex);
    if (check_failures++ < 20) {
        fprintf(stderr, "soak: stream %" PRId64 ", after event %d, connection %d (%s): %s\n", s->number, s->last,
                s->connection, s->deal ? s->deal->name : "none yet", text);
    }
    pthread_mutex_unlock(&check_mutex);
}

static inline void answers(const stream_t *s, const char *call, int32_t actual, int32_t expected) {
    if (actual != expected) {
        broken(s, "%s answers %s, not %s", call, eventsource_status_name(actual), eventsource_status_name(expected));
    }
}
#define ANSWERS(s, call, expected) answers((s), #call, (call), (expected))

static inline void sleep_ms(int ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

/* Questions, which anybody may ask at any time. */
static inline void ask(const stream_t *s, eventsource_t *es) {
    char text[600];
    eventsource_state_t state;
    eventsource_stats_t stats;
    ANSWERS(s, eventsource_get_state(es, &state), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_get_stats(es, &stats, sizeof stats), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_get_last_event_id(es, text, sizeof text, NULL), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
}

/* ---- In callbacks ------------------------------------------------------------------------------------------------ */

static inline void enter(stream_t *s, eventsource_t *es, int kind) {
    if (atomic_exchange(&s->inside, 1)) broken(s, "two callbacks at the same time");
    if (es != s->client) broken(s, "a callback of a client that has gone");
    if (s->closes >= s->starts) broken(s, "a callback after on_close");
    if (s->destroyed >= s->made) broken(s, "a callback after destroy");
    if (!(s->next & kind)) broken(s, "a callback (%d) where only others may come (%d)", kind, s->next);
    s->next = ANY;
}

static inline void leave(stream_t *s) {
    s->inside = 0;
}

static inline void pause_inside(stream_t *s, eventsource_t *es) {
    pthread_mutex_lock(&s->pause_lock);
    s->held = 1;
    ANSWERS(s, eventsource_pause(es), EVENTSOURCE_OK);
    pthread_mutex_unlock(&s->pause_lock);
    totals.pauses++;
}

/* Frees the client in its own callback, unless another thread is about to use it, or to free it. */
static inline void free_inside(stream_t *s, eventsource_t *es) {
    if (pthread_rwlock_trywrlock(&s->lock) != 0) return;
    int ours = s->es != NULL;
    s->es = NULL;
    pthread_rwlock_unlock(&s->lock);
    if (!ours) return;
    eventsource_free(es);
    s->next = CLOSE;
    totals.frees_inside++;
}

/* What a callback may do to the client that calls it. */
static inline void mischief(stream_t *s, eventsource_t *es) {
    if (phase.calm) return;
    int drawn = chance_below(&s->chance, 1000);
    if (drawn < 5) {
        ANSWERS(s, eventsource_stop(es), EVENTSOURCE_OK);
        s->next = CLOSE;
        totals.stops_inside++;
    } else if (drawn < 12) {
        ANSWERS(s, eventsource_reconnect_now(es), EVENTSOURCE_OK);
        s->next = REQUEST | CLOSE;
        totals.reconnects++;
    } else if (drawn < 16) {
        free_inside(s, es);
    } else if (drawn < 21) {
        pause_inside(s, es);
    } else if (drawn < 26) {
        ask(s, es);
        ANSWERS(s, eventsource_wait(es, 0), EVENTSOURCE_ERR_IN_CALLBACK);
        ANSWERS(s, eventsource_start(es), EVENTSOURCE_ERR_STATE);
    } else if (drawn < (s->slow ? 500 : 40) && options.dispatch != INLINE) {
        sleep_ms(drawn < 27 ? 100 : 1 + drawn % 2);
        totals.blocked++;
    }
}

static inline eventsource_decision_t on_request(eventsource_t *es, eventsource_request_t *request, void *user) {
    stream_t *s = user;
    enter(s, es, REQUEST);
    char chaos[200] = "", target[300], url[600];
    s->connection++;
    s->deal = phase.calm ? &CALM : deal_for(s->number, s->connection);
    if (s->deal != &CALM) totals.connections[s->deal - DEALS]++;
    if (s->deal->chaos) {
        snprintf(chaos, sizeof chaos, "/chaos?seed=%" PRId64 "&stream=%" PRId64 "&connection=%d&count=%" PRId64 "&%s",
                 options.seed, s->number, s->connection, phase.events, s->deal->chaos);
    }
    if (s->deal->target) {
        char escaped[300] = "";
        for (char *from = chaos, *to = escaped; *from; from++) {
            to += snprintf(to, 4, *from == '&' ? "%%26" : "%c", *from);
        }
        snprintf(target, sizeof target, s->deal->target, escaped);
    }
    snprintf(url, sizeof url, "%s%s", check_url, s->deal->target ? target : chaos);
    ANSWERS(s, eventsource_request_set_url(request, url), EVENTSOURCE_OK);
    mischief(s, es);
    leave(s);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static inline void on_open(eventsource_t *es, const eventsource_response_t *response, void *user) {
    stream_t *s = user;
    enter(s, es, OPEN);
    s->opens++;
    if (response->status != 200) broken(s, "opened with %" PRId32, response->status);
    mischief(s, es);
    leave(s);
}

/* Counts an event that tells that it is whole: `<checksum> <stream> <number>` and any number of lines. */
static inline void count_event(stream_t *s, const eventsource_event_t *event) {
    uint64_t checksum = 0, hash = 0xcbf29ce484222325;
    int64_t stream = -1, number = -1;
    if (sscanf(event->data, "%16" SCNx64 " %" SCNd64 " %" SCNd64, &checksum, &stream, &number) != 3) {
        broken(s, "the event is none of the server's: %.100s", event->data);
        return;
    }
    for (size_t i = 17; i < event->data_len; i++) hash = (hash ^ (unsigned char)event->data[i]) * 0x100000001b3;
    if (hash != checksum + (options.plant == DAMAGED)) broken(s, "event %" PRId64 " is damaged", number);
    if (stream != s->number) broken(s, "an event of stream %" PRId64, stream);
    if (number <= s->last) broken(s, "event %" PRId64 " comes again", number);
    if (number > s->last + 1) broken(s, "before event %" PRId64 ", some are lost", number);
    if (number > phase.events) broken(s, "event %" PRId64 " has never been whole", number);
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, number);
    if (strcmp(event->last_event_id, id) != 0) broken(s, "event %s has the id %.100s", id, event->last_event_id);
    if (strcmp(event->type, "message") != 0) broken(s, "event %s has the type %.100s", id, event->type);
    s->last = (int)number;
    s->moved_ms = now_ms();
    if (phase.calm) {
        phase.quiet++;
    } else {
        totals.events++;
        totals.bytes += (long long)event->data_len;
    }
}

/* Whether the id is that of the last event and, with `bare`, marked as one that came without an event. */
static inline int is_last_id(const stream_t *s, const char *id, int bare) {
    char expected[24];
    snprintf(expected, sizeof expected, "%d%s", s->last, bare ? "+" : "");
    return strcmp(id, expected) == 0;
}

/* Inherits its id from a block that had nothing else. */
static inline void count_note(stream_t *s, const eventsource_event_t *note) {
    if (note->data_len > 0) broken(s, "a note says %.100s", note->data);
    if (!is_last_id(s, note->last_event_id, 1)) broken(s, "a note has the id %.100s", note->last_event_id);
    totals.notes++;
}

/* Planted faults of the process. */
static inline void *sleep_for_ever(void *name) {
    prctl(PR_SET_NAME, name);
    for (;;) pause();
    return name;
}

static inline void leak(plant_t plant) {
    pthread_t thread;
    if (plant == FILE_LEAK && dup(STDERR_FILENO) < 0) abort();
    if (plant == THREAD_LEAK && pthread_create(&thread, NULL, sleep_for_ever, "eventsource-leak") != 0) abort();
    if (plant == MEMORY_LEAK) {
        enum { BYTES = 32 * 1024 };
        volatile char *lost = malloc(BYTES); /* volatile: else the compiler leaves the writing out */
        if (!lost) abort();
        for (int i = 0; i < BYTES; i += 1024) lost[i] = 1;
    }
}

static inline void take_event(stream_t *s, eventsource_t *es, const eventsource_event_t *event) {
    pthread_mutex_lock(&s->pause_lock);
    if (s->held) broken(s, "an event while paused");
    pthread_mutex_unlock(&s->pause_lock);
    s->events++;
    if (strcmp(event->type, "note") == 0) {
        count_note(s, event);
        return;
    }
    int planted = !phase.calm && chance_below(&s->chance, 50) == 0 ? (int)options.plant : NO_PLANT;
    if (planted != LOST) count_event(s, event);
    if (planted == TWICE) count_event(s, event);
    leak(options.plant == MEMORY_LEAK ? MEMORY_LEAK : (plant_t)planted);
    if (!options.batch && chance_below(&s->chance, 100) == 0) {
        /* To set what is set already changes nothing. (In a batch, later ids are set already.) */
        ANSWERS(s, eventsource_set_last_event_id(es, event->last_event_id), EVENTSOURCE_OK);
    }
}

static inline void check_not_held(stream_t *s) {
    pthread_mutex_lock(&s->pause_lock);
    if (s->held) broken(s, "an event or a comment while paused");
    pthread_mutex_unlock(&s->pause_lock);
}

static inline void on_event(eventsource_t *es, const eventsource_event_t *event, void *user) {
    stream_t *s = user;
    enter(s, es, EVENTS);
    check_not_held(s);
    take_event(s, es, event);
    mischief(s, es);
    leave(s);
}

static inline void on_events(eventsource_t *es, const eventsource_event_t *const *events, size_t count, void *user) {
    stream_t *s = user;
    enter(s, es, EVENTS);
    check_not_held(s);
    if (count == 0) broken(s, "an empty batch");
    for (size_t i = 0; i < count; i++) take_event(s, es, events[i]);
    mischief(s, es);
    leave(s);
}

static inline void on_comment(eventsource_t *es, const eventsource_comment_t *comment, void *user) {
    stream_t *s = user;
    enter(s, es, COMMENT);
    check_not_held(s);
    if (strcmp(comment->text, "noise") != 0) broken(s, "a comment says %.100s", comment->text);
    mischief(s, es);
    leave(s);
}

static inline eventsource_decision_t on_error(eventsource_t *es, const eventsource_error_t *error, void *user) {
    stream_t *s = user;
    enter(s, es, ERROR);
    s->errors++;
    totals.errors[error->code & 63]++;
    /* Where the machine is slow, any connection can seem to have gone silent. */
    int late = error->code == EVENTSOURCE_ERR_READ_TIMEOUT && error->http_status == 0;
    if (!late && (error->code != s->deal->code || error->http_status != s->deal->http_status)) {
        broken(s, "the error is %s, HTTP status %" PRId32 ": %s", eventsource_status_name(error->code),
               error->http_status, error->message);
    }
    if (error->will_retry && error->http_status == 503 && error->delay_ms < MAX_DELAY_MS) {
        broken(s, "the next attempt comes in %" PRId64 " ms, in spite of Retry-After", error->delay_ms);
    }
    if (options.plant == FORGOTTEN) ANSWERS(s, eventsource_set_last_event_id(es, ""), EVENTSOURCE_OK);
    mischief(s, es);
    leave(s);
    return error->will_retry ? EVENTSOURCE_DECISION_DEFAULT : EVENTSOURCE_DECISION_RETRY;
}

static inline void on_close(eventsource_t *es, const eventsource_close_t *close, void *user) {
    stream_t *s = user;
    enter(s, es, CLOSE);
    s->reason = close->reason;
    if (close->reason == EVENTSOURCE_CLOSE_FAILED) {
        broken(s, "closed by %s", eventsource_status_name(close->code));
    }
    if (close->reason == EVENTSOURCE_CLOSE_SERVER) {
        s->finished = 1;
        if (s->last != phase.events) broken(s, "at the end, events are lost");
        totals.streams++;
    }
    if (!phase.calm && chance_below(&s->chance, 10) == 0) free_inside(s, es);
    leave(s);
    s->closes++;
    summon(s);
    if (options.plant == CLOSED_TWICE) {
        enter(s, es, CLOSE);
        leave(s);
    }
}

static inline void on_destroy(void *user) {
    stream_t *s = user;
    if (s->inside) broken(s, "destroy during a callback");
    if (s->closes != s->starts) broken(s, "destroy after %d starts and %d on_close", s->starts, s->closes);
    if (s->destroyed++ >= s->made) broken(s, "destroy comes again");
    summon(s);
}

/* ---- Its client, looked after by one thread at a time ------------------------------------------------------------- */

/* For a stream that has no client: the next one, continued after the last event. */
static inline void make_client(stream_t *s) {
    char id[24], url[200];
    snprintf(id, sizeof id, "%d", s->last);
    snprintf(url, sizeof url, "%s/hang", check_url); /* on_request sets another */
    eventsource_t *es = eventsource_new(url);
    ANSWERS(s, eventsource_check(es), EVENTSOURCE_OK);
    eventsource_reconnect_t policy;
    ANSWERS(s, eventsource_get_reconnect(es, &policy, sizeof policy), EVENTSOURCE_OK);
    policy.retry_initial = 1;
    policy.delay_ms = 10;
    policy.max_delay_ms = MAX_DELAY_MS;
    ANSWERS(s, eventsource_set_reconnect(es, &policy), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_set_read_timeout(es, phase.calm ? EVENTSOURCE_NO_LIMIT : READ_TIMEOUT_MS * check_slow), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_set_max_event_size(es, MAX_EVENT_BYTES), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_set_runtime(es, phase.runtime), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_set_user_data(es, s, on_destroy), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_on_request(es, on_request), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_on_open(es, on_open), EVENTSOURCE_OK);
    ANSWERS(s, options.batch ? eventsource_on_events(es, on_events) : eventsource_on_event(es, on_event),
            EVENTSOURCE_OK);
    if (s->number % 2) ANSWERS(s, eventsource_on_comment(es, on_comment), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_on_error(es, on_error), EVENTSOURCE_OK);
    ANSWERS(s, eventsource_on_close(es, on_close), EVENTSOURCE_OK);
    if (s->last > 0) ANSWERS(s, eventsource_set_last_event_id(es, id), EVENTSOURCE_OK);
    s->next = ANY;
    s->events = s->opens = s->errors = 0;
    s->held = 0;
    s->made++;
    if (!phase.calm) totals.made++;
    s->client = es;
    pthread_rwlock_wrlock(&s->lock);
    s->es = es;
    pthread_rwlock_unlock(&s->lock);
}

static inline void start_client(stream_t *s, eventsource_t *es) {
    s->next = REQUEST | CLOSE;
    s->starts++;
    if (!phase.calm) totals.started++;
    ANSWERS(s, eventsource_start(es), EVENTSOURCE_OK);
}

/* For a stream whose last one has ended: the next one, from its first event on. */
static inline void begin_stream(stream_t *s) {
    s->number = phase.streams++;
    s->chance = chance_of(s->number, -1);
    s->slow = chance_below(&s->chance, 8) == 0 && options.dispatch <= ISOLATED; /* else, it would slow all down */
    s->deal = NULL;
    s->connection = 0;
    s->finished = 0;
    s->last = 0;
    s->moved_ms = now_ms();
}

/* Of a client that has closed: whether it says of itself what it has told. One can open and be stopped before it comes to
 * tell. */
static inline void check_accounts(const stream_t *s, eventsource_t *es) {
    char id[64];
    eventsource_stats_t stats;
    ANSWERS(s, eventsource_get_stats(es, &stats, sizeof stats), EVENTSOURCE_OK);
    if (stats.events != (uint64_t)s->events || stats.errors != (uint64_t)s->errors ||
        stats.opens < (uint64_t)s->opens) {
        broken(s, "%" PRId64 " events, %" PRId64 " errors and %" PRId64 " openings were told, but counted %" PRIu64
               ", %" PRIu64 " and %" PRIu64, s->events, s->errors, s->opens, stats.events, stats.errors, stats.opens);
    }
    ANSWERS(s, eventsource_get_last_event_id(es, id, sizeof id, NULL), EVENTSOURCE_OK);
    if (s->last > 0 && !is_last_id(s, id, 0) && !is_last_id(s, id, 1)) broken(s, "closed with the id %s", id);
}

/* Takes the client away, unless a callback has done so. */
static inline void free_client(stream_t *s) {
    pthread_rwlock_wrlock(&s->lock);
    eventsource_t *es = s->es;
    s->es = NULL;
    pthread_rwlock_unlock(&s->lock);
    if (!es) return;
    eventsource_free(es);
    if (!phase.calm) totals.frees++;
    if (s->closes != s->starts) broken(s, "freed, %d starts and %d on_close", s->starts, s->closes);
    if (s->destroyed != s->made) broken(s, "freed, but destroy has not been called");
}

/* Does what is to be done for a stream, on the one thread that has been summoned. */
static inline void look_after(stream_t *s) {
    if (s->done) return;
    int ending = phase.calm && phase.time_over;
    int unwanted = atomic_exchange(&s->unwanted, 0) || ending;
    pthread_rwlock_rdlock(&s->lock); /* keeps callbacks from freeing it meanwhile */
    eventsource_t *es = s->es;
    if (es && s->closes == s->starts) {
        int32_t end = eventsource_wait(es, 10000 * check_slow); /* however it ended, it has */
        ANSWERS(s, end == EVENTSOURCE_ERR_TIMEOUT ? end : EVENTSOURCE_OK, EVENTSOURCE_OK);
        check_accounts(s, es);
        unwanted |= s->finished;
        if (!unwanted) start_client(s, es);
    }
    pthread_rwlock_unlock(&s->lock);
    if (unwanted) free_client(s);

    pthread_rwlock_rdlock(&s->lock);
    int gone = !s->es && s->destroyed == s->made; /* if not, destroy summons again */
    pthread_rwlock_unlock(&s->lock);
    if (!gone) return;
    if (s->finished && !phase.time_over) begin_stream(s);
    if (s->finished || ending) {
        s->done = 1;
        phase.done++;
    } else {
        make_client(s);
        start_client(s, s->client);
    }
}

#endif
