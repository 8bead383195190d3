/* The log: what its records contain, which client each is about, and how its callback is set. */
#include "check.h"
#include "gate.h"
#include "logged.h"

#include <stdatomic.h>
#include <unistd.h>

static const char *https_url, *ca_file;

/* ---- Levels ------------------------------------------------------------------------------------------------------ */

static void the_log_tells_no_more_than_the_level_asks_for(void) {
    static const int32_t LEVELS[] = {EVENTSOURCE_LOG_OFF, EVENTSOURCE_LOG_ERROR, EVENTSOURCE_LOG_WARNING,
                                     EVENTSOURCE_LOG_INFO, EVENTSOURCE_LOG_DEBUG};
    for (size_t i = 0; i < sizeof LEVELS / sizeof *LEVELS; i++) {
        logged_t *logged = log_new(LEVELS[i]);
        run_something();
        /* Nothing of this is a fault: there is either nothing to tell, or something of the level itself. */
        CHECK_NUMBER(logged->most_detailed, LEVELS[i] < EVENTSOURCE_LOG_INFO ? 0 : LEVELS[i]);
        log_end(logged);
    }
}

static void a_final_error_is_a_warning(void) {
    logged_t *logged = log_new(EVENTSOURCE_LOG_WARNING);
    recorder_t *r = recorder_new("/status/404");
    start(r);
    wait_closed(r);
    char *line = join("2 %" PRIu64 " - 1 %s error status refused (HTTP 404); final\n", number_of(r->es), check_url);
    CHECK_TEXT(logged->lines, line);
    free(line);
    recorder_end(r);
    log_end(logged);
}

static void the_log_tells_why_a_call_is_refused(void) {
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    eventsource_t *es = eventsource_new("ftp://example.com/");
    char *whose = join("4 %" PRIu64 " - 0 - call call refused: ", number_of(es));
    CHECK_NUMBER((int64_t)lines_with(logged->lines, whose), 1);
    CHECK(strstr(logged->lines, "ftp") != NULL);
    free(whose);
    eventsource_free(es);
    log_end(logged);
}

/* ---- Which client ------------------------------------------------------------------------------------------------ */

/* Checks that the lines of a client are these, in which %s are its number, and with that its name and origin. */
static void check_lines_of(const logged_t *logged, const char *client, const char *expected) {
    char *lines = join("%s", "");
    for (const char *line = logged->lines, *end; (end = strchr(line, '\n')); line = end + 1) {
        const char *of = strchr(line, ' ') + 1;
        if (strncmp(of, client, strlen(client)) != 0) continue;
        char *more = join("%s%.*s\n", lines, (int)(end - line), line);
        free(lines);
        lines = more;
    }
    CHECK_TEXT(lines, expected);
    free(lines);
}

/* What the log tells of a client that is at the test server until it asks for the end, which is at its second attempt. */
static char *two_attempts(uint64_t client, const char *name, const char *origin) {
    char *whose = join("%" PRIu64 " %s", client, name);
    char *lines = join("4 %s 1 %s request GET\n"
                       "3 %s 1 %s open open\n"
                       "3 %s 1 %s error the server ended the stream\n"
                       "3 %s 1 %s wait next attempt in 10 ms\n"
                       "4 %s 2 %s request GET\n"
                       "3 %s 2 %s close closed, as the server asked\n",
                       whose, origin, whose, origin, whose, origin, whose, origin, whose, origin, whose, origin);
    free(whose);
    return lines;
}

static void two_clients_are_told_apart_by_number_name_attempt_and_origin(void) {
    static const char TARGET[] = "/events?count=1&per_connection=1&then=204";
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    char *other_origin = join("http://localhost%s", strrchr(check_url, ':'));
    char *other_url = join("%s%s", other_origin, TARGET);
    recorder_t *r[2] = {recorder_new(TARGET), recorder_new(other_url)};
    static const char *const NAMES[] = {"prices", "news and weather"};
    const char *const ORIGINS[] = {check_url, other_origin};
    for (int i = 0; i < 2; i++) CHECK_STATUS(eventsource_set_name(r[i]->es, NAMES[i]), EVENTSOURCE_OK);
    CHECK(number_of(r[0]->es) != 0 && number_of(r[0]->es) != number_of(r[1]->es));
    for (int i = 0; i < 2; i++) start(r[i]);
    for (int i = 0; i < 2; i++) wait_closed(r[i]);
    for (int i = 0; i < 2; i++) {
        char *client = join("%" PRIu64 " ", number_of(r[i]->es));
        char *expected = two_attempts(number_of(r[i]->es), NAMES[i], ORIGINS[i]);
        check_lines_of(logged, client, expected);
        free(client);
        free(expected);
    }
    CHECK_NUMBER(logged->of_no_client, 0);
    for (int i = 0; i < 2; i++) recorder_end(r[i]);
    free(other_origin);
    free(other_url);
    log_end(logged);
}

static void a_client_has_its_number_for_life_and_its_attempts_go_on(void) {
    logged_t *logged = log_new(EVENTSOURCE_LOG_INFO);
    recorder_t *r = recorder_new("/status/204");
    uint64_t number = number_of(r->es);
    for (int i = 0; i < 2; i++) {
        start(r);
        wait_closed(r);
        CHECK(number_of(r->es) == number);
    }
    char *expected = join("3 %" PRIu64 " - 1 %s close closed, as the server asked\n"
                          "3 %" PRIu64 " - 2 %s close closed, as the server asked\n",
                          number, check_url, number, check_url);
    CHECK_TEXT(logged->lines, expected);
    free(expected);
    recorder_end(r);
    log_end(logged);
}

static int32_t be_refused_in_request(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_REQUEST) return EVENTSOURCE_DECISION_DEFAULT;
    /* One that does not keep the request from being sent, one on the client, and one on nothing. */
    CHECK_STATUS(eventsource_request_get_url(r->request, NULL, 0, NULL), EVENTSOURCE_ERR_BUFFER);
    CHECK_STATUS(eventsource_set_method(r->es, "POST"), EVENTSOURCE_ERR_STATE);
    CHECK_STATUS(eventsource_stop(NULL), EVENTSOURCE_ERR_NULL);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void a_refused_call_has_the_client_and_the_attempt_in_which_it_was_made(void) {
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    recorder_t *r = recorder_new("/status/204");
    CHECK_STATUS(eventsource_set_name(r->es, "\n"), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_set_name(r->es, NULL), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
    r->then = be_refused_in_request;
    start(r);
    wait_closed(r);
    CHECK_STATUS(eventsource_get_last_event_id(r->es, NULL, 0, NULL), EVENTSOURCE_ERR_BUFFER);
    char *whose = join("4 %" PRIu64 " - ", number_of(r->es));
    char *before = join("%s0 %s call call refused: the name", whose, check_url);
    char *inside = join("%s1 %s call call refused: ", whose, check_url);
    CHECK_NUMBER((int64_t)lines_with(logged->lines, before), 1);
    CHECK_NUMBER((int64_t)lines_with(logged->lines, inside), 4);
    CHECK_NUMBER(logged->of_no_client, 0);
    /* Of a call on nothing nobody knows whose it is. */
    CHECK_STATUS(eventsource_stop(NULL), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER((int64_t)lines_with(logged->lines, "4 0 - 0 - call call refused: "), 1);
    free(whose);
    free(before);
    free(inside);
    recorder_end(r);
    log_end(logged);
}

static int32_t stop_at_second_error(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind != ON_ERROR) return EVENTSOURCE_DECISION_DEFAULT;
    return ++r->number == 2 ? EVENTSOURCE_DECISION_CLOSE : EVENTSOURCE_DECISION_DEFAULT;
}

/* Whether each of these kinds has a line. */
static void check_kinds(const logged_t *logged, const char *const *kinds) {
    for (; *kinds; kinds++) {
        char *kind = join(" %s ", *kinds);
        check_that(strstr(logged->lines, kind) != NULL, __FILE__, __LINE__, "there is a record of %s in:\n%s", *kinds,
                   logged->lines);
        free(kind);
    }
}

/* Everything that a stream can come to, one client after another. */
static void no_record_of_a_stream_is_without_its_client(void) {
    char *long_id = malloc(8194), *elsewhere = join("/redirect?to=http://localhost%s/status/503", strrchr(check_url, ':'));
    char *secure = join("%s/events?count=1&per_connection=1&then=204", https_url), *empty = join("%s", "/tmp/logXXXXXX");
    if (!long_id) abort();
    memset(long_id, 'x', 8193);
    long_id[8193] = '\0';
    /* A bundle of authorities of which one is damaged: it is read when the first client connects over TLS. */
    int fd = mkstemp(empty);
    static const char DAMAGED[] = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    CHECK(fd >= 0 && write(fd, DAMAGED, sizeof DAMAGED - 1) == sizeof DAMAGED - 1);
    CHECK(setenv("SSL_CERT_FILE", empty, 1) == 0);
    const struct {
        const char *target;
        int trusts, with_id, by_proxy;
    } STREAMS[] = {
        {"/events?count=1&per_connection=1&then=204", 0, 0, 0},
        {"/status/503", 0, 1, 0},
        {"/garbage", 0, 0, 0},
        {"/type?value=text/html", 0, 0, 0},
        {elsewhere, 0, 0, 0},
        {"/redirect?to=ftp://127.0.0.1/", 0, 0, 0},
        {"/status/200?header=Content-Type:text/event-stream&header=Content-Encoding:none&body=data:1%0A%0A", 0, 0, 0},
        {"http://127.0.0.1:1/", 0, 0, 0},
        {"http://log.invalid/status/503", 0, 0, 1},
        {"http://log.invalid/", 0, 0, 0},
        {secure, 0, 0, 0},
        {secure, 1, 0, 0},
        {secure, 1, 0, 1},
    };
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    for (size_t i = 0; i < sizeof STREAMS / sizeof *STREAMS; i++) {
        recorder_t *r = recorder_new(STREAMS[i].target);
        retry_initial(r);
        if (STREAMS[i].trusts) CHECK_STATUS(eventsource_set_ca_file(r->es, ca_file), EVENTSOURCE_OK);
        if (STREAMS[i].with_id) CHECK_STATUS(eventsource_set_last_event_id(r->es, long_id), EVENTSOURCE_OK);
        if (STREAMS[i].by_proxy) CHECK_STATUS(eventsource_set_proxy(r->es, check_url), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_request(r->es, record_request), EVENTSOURCE_OK);
        r->then = stop_at_second_error;
        start(r);
        wait_closed(r);
        recorder_end(r);
        check_that(logged->of_no_client == 0, __FILE__, __LINE__, "%s: each record has a client:\n%s",
                   STREAMS[i].target, logged->lines);
    }
    static const char *const KINDS[] = {"request", "redirect", "open", "error", "wait", "close", "http", "tls", NULL};
    check_kinds(logged, KINDS);
    char *proxied = join(" request GET through the proxy %s\n", check_url + strlen("http://"));
    char *redirected = join(" request GET to http://localhost%s\n", strrchr(check_url, ':'));
    CHECK(strstr(logged->lines, proxied) != NULL);
    CHECK(strstr(logged->lines, redirected) != NULL);
    CHECK(unsetenv("SSL_CERT_FILE") == 0);
    close(fd);
    unlink(empty);
    log_end(logged);
    free(proxied);
    free(redirected);
    free(elsewhere);
    free(secure);
    free(empty);
    free(long_id);
}

static void a_name_is_short_and_stands_in_a_line(void) {
    recorder_t *r = recorder_new("/events");
    char longest[130];
    memset(longest, 'x', 129);
    longest[129] = '\0';
    CHECK_STATUS(eventsource_set_name(r->es, longest), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_set_name(r->es, ""), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_set_name(r->es, "a\x1b[2J"), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_set_name(r->es, "\xff"), EVENTSOURCE_ERR_UTF8);
    CHECK_STATUS(eventsource_start(r->es), EVENTSOURCE_ERR_VALUE); /* as after any refused setting */
    CHECK_STATUS(eventsource_set_name(r->es, longest + 1), EVENTSOURCE_OK);
    recorder_end(r);
}

/* ---- The callback ------------------------------------------------------------------------------------------------ */

static void a_callback_that_is_replaced_or_removed_is_not_called_and_is_destroyed_once(void) {
    logged_t *first = log_new(EVENTSOURCE_LOG_DEBUG), *second = log_new(EVENTSOURCE_LOG_DEBUG);
    CHECK_NUMBER(first->destroys, 1);
    run_something();
    CHECK_TEXT(first->lines, "");
    CHECK(*second->lines != '\0');
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, NULL, NULL, NULL), EVENTSOURCE_OK);
    CHECK_NUMBER(second->destroys, 1);
    char *before = join("%s", second->lines);
    run_something();
    CHECK_TEXT(second->lines, before);
    free(before);
    log_end(first);
    log_end(second);
}

static void a_callback_that_is_never_called_is_destroyed_at_once(void) {
    logged_t never = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, on_log, &never, on_destroy_log), EVENTSOURCE_OK);
    CHECK_NUMBER(never.destroys, 1);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_INFO, NULL, &never, on_destroy_log), EVENTSOURCE_OK);
    CHECK_NUMBER(never.destroys, 2);
}

static void set_in_callback(void) {
    static logged_t refused = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_INFO, on_log, &refused, on_destroy_log),
                 EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_NUMBER(refused.destroys, 0);
}

static void a_refused_call_changes_nothing_and_destroys_nothing(void) {
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG), refused = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    CHECK_STATUS(eventsource_log_set_callback(5, on_log, &refused, on_destroy_log), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_log_set_callback(-1, on_log, &refused, on_destroy_log), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER(refused.destroys, 0);
    logged->then = set_in_callback;
    run_something();
    CHECK_NUMBER(logged->destroys, 0);
    CHECK(*logged->lines != '\0');
    log_end(logged);
}

static eventsource_t *some_client;

static void use_the_library(void) {
    eventsource_state_t state = 99;
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_get_state(some_client, &state), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(some_client, 0), EVENTSOURCE_ERR_IN_CALLBACK);
    CHECK_STATUS(eventsource_set_method(some_client, "G ET"), EVENTSOURCE_ERR_METHOD); /* which is not logged here */
}

static void a_log_callback_is_a_callback_like_others(void) {
    logged_t *logged;
    some_client = eventsource_new("http://127.0.0.1:1/");
    CHECK_STATUS(eventsource_check(some_client), EVENTSOURCE_OK);
    logged = log_new(EVENTSOURCE_LOG_DEBUG);
    logged->then = use_the_library;
    run_something();
    CHECK(*logged->lines != '\0');
    char *of_some_client = join(" %" PRIu64 " ", number_of(some_client));
    CHECK(strstr(logged->lines, of_some_client) == NULL);
    free(of_some_client);
    log_end(logged);
    eventsource_free(some_client);
}

static gate_t gate = GATE_CLOSED;

static void pass_gate(void) {
    gate_pass(&gate);
}

static void *be_refused(void *argument) {
    (void)argument;
    CHECK_STATUS(eventsource_stop(NULL), EVENTSOURCE_ERR_NULL);
    return NULL;
}

static void *log_nowhere(void *argument) {
    const logged_t *logged = argument;
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
    /* The callback had not returned when that was called. */
    CHECK(*logged->lines != '\0');
    CHECK_NUMBER(logged->destroys, 1);
    return NULL;
}

static void setting_waits_for_a_record_that_is_being_passed_in_another_thread(void) {
    pthread_t writer, setter;
    logged_t *logged = log_new(EVENTSOURCE_LOG_DEBUG);
    logged->then = pass_gate;
    CHECK(pthread_create(&writer, NULL, be_refused, NULL) == 0);
    gate_wait(&gate, 1);
    CHECK(pthread_create(&setter, NULL, log_nowhere, logged) == 0);
    struct timespec moment = {.tv_nsec = 20 * 1000 * 1000}; /* in which a setter that does not wait would be done */
    nanosleep(&moment, NULL);
    CHECK_NUMBER(logged->destroys, 0);
    gate_open(&gate);
    pthread_join(writer, NULL);
    pthread_join(setter, NULL);
    gate_reset(&gate);
    log_end(logged);
}

static atomic_int records_before, records_after;

static void hold_the_first(const eventsource_log_record_t *record, void *user) {
    (void)record, (void)user;
    if (atomic_fetch_add(&records_before, 1) == 0) gate_pass(&gate);
}

static void count_after(const eventsource_log_record_t *record, void *user) {
    (void)record, (void)user;
    atomic_fetch_add(&records_after, 1);
}

static void *replace(void *argument) {
    (void)argument;
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, count_after, NULL, NULL), EVENTSOURCE_OK);
    return NULL;
}

/* As with an interpreter that has one lock, which the callback takes: whoever logs meanwhile may hold it. */
static void only_setting_waits_for_a_record_that_is_being_passed(void) {
    pthread_t writer, setter;
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, hold_the_first, NULL, NULL), EVENTSOURCE_OK);
    CHECK(pthread_create(&writer, NULL, be_refused, NULL) == 0);
    gate_wait(&gate, 1);
    CHECK(pthread_create(&setter, NULL, replace, NULL) == 0);
    while (!atomic_load(&records_after)) be_refused(NULL);
    gate_open(&gate);
    pthread_join(writer, NULL);
    pthread_join(setter, NULL);
    gate_reset(&gate);
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
}

/* A callback's data of its own, which is freed by destroy: a record that came later would be a use after free. */
typedef struct {
    atomic_int inside;
    int32_t level;
} own_t;

static atomic_int destroyed, too_detailed, at_wrong_time;

static void look_at_own(const eventsource_log_record_t *record, void *user) {
    own_t *own = user;
    atomic_fetch_add(&own->inside, 1);
    atomic_fetch_add(&too_detailed, record->level > own->level);
    atomic_fetch_sub(&own->inside, 1);
}

static void free_own(void *user) {
    own_t *own = user;
    atomic_fetch_add(&at_wrong_time, atomic_load(&own->inside) != 0);
    atomic_fetch_add(&destroyed, 1);
    free(own);
}

static atomic_int writes_on;

static void *write_on(void *argument) {
    while (atomic_load(&writes_on)) be_refused(argument);
    return NULL;
}

static void the_log_may_be_changed_while_other_threads_write(void) {
    enum { THREADS = 3, CHANGES = 2000 };
    pthread_t threads[THREADS];
    atomic_store(&writes_on, 1);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, write_on, NULL) == 0);
    for (int i = 0; i < CHANGES; i++) {
        own_t *own = calloc(1, sizeof *own);
        if (!own) abort();
        own->level = i % 2 ? EVENTSOURCE_LOG_DEBUG : EVENTSOURCE_LOG_INFO;
        CHECK_STATUS(eventsource_log_set_callback(own->level, look_at_own, own, free_own), EVENTSOURCE_OK);
        CHECK_NUMBER(atomic_load(&destroyed), i);
    }
    CHECK_STATUS(eventsource_log_set_callback(EVENTSOURCE_LOG_OFF, NULL, NULL, NULL), EVENTSOURCE_OK);
    CHECK_NUMBER(atomic_load(&destroyed), CHANGES);
    atomic_store(&writes_on, 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK_NUMBER(atomic_load(&too_detailed), 0);
    CHECK_NUMBER(atomic_load(&at_wrong_time), 0);
}

/* ---- As text ----------------------------------------------------------------------------------------------------- */

static eventsource_log_record_t record_of(uint64_t client, const char *name, uint64_t attempt, const char *origin) {
    return (eventsource_log_record_t){
        .size = sizeof(eventsource_log_record_t),
        .level = EVENTSOURCE_LOG_INFO,
        .kind = EVENTSOURCE_LOG_KIND_OPEN,
        .client = client,
        .name = name,
        .name_len = strlen(name),
        .attempt = attempt,
        .origin = origin,
        .origin_len = strlen(origin),
        .text = "open",
        .text_len = 4,
    };
}

static void check_format(eventsource_log_record_t record, const char *expected) {
    char line[256];
    size_t len = 0;
    CHECK_STATUS(eventsource_log_format(&record, line, sizeof line, &len), EVENTSOURCE_OK);
    CHECK_TEXT(line, expected);
    CHECK_NUMBER((int64_t)len, (int64_t)strlen(expected));
}

static void a_record_is_a_line_of_what_it_has(void) {
    check_format(record_of(3, "prices", 2, "https://example.com"),
                 "info: client 3 (prices), attempt 2, https://example.com: open");
    check_format(record_of(3, "", 0, "https://example.com"), "info: client 3, https://example.com: open");
    check_format(record_of(0, "", 0, ""), "info: open");
    static const char *const LEVELS[] = {"", "error: ", "warning: ", "info: ", "debug: ", ""};
    for (int32_t i = 0; i < 6; i++) {
        eventsource_log_record_t record = record_of(0, "", 0, "");
        char *expected = join("%sopen", LEVELS[i]);
        memcpy(&record.level, &i, sizeof i); /* a later version may have more */
        check_format(record, expected);
        free(expected);
    }
}

static void a_line_that_does_not_fit_is_cut_at_a_character(void) {
    eventsource_log_record_t record = record_of(0, "", 0, "");
    record.text = "\xe2\x82\xac\xe2\x82\xac";
    record.text_len = 6;
    char line[11] = "";
    size_t len = 0;
    CHECK_STATUS(eventsource_log_format(&record, line, sizeof line, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK_TEXT(line, "info: \xe2\x82\xac");
    CHECK_NUMBER((int64_t)len, 12);
    CHECK_STATUS(eventsource_log_format(&record, NULL, 0, &len), EVENTSOURCE_ERR_BUFFER);
    CHECK_NUMBER((int64_t)len, 12);
    CHECK_STATUS(eventsource_log_format(&record, line, sizeof line, NULL), EVENTSOURCE_ERR_BUFFER);
}

static void a_record_that_is_none_is_refused(void) {
    eventsource_log_record_t record = record_of(0, "", 0, "");
    char line[64];
    CHECK_STATUS(eventsource_log_format(NULL, line, sizeof line, NULL), EVENTSOURCE_ERR_NULL);
    CHECK_STATUS(eventsource_log_format(&record, NULL, sizeof line, NULL), EVENTSOURCE_ERR_NULL);
    record.size = 0;
    CHECK_STATUS(eventsource_log_format(&record, line, sizeof line, NULL), EVENTSOURCE_ERR_VALUE);
    record = record_of(0, "", 0, "");
    record.text = NULL;
    CHECK_STATUS(eventsource_log_format(&record, line, sizeof line, NULL), EVENTSOURCE_ERR_NULL);
    record.text_len = 0;
    check_format(record, "info: ");
}

int main(int argc, char **argv) {
    static const test_t tests[] = {
        TEST(the_log_tells_no_more_than_the_level_asks_for),
        TEST(a_final_error_is_a_warning),
        TEST(the_log_tells_why_a_call_is_refused),
        TEST(no_record_of_a_stream_is_without_its_client), /* before any other connects over TLS */
        TEST(two_clients_are_told_apart_by_number_name_attempt_and_origin),
        TEST(a_client_has_its_number_for_life_and_its_attempts_go_on),
        TEST(a_refused_call_has_the_client_and_the_attempt_in_which_it_was_made),
        TEST(a_name_is_short_and_stands_in_a_line),
        TEST(a_callback_that_is_replaced_or_removed_is_not_called_and_is_destroyed_once),
        TEST(a_callback_that_is_never_called_is_destroyed_at_once),
        TEST(a_refused_call_changes_nothing_and_destroys_nothing),
        TEST(a_log_callback_is_a_callback_like_others),
        TEST(setting_waits_for_a_record_that_is_being_passed_in_another_thread),
        TEST(only_setting_waits_for_a_record_that_is_being_passed),
        TEST(the_log_may_be_changed_while_other_threads_write),
        TEST(a_record_is_a_line_of_what_it_has),
        TEST(a_line_that_does_not_fit_is_cut_at_a_character),
        TEST(a_record_that_is_none_is_refused),
    };
    if (argc < 4) {
        fprintf(stderr, "Usage: %s URL HTTPS CA [[-]NAME]\n", argv[0]);
        return 2;
    }
    https_url = argv[2];
    ca_file = argv[3];
    argv[3] = argv[1];
    return check_main(argc - 2, argv + 2, tests, sizeof tests / sizeof *tests);
}
