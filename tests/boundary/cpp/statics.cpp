// Clients whose owners are destroyed late: after main, or at the end of a thread.
#include "../c/check.h"
#include "../c/child.h"
#include "../c/gate.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int STREAMS = 50, CODE = 42;

std::atomic<int> closes, destroys;
std::atomic<bool> exit_at_event;
gate_t first_events = GATE_CLOSED; // opened by who waits for them

// A stream for as long as the object lives.
class Stream {
public:
    explicit Stream(const std::string &url) {
        eventsource_reconnect_t policy;
        eventsource_reconnect_init(&policy, sizeof policy);
        es_ = eventsource_new(url.c_str());
        CHECK_STATUS(eventsource_check(es_), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_get_reconnect(es_, &policy, sizeof policy), EVENTSOURCE_OK);
        policy.retry_initial = 1;
        CHECK_STATUS(eventsource_set_reconnect(es_, &policy), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_set_user_data(es_, this, on_destroy), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_event(es_, on_event), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_on_close(es_, on_close), EVENTSOURCE_OK);
        CHECK_STATUS(eventsource_start(es_), EVENTSOURCE_OK);
    }
    ~Stream() { eventsource_free(es_); }
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;

private:
    static void on_event(eventsource_t *, const eventsource_event_t *event, void *user) {
        Stream *self = static_cast<Stream *>(user);
        if (self->last_.empty()) gate_pass(&first_events);
        self->last_.assign(event->data, event->data_len);
        if (exit_at_event.exchange(false)) std::exit(CODE);
    }
    static void on_close(eventsource_t *, const eventsource_close_t *, void *) { ++closes; }
    static void on_destroy(void *) { ++destroys; }

    eventsource_t *es_ = nullptr;
    std::string last_{};
};

// What has happened when this is destroyed.
struct Report {
    ~Report() { child_say((std::to_string(closes) + " closed, " + std::to_string(destroys) + " destroyed").c_str()); }
};

// They are destroyed in reverse order: first the streams.
std::unique_ptr<Report> report;
std::vector<std::unique_ptr<Stream>> streams;
// This one starts before main, and never gets anywhere.
Stream early("http://127.0.0.1:1/");

std::string steady() {
    return std::string(check_url) + "/events?count=1000000&interval_ms=1";
}

void run_streams() {
    gate_open(&first_events);
    for (int i = 0; i < STREAMS; i++) streams.push_back(std::make_unique<Stream>(steady()));
    gate_wait(&first_events, STREAMS);
}

int return_from_main() {
    report = std::make_unique<Report>();
    run_streams();
    return check_failed() ? 1 : CODE;
}

int call_exit() {
    std::exit(return_from_main());
}

int call_exit_in_a_callback() {
    run_streams();
    exit_at_event = true;
    for (;;) pause();
}

const role_t ROLES[] = {ROLE(return_from_main), ROLE(call_exit), ROLE(call_exit_in_a_callback)};

// A few times, since threads come and go.
void check_ends(const char *role, const char *output) {
    for (int i = 0; i < 5; i++) {
        ended_t ended = child_run(role);
        CHECK_EXIT(&ended, CODE);
        CHECK_TEXT(ended.output, output);
    }
}

void static_destructors_may_free_clients_that_run() {
    check_ends("return_from_main", "51 closed, 51 destroyed\n");
    check_ends("call_exit", "51 closed, 51 destroyed\n");
}

void static_destructors_that_run_in_a_callback_may_free_clients() {
    check_ends("call_exit_in_a_callback", "");
}

void destructors_at_the_end_of_a_thread_may_free_clients() {
    closes = destroys = 0;
    gate_reset(&first_events);
    gate_open(&first_events);
    std::thread([] {
        thread_local Stream mine(steady());
        gate_wait(&first_events, 1);
    }).join();
    CHECK_NUMBER(closes, 1);
    CHECK_NUMBER(destroys, 1);
}

} // namespace

CHECK_MAIN_WITH_ROLES(ROLES,
                      TEST(static_destructors_may_free_clients_that_run),
                      TEST(static_destructors_that_run_in_a_callback_may_free_clients),
                      TEST(destructors_at_the_end_of_a_thread_may_free_clients))
