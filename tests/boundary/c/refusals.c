/* A call that is refused leaves the caller what is the caller's, and one that reads a file holds up nobody. */
#include "check.h"
#include "child.h"
#include "process.h"
#include "recorder.h"
#include "runtime.h"

#include <sys/stat.h>

/* ---- Without threads --------------------------------------------------------------------------------------------- */

/* Nobody else has this number, so that all threads it has are known. */
enum { LONELY_USER = 61843 };

/* What a runtime is refused with: no hook may be called, and destroy once for each. */
typedef struct {
    pthread_mutex_t mutex;
    int calls, destroys;
} untouched_t;

static void touch(void *user) {
    untouched_t *untouched = user;
    pthread_mutex_lock(&untouched->mutex);
    untouched->calls++;
    pthread_mutex_unlock(&untouched->mutex);
}

static void count_destroy(void *user) {
    untouched_t *untouched = user;
    pthread_mutex_lock(&untouched->mutex);
    untouched->destroys++;
    pthread_mutex_unlock(&untouched->mutex);
}

/* Tries to make a runtime while there may be so many more threads. */
static void refuse(int32_t dispatch, int more, untouched_t *untouched) {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = dispatch;
    options.on_thread_start = touch;
    options.on_thread_stop = touch;
    options.user = untouched;
    options.destroy = count_destroy;
    struct rlimit before, limit;
    CHECK(getrlimit(RLIMIT_NPROC, &before) == 0);
    limit = before;
    limit.rlim_cur = (rlim_t)(other_threads() + 1 + more);
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK(setrlimit(RLIMIT_NPROC, &before) == 0);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_ERR_RUNTIME);
    eventsource_runtime_free(runtime);
}

static int32_t refuse_in(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) {
        refuse(EVENTSOURCE_DISPATCH_ISOLATED, 0, r->pointer);
        refuse(EVENTSOURCE_DISPATCH_INLINE, 0, r->pointer);
        refuse(EVENTSOURCE_DISPATCH_ISOLATED, 1, r->pointer);
    }
    return EVENTSOURCE_DECISION_DEFAULT;
}

static int play_a_user_without_threads(void) {
    untouched_t untouched = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    recorder_t *r = recorder_new("/hang-body");
    CHECK(setuid(LONELY_USER) == 0);
    r->then = refuse_in;
    r->pointer = &untouched;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
    check_other_threads(0); /* one on its way out would be counted, and leave room for another */
    refuse(EVENTSOURCE_DISPATCH_ISOLATED, 1, &untouched);
    check_other_threads(0); /* those that were there for a moment have had their time */
    CHECK_NUMBER(untouched.calls, 0);
    CHECK_NUMBER(untouched.destroys, 4);
    return check_failed();
}

static void a_runtime_that_is_refused_for_want_of_a_thread_touches_nothing_of_the_callers(void) {
    if (geteuid() != 0) return; /* only root can be somebody else, and who is root has no limit */
    ended_t ended = child_run("play_a_user_without_threads");
    CHECK_EXIT(&ended, 0);
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static char *temporary(const char *name) {
    const char *folder = getenv("TMPDIR");
    return join("%s/eventsource-%ld-%s", folder ? folder : "/tmp", (long)getpid(), name);
}

static void *set_ca_file(void *argument) {
    recorder_t *r = argument;
    CHECK_STATUS(eventsource_set_ca_file(r->es, r->pointer), EVENTSOURCE_ERR_PEM);
    return NULL;
}

static void a_file_that_never_comes_holds_up_neither_its_setter_nor_others(void) {
    pthread_t thread;
    char text[512] = "";
    char *pipe = temporary("pipe");
    recorder_t *r = recorder_new("/hang-body");
    r->pointer = pipe;
    CHECK(mkfifo(pipe, 0600) == 0);
    pthread_create(&thread, NULL, set_ca_file, r);
    CHECK_STATUS(eventsource_stop(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_pause(r->es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(r->es, 0), EVENTSOURCE_ERR_STATE);
    pthread_join(thread, NULL);
    set_ca_file(r); /* once more: the wait's own text may have come last */
    CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, "it is not a regular file") && strstr(text, pipe));
    unlink(pipe);
    free(pipe);
    recorder_end(r);
}

static void a_file_without_bytes_or_without_end_is_refused(void) {
    char text[512] = "";
    char *sparse = temporary("sparse");
    recorder_t *r = recorder_new("/hang-body");
    FILE *file = fopen(sparse, "w");
    CHECK(file && fclose(file) == 0);
    CHECK_STATUS(eventsource_set_ca_file(r->es, sparse), EVENTSOURCE_ERR_PEM);
    CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, "holds no certificate"));
    CHECK(truncate(sparse, (off_t)4 << 30) == 0);
    CHECK_STATUS(eventsource_set_ca_file(r->es, sparse), EVENTSOURCE_ERR_PEM);
    CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, "it is larger than 16 MiB") && strstr(text, sparse));
    CHECK_STATUS(eventsource_set_ca_file(r->es, "/dev/zero"), EVENTSOURCE_ERR_PEM);
    CHECK_STATUS(eventsource_set_ca_file(r->es, "/"), EVENTSOURCE_ERR_PEM);
    unlink(sparse);
    free(sparse);
    recorder_end(r);
}

static int play_a_user_of_a_pipe(void) {
    char *pipe = temporary("certificates");
    peer_t peer = peer_listen("https");
    char text[512] = "";
    CHECK(mkfifo(pipe, 0600) == 0 && setenv("SSL_CERT_FILE", pipe, 1) == 0);
    recorder_t *r = recorder_new(peer.url);
    start(r);
    WAIT_FOR(r, "error TLS", 1);
    CHECK_STATUS(eventsource_get_last_error(r->es, text, sizeof text, NULL), EVENTSOURCE_OK);
    CHECK(strstr(text, "it is not a regular file") && strstr(text, pipe));
    recorder_end(r);
    peer_close(&peer);
    unlink(pipe);
    free(pipe);
    return check_failed();
}

static void a_file_of_the_environments_that_never_comes_is_an_error(void) {
    ended_t ended = child_run("play_a_user_of_a_pipe");
    CHECK_EXIT(&ended, 0);
}

static const role_t ROLES[] = {ROLE(play_a_user_without_threads), ROLE(play_a_user_of_a_pipe)};

CHECK_MAIN_WITH_ROLES(ROLES, TEST(a_runtime_that_is_refused_for_want_of_a_thread_touches_nothing_of_the_callers),
                      TEST(a_file_that_never_comes_holds_up_neither_its_setter_nor_others),
                      TEST(a_file_without_bytes_or_without_end_is_refused),
                      TEST(a_file_of_the_environments_that_never_comes_is_an_error))
