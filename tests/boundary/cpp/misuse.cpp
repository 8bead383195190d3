// eventsource.hpp held wrong: objects that have been moved from, NULL where a text is expected, callables that are empty, objects
// that are destroyed in their own callbacks, exceptions that come at a bad moment. Each is refused or works as the header says.
#include "../c/gate.h"
#include "calls.hpp"

#include <eventsource.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using eventsource::client;
using eventsource::client_ref;
using eventsource::event;
using namespace std::chrono_literals;

constexpr auto LONG = 100s; // check.h's deadlines are shorter

// All callbacks are called; a stream that does not end by itself.
const char *const EVERYTHING = "/events?count=3&comment=hi&per_connection=2&retry=10&then=204",
                  *const ENDLESS = "/events?count=1000000&interval_ms=1";

void in_case(const char *name) {
    if (check_failed()) std::fprintf(stderr, "\n    (in \"%s\")", name);
}

/* ---- Moved from ---------------------------------------------------------------------------------------------------- */

void each_call_on_a_client_that_was_moved_from_is_refused() {
    std::error_code code;
    const struct {
        const char *name;
        std::function<void(client &)> call;
    } calls[] = {
        {"start", [](client &es) { es.start(); }},
        {"run", [](client &es) { es.run(); }},
        {"wait", [](client &es) { es.wait(); }},
        {"wait_for", [](client &es) { es.wait_for(0ms); }},
        {"result", [](client &es) { static_cast<void>(es.result()); }},
        {"stop", [](client &es) { es.stop(); }},
        {"pause", [](client &es) { es.pause(); }},
        {"reconnect_now", [](client &es) { es.reconnect_now(); }},
        {"set_last_event_id", [](client &es) { es.set_last_event_id("7"); }},
        {"add_cookies", [](client &es) { es.add_cookies(""); }},
        {"set_next_delay", [](client &es) { es.set_next_delay(1s); }},
        {"state", [](client &es) { static_cast<void>(es.state()); }},
        {"last_event_id", [](client &es) { static_cast<void>(es.last_event_id()); }},
        {"last_error", [](client &es) { static_cast<void>(es.last_error()); }},
        {"stats", [](client &es) { static_cast<void>(es.stats()); }},
        {"reconnect", [](client &es) { static_cast<void>(es.reconnect()); }},
        {"on_event", [](client &es) { es.on_event([] {}); }},
        {"on_event of a type", [](client &es) { es.on_event("a", [] {}); }},
        {"on_events", [](client &es) { es.on_events([] {}); }},
        {"on_comment", [](client &es) { es.on_comment([] {}); }},
        {"on_open", [](client &es) { es.on_open([] {}); }},
        {"on_error", [](client &es) { es.on_error([] {}); }},
        {"on_request", [](client &es) { es.on_request([] {}); }},
        {"on_close", [](client &es) { es.on_close([] {}); }},
        {"on_exception", [](client &es) { es.on_exception([] {}); }},
        {"set_url", [](client &es) { es.set_url("http://host/"); }},
        {"set_method", [](client &es) { es.set_method("GET"); }},
        {"set_body", [](client &es) { es.set_body("a"); }},
        {"set_header", [](client &es) { es.set_header("X-A", "b"); }},
        {"set_proxy", [](client &es) { es.set_proxy("http://proxy"); }},
        {"set_connect_timeout", [](client &es) { es.set_connect_timeout(1s); }},
        {"set_ca_pem", [](client &es) { es.set_ca_pem(""); }},
        {"set_runtime", [](client &es) { es.set_runtime(nullptr); }},
        {"set_reconnect", [](client &es) { es.set_reconnect({}); }},
    };
    client source(at(EVERYTHING)), target(std::move(source));
    for (const auto &each : calls) {
        CHECK_NUMBER(refusal([&] { each.call(source); }), EVENTSOURCE_ERR_NULL);
        in_case(each.name);
    }
    source.start(code);
    CHECK(code == EVENTSOURCE_ERR_NULL);
    source.run(code);
    CHECK(code == EVENTSOURCE_ERR_NULL);
    source.wait(code);
    CHECK(code == EVENTSOURCE_ERR_NULL);
    source = std::move(target);
    source.run();
}

void a_runtime_that_was_moved_from_is_refused() {
    eventsource::runtime source({EVENTSOURCE_DISPATCH_MANUAL}), target(std::move(source));
    client es(at(EVERYTHING));
    CHECK_NUMBER(refusal([&] { es.set_runtime(source); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { source.dispatch(); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { source.dispatch(0ms); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { static_cast<void>(source.fd()); }), EVENTSOURCE_ERR_NULL);
    source = std::move(target);
    es.set_runtime(source);
}

void a_parser_that_was_moved_from_is_refused() {
    eventsource::parser source({}), target(std::move(source));
    CHECK_NUMBER(refusal([&] { source.feed("data\n\n"); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { source.feed(""); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { source.reset(); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { static_cast<void>(source.last_event_id()); }), EVENTSOURCE_ERR_NULL);
    source = std::move(target);
    source.feed("data\n\n");
}

void a_handle_of_no_client_is_refused() {
    client_ref none(nullptr);
    CHECK_NUMBER(refusal([&] { none.stop(); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { static_cast<void>(none.stats()); }), EVENTSOURCE_ERR_NULL);
    eventsource::callback<void()> nothing;
    CHECK_NUMBER(refusal([&] { nothing(); }), EVENTSOURCE_ERR_NULL);
}

/* ---- NULL ---------------------------------------------------------------------------------------------------------- */

void null_as_a_text_means_what_it_means_in_c() {
    const char *const null = std::getenv("EVENTSOURCE_TEST_THAT_IS_NOT_SET");
    client es(at(EVERYTHING)), c(at(EVERYTHING));
    eventsource_t *const raw = c.get();
    const eventsource_status_t secret = eventsource_set_sensitive_header(raw, "X-B", null);
    const eventsource_status_t certificate = eventsource_set_client_cert_pem(raw, null, 0, null, 0);
    const struct {
        const char *name;
        std::function<void()> cpp;
        eventsource_status_t c;
    } calls[] = {
        {"set_url", [&] { es.set_url(null); }, eventsource_set_url(raw, null)},
        {"set_method", [&] { es.set_method(null); }, eventsource_set_method(raw, null)},
        {"set_body", [&] { es.set_body(null); }, eventsource_set_body(raw, null, 0)},
        {"set_header", [&] { es.set_header("X-A", null); }, eventsource_set_header(raw, "X-A", null)},
        {"set_header's name", [&] { es.set_header(null, "a"); }, eventsource_set_header(raw, null, "a")},
        {"add_header", [&] { es.add_header("X-A", null); }, eventsource_add_header(raw, "X-A", null)},
        {"set_sensitive_header", [&] { es.set_sensitive_header("X-B", null); }, secret},
        {"set_basic_auth", [&] { es.set_basic_auth(null, null); }, eventsource_set_basic_auth(raw, null, null)},
        {"set_last_event_id", [&] { es.set_last_event_id(null); }, eventsource_set_last_event_id(raw, null)},
        {"set_proxy", [&] { es.set_proxy(null); }, eventsource_set_proxy(raw, null)},
        {"set_no_proxy", [&] { es.set_no_proxy(null); }, eventsource_set_no_proxy(raw, null)},
        {"set_unix_socket", [&] { es.set_unix_socket(null); }, eventsource_set_unix_socket(raw, null)},
        {"set_interface", [&] { es.set_interface(null); }, eventsource_set_interface(raw, null)},
        {"set_resolve", [&] { es.set_resolve(null); }, eventsource_set_resolve(raw, null)},
        {"set_ca_pem", [&] { es.set_ca_pem(null); }, eventsource_set_ca_pem(raw, null, 0)},
        {"set_key_log_file", [&] { es.set_key_log_file(null); }, eventsource_set_key_log_file(raw, null)},
        {"set_ca_file", [&] { es.set_ca_file(null); }, eventsource_set_ca_file(raw, null)},
        {"set_client_cert_pem", [&] { es.set_client_cert_pem(null, null); }, certificate},
        {"set_client_cert_file", [&] { es.set_client_cert_file(null); }, eventsource_set_client_cert_file(raw, null, null)},
        {"remove_header", [&] { es.remove_header(null); }, eventsource_remove_header(raw, null)},
        {"add_resolve", [&] { es.add_resolve(null); }, eventsource_add_resolve(raw, null)},
        {"remove_resolve", [&] { es.remove_resolve(null); }, eventsource_remove_resolve(raw, null)},
        {"set_pinned_keys", [&] { es.set_pinned_keys(null); }, eventsource_set_pinned_keys(raw, null)},
        {"set_server_name", [&] { es.set_server_name(null); }, eventsource_set_server_name(raw, null)},
        {"on_event", [&] { es.on_event(null, [] {}); }, EVENTSOURCE_ERR_NULL},
        {"a client's URL", [&] { client none(null); }, EVENTSOURCE_ERR_NULL},
    };
    for (const auto &each : calls) {
        CHECK_NUMBER(refusal(each.cpp), each.c);
        in_case(each.name);
    }
}

void null_in_a_request_means_what_it_means_in_c() {
    const char *const null = nullptr;
    int attempts = 0;
    client es(at(EVERYTHING));
    es.on_request([&](eventsource::request &request) {
          attempts++;
          CHECK_NUMBER(refusal([&] { request.set_method(null); }), eventsource_request_set_method(request.get(), null));
          CHECK_NUMBER(refusal([&] { request.set_url(null); }), eventsource_request_set_url(request.get(), null));
          CHECK_NUMBER(refusal([&] { request.set_header(null, "a"); }), eventsource_request_set_header(request.get(), null, "a"));
          CHECK_NUMBER(refusal([&] { request.add_header("X-A", null); }), eventsource_request_add_header(request.get(), "X-A", null));
          CHECK_NUMBER(refusal([&] { request.remove_header(null); }), eventsource_request_remove_header(request.get(), null));
          request.set_body(null);
          return EVENTSOURCE_DECISION_CLOSE;
      })
        .on_error([] { return EVENTSOURCE_DECISION_CLOSE; });
    es.start();
    std::error_code code;
    es.wait(code);
    CHECK_NUMBER(attempts, 1);
}

void null_elsewhere_is_nothing() {
    const char *const null = nullptr;
    eventsource::runtime_options options;
    options.thread_name = null;
    eventsource::runtime runtime(std::move(options));
    eventsource::parser parser({});
    parser.feed(null);
    client es(at(EVERYTHING));
    es.on_open([&](const eventsource::response &response) {
        CHECK(!response.headers().find(null));
        CHECK(response.headers().find(std::string("content-type")).has_value());
    });
    es.run();
}

/* ---- Empty callables ------------------------------------------------------------------------------------------------ */

// Sets an empty callable as each callback; all of them would be called, and calling an empty one throws.
template <typename Empty>
void set_all(client &es, Empty empty) {
    es.on_open(empty()).on_events(empty()).on_comment(empty()).on_close(empty()).on_exception(empty());
    es.on_event("message", empty());
}

void an_empty_callable_is_no_callback() {
    int events = 0;
    client es(at(EVERYTHING));
    set_all(es, [] { return std::function<void()>(); });
    set_all(es, [] { return static_cast<void (*)()>(nullptr); });
    set_all(es, [] { return eventsource::callback<void()>(); });
    es.on_event([] { throw std::runtime_error("this is replaced"); }).on_event(std::function<void(const event &)>());
    es.on_event([] { throw std::runtime_error("this is replaced"); }).on_event(nullptr);
    es.on_request(std::function<eventsource_decision_t(client_ref, eventsource::request &)>());
    es.on_error(std::function<eventsource_decision_t(const eventsource::failure &)>());
    es.on_event([&] { events++; });
    es.run();
    CHECK_NUMBER(events, 3);
}

void an_empty_callable_is_no_callback_of_parsers_runtimes_and_the_log() {
    eventsource::parser_options options;
    options.on_event = std::function<void(const event &)>();
    options.on_comment = std::function<void()>();
    options.on_retry = std::function<void()>();
    eventsource::parser parser(std::move(options));
    parser.feed(":a\nretry:5\ndata\n\n");
    eventsource::runtime_options hooks;
    hooks.on_thread_start = std::function<void()>();
    hooks.on_thread_stop = static_cast<void (*)()>(nullptr);
    eventsource::runtime runtime(std::move(hooks));
    eventsource::log_set_callback(EVENTSOURCE_LOG_DEBUG, std::function<void(const eventsource::log_record &)>());
    client es(at(EVERYTHING));
    es.set_runtime(runtime).run();
}

/* ---- Destroyed in a callback ---------------------------------------------------------------------------------------- */

// An object with a client, as programs have them: its callbacks use its members, and one of them destroys it.
class Owner {
public:
    Owner(const char *which, gate_t *released, std::atomic<int> &calls_after) : name(64, 'a'), es(at(EVERYTHING)) {
        // Held by the callbacks alone: it is gone when the library has let go of all of them.
        const std::shared_ptr<void> end(nullptr, [released](void *) { gate_pass(released); });
        const auto use = [this, which, end, &calls_after](const char *callback) {
            if (name != std::string(64, 'a')) calls_after++;
            if (std::string(which) == callback) delete this;
        };
        es.on_request([use] { use("request"); })
            .on_open([use] { use("open"); })
            .on_event([use] { use("event"); })
            .on_comment([use] { use("comment"); })
            .on_error([use] { use("error"); })
            .on_close([use] { use("close"); });
        if (std::string(which) == "type") es.on_event("message", [use] { use("type"); });
        if (std::string(which) == "events") es.on_events([use] { use("events"); });
        if (std::string(which) == "exception") {
            es.on_event([] { throw std::runtime_error("thrown on purpose"); });
            es.on_exception([use] { use("exception"); });
        }
        if (std::string(which) == "exception after") {
            es.on_event([this] {
                delete this;
                throw std::runtime_error("on_exception must not see it");
            });
            es.on_exception([use] { use("on_exception"); });
        }
    }
    Owner(const Owner &) = delete;
    Owner &operator=(const Owner &) = delete;
    ~Owner() { name.assign(64, 'b'); }
    void start() { es.start(); }

private:
    std::string name;
    client es;
};

void after_a_destructor_in_a_callback_nothing_more_of_the_object_is_called() {
    for (const char *which :
         {"request", "open", "event", "comment", "error", "close", "type", "events", "exception", "exception after"}) {
        gate_t released = GATE_CLOSED;
        gate_open(&released);
        std::atomic<int> calls_after{0};
        (new Owner(which, &released, calls_after))->start();
        gate_wait(&released, 1);
        CHECK_NUMBER(calls_after, 0);
        in_case(which);
    }
}

void that_holds_for_an_assignment_in_a_callback() {
    std::atomic<int> closes{0};
    gate_t gate = GATE_CLOSED;
    gate_open(&gate);
    client es(at(ENDLESS)), next(at(EVERYTHING));
    es.on_close([&] { closes++; }).on_event([&] {
        es = std::move(next);
        gate_pass(&gate);
    });
    es.start();
    gate_wait(&gate, 1);
    es.run();
    CHECK_NUMBER(closes, 0);
}

void that_holds_for_a_client_that_another_ones_callback_destroys() {
    for (int round = 0; round < 20; round++) {
        std::atomic<bool> dead{false};
        std::atomic<int> closes{0};
        gate_t gate = GATE_CLOSED;
        gate_open(&gate);
        auto other = std::make_unique<client>(at(ENDLESS));
        other->on_close([&] { closes++; }).on_event([&] { gate_pass(&gate); });
        other->start();
        gate_wait(&gate, 1);
        client es(at(ENDLESS));
        es.on_event([&](client_ref ref) {
            other.reset();
            dead = true;
            ref.stop();
        });
        es.run();
        CHECK(dead);
        CHECK_NUMBER(closes, 0);
    }
}

void a_parser_that_is_destroyed_in_its_callback_calls_nothing_more() {
    std::unique_ptr<eventsource::parser> parser;
    int calls = 0;
    eventsource::parser_options options;
    options.on_event = [&] {
        calls++;
        parser.reset();
    };
    options.on_comment = [&] { calls++; };
    parser = std::make_unique<eventsource::parser>(std::move(options));
    parser->feed("data\n\n:comment\ndata\n\n");
    CHECK_NUMBER(calls, 1);
}

/* ---- Exceptions ------------------------------------------------------------------------------------------------------ */

// What an exception holds whose end calls the client.
std::shared_ptr<int> calling(client &es, int &calls) {
    return {new int(0), [&](int *memory) {
                delete memory;
                calls++;
                es.stop();
                refusal([&] { es.on_exception(nullptr); }); // waits for whoever sets callbacks
            }};
}

void an_exception_is_destroyed_outside_all_locks() {
    int runs = 0, destroyed = 0;
    client es(at(EVERYTHING));
    es.on_event([&] {
        if (++runs == 1) throw calling(es, destroyed);
    });
    es.start();
    CHECK_STATUS(eventsource_wait(es.get(), 60000), EVENTSOURCE_OK);
    CHECK_NUMBER(destroyed, 0);
    std::error_code code;
    es.start(code);
    CHECK_NUMBER(destroyed, 1);
    if (!code) es.wait();
}

void a_log_callback_is_destroyed_outside_all_locks() {
    int destroyed = 0;
    {
        const std::shared_ptr<int> held(new int(0), [&](int *memory) {
            delete memory;
            destroyed++;
            eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, nullptr);
        });
        eventsource::log_set_callback(EVENTSOURCE_LOG_ERROR, [held] {});
    }
    eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, nullptr);
    CHECK_NUMBER(destroyed, 1);
}

void each_of_several_waiters_is_told_what_left_a_callback() {
    for (int round = 0; round < 20; round++) {
        client es(at(ENDLESS));
        gate_t gate = GATE_CLOSED;
        std::atomic<int> told{0};
        es.on_event([&] {
            gate_pass(&gate);
            throw std::runtime_error("thrown on purpose");
        });
        es.start();
        gate_wait(&gate, 1);
        std::vector<std::thread> waiters;
        for (int each = 0; each < 4; each++) {
            waiters.emplace_back([&, each] {
                const std::string what = thrown([&] { each % 2 ? static_cast<void>(es.wait_for(LONG)) : es.wait(); });
                told += what == "thrown on purpose";
            });
        }
        gate_open(&gate);
        for (auto &waiter : waiters) waiter.join();
        CHECK_NUMBER(told, 4);
        CHECK_TEXT(thrown([&] { es.wait(); }).c_str(), "thrown on purpose");
    }
}

void with_manual_dispatch_each_wait_tells_what_left_a_callback() {
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    client es(at(EVERYTHING));
    es.set_runtime(runtime).on_event([] { throw std::runtime_error("thrown on purpose"); });
    CHECK_NUMBER(refusal([&] { es.run(); }), EVENTSOURCE_ERR_STATE);
    CHECK_NUMBER(es.state(), EVENTSOURCE_STATE_IDLE);
    es.start();
    while (es.state() != EVENTSOURCE_STATE_CLOSED) runtime.dispatch(10s);
    while (runtime.dispatch(0ms)) {
    }
    CHECK_TEXT(thrown([&] { es.wait(); }).c_str(), "thrown on purpose");
    CHECK_TEXT(thrown([&] { es.wait_for(0ms); }).c_str(), "thrown on purpose");
    std::error_code code;
    CHECK_TEXT(thrown([&] { es.wait(code); }).c_str(), "thrown on purpose");
}

void a_request_whose_callback_throws_is_not_sent() {
    for (const bool goes_on : {false, true}) {
        int told = 0;
        client es(at("/echo"));
        es.on_request([] { throw std::runtime_error("thrown on purpose"); });
        if (goes_on) {
            es.on_exception([&](client_ref ref) {
                if (++told == 2) ref.stop();
            });
        }
        eventsource::reconnect_policy policy = es.reconnect();
        policy.delay = 1ms;
        es.set_reconnect(policy).start();
        CHECK_TEXT(thrown([&] { es.wait(); }).c_str(), goes_on ? "" : "thrown on purpose");
        CHECK_NUMBER(told, goes_on ? 2 : 0);
        const eventsource::statistics stats = es.stats();
        CHECK(stats.opens == 0 && stats.bytes == 0);
    }
}

/* ---- Times ----------------------------------------------------------------------------------------------------------- */

void a_negative_time_to_dispatch_is_no_limit() {
    for (const auto limit : {-1ms, -7ms, eventsource::milliseconds::min()}) {
        eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
        client es(at("/events?count=3&interval_ms=30&retry=10&then=204"));
        es.set_runtime(runtime).start();
        while (es.state() != EVENTSOURCE_STATE_CLOSED) CHECK(runtime.dispatch(limit) > 0);
    }
}

void no_turns_to_dispatch_are_refused() {
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    CHECK_NUMBER(refusal([&] { runtime.dispatch(0ms, 0); }), EVENTSOURCE_ERR_VALUE);
}

void a_negative_time_to_wait_is_over() {
    client es(at(ENDLESS));
    es.start();
    CHECK(!es.wait_for(-1ms));
    CHECK(!es.wait_for(eventsource::milliseconds::min()));
    std::error_code code;
    CHECK(!es.wait_for(-7ms, code));
    CHECK(code == EVENTSOURCE_ERR_TIMEOUT && code == std::errc::timed_out);
}

} // namespace

CHECK_MAIN(TEST(each_call_on_a_client_that_was_moved_from_is_refused),
           TEST(a_runtime_that_was_moved_from_is_refused),
           TEST(a_parser_that_was_moved_from_is_refused),
           TEST(a_handle_of_no_client_is_refused),
           TEST(null_as_a_text_means_what_it_means_in_c),
           TEST(null_in_a_request_means_what_it_means_in_c),
           TEST(null_elsewhere_is_nothing),
           TEST(an_empty_callable_is_no_callback),
           TEST(an_empty_callable_is_no_callback_of_parsers_runtimes_and_the_log),
           TEST(after_a_destructor_in_a_callback_nothing_more_of_the_object_is_called),
           TEST(that_holds_for_an_assignment_in_a_callback),
           TEST(that_holds_for_a_client_that_another_ones_callback_destroys),
           TEST(a_parser_that_is_destroyed_in_its_callback_calls_nothing_more),
           TEST(an_exception_is_destroyed_outside_all_locks),
           TEST(a_log_callback_is_destroyed_outside_all_locks),
           TEST(each_of_several_waiters_is_told_what_left_a_callback),
           TEST(with_manual_dispatch_each_wait_tells_what_left_a_callback),
           TEST(a_request_whose_callback_throws_is_not_sent),
           TEST(a_negative_time_to_dispatch_is_no_limit),
           TEST(no_turns_to_dispatch_are_refused),
           TEST(a_negative_time_to_wait_is_over))
