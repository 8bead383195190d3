/* soak [options] URL: streams by the hundred against a server that does everything wrong, and a program that calls
 * everything at any time. Ends with 0 if nothing is lost, nothing comes twice, nothing is out of order, and the process
 * holds at the end what it held at the beginning. README.md tells more. */
#define _POSIX_C_SOURCE 200809L

#include "crew.h"
#include "process.h"

enum { SAMPLE_MS = 25, STUCK_MS = 30000, LEFT_MS = 3000, SLACK_KIB = 8 * 1024, THREAD_KIB = 512, SLACK_THREADS = 48 };

/* ---- The command line -------------------------------------------------------------------------------------------- */

static const char *const DISPATCHES[] = {"shared", "isolated", "inline", "manual", NULL};
static const char *const PLANTS[] = {"none",   "lost",   "twice",  "damaged", "forgotten",
                                     "closed", "file", "thread", "memory",  NULL};

static const struct {
    const char *name, *help;
    int64_t *value, least, most; /* a number, */
    const char *const *words;    /* or one of these, */
    int flag;                    /* or nothing */
} OPTIONS[] = {
    {"--streams", "how many at a time", &options.streams, 1, 10000, NULL, 0},
    {"--events", "how many in each", &options.events, 1, 1000000, NULL, 0},
    {"--seconds", "how long new streams begin, all rounds together", &options.seconds, 1, 86400, NULL, 0},
    {"--rounds", "at the end of each, nothing is left", &options.rounds, 1, 1000, NULL, 0},
    {"--seed", "another one is another soak", &options.seed, 0, INT64_MAX, NULL, 0},
    {"--dispatch", "shared|isolated|inline|manual", &options.dispatch, 0, 0, DISPATCHES, 0},
    {"--batch", "take events by the batch", &options.batch, 0, 0, NULL, 1},
    {"--plant", "a fault, to see it found: lost|twice|damaged|forgotten|closed|file|thread|memory", &options.plant, 0,
     0, PLANTS, 0},
};
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

static void usage(void) {
    fputs("Usage: soak [options] URL     URL: the test server's, without a path\n", stderr);
    for (int i = 0; i < OPTION_COUNT; i++) fprintf(stderr, "  %-11s %s\n", OPTIONS[i].name, OPTIONS[i].help);
    exit(2);
}

/* The argument of an option. */
static int64_t parse_value(int option, const char *text) {
    if (!text) usage();
    for (int64_t i = 0; OPTIONS[option].words; i++) {
        if (!OPTIONS[option].words[i]) usage();
        if (strcmp(OPTIONS[option].words[i], text) == 0) return i;
    }
    char *end;
    long long number = strtoll(text, &end, 10);
    if (!*text || *end || number < OPTIONS[option].least || number > OPTIONS[option].most) usage();
    return number;
}

static void parse(char **arguments) {
    for (; *arguments && **arguments == '-'; arguments++) {
        int option = 0;
        while (strcmp(OPTIONS[option].name, *arguments) != 0) {
            if (++option == OPTION_COUNT) usage();
        }
        *OPTIONS[option].value = OPTIONS[option].flag ? 1 : parse_value(option, *++arguments);
    }
    if (!arguments[0] || arguments[1]) usage();
    check_url = arguments[0];
}

/* ---- What the process holds -------------------------------------------------------------------------------------- */

/* Resident memory, threads of the library's, open files. */
enum { MEMORY_KIB, THREADS, FILES, HOLDINGS };

typedef struct {
    int64_t of[HOLDINGS];
} holding_t;

static holding_t holding(void) {
    return (holding_t){{
        [MEMORY_KIB] = resident_kib(),
        [THREADS] = threads_named("eventsource"),
        [FILES] = entries("/proc/self/fd") - 3, /* without ".", ".." and the folder itself */
    }};
}

static holding_t begin; /* before the first client */

/* While streams come and go, without the beginning of each round. */
static struct {
    holding_t *at;
    int64_t count, room;
    holding_t most;
} samples;

static void sample(int steady) {
    holding_t now = holding();
    for (int i = 0; i < HOLDINGS; i++) {
        if (now.of[i] > samples.most.of[i]) samples.most.of[i] = now.of[i];
    }
    if (steady && samples.count < samples.room) samples.at[samples.count++] = now;
}

static int ascending(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The medians of a window of the samples, which is given in hundredths. */
static holding_t median(int64_t from, int64_t to) {
    int64_t first = samples.count * from / 100, count = samples.count * to / 100 - first;
    int64_t *values = calloc((size_t)count + 1, sizeof *values);
    holding_t medians;
    if (!values) abort();
    for (int i = 0; i < HOLDINGS; i++) {
        for (int64_t at = 0; at < count; at++) values[at] = samples.at[first + at].of[i];
        qsort(values, (size_t)count, sizeof *values, ascending);
        medians.of[i] = values[count / 2];
    }
    free(values);
    return medians;
}

static void check_flat(const char *what, int64_t before, int64_t after, int64_t slack) {
    check_that(after <= before + before / 10 + slack, __FILE__, __LINE__,
               "%s as before\n        but: %" PRId64 ", then %" PRId64 "\n", what, before, after);
}

/* ---- Phases ------------------------------------------------------------------------------------------------------ */

/* A stream that stands still is a failure; and it may never let go of what it stands in. */
static void check_not_stuck(int64_t since_ms) {
    static const char *const states[] = {"idle", "connecting", "open", "waiting", "closed"};
    int64_t now = now_ms();
    for (int64_t i = 0; i < options.streams; i++) {
        stream_t *s = &streams[i];
        int64_t moved_ms = s->moved_ms > since_ms ? s->moved_ms : since_ms;
        if (s->done || (phase.calm && s->last) || now - moved_ms < STUCK_MS * check_slow) continue;
        eventsource_state_t state = EVENTSOURCE_STATE_IDLE;
        const char *is = "in use";
        if (pthread_rwlock_tryrdlock(&s->lock) == 0) {
            is = !s->es || eventsource_get_state(s->es, &state) ? "freed" : states[state];
            pthread_rwlock_unlock(&s->lock);
        }
        broken(s, "no event for %d s; the client is %s%s; %d starts, %d on_close, %d clients, %d destroyed",
               STUCK_MS * check_slow / 1000, is, s->inside ? ", in a callback" : "", s->starts, s->closes, s->made,
               s->destroyed);
    }
}

static void fail(void) {
    fprintf(stderr, "soak: FAILED; to repeat: --seed %" PRId64 " --streams %" PRId64 " --events %" PRId64
                    " --seconds %" PRId64 " --rounds %" PRId64 " --dispatch %s%s\n",
            options.seed, options.streams, options.events, options.seconds, options.rounds,
            DISPATCHES[options.dispatch], options.batch ? " --batch" : "");
    _Exit(1); /* what is broken could hold up an orderly end */
}

/* Waits until that many streams are there; meanwhile, until the time is over, new ones begin. */
static void watch(atomic_int *there, int64_t count, int64_t time_ms) {
    int64_t begin = now_ms();
    while (*there < count) {
        sleep_ms(SAMPLE_MS);
        int64_t passed = now_ms() - begin;
        if (!phase.calm) {
            phase.time_over = passed >= time_ms;
            sample(passed >= time_ms / 4 && !phase.time_over);
        }
        check_not_stuck(begin);
        if (check_failed()) fail();
    }
}

static void begin_phase(int calm, int64_t events) {
    static const int32_t modes[] = {[ISOLATED] = EVENTSOURCE_DISPATCH_ISOLATED,
                                    [INLINE] = EVENTSOURCE_DISPATCH_INLINE,
                                    [MANUAL] = EVENTSOURCE_DISPATCH_MANUAL};
    phase.calm = calm;
    phase.events = events;
    phase.time_over = phase.done = phase.quiet = 0;
    if (options.dispatch != SHARED) {
        eventsource_runtime_options_t runtime;
        eventsource_runtime_options_init(&runtime, sizeof runtime);
        runtime.dispatch = modes[options.dispatch];
        phase.runtime = eventsource_runtime_new(&runtime);
        CHECK_STATUS(eventsource_runtime_check(phase.runtime), EVENTSOURCE_OK);
    }
    for (int64_t i = 0; i < options.streams; i++) {
        streams[i].done = 0;
        streams[i].finished = 1;
    }
    hire(KEEPERS, keep);
    if (!calm) hire(HECKLERS, heckle_all);
    if (options.dispatch == MANUAL) hire(DISPATCHERS, dispatch);
}

static void summon_all(int64_t first) {
    for (int64_t i = first; i < options.streams; i++) summon(&streams[i]);
}

static void free_runtime(void) {
    eventsource_runtime_free(phase.runtime);
    phase.runtime = NULL;
}

/* All clients have been freed: none of the library's threads and descriptors may be left. */
static void end_phase(void) {
    let_all_go();
    free_runtime();
    /* Where the last client was freed inside a callback, its thread ends in its own time. */
    int64_t deadline = now_ms() + LEFT_MS * check_slow;
    holding_t now = holding();
    while ((now.of[THREADS] > 0 || now.of[FILES] > begin.of[FILES]) && now_ms() < deadline) {
        sleep_ms(SAMPLE_MS);
        now = holding();
    }
    check_that(now.of[THREADS] == 0, __FILE__, __LINE__, "no thread is left\n        but: %" PRId64 "\n",
               now.of[THREADS]);
    check_that(now.of[FILES] == begin.of[FILES], __FILE__, __LINE__,
               "no file is left open\n        but: %" PRId64 ", then %" PRId64 "\n", begin.of[FILES], now.of[FILES]);
    for (int64_t i = 0; i < options.streams; i++) {
        const stream_t *s = &streams[i];
        if (s->starts != s->closes || s->made != s->destroyed) {
            broken(s, "%d starts, %d on_close; %d clients, %d destroyed", s->starts, s->closes, s->made, s->destroyed);
        }
    }
    if (check_failed()) fail();
}

/* Everything that can happen, to streams that begin for so long. */
static void soak(int64_t time_ms) {
    begin_phase(0, options.events);
    summon_all(0);
    watch(&phase.done, options.streams, time_ms);
    end_phase();
}

static int64_t settle_ms(void) {
    return options.seconds < 60 ? options.seconds * 50 : 3000;
}

/* All streams open and silent. Answers what memory there is then, and tells what there was with the first of them. */
static int64_t idle(int64_t *with_one) {
    begin_phase(1, 1);
    summon(&streams[0]);
    watch(&phase.quiet, 1, 0);
    *with_one = resident_kib();
    summon_all(1);
    watch(&phase.quiet, options.streams, 0);
    /* Threads that have helped while so many opened leave within seconds. */
    int64_t with_all = resident_kib(), settled_ms = now_ms() + settle_ms();
    while (now_ms() < settled_ms) {
        sleep_ms(SAMPLE_MS);
        int64_t now = resident_kib();
        if (now < with_all) with_all = now;
    }

    phase.time_over = 1;
    if (phase.runtime) {
        /* This closes the clients; the keepers then free what has lost its runtime. */
        if (options.dispatch == MANUAL) let_go(DISPATCHERS);
        free_runtime();
    }
    summon_all(0);
    watch(&phase.done, options.streams, 0);
    end_phase();
    return with_all;
}

/* ---- The end ----------------------------------------------------------------------------------------------------- */

static void print_counts(const char *title, const atomic_llong *counts, int count, const char *(*name)(int)) {
    for (int i = 0; i < count; i++) {
        if (counts[i]) printf("%-14s%10lld  %s\n", title, counts[i], name(i));
        if (counts[i]) title = "";
    }
}

static const char *deal_name(int deal) {
    return DEALS[deal].name;
}

static const char *error_name(int error) {
    return eventsource_status_name(error);
}

int main(int argc, char **argv) {
    (void)argc;
    parse(argv + 1);
    const char *slow = getenv("CHECK_SLOW");
    if (slow && atoi(slow) > 0) check_slow = atoi(slow);
    streams = calloc((size_t)options.streams, sizeof *streams);
    queue.streams = calloc((size_t)options.streams, sizeof *queue.streams);
    samples.room = options.seconds * 1000 / SAMPLE_MS;
    samples.at = calloc((size_t)samples.room, sizeof *samples.at);
    if (!streams || !queue.streams || !samples.at) abort();
    memset(samples.at, 1, (size_t)samples.room * sizeof *samples.at); /* or they would grow the process while used */
    for (int64_t i = 0; i < options.streams; i++) {
        pthread_rwlock_init(&streams[i].lock, NULL);
        pthread_mutex_init(&streams[i].pause_lock, NULL);
    }

    int64_t begin_ms = now_ms(), with_one = 0, unused = 0, after_first_kib = 0;
    begin = holding();
    int64_t idle_kib = idle(&with_one);
    for (int64_t round = 0; round < options.rounds; round++) {
        soak(options.seconds * 1000 / options.rounds);
        if (round == 0) after_first_kib = resident_kib();
    }
    holding_t end = holding(), early = median(40, 60), late = median(80, 100);
    int64_t idle_after_kib = idle(&unused);

    printf("soak: seed %" PRId64 ", %" PRId64 " streams at a time, %" PRId64 " events each, %" PRId64
           " rounds, dispatch %s%s, %.1f s\n",
           options.seed, options.streams, options.events, options.rounds, DISPATCHES[options.dispatch],
           options.batch ? ", batches" : "", (double)(now_ms() - begin_ms) / 1000);
    printf("streams       %10lld  to their end\n", totals.streams);
    printf("events        %10lld  each once, whole and in order; %.1f MB; %lld notes\n", totals.events,
           (double)totals.bytes / 1e6, totals.notes);
    print_counts("connections", totals.connections, DEAL_COUNT, deal_name);
    print_counts("errors", totals.errors, 64, error_name);
    printf("clients       %10lld  freed: %lld by others, %lld in their callbacks\n", totals.made, totals.frees,
           totals.frees_inside);
    printf("starts        %10lld  stopped: %lld by others, %lld in their callbacks\n", totals.started, totals.stops,
           totals.stops_inside);
    printf("reconnect_now %10lld\npauses        %10lld\nblocked       %10lld  callbacks\n", totals.reconnects,
           totals.pauses, totals.blocked);
    printf("              beginning    middle      late      most       end\n");
    static const char *const names[] = {"memory, KiB", "threads", "files"};
    for (int i = 0; i < HOLDINGS; i++) {
        printf("%-13s%10" PRId64 "%10" PRId64 "%10" PRId64 "%10" PRId64 "%10" PRId64 "\n", names[i], begin.of[i],
               early.of[i], late.of[i], samples.most.of[i], end.of[i]);
    }
    if (options.streams > 1) {
        int64_t others = options.streams - 1;
        printf("idle, KiB     %10.1f  for each of %" PRId64 " more streams; %.1f after all that\n",
               (double)(idle_kib - with_one) / (double)others, others, (double)(idle_after_kib - with_one) / (double)others);
    }

    /* Blocked callbacks call in threads, at random, and each has a stack, a read buffer and memory of the allocator's. */
    int64_t more_threads = late.of[THREADS] > early.of[THREADS] ? late.of[THREADS] - early.of[THREADS] : 0;
    if (check_slow == 1) { /* else, it is the memory of the tool that makes everything slow */
        check_flat("while streams come and go, memory is", early.of[MEMORY_KIB], late.of[MEMORY_KIB],
                   SLACK_KIB + more_threads * THREAD_KIB);
        check_flat("after a round, memory is", after_first_kib, end.of[MEMORY_KIB], SLACK_KIB);
    }
    check_flat("the number of threads is", early.of[THREADS], late.of[THREADS], SLACK_THREADS);
    check_flat("the number of files is", early.of[FILES], late.of[FILES], options.streams / 4 + 8);
    if (check_failed()) fail();
    printf("all well\n");
    return 0;
}
