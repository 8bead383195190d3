/* What is Windows' own: handles that a loop waits for, paths, consoles, whom the system trusts.
 *
 *     windows URL HTTPS_URL CA CERTIFICATE KEY [[-]NAME]    of a server that wants a client certificate for HTTPS_URL
 */
#include "check.h"
#include "child.h"
#include "process.h"
#include "recorder.h"
#include "runtime.h"

#include <winsock2.h>
#include <windows.h>

static const char *https_url, *ca_file, *certificate_file, *key_file;

/* ---- Manual dispatch ----------------------------------------------------------------------------------------------- */

static eventsource_fd_t fd_of(eventsource_runtime_t *runtime) {
    eventsource_fd_t fd = INVALID_SOCKET;
    CHECK_STATUS(eventsource_runtime_get_fd(runtime, &fd), EVENTSOURCE_OK);
    return fd;
}

static DWORD patience(void) {
    return check_failed() ? 0 : (DWORD)(check_seconds * 1000 * check_slow);
}

/* How a loop waits until callbacks are due; `event` is tied to the socket. */
typedef int (*waiting_t)(eventsource_fd_t fd, HANDLE event);

static int by_poll(eventsource_fd_t fd, HANDLE event) {
    struct pollfd poll_fd = {fd, POLLIN, 0};
    (void)event;
    return poll(&poll_fd, 1, (int)patience()) == 1;
}

static int by_select(eventsource_fd_t fd, HANDLE event) {
    struct timeval limit = {(long)(patience() / 1000), 0};
    fd_set readable;
    (void)event;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    return select(0, &readable, NULL, NULL, &limit) == 1;
}

static int by_handle(eventsource_fd_t fd, HANDLE event) {
    WSANETWORKEVENTS network;
    int came = WaitForSingleObject(event, patience()) == WAIT_OBJECT_0;
    return came && WSAEnumNetworkEvents(fd, event, &network) == 0;
}

static int by_messages(eventsource_fd_t fd, HANDLE event) {
    WSANETWORKEVENTS network;
    int came = MsgWaitForMultipleObjects(1, &event, FALSE, patience(), QS_ALLINPUT) == WAIT_OBJECT_0;
    return came && WSAEnumNetworkEvents(fd, event, &network) == 0;
}

static void wait_and_dispatch(waiting_t waiting, int needs_event) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/events?count=20&per_connection=3&retry=10&then=204"), runtime);
    eventsource_fd_t fd = fd_of(runtime);
    HANDLE event = needs_event ? WSACreateEvent() : NULL;
    if (event) CHECK(WSAEventSelect(fd, event, FD_READ) == 0);
    start(r);
    while (count_lines(r, "close") == 0 && !check_failed()) {
        CHECK(waiting(fd, event));
        while (dispatch(runtime, 0, EVENTSOURCE_NO_LIMIT) > 0) {}
    }
    CHECK_NUMBER(count_lines(r, "event"), 20);
    recorder_end(r);
    eventsource_runtime_free(runtime);
    if (event) WSACloseEvent(event);
}

static void wsapoll_and_select_wait_for_callbacks(void) {
    wait_and_dispatch(by_poll, 0);
    wait_and_dispatch(by_select, 0);
}

static void an_event_object_waits_for_callbacks(void) {
    wait_and_dispatch(by_handle, 1);
}

static void a_message_loop_waits_for_callbacks(void) {
    wait_and_dispatch(by_messages, 1);
}

static void the_socket_is_readable_while_callbacks_are_due_and_not_otherwise(void) {
    eventsource_runtime_t *runtime = runtime_new(EVENTSOURCE_DISPATCH_MANUAL);
    recorder_t *r = on_runtime(recorder_new("/events?count=1&per_connection=1&then=204"), runtime);
    struct pollfd poll_fd = {fd_of(runtime), POLLIN, 0};
    CHECK_NUMBER(poll(&poll_fd, 1, 50), 0);
    start(r);
    CHECK(by_poll(poll_fd.fd, NULL));
    CHECK(by_poll(poll_fd.fd, NULL)); /* it stays so */
    WAIT_ON(runtime, r, "close", 1);
    CHECK_NUMBER(poll(&poll_fd, 1, 50), 0);
    recorder_end(r);
    eventsource_runtime_free(runtime);
}

/* ---- Consoles ------------------------------------------------------------------------------------------------------ */

/* A console program with a stream, that knows nothing of Ctrl-C. */
static int stream(void) {
    recorder_t *r = recorder_new("/events?count=1000000&per_connection=1000000&interval_ms=1");
    SetConsoleCtrlHandler(NULL, FALSE); /* who starts a process group, has Ctrl-C ignored in it */
    start(r);
    WAIT_FOR(r, "event", 1);
    child_say("streams");
    Sleep(INFINITE);
    return 0;
}

static void check_ended_by(DWORD key) {
    HANDLE pipe;
    DWORD ready = 0;
    PROCESS_INFORMATION child = child_start("stream", CREATE_NEW_PROCESS_GROUP, &pipe);
    int64_t deadline = now_ms() + patience();
    while (ready == 0 && now_ms() < deadline && PeekNamedPipe(pipe, NULL, 0, NULL, &ready, NULL)) Sleep(1);
    CHECK(GenerateConsoleCtrlEvent(key, child.dwProcessId));
    ended_t ended = child_end(child, pipe);
    CHECK_TEXT(ended.output, "streams\n");
    CHECK(ended.status == (int)STATUS_CONTROL_C_EXIT);
}

static void ctrl_break_ends_a_program_with_a_stream(void) {
    check_ended_by(CTRL_BREAK_EVENT);
}

static void ctrl_c_ends_a_program_with_a_stream(void) {
    check_ended_by(CTRL_C_EVENT);
}

/* ---- Files --------------------------------------------------------------------------------------------------------- */

/* A folder whose name no code page has as a whole: umlauts, Greek, Chinese and a character outside the BMP. */
#define FOLDER_WIDE L"eventsource-\u00fc\u03b1\u4e2d\U0001F600"
#define FOLDER "eventsource-\xc3\xbc\xce\xb1\xe4\xb8\xad\xf0\x9f\x98\x80"

static void copy_into_folder(const char *file, const wchar_t *to) {
    wchar_t from[MAX_PATH];
    CHECK(MultiByteToWideChar(CP_UTF8, 0, file, -1, from, MAX_PATH) > 0);
    CHECK(CopyFileW(from, to, FALSE));
}

static recorder_t *secure(void) {
    char *url = join("%s/events?count=1&per_connection=1&then=204", https_url);
    recorder_t *r = recorder_new(url);
    free(url);
    return r;
}

static void paths_are_utf_8_whatever_the_code_page(void) {
    CreateDirectoryW(FOLDER_WIDE, NULL);
    copy_into_folder(ca_file, FOLDER_WIDE L"\\ca.pem");
    copy_into_folder(certificate_file, FOLDER_WIDE L"\\certificate.pem");
    copy_into_folder(key_file, FOLDER_WIDE L"\\key.pem");
    recorder_t *r = secure();
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, 1), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_ca_file(r->es, FOLDER "\\none.pem"), EVENTSOURCE_ERR_PEM);
    CHECK_STATUS(eventsource_set_ca_file(r->es, FOLDER "\\ca.pem"), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_client_cert_file(r->es, FOLDER "\\certificate.pem", FOLDER "/key.pem"), EVENTSOURCE_OK);
    start(r);
    wait_closed(r);
    CHECK_NUMBER(count_lines(r, "event"), 1);
    recorder_end(r);
    DeleteFileW(FOLDER_WIDE L"\\ca.pem");
    DeleteFileW(FOLDER_WIDE L"\\certificate.pem");
    DeleteFileW(FOLDER_WIDE L"\\key.pem");
    CHECK(RemoveDirectoryW(FOLDER_WIDE)); /* nothing is left open */
}

static void a_unix_socket_is_refused_in_words(void) {
    char reason[256] = "";
    recorder_t *r = recorder_new("/events");
    CHECK_STATUS(eventsource_set_unix_socket(r->es, "C:\\socket"), EVENTSOURCE_ERR_VALUE);
    CHECK_STATUS(eventsource_get_last_error(r->es, reason, sizeof reason, NULL), EVENTSOURCE_OK);
    CHECK(strstr(reason, "this system has no Unix sockets") != NULL);
    recorder_end(r);
}

/* ---- Trust --------------------------------------------------------------------------------------------------------- */

static void check_trust(int gives_ca, int is_exclusive, const char *expected) {
    recorder_t *r = secure();
    CHECK_STATUS(eventsource_set_ca_exclusive(r->es, is_exclusive), EVENTSOURCE_OK);
    if (gives_ca) CHECK_STATUS(eventsource_set_ca_file(r->es, ca_file), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_client_cert_file(r->es, certificate_file, key_file), EVENTSOURCE_OK);
    start(r);
    wait_closed(r);
    CHECK_NUMBER(count_lines(r, expected), 1);
    if (check_failed()) fprintf(stderr, "\n%s", r->lines);
    recorder_end(r);
}

static void the_system_alone_does_not_trust_a_stranger(void) {
    check_trust(0, 0, "error CERTIFICATE, final");
}

static void an_authority_is_trusted_beside_the_systems(void) {
    check_trust(1, 0, "event");
}

static void an_authority_is_trusted_instead_of_the_systems(void) {
    check_trust(1, 1, "event");
}

/* ---- Threads ------------------------------------------------------------------------------------------------------- */

static int32_t name_in_event(recorder_t *r, kind_t kind, const void *payload) {
    (void)payload;
    if (kind == ON_EVENT) CHECK_TEXT(this_threads_name(), r->pointer);
    return EVENTSOURCE_DECISION_DEFAULT;
}

static void threads_have_names_that_debuggers_show(void) {
    recorder_t *r = recorder_new("/events?count=1&per_connection=1&then=204");
    r->then = name_in_event;
    r->pointer = "eventsource";
    start(r);
    wait_closed(r);
    recorder_end(r);
}

int main(int argc, char **argv) {
    static const role_t ROLES[] = {ROLE(stream)};
    static const test_t TESTS[] = {TEST(wsapoll_and_select_wait_for_callbacks),
                                   TEST(an_event_object_waits_for_callbacks),
                                   TEST(a_message_loop_waits_for_callbacks),
                                   TEST(the_socket_is_readable_while_callbacks_are_due_and_not_otherwise),
                                   TEST(ctrl_break_ends_a_program_with_a_stream),
                                   TEST(ctrl_c_ends_a_program_with_a_stream),
                                   TEST(paths_are_utf_8_whatever_the_code_page),
                                   TEST(a_unix_socket_is_refused_in_words),
                                   TEST(the_system_alone_does_not_trust_a_stranger),
                                   TEST(an_authority_is_trusted_beside_the_systems),
                                   TEST(an_authority_is_trusted_instead_of_the_systems),
                                   TEST(threads_have_names_that_debuggers_show)};
    if (argc == 4 && strcmp(argv[2], "--role") == 0) {
        return child_play(argv[1], argv[3], ROLES, sizeof ROLES / sizeof *ROLES);
    }
    child_program = argv[0];
    if (argc < 6) return 2;
    https_url = argv[2], ca_file = argv[3], certificate_file = argv[4], key_file = argv[5];
    argv[5] = argv[1];
    return check_main(argc - 4, argv + 4, TESTS, sizeof TESTS / sizeof *TESTS);
}
