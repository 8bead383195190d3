/* The library as a guest of its process: version, names, what it keeps secret, and what it leaves alone. */
#include "check.h"
#include "logged.h"
#include "process.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Versions and names ------------------------------------------------------------------------------------------ */

static void the_version_functions_agree_with_the_macros(void) {
    char *version =
        join("%d.%d.%d", EVENTSOURCE_VERSION_MAJOR, EVENTSOURCE_VERSION_MINOR, EVENTSOURCE_VERSION_PATCH);
    CHECK_TEXT(eventsource_version(), version);
    CHECK_NUMBER(eventsource_version_number(), EVENTSOURCE_VERSION_NUMBER);
    CHECK_NUMBER(EVENTSOURCE_VERSION_NUMBER, EVENTSOURCE_VERSION_MAJOR * 1000000 + EVENTSOURCE_VERSION_MINOR * 1000 +
                                                 EVENTSOURCE_VERSION_PATCH);
    free(version);
}

static void every_status_has_its_own_name(void) {
    static const struct {
        int32_t status, number;
        const char *name;
    } STATUSES[] = {
#define STATUS(name, number) {name, number, #name}
        STATUS(EVENTSOURCE_OK, 0),
        STATUS(EVENTSOURCE_ERR_NULL, 1),
        STATUS(EVENTSOURCE_ERR_UTF8, 2),
        STATUS(EVENTSOURCE_ERR_URL, 3),
        STATUS(EVENTSOURCE_ERR_HEADER, 4),
        STATUS(EVENTSOURCE_ERR_METHOD, 5),
        STATUS(EVENTSOURCE_ERR_VALUE, 6),
        STATUS(EVENTSOURCE_ERR_PEM, 7),
        STATUS(EVENTSOURCE_ERR_STATE, 8),
        STATUS(EVENTSOURCE_ERR_IN_CALLBACK, 9),
        STATUS(EVENTSOURCE_ERR_TIMEOUT, 10),
        STATUS(EVENTSOURCE_ERR_BUFFER, 11),
        STATUS(EVENTSOURCE_ERR_RUNTIME, 12),
        STATUS(EVENTSOURCE_ERR_PANIC, 13),
        STATUS(EVENTSOURCE_ERR_FORKED, 14),
        STATUS(EVENTSOURCE_ERR_FREED, 15),
        STATUS(EVENTSOURCE_ERR_UNSUPPORTED, 16),
        STATUS(EVENTSOURCE_ERR_RESOLVE, 32),
        STATUS(EVENTSOURCE_ERR_CONNECT, 33),
        STATUS(EVENTSOURCE_ERR_CONNECT_TIMEOUT, 34),
        STATUS(EVENTSOURCE_ERR_TLS, 35),
        STATUS(EVENTSOURCE_ERR_DISCONNECTED, 36),
        STATUS(EVENTSOURCE_ERR_READ_TIMEOUT, 37),
        STATUS(EVENTSOURCE_ERR_PROTOCOL, 38),
        STATUS(EVENTSOURCE_ERR_END_OF_STREAM, 39),
        STATUS(EVENTSOURCE_ERR_HTTP_STATUS, 40),
        STATUS(EVENTSOURCE_ERR_CONTENT_TYPE, 41),
        STATUS(EVENTSOURCE_ERR_CONTENT_ENCODING, 42),
        STATUS(EVENTSOURCE_ERR_REDIRECT, 43),
        STATUS(EVENTSOURCE_ERR_TOO_MANY_REDIRECTS, 44),
        STATUS(EVENTSOURCE_ERR_EVENT_TOO_LARGE, 45),
        STATUS(EVENTSOURCE_ERR_PROXY, 46),
        STATUS(EVENTSOURCE_ERR_CERTIFICATE, 47),
        STATUS(EVENTSOURCE_ERR_DECODING, 48),
        STATUS(EVENTSOURCE_ERR_HTTP2, 49),
        STATUS(EVENTSOURCE_ERR_MEMORY, 50),
        STATUS(EVENTSOURCE_ERR_RESPONSE_TIMEOUT, 51),
        STATUS(EVENTSOURCE_ERR_REQUEST, 52),
        STATUS(EVENTSOURCE_ERR_EVENT_TIMEOUT, 53),
#undef STATUS
    };
    size_t count = sizeof STATUSES / sizeof *STATUSES, named = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK_NUMBER(STATUSES[i].status, STATUSES[i].number); /* a number keeps its meaning for ever */
        CHECK_TEXT(eventsource_status_name(STATUSES[i].status), STATUSES[i].name);
    }
    /* One that is missing above would be found here. */
    for (int32_t i = -1000; i < 1000; i++) {
        named += strcmp(eventsource_status_name(i), "EVENTSOURCE_ERR_UNKNOWN") != 0;
    }
    CHECK_NUMBER((int64_t)named, (int64_t)count);
}

static void a_number_that_is_no_status_has_a_name_too(void) {
    static const int32_t NUMBERS[] = {-1, 17, 31, 60, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        CHECK_TEXT(eventsource_status_name(NUMBERS[i]), "EVENTSOURCE_ERR_UNKNOWN");
    }
}

/* ---- Secrets ----------------------------------------------------------------------------------------------------- */

static void check_no_secret(const char *text) {
    check_that(strstr(text, "SECRET") == NULL, __FILE__, __LINE__, "there is no secret in:\n%s", text);
}

static void check_last_error(eventsource_t *es) {
    char text[1024];
    CHECK_STATUS(eventsource_get_last_error(es, text, sizeof text, NULL), EVENTSOURCE_OK);
    check_no_secret(text);
}

static int32_t stop_at_second_error(recorder_t *r, kind_t kind, const void *payload) {
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    check_no_secret(((const eventsource_error_t *)payload)->message);
    check_last_error(r->es);
    return ++r->number == 2 ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

/* Runs a client that is full of secrets until its second error. */
static void run_with_secrets(const char *target) {
    char *url = join("http://SECRET-user:SECRET-password@%s%s", check_url + strlen("http://"), target);
    recorder_t *r = recorder_new(url);
    retry_initial(r);
    CHECK_STATUS(eventsource_set_header(r->es, "Authorization", "Bearer SECRET-token"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_header(r->es, "Cookie", "session=SECRET-cookie"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Key", "SECRET-key"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_body(r->es, "SECRET-body", 11), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, "SECRET-id"), EVENTSOURCE_OK);
    r->then = stop_at_second_error;
    start(r);
    wait_closed(r);
    check_last_error(r->es);
    recorder_end(r);
    free(url);
}

static void secrets_are_neither_logged_nor_in_messages(void) {
    static const char *const TARGETS[] = {
        "/status/503?token=SECRET-query&body=SECRET-answer",
        "/status/200?header=Content-Type:text/event-stream&body=data:%20SECRET-data%0A%0A:SECRET-comment%0A",
        "/status/403?header=Set-Cookie:SECRET-cookie&body=SECRET-answer",
        "/redirect?to=http://user:SECRET-password@127.0.0.1:1/path?SECRET-query",
        "/redirect?to=ftp://user:SECRET-password@127.0.0.1:1/path?SECRET-query",
        "/redirect?to=http://user:SECRET-password@[bad/",
        "/garbage?token=SECRET-query",
    };
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++) run_with_secrets(TARGETS[i]);
    CHECK(*logged->lines != '\0');
    check_no_secret(logged->lines);
    log_end(logged);
}

static void values_of_the_answers_headers_are_not_logged(void) {
    static const char *const TARGETS[] = {
        "/type?value=text/SECRET-type",
        "/status/200?header=Content-Type:text/event-stream&header=Content-Encoding:SECRET-coding",
    };
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++) {
        logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
        recorder_t *r = recorder_new(TARGETS[i]);
        CHECK_STATUS(eventsource_set_mode(r->es, EVENTSOURCE_MODE_ONCE), EVENTSOURCE_OK);
        start(r);
        wait_closed(r);
        recorder_end(r);
        CHECK(*logged->lines != '\0');
        check_no_secret(logged->lines);
        log_end(logged);
    }
}

static void an_id_that_is_not_sent_is_warned_of_once(void) {
    char *id = malloc(8194);
    if (!id) abort();
    memset(id, 'x', 8193);
    id[8193] = '\0';
    logged_t *logged = log_new(EVENTSOURCE_LOG_WARNING);
    recorder_t *r = recorder_new("/status/503");
    retry_initial(r);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, id), EVENTSOURCE_OK);
    r->then = stop_at_second_error;
    start(r);
    wait_closed(r);
    char *warning = join("2 %" PRIu64 " - 1 %s http the last event id is not sent: it has 8193 bytes", number_of(r->es), check_url);
    CHECK_NUMBER((int64_t)lines_with(logged->lines, "2 "), 1);
    CHECK_NUMBER((int64_t)lines_with(logged->lines, warning), 1);
    free(warning);
    recorder_end(r);
    log_end(logged);
    free(id);
}

static void a_refused_call_does_not_repeat_its_secrets(void) {
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    recorder_t *r = recorder_new("/events");
    CHECK_STATUS(eventsource_set_url(r->es, "http://user:SECRET-password@exa mple.com/?SECRET-query"), EVENTSOURCE_ERR_URL);
    check_last_error(r->es);
    CHECK_STATUS(eventsource_set_url(r->es, "SECRET-token@example.com"), EVENTSOURCE_ERR_URL);
    check_last_error(r->es);
    CHECK_STATUS(eventsource_set_header(r->es, "Authorization", "SECRET-token\n"), EVENTSOURCE_ERR_HEADER);
    check_last_error(r->es);
    CHECK_STATUS(eventsource_set_sensitive_header(r->es, "X-Key", "SECRET-key\n"), EVENTSOURCE_ERR_HEADER);
    check_last_error(r->es);
    CHECK_STATUS(eventsource_set_basic_auth(r->es, "us:er", "SECRET-password"), EVENTSOURCE_ERR_VALUE);
    check_last_error(r->es);
    CHECK_STATUS(eventsource_set_last_event_id(r->es, "SECRET-id\n"), EVENTSOURCE_ERR_VALUE);
    check_last_error(r->es);
    CHECK_STATUS(eventsource_set_ca_pem(r->es, "SECRET-pem", 10), EVENTSOURCE_ERR_PEM);
    check_last_error(r->es);
    static const char KEY[] = "-----BEGIN PRIVATE KEY-----\n!SECRET-key!\n-----END PRIVATE KEY-----\n";
    CHECK_STATUS(eventsource_set_client_cert_pem(r->es, KEY, sizeof KEY - 1, NULL, 0), EVENTSOURCE_ERR_PEM);
    check_last_error(r->es);
    static const char ODD[] = "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END SECRET KEY-----\n";
    CHECK_STATUS(eventsource_set_client_cert_pem(r->es, ODD, sizeof ODD - 1, NULL, 0), EVENTSOURCE_ERR_PEM);
    check_last_error(r->es);
    check_no_secret(logged->lines);
    CHECK_NUMBER((int64_t)lines_with(logged->lines, "4 "), 9);
    log_end(logged);
    recorder_end(r);
}

/* ---- A good guest ------------------------------------------------------------------------------------------------ */

/* Sends a descriptor to a file; answers the descriptor that was there. */
static int redirect_to(int fd, FILE *file) {
    int before = dup(fd);
    CHECK(before >= 0 && dup2(fileno(file), fd) == fd);
    return before;
}

static off_t restore(int fd, int before, FILE *file) {
    struct stat status = {.st_size = -1};
    dup2(before, fd);
    close(before);
    CHECK(fstat(fileno(file), &status) == 0);
    return status.st_size;
}

static void nothing_is_written_to_stdout_or_stderr(void) {
    static const char *const TARGETS[] = {"/events?count=2&per_connection=1&then=204", "/status/404", "/garbage",
                                          "/bad-chunk", "/endless-headers", "/big?bytes=2000", "/type",
                                          "http://127.0.0.1:1/", "https://127.0.0.1:1/"};
    FILE *out = tmpfile(), *err = tmpfile();
    off_t out_size, err_size;
    if (!out || !err) abort();
    fflush(stdout);
    int stdout_before = redirect_to(STDOUT_FILENO, out), stderr_before = redirect_to(STDERR_FILENO, err);
    for (size_t i = 0; i < sizeof TARGETS / sizeof *TARGETS; i++) {
        recorder_t *r = recorder_new(TARGETS[i]);
        retry_initial(r);
        CHECK_STATUS(eventsource_set_max_event_size(r->es, 1000), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_method(r->es, "G ET"), EVENTSOURCE_ERR_METHOD);
        CHECK_STATUS(eventsource_set_method(r->es, "GET"), EVENTSOURCE_OK);
        start(r);
        WAIT_FOR(r, "error", 1);
        recorder_end(r);
    }
    out_size = restore(STDOUT_FILENO, stdout_before, out);
    err_size = restore(STDERR_FILENO, stderr_before, err);
    CHECK_NUMBER((int64_t)out_size, 0);
    CHECK_NUMBER((int64_t)err_size, 0); /* checks that fail above are here, too */
    fclose(out);
    fclose(err);
}

static void the_signal_dispositions_stay_as_they_are(void) {
    /* Some numbers are no signals of the program's; asking about them fails before and after. */
    struct sigaction before[32], after[32];
    memset(before, 0, sizeof before);
    memset(after, 0, sizeof after);
    for (int i = 1; i < 32; i++) sigaction(i, NULL, &before[i]);
    run_something();
    for (int i = 1; i < 32; i++) {
        sigaction(i, NULL, &after[i]);
        CHECK(before[i].sa_handler == after[i].sa_handler && before[i].sa_flags == after[i].sa_flags);
    }
}

/* What a thread itself causes, and does not block; but valgrind has its own idea of who blocks it. */
static int is_fault(int number) {
    return number == SIGILL || number == SIGTRAP || number == SIGABRT || number == SIGBUS || number == SIGFPE ||
           number == SIGSEGV || number == SIGSYS;
}

/* How many threads besides the first there are, each of which must block all signals but faults; at `unnamed`, how many of
 * them are not named after the library. */
static int look_at_threads(int *unnamed) {
    int count = 0;
    *unnamed = 0;
    DIR *tasks = open_proc("/proc/self/task");
    if (!tasks) return -1;
    char *main_thread = join("%ld", (long)getpid());
    for (struct dirent *task; (task = readdir(tasks));) {
        if (task->d_name[0] == '.' || strcmp(task->d_name, main_thread) == 0) continue;
        const char *name = contents("/proc/self/task", task->d_name, "comm");
        if (!*name) continue; /* gone since */
        int is_named = strncmp(name, "eventsource", 11) == 0;
        const char *blocked = strstr(contents("/proc/self/task", task->d_name, "status"), "SigBlk:");
        if (!blocked) continue;
        unsigned long long mask = strtoull(blocked + 7, NULL, 16);
        for (int i = 1; i < 32; i++) {
            check_that(i == SIGKILL || i == SIGSTOP || is_fault(i) || (mask >> (i - 1) & 1), __FILE__, __LINE__,
                       "it blocks signal %d", i);
        }
        *unnamed += !is_named;
        count++;
    }
    closedir(tasks);
    free(main_thread);
    return count;
}

/* A thread takes its name a moment after it has begun; hence the loop. */
static int32_t check_threads(recorder_t *r, kind_t kind, const void *payload) {
    (void)r;
    (void)payload;
    if (kind != ON_EVENT) return EVENTSOURCE_DECISION_DEFAULT;
    int64_t deadline = now_ms() + check_seconds * 1000 * check_slow;
    struct timespec moment = {0, 1000 * 1000};
    int unnamed = 0, count = look_at_threads(&unnamed);
    while (unnamed > 0 && now_ms() < deadline && !check_failed()) {
        nanosleep(&moment, NULL);
        count = look_at_threads(&unnamed);
    }
    CHECK_NUMBER(unnamed, 0);
    CHECK(count != 0);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void its_threads_are_named_and_block_all_signals_but_faults(void) {
    recorder_t *r = recorder_new("/hang-body");
    r->then = check_threads;
    start(r);
    WAIT_FOR(r, "event", 1);
    recorder_end(r);
}

CHECK_MAIN(TEST(the_version_functions_agree_with_the_macros),
           TEST(every_status_has_its_own_name),
           TEST(a_number_that_is_no_status_has_a_name_too),
           TEST(secrets_are_neither_logged_nor_in_messages),
           TEST(an_id_that_is_not_sent_is_warned_of_once),
           TEST(values_of_the_answers_headers_are_not_logged),
           TEST(a_refused_call_does_not_repeat_its_secrets),
           TEST(nothing_is_written_to_stdout_or_stderr),
           TEST(the_signal_dispositions_stay_as_they_are),
           TEST(its_threads_are_named_and_block_all_signals_but_faults))
