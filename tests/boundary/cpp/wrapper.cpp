// eventsource.hpp: what C++ adds to the library. That it calls the C functions rightly is shown by what comes of it; what
// those do in detail is shown in tests/boundary/c.
#include "../c/gate.h"
#include "calls.hpp"

#include <eventsource.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

static std::atomic<long> allocations;

// Those of C++ in this program. Not inlined, or GCC takes malloc for the wrong partner of the library's delete.
[[gnu::noinline]] void *operator new(std::size_t size) {
    ++allocations;
    if (void *memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void *memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

namespace {

using eventsource::client;
using eventsource::client_ref;
using eventsource::event;
using namespace std::chrono_literals;

constexpr auto LONG = 100s; // check.h's deadlines are shorter

const char *const FEW = "/events?count=3&retry=10&then=204", *const ENDLESS = "/events?count=1000000&interval_ms=1";

// Whether somebody holds what the callbacks of a test hold.
using token_t = std::shared_ptr<int>;
token_t token() { return std::make_shared<int>(0); }

void start_and_wait(client &es) {
    es.start();
    CHECK(es.wait_for(LONG));
}

// What callbacks hold of a test, which says so at the gate when nobody holds it any more.
struct Held {
    explicit Held(gate_t *at) : gate(at) {}
    ~Held() { gate_pass(gate); }
    Held(const Held &) = delete;
    Held &operator=(const Held &) = delete;
    gate_t *gate;
};

/* ---- Callbacks --------------------------------------------------------------------------------------------------- */

void a_client_tells_what_happens_to_its_stream() {
    std::ostringstream lines;
    const std::string url = at("/events?count=2&per_connection=1&retry=10&then=204&comment=hi");
    client es(url);
    es.on_request([&](eventsource::request &request) {
          lines << "request " << request.attempt() << ' ' << request.cause() << ' ' << request.cause_http_status() << '\n';
      })
        .on_open([&](const eventsource::response &response) {
            lines << "open " << response.status() << ' ' << response.http_version() << ' '
                  << response.headers().find("content-type").value_or("none") << '\n';
            CHECK(response.url() == url);
            CHECK(!response.headers().find("x-none"));
            CHECK(response.header("Content-TYPE") == "text/event-stream");
            CHECK(!response.header("content-type", 1) && !response.header("x-none"));
            CHECK(response.peer() == at("").substr(7) && !response.is_reused());
            CHECK(response.tls_version() == EVENTSOURCE_TLS_NONE && !response.tls_time() && !response.resolve_time());
            CHECK(response.connect_time() && *response.connect_time() < 60s);
            CHECK(response.head_time() && *response.head_time() < 60s);
        })
        .on_event([&](const event &event) {
            lines << event.type() << ' ' << event.last_event_id() << ' ' << event.data() << '\n';
            CHECK(event.data().data()[event.data().size()] == '\0');
            CHECK(event.origin() == at("") && EVENTSOURCE_HAS(&event.get(), origin_len));
        })
        .on_comment([&](const eventsource::comment &comment) { lines << "comment " << comment.text() << '\n'; })
        .on_error([&](const eventsource::failure &failure) {
            lines << "error " << failure.code() << ' ' << failure.will_retry() << ' ' << failure.attempt() << '\n';
            CHECK(failure.delay() >= 10ms && failure.delay() < 1s);
            CHECK(failure.http_status() == 0 && failure.os_error() == 0);
            CHECK(!failure.message().empty() && failure.headers().empty() && failure.body().empty());
        })
        .on_close([&](const eventsource::closed &closed) {
            lines << "close " << closed.reason() << ' ' << closed.code() << '\n';
            CHECK(!closed.exception());
        });
    start_and_wait(es);
    CHECK_TEXT(lines.str().c_str(), "request 1 0 0\nopen 200 11 text/event-stream\ncomment hi\nmessage 1 event 1\n"
                                    "error 39 1 0\nrequest 1 39 0\nopen 200 11 text/event-stream\ncomment hi\n"
                                    "message 2 event 2\nerror 39 1 0\nrequest 1 39 0\nclose 1 0\n");
    const eventsource::statistics stats = es.stats();
    CHECK(stats.events == 2 && stats.attempts == 3 && stats.opens == 2 && stats.errors == 2 && stats.bytes > 0);
    CHECK(!stats.open && stats.idle);
    CHECK_TEXT(es.last_event_id().c_str(), "2");
    CHECK(es.state() == EVENTSOURCE_STATE_CLOSED);
}

void a_callback_takes_all_parameters_or_the_last_or_the_first_or_none() {
    int opens = 0, events = 0, comments = 0, closes = 0;
    client es(at("/events?count=3&comment=hi&retry=10&then=204"));
    es.on_open([&] { opens++; })
        .on_event([&](client_ref ref, const event &event) {
            events++;
            CHECK(ref.get() == es.get() && ref.state() == EVENTSOURCE_STATE_OPEN);
            CHECK(ref.last_event_id() == event.last_event_id());
        })
        .on_comment([&](client_ref ref) { comments += ref.get() == es.get(); })
        .on_error([](const auto &) {})
        .on_close([&](auto &&...all) { closes += static_cast<int>(sizeof...(all)); });
    start_and_wait(es);
    CHECK_NUMBER(opens, 1);
    CHECK_NUMBER(events, 3);
    CHECK(comments > 0);
    CHECK_NUMBER(closes, 2);
}

void events_of_a_type_go_to_the_callback_of_that_type() {
    std::string typed, others;
    client es(at("/status/200?header=Content-Type:text/event-stream&body="
                 "event:a%0Adata:1%0A%0Aevent:b%0Adata:2%0A%0Aevent:c%0Adata:3%0A%0A"));
    es.on_event("a", [&](const event &event) { typed += event.data(); })
        .on_event("b", [&] { typed += "wrong"; })
        .on_event("b", [&](const event &event) { typed += event.data(); })
        .on_event("c", [&] { typed += "wrong"; })
        .on_event("c", nullptr)
        .on_event([&](const event &event) { others += event.data(); })
        .on_error([] { return EVENTSOURCE_DECISION_CLOSE; });
    start_and_wait(es);
    CHECK_TEXT(typed.c_str(), "12");
    CHECK_TEXT(others.c_str(), "3");
}

void events_can_come_in_batches() {
    std::string all;
    client es(at(FEW));
    es.on_event([&] { all += "wrong"; }).on_events([&](const eventsource::events &events) {
        CHECK(!events.empty() && events.size() == static_cast<std::size_t>(std::distance(events.begin(), events.end())));
        CHECK(events[0].last_event_id() == (*events.begin()).last_event_id());
        for (const event &event : events) all += event.last_event_id();
    });
    start_and_wait(es);
    CHECK_TEXT(all.c_str(), "123");
}

void odd_events_are_what_the_standard_makes_of_them() {
    using namespace std::string_literals;
    const std::string bad = "\xEF\xBF\xBD", e = "\xC3\xA9";
    // Type, data and last event id of what the test server's /odd sends, but for the large one.
    const std::vector<std::vector<std::string>> expected = {
        {"message", "no id", ""},
        {"message", "", ""},
        {"empty", "", ""},
        {"\xC3\xBCn\xC3\xAF" "code", "\xF0\x9F\x98\x80", e},
        {"message", "a\n\nb", e},
        {"message", "a\0b\0"s, e},
        {"\0"s, "x", e},
        {"message", "y", e},
        {"message", bad + ", " + bad + "(, " + bad + ", " + bad + bad + bad + ", " + bad, e},
        {bad, "z", bad + bad},
        {"message", "the id is cleared", ""},
        {"message", "last", "end"},
    };
    std::vector<std::vector<std::string>> got;
    std::size_t large = 0;
    client es(at("/odd"));
    es.on_event([&](const event &event) {
        if (event.data().size() > 1000)
            large = event.data().size();
        else
            got.push_back({std::string(event.type()), std::string(event.data()), std::string(event.last_event_id())});
    });
    start_and_wait(es);
    CHECK(got == expected);
    CHECK_NUMBER(static_cast<int64_t>(large), 6 * 512 * 1024);
}

void a_callback_may_be_move_only_and_lives_as_long_as_the_client() {
    int events = 0;
    token_t held = token();
    std::weak_ptr<int> watched = held;
    {
        client es(at(FEW));
        es.on_event([&events, only = std::make_unique<token_t>(std::move(held))] { events += only != nullptr; });
        start_and_wait(es);
        CHECK(!watched.expired());
    }
    CHECK(watched.expired());
    CHECK_NUMBER(events, 3);
}

void a_callback_that_is_replaced_or_removed_is_destroyed_and_not_called() {
    int wrong = 0;
    const token_t held = token();
    const auto callback = [&wrong, held] { wrong++; };
    client es(at(FEW));
    es.on_event(callback).on_event("message", callback).on_open(callback).on_exception(callback);
    CHECK_NUMBER(held.use_count(), 6); // these, and both names here
    es.on_event(nullptr).on_event("message", [] {}).on_open([] {}).on_exception(nullptr);
    CHECK_NUMBER(held.use_count(), 2);
    start_and_wait(es);
    CHECK_NUMBER(wrong, 0);
}

void a_callback_that_comes_while_the_client_runs_is_refused_and_changes_nothing() {
    gate_t gate = GATE_CLOSED;
    int wrong = 0;
    client es(at(ENDLESS));
    es.on_event("message", [&] { gate_pass(&gate); });
    es.start();
    gate_wait(&gate, 1);
    CHECK_NUMBER(refusal([&] { es.on_event("message", [&] { wrong++; }); }), EVENTSOURCE_ERR_STATE);
    CHECK_NUMBER(refusal([&] { es.on_event("other", [&] { wrong++; }); }), EVENTSOURCE_ERR_STATE);
    CHECK_NUMBER(refusal([&] { es.on_close([&] { wrong++; }); }), EVENTSOURCE_ERR_STATE);
    CHECK_NUMBER(refusal([&] { es.on_exception([&] { wrong++; }); }), EVENTSOURCE_ERR_STATE);
    CHECK_NUMBER(refusal([&] { es.start(); }), EVENTSOURCE_ERR_STATE);
    gate_open(&gate);
    gate_wait(&gate, 2);
    es.stop();
    CHECK(es.wait_for(LONG));
    CHECK_NUMBER(wrong, 0);
}

void an_event_costs_no_allocation() {
    long first = -1, last = -1;
    int events = 0;
    client es(at("/events?count=2000&retry=10&then=204"));
    es.on_event("message", [&](const event &event) {
        if (first < 0) first = allocations;
        last = allocations;
        events += !event.data().empty();
    });
    start_and_wait(es);
    CHECK_NUMBER(events, 2000);
    CHECK_NUMBER(last, first);
}

/* ---- Decisions and requests -------------------------------------------------------------------------------------- */

void on_error_decides_what_happens() {
    int errors = 0;
    client es(at("/status/404?header=X-Why:because&body=gone"));
    es.on_error([&](client_ref, const eventsource::failure &failure) {
        CHECK(failure.code() == EVENTSOURCE_ERR_HTTP_STATUS && failure.http_status() == 404 && !failure.will_retry());
        CHECK(failure.headers().find("x-why") == "because" && failure.body() == "gone");
        CHECK(failure.header("X-WHY") == "because" && !failure.header("x-none"));
        return ++errors < 3 ? EVENTSOURCE_DECISION_RETRY : EVENTSOURCE_DECISION_DEFAULT;
    });
    eventsource::reconnect_policy policy = es.reconnect();
    policy.delay = 1ms;
    es.set_reconnect(policy);
    CHECK_NUMBER(refusal([&] { start_and_wait(es); }), EVENTSOURCE_ERR_HTTP_STATUS);
    CHECK_NUMBER(errors, 3);
}

void a_stream_that_fails_is_thrown_by_whoever_waits_for_it() {
    client refused(at("/status/401")), dead("http://127.0.0.1:1/");
    CHECK_NUMBER(refusal([&] { dead.run(); }), EVENTSOURCE_ERR_CONNECT);
    const std::string why = thrown([&] { refused.run(); });
    CHECK(why.find("the server answered 401") == 0);
    CHECK_NUMBER(refusal([&] { refused.wait(); }), EVENTSOURCE_ERR_HTTP_STATUS);
    CHECK_NUMBER(refusal([&] { refused.wait_for(0ms); }), EVENTSOURCE_ERR_HTTP_STATUS);
    const eventsource_result_t result = refused.result();
    CHECK(result.reason == EVENTSOURCE_CLOSE_FAILED && result.http_status == 401 && result.attempts == 1);
    client ends(at("/status/204"));
    CHECK_NUMBER(refusal([&] { static_cast<void>(ends.result()); }), EVENTSOURCE_ERR_STATE);
    ends.run();
    ends.wait();
    client in_callback(at("/hang-body")), never(at("/hang-body"));
    in_callback.on_event([&](client_ref ref, const event &) {
        CHECK_NUMBER(refusal([&] { never.run(); }), EVENTSOURCE_ERR_IN_CALLBACK);
        CHECK(never.state() == EVENTSOURCE_STATE_IDLE);
        ref.stop();
    });
    in_callback.run();
}

void on_request_changes_the_request() {
    std::string echo;
    client es("http://127.0.0.1:1/");
    es.set_method("PUT")
        .set_body("wrong")
        .set_header("X-C", "wrong")
        .set_header("X-A", "wrong")
        .add_header("X-B", "1")
        .add_header("X-B", "2")
        .on_request([](eventsource::request &request) {
            CHECK_TEXT(request.url().c_str(), "http://127.0.0.1:1/");
            request.set_method("POST");
            request.set_url(at("/echo"));
            request.set_header("X-A", "right");
            request.add_header("X-A", "added");
            request.remove_header("X-C");
            request.set_sensitive_header("X-D", "secret");
            request.set_body("body");
        })
        .on_event([&](client_ref ref, const event &event) {
            echo = event.data();
            ref.stop();
        });
    start_and_wait(es);
    CHECK(echo.find("\"POST\"") != echo.npos && echo.find("right") != echo.npos && echo.find("body") != echo.npos);
    CHECK(echo.find("added") != echo.npos && echo.find("secret") != echo.npos);
    CHECK(echo.find("wrong") == echo.npos && echo.find("PUT") == echo.npos);
}

void a_document_is_a_result() {
    std::string body;
    client es(at("/status/200?body=%7B%7D&header=Content-Type:application/json"));
    es.on_document([&](const eventsource::document &document) {
        CHECK_NUMBER(document.response().status(), 200);
        CHECK(document.response().header("Content-Type") == "application/json");
        body = document.body();
    });
    es.run();
    CHECK_TEXT(body.c_str(), "{}");
    std::string excerpt;
    client failing(at("/status/400?body=abcdef"));
    failing.set_max_error_body(3).on_error([&](const eventsource::failure &failure) { excerpt = failure.body(); });
    std::error_code code;
    failing.run(code);
    CHECK_TEXT(excerpt.c_str(), "abc");
}

void on_redirect_sees_the_redirect_and_decides() {
    std::string seen, echo;
    const std::string elsewhere = "http://localhost" + at("").substr(at("").rfind(':')) + "/echo";
    client es(at("/redirect?to=") + elsewhere);
    es.set_sensitive_header("X-Key", "secret")
        .on_redirect([&](const eventsource::redirect &redirect) {
            CHECK(redirect.status() == 302 && redirect.drops_credentials() && !redirect.drops_body());
            CHECK(redirect.from() == at("/redirect?to=") + elsewhere);
            seen = redirect.to();
            return EVENTSOURCE_REDIRECT_FOLLOW_WITH_CREDENTIALS;
        })
        .on_event([&](client_ref ref, const event &event) {
            echo = event.data();
            ref.stop();
        });
    start_and_wait(es);
    CHECK_TEXT(seen.c_str(), elsewhere.c_str());
    CHECK(echo.find("secret") != echo.npos);
    client refused(at("/redirect?to=/echo"));
    refused.on_redirect([] { return EVENTSOURCE_REDIRECT_REFUSE; });
    std::error_code code;
    refused.run(code);
    CHECK(code == EVENTSOURCE_ERR_REDIRECT);
}

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

void a_refused_call_throws_its_status_and_reason() {
    CHECK_NUMBER(refusal([] { client("no URL"); }), EVENTSOURCE_ERR_URL);
    client es(at(FEW));
    CHECK_NUMBER(refusal([&] { es.set_header("a b", "c"); }), EVENTSOURCE_ERR_HEADER);
    CHECK_NUMBER(refusal([&] { es.set_max_redirects(-1); }), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER(refusal([&] { es.set_proxy("ftp://proxy"); }), EVENTSOURCE_ERR_URL);
    CHECK_NUMBER(refusal([&] { es.set_read_timeout(-2ms); }), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER(refusal([&] { es.reconnect_now(); }), EVENTSOURCE_ERR_STATE);
    try {
        es.set_method("G ET");
        check_that(0, __FILE__, __LINE__, "it is refused");
    } catch (const std::system_error &error) {
        CHECK(error.code() == EVENTSOURCE_ERR_METHOD && error.code() != EVENTSOURCE_ERR_VALUE);
        CHECK(error.code() == std::error_code(EVENTSOURCE_ERR_METHOD, eventsource::category()));
        CHECK_TEXT(error.what(), (es.last_error() + ": the method is not legal").c_str());
    }
    CHECK_TEXT(eventsource::category().name(), "eventsource");
}

static_assert(std::is_error_code_enum_v<eventsource_status_t>);

void a_status_is_an_error_code() {
    const std::error_code code = EVENTSOURCE_ERR_READ_TIMEOUT;
    CHECK(code && code == EVENTSOURCE_ERR_READ_TIMEOUT && code == std::errc::timed_out);
    CHECK_TEXT(code.message().c_str(), eventsource_status_text(EVENTSOURCE_ERR_READ_TIMEOUT));
    CHECK(!std::error_code(EVENTSOURCE_OK));
    CHECK(std::error_code(EVENTSOURCE_ERR_VALUE) == std::errc::invalid_argument);
    CHECK(std::error_code(EVENTSOURCE_ERR_MEMORY) == std::errc::not_enough_memory);
    CHECK(std::error_code(EVENTSOURCE_ERR_TLS) != std::errc::timed_out);
}

void a_failure_can_be_told_in_an_error_code() {
    std::error_code code = EVENTSOURCE_ERR_VALUE;
    client ends(at("/status/204")), refused(at("/status/401"));
    ends.run(code);
    CHECK(!code);
    refused.run(code);
    CHECK(code == EVENTSOURCE_ERR_HTTP_STATUS);
    refused.start(code);
    CHECK(!code);
    refused.wait(code);
    CHECK(code == EVENTSOURCE_ERR_HTTP_STATUS);
    CHECK(refused.wait_for(LONG, code) && code == EVENTSOURCE_ERR_HTTP_STATUS);
}

void a_text_with_a_nul_in_it_is_refused() {
    using namespace std::string_view_literals;
    client es(at(FEW));
    CHECK_NUMBER(refusal([&] { es.set_header("X-A", "a\0b"sv); }), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER(refusal([&] { es.on_event("a\0b"sv, [] {}); }), EVENTSOURCE_ERR_VALUE);
    es.set_body("a\0b"sv);
    CHECK_NUMBER(refusal([] { client none("http://a\0b"sv); }), EVENTSOURCE_ERR_VALUE);
    eventsource::runtime_options options;
    options.thread_name = "a\0b"sv;
    CHECK_NUMBER(refusal([&] { const eventsource::runtime none(std::move(options)); }), EVENTSOURCE_ERR_VALUE);
}

// What was refused is not left out in silence by a program that goes on.
void a_client_does_without_no_text_that_had_a_nul_in_it() {
    using namespace std::string_view_literals;
    const auto bad = "a\0b"sv;
    struct {
        const char *setting;
        std::function<void(client &)> set;
    } settings[] = {
        {"name", [&](client &es) { es.set_name(bad); }},
        {"url", [&](client &es) { es.set_url(bad); }},
        {"method", [&](client &es) { es.set_method(bad); }},
        {"header", [&](client &es) { es.set_header("X-A", bad); }},
        {"added header", [&](client &es) { es.add_header(bad, "a"); }},
        {"sensitive header", [&](client &es) { es.set_sensitive_header("X-A", bad); }},
        {"basic auth", [&](client &es) { es.set_basic_auth("a", bad); }},
        {"end marker", [&](client &es) { es.set_end_marker(bad); }},
        {"proxy", [&](client &es) { es.set_proxy(bad); }},
        {"no proxy", [&](client &es) { es.set_no_proxy(bad); }},
        {"Unix socket", [&](client &es) { es.set_unix_socket(bad); }},
        {"interface", [&](client &es) { es.set_interface(bad); }},
        {"resolve", [&](client &es) { es.set_resolve(bad); }},
        {"added resolve", [&](client &es) { es.add_resolve(bad); }},
        {"key log file", [&](client &es) { es.set_key_log_file(bad); }},
        {"CA file", [&](client &es) { es.set_ca_file(bad); }},
        {"certificate file", [&](client &es) { es.set_client_cert_file(bad); }},
        {"key file", [&](client &es) { es.set_client_cert_file("a", bad); }},
        {"pinned keys", [&](client &es) { es.set_pinned_keys(bad); }},
        {"server name", [&](client &es) { es.set_server_name(bad); }},
        {"last event id", [&](client &es) { es.set_last_event_id(bad); }},
    };
    for (const auto &each : settings) {
        client es(at(FEW));
        const eventsource_status_t status = refusal([&] { each.set(es); });
        const bool is_kept = refusal([&] { es.start(); }) != EVENTSOURCE_OK;
        if (status != EVENTSOURCE_ERR_VALUE || !is_kept) std::fprintf(stderr, "%s\n", each.setting);
        CHECK_NUMBER(status, EVENTSOURCE_ERR_VALUE);
        CHECK(is_kept);
    }
    const std::function<void(eventsource::request &)> changes[] = {
        [&](eventsource::request &request) { request.set_method(bad); },
        [&](eventsource::request &request) { request.set_header("X-A", bad); },
        [&](eventsource::request &request) { request.add_header(bad, "a"); },
        [&](eventsource::request &request) { request.set_sensitive_header("X-A", bad); },
        [&](eventsource::request &request) { request.set_basic_auth(bad, ""); },
        [&](eventsource::request &request) { request.remove_header(bad); },
        [&](eventsource::request &request) { request.set_url(bad); },
    };
    for (const auto &change : changes) {
        client es(at("/echo"));
        es.on_event([](client_ref ref) { ref.stop(); });
        es.on_request([&](eventsource::request &request) {
            CHECK_NUMBER(refusal([&] { change(request); }), EVENTSOURCE_ERR_VALUE);
        });
        CHECK_NUMBER(refusal([&] { es.run(); }), EVENTSOURCE_ERR_REQUEST);
    }
}

void settings_come_out_as_they_went_in() {
    client es(at(FEW));
    const eventsource::reconnect_policy defaults = es.reconnect();
    CHECK(!defaults.retry_initial && defaults.delay == 1s && defaults.max_delay == 1min);
    CHECK(defaults.min_delay == 100ms && defaults.max_server_delay == 1h);
    es.set_reconnect({true, 2s, 3min, 4, 0.25, 5h, 6, 7s, 8min});
    const eventsource::reconnect_policy policy = es.reconnect();
    CHECK(policy.retry_initial && policy.delay == 2s && policy.max_delay == 3min);
    CHECK(policy.factor == 4 && policy.jitter == 0.25 && policy.reset_after == 5h && policy.max_attempts == 6);
    CHECK(policy.min_delay == 7s && policy.max_server_delay == 8min);
    es.set_mode(EVENTSOURCE_MODE_ONCE).set_response_timeout(1min);
    CHECK_NUMBER(refusal([&] { es.set_next_delay(1s); }), EVENTSOURCE_ERR_STATE);
    es.set_connect_timeout(1s).set_read_timeout(1h).set_max_redirects(0).set_max_event_size(1).set_basic_auth("a", "b");
    es.set_check_content_type(false).set_insecure_skip_verification(true).set_sensitive_header("X-A", "b");
    es.set_watch_network(false).set_watch_network(true);
    es.set_proxy("http://proxy").set_proxy(nullptr).set_no_proxy("*").set_no_proxy(nullptr).set_proxy("");
#ifndef _WIN32 /* which has none */
    es.set_unix_socket("a");
#endif
    es.set_unix_socket(nullptr).set_resolve("a:80:127.0.0.1").remove_resolve("a:80");
    es.set_server_name("a.example").set_server_name(nullptr).set_pinned_keys(nullptr).set_ca_exclusive(false);
    es.set_http_version(EVENTSOURCE_HTTP_1_1).set_compression(true).set_reconnect_with_get(true);
    es.set_ca_pem("").set_runtime(nullptr).set_last_event_id("7");
    CHECK_TEXT(es.last_event_id().c_str(), "7");
}

/* ---- Exceptions in callbacks ------------------------------------------------------------------------------------- */

// A callback of each kind that throws, and counts what comes after.
struct Thrower {
    int calls = 0;
    void operator()() {
        calls++;
        throw std::runtime_error("thrown on purpose");
    }
};

const struct {
    const char *name;
    void (*set)(client &, Thrower &);
} KINDS[] = {
    {"request", [](client &es, Thrower &thrower) { es.on_request([&] { if (thrower.calls == 0) thrower(); }); }},
    {"open", [](client &es, Thrower &thrower) { es.on_open([&] { thrower(); }); }},
    {"event", [](client &es, Thrower &thrower) { es.on_event([&] { thrower(); }); }},
    {"event type", [](client &es, Thrower &thrower) { es.on_event("message", [&] { thrower(); }); }},
    {"events", [](client &es, Thrower &thrower) { es.on_events([&] { thrower(); }); }},
    {"comment", [](client &es, Thrower &thrower) { es.on_comment([&] { thrower(); }); }},
    {"error", [](client &es, Thrower &thrower) { es.on_error([&] { thrower(); }); }},
    {"close", [](client &es, Thrower &thrower) { es.on_close([&] { thrower(); }); }},
};
// All of them are called.
const char *const EVERYTHING = "/events?count=3&comment=hi&retry=10&then=204";

void an_exception_in_a_callback_of_any_kind_stops_the_client_and_comes_out_of_each_wait() {
    for (const auto &kind : KINDS) {
        Thrower thrower;
        client es(at(EVERYTHING));
        kind.set(es, thrower);
        es.start();
        CHECK_TEXT(thrown([&] { CHECK(es.wait_for(LONG)); }).c_str(), "thrown on purpose");
        CHECK_TEXT(thrown([&] { es.wait(); }).c_str(), "thrown on purpose");
        CHECK_NUMBER(thrower.calls, 1);
        if (check_failed()) std::fprintf(stderr, "\n    (in \"%s\")", kind.name);
    }
}

void on_close_sees_the_exception_that_stopped_the_client() {
    std::string seen;
    client es(at(EVERYTHING));
    es.on_event([] { throw std::runtime_error("first"); }).on_close([&](const eventsource::closed &closed) {
        CHECK(closed.reason() == EVENTSOURCE_CLOSE_STOPPED);
        seen = thrown([&] { std::rethrow_exception(closed.exception()); });
        throw std::runtime_error("second");
    });
    es.start();
    CHECK_TEXT(thrown([&] { es.wait(); }).c_str(), "first");
    CHECK_TEXT(seen.c_str(), "first");
}

void on_exception_may_let_the_stream_go_on() {
    for (const auto &kind : KINDS) {
        Thrower thrower;
        int told = 0;
        client es(at(EVERYTHING));
        kind.set(es, thrower);
        es.on_exception([&](client_ref ref, const std::exception_ptr &exception) {
            CHECK(ref.get() == es.get());
            CHECK_TEXT(thrown([&] { std::rethrow_exception(exception); }).c_str(), "thrown on purpose");
            told++;
        });
        CHECK_TEXT(thrown([&] { start_and_wait(es); }).c_str(), "");
        CHECK(thrower.calls >= 1);
        CHECK_NUMBER(told, thrower.calls);
        CHECK_NUMBER(static_cast<int64_t>(es.stats().events), 3);
        if (check_failed()) std::fprintf(stderr, "\n    (in \"%s\")", kind.name);
    }
}

void an_exception_in_on_exception_stops_the_client() {
    int events = 0;
    client es(at(EVERYTHING));
    es.on_event([&] { throw ++events; }).on_exception([] { throw std::runtime_error("thrown at the throw"); });
    es.start();
    CHECK_TEXT(thrown([&] { es.wait(); }).c_str(), "thrown at the throw");
    CHECK_NUMBER(events, 1);
}

void an_exception_that_nobody_waited_for_is_gone_at_the_next_start() {
    gate_t gate = GATE_CLOSED;
    bool throws = true;
    gate_open(&gate);
    client es(at(EVERYTHING));
    es.on_event([&] {
          if (throws) throw std::runtime_error("thrown on purpose");
      }).on_close([&] { gate_pass(&gate); });
    es.start();
    gate_wait(&gate, 1);
    // on_close has begun; that it has returned, C says without taking the exception.
    CHECK_STATUS(eventsource_wait(es.get(), 10000), EVENTSOURCE_OK);
    throws = false;
    CHECK_TEXT(thrown([&] { start_and_wait(es); }).c_str(), "");
}

/* ---- Life -------------------------------------------------------------------------------------------------------- */

static_assert(!std::is_copy_constructible_v<client> && std::is_nothrow_move_constructible_v<client>);
static_assert(!std::is_copy_assignable_v<client> && std::is_nothrow_move_assignable_v<client>);
static_assert(!std::is_copy_constructible_v<eventsource::runtime> && !std::is_copy_constructible_v<eventsource::parser>);

// What a callback receives dies with it: it can be neither copied nor moved out, and a range of such not copied.
template <typename View>
constexpr bool stays = !std::is_copy_constructible_v<View> && !std::is_move_constructible_v<View> &&
                       !std::is_copy_assignable_v<View> && !std::is_move_assignable_v<View>;
static_assert(stays<event> && stays<eventsource::comment> && stays<eventsource::response> && stays<eventsource::failure>);
static_assert(stays<eventsource::closed> && stays<eventsource::request>);
static_assert(!std::is_copy_constructible_v<eventsource::events> && !std::is_copy_assignable_v<eventsource::events>);
static_assert(!std::is_copy_constructible_v<eventsource::headers> && !std::is_copy_assignable_v<eventsource::headers>);

void the_destructor_waits_for_the_callback_that_runs() {
    gate_t gate = GATE_CLOSED;
    std::atomic<bool> ended{false};
    std::thread opener;
    {
        client es(at(ENDLESS));
        es.on_event([&] { gate_pass(&gate); }).on_close([&] { ended = true; });
        es.start();
        gate_wait(&gate, 1);
        opener = std::thread([&] { gate_open(&gate); });
    }
    CHECK(ended);
    opener.join();
}

void a_client_may_be_destroyed_in_its_own_callback() {
    gate_t gate = GATE_CLOSED;
    gate_open(&gate);
    std::atomic<int> closes{0};
    auto es = std::make_unique<client>(at(ENDLESS));
    es->on_close([&] { closes++; }).on_event([&es, held = std::make_unique<Held>(&gate)] {
        es.reset();
        CHECK_NUMBER(held->gate->arrivals, 0); // held is there still
        throw std::runtime_error("nobody waits for this");
    });
    es->start();
    gate_wait(&gate, 1);
    CHECK_NUMBER(closes, 0); // nothing more is called
}

// What /proc calls this thread.
long thread_id() {
#ifdef __linux__
    return syscall(SYS_gettid);
#else
    return 1;
#endif
}

// Whether a thread of this process sleeps; where nobody tells, it has had time to.
bool sleeps(long thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto name_end = text.rfind(") ");
    return name_end == text.npos || text[name_end + 2] == 'S';
}

void threads_may_be_waiting_for_a_client_that_its_callback_destroys() {
    for (int round = 0; round < 5; round++) {
        gate_t gate = GATE_CLOSED;
        std::atomic<long> ids[3] = {};
        std::atomic<int> returned{0};
        auto owner = std::make_unique<client>(at(ENDLESS));
        client &es = *owner;
        es.on_event([&] {
            gate_pass(&gate);
            owner.reset();
        });
        es.start();
        gate_wait(&gate, 1);
        std::vector<std::thread> waiters;
        for (auto &id : ids) {
            waiters.emplace_back([&] {
                id = thread_id();
                if (&id == ids) {
                    es.wait();
                    returned++;
                } else {
                    returned += es.wait_for(LONG);
                }
            });
        }
        // Each sleeps nowhere else but in its call; seen several times, in case it only began to.
        for (int seen = 0; seen < 20;) {
            std::this_thread::sleep_for(1ms);
            const bool all = std::all_of(std::begin(ids), std::end(ids), [](auto &id) { return id && sleeps(id); });
            seen = all ? seen + 1 : 0;
        }
        gate_open(&gate);
        for (auto &waiter : waiters) waiter.join();
        CHECK_NUMBER(returned, 3);
    }
}

void a_client_may_be_moved_while_it_runs() {
    gate_t gate = GATE_CLOSED;
    int others = 0;
    client first(at(ENDLESS));
    first.on_event([&] { gate_pass(&gate); });
    first.start();
    gate_wait(&gate, 1);
    client second(std::move(first));
    gate_open(&gate);
    gate_wait(&gate, 2);
    CHECK_NUMBER(refusal([&] { first.start(); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { first.stop(); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { first.on_event([] {}); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { first.set_method("GET"); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { static_cast<void>(first.last_event_id()); }), EVENTSOURCE_ERR_NULL);

    client third(at(FEW));
    third.on_event([&] { others++; });
    second = std::move(third); // ends the endless one
    start_and_wait(second);
    CHECK_NUMBER(others, 3);
}

/* ---- Runtimes ---------------------------------------------------------------------------------------------------- */

void with_manual_dispatch_callbacks_run_where_the_program_dispatches() {
    int events = 0;
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    client es(at(FEW));
    es.set_runtime(runtime).on_event([&, here = std::this_thread::get_id()] {
        CHECK(std::this_thread::get_id() == here);
        if (++events == 3) throw std::runtime_error("thrown on purpose");
    });
    es.start();
    CHECK(runtime.fd() != static_cast<eventsource_fd_t>(-1));
    CHECK_NUMBER(refusal([&] { es.wait(); }), EVENTSOURCE_ERR_STATE);
    const std::string end = thrown([&] {
        while (!es.wait_for(0ms)) runtime.dispatch(10s, 1);
    });
    CHECK_TEXT(end.c_str(), "thrown on purpose");
    CHECK_NUMBER(events, 3);
    CHECK_NUMBER(static_cast<int64_t>(runtime.dispatch(0ms)), 0);
}

// Options whose hooks count, and hold something.
eventsource::runtime_options counting(std::atomic<int> &starts, std::atomic<int> &stops, std::shared_ptr<Held> held) {
    eventsource::runtime_options options;
    options.thread_name = "mine";
    options.on_thread_start = [&starts] { starts++; };
    options.on_thread_stop = [&stops, held] { stops++; };
    return options;
}

void the_hooks_of_a_runtime_frame_its_threads_and_are_destroyed_after_them() {
    gate_t gate = GATE_CLOSED;
    gate_open(&gate);
    std::atomic<int> starts{0}, stops{0};
    {
        eventsource::runtime runtime(counting(starts, stops, std::make_shared<Held>(&gate)));
        client es(at(FEW));
        es.set_runtime(runtime);
        start_and_wait(es);
        CHECK_NUMBER(gate.arrivals, 0);
    }
    CHECK(starts >= 1);
    CHECK_NUMBER(stops, starts);
    CHECK_NUMBER(gate.arrivals, 1);
}

void the_hooks_of_a_runtime_that_a_callback_destroys_live_until_its_threads_have_stopped() {
    gate_t gate = GATE_CLOSED;
    gate_open(&gate);
    std::atomic<int> starts{0}, stops{0};
    auto runtime = std::make_unique<eventsource::runtime>(counting(starts, stops, std::make_shared<Held>(&gate)));
    {
        client es(at(ENDLESS));
        es.set_runtime(*runtime).on_event([&] { runtime.reset(); });
        start_and_wait(es);
    }
    gate_wait(&gate, 1);
    CHECK(starts >= 1);
    CHECK_NUMBER(stops, starts);
}

void a_refused_runtime_destroys_its_hooks() {
    gate_t gate = GATE_CLOSED;
    gate_open(&gate);
    std::atomic<int> starts{0}, stops{0};
    auto options = counting(starts, stops, std::make_shared<Held>(&gate));
    options.threads = -1;
    CHECK_NUMBER(refusal([&] { eventsource::runtime runtime(std::move(options)); }), EVENTSOURCE_ERR_VALUE);
    CHECK_NUMBER(gate.arrivals, 1);
}

/* ---- The parser alone ---------------------------------------------------------------------------------------------- */

// A parser that writes down what it finds.
eventsource::parser_options writing(std::string &found) {
    eventsource::parser_options options;
    options.on_event = [&](const event &event) { ((found += event.type()) += ' ') += event.data(); };
    options.on_comment = [&](const eventsource::comment &comment) { (found += '#') += comment.text(); };
    options.on_retry = [&](eventsource::milliseconds retry) { found += std::to_string(retry.count()); };
    return options;
}

void a_parser_finds_what_a_stream_has() {
    std::string found;
    eventsource::parser first(writing(found));
    first.feed("retry:50\n:hi\nid:7\nda");
    eventsource::parser second(std::move(first));
    second.feed("ta:a\n\nda");
    second.reset();
    second.feed("ta:b\n\n");
    CHECK_TEXT(found.c_str(), "50#himessage a");
    CHECK_TEXT(second.last_event_id().c_str(), "7");
    CHECK_NUMBER(refusal([&] { first.feed("a"); }), EVENTSOURCE_ERR_NULL);
}

void an_exception_in_a_parsers_callback_comes_out_of_feed() {
    int events = 0;
    eventsource::parser_options options;
    options.max_event_size = 100;
    options.on_event = [&](const event &event) {
        events++;
        if (event.data() == "a") throw std::runtime_error("thrown on purpose");
    };
    eventsource::parser parser(std::move(options));
    CHECK_TEXT(thrown([&] { parser.feed("data:a\n\ndata:b\n\n"); }).c_str(), "thrown on purpose");
    CHECK_NUMBER(events, 1);
    parser.feed("data:c\n\n");
    CHECK_NUMBER(events, 2);
    CHECK_NUMBER(refusal([&] { parser.feed("data:" + std::string(200, 'x')); }), EVENTSOURCE_ERR_EVENT_TOO_LARGE);
}

void a_parser_may_be_destroyed_in_its_own_callback() {
    std::unique_ptr<eventsource::parser> parser;
    int events = 0;
    eventsource::parser_options options;
    options.on_event = [&events, &parser, held = token()] {
        CHECK_NUMBER(refusal([&] { parser->feed("data\n\n"); }), EVENTSOURCE_ERR_IN_CALLBACK);
        parser.reset();
        events++;
        CHECK_NUMBER(held.use_count(), 1);
    };
    parser = std::make_unique<eventsource::parser>(std::move(options));
    parser->feed("data:a\n\ndata:b\n\n");
    CHECK_NUMBER(events, 1);
}

/* ---- The library --------------------------------------------------------------------------------------------------- */

void the_log_goes_to_the_callback_that_was_set_last() {
    std::atomic<int> lines{0}, refusals{0}, wrong{0};
    const token_t held = token(), never = token();
    eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, [never] {});
    CHECK_NUMBER(never.use_count(), 1);
    eventsource::log_set_callback(EVENTSOURCE_LOG_DEBUG, [&wrong, held] { wrong++; });
    eventsource::log_set_callback(EVENTSOURCE_LOG_DEBUG, [&](const eventsource::log_record &record) {
        lines += record.level() > EVENTSOURCE_LOG_OFF && !record.text().empty();
        refusals += refusal([] { eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, nullptr); }) ==
                    EVENTSOURCE_ERR_IN_CALLBACK;
    });
    CHECK_NUMBER(held.use_count(), 1);
    {
        client es(at(FEW));
        start_and_wait(es);
    }
    eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, nullptr);
    const int before = lines;
    client es(at(FEW));
    start_and_wait(es);
    CHECK(before > 0);
    CHECK_NUMBER(lines, before);
    CHECK_NUMBER(refusals, lines);
    CHECK_NUMBER(wrong, 0);
}

void a_record_of_the_log_has_its_client() {
    std::string opened, line;
    client es(at(FEW));
    es.set_name("prices");
    eventsource::log_set_callback(EVENTSOURCE_LOG_INFO, [&](const eventsource::log_record &record) {
        if (record.kind() != EVENTSOURCE_LOG_KIND_OPEN) return;
        CHECK_NUMBER(static_cast<int64_t>(record.client()), static_cast<int64_t>(es.number()));
        CHECK_NUMBER(static_cast<int64_t>(record.attempt()), 1);
        CHECK(record.origin() == at(""));
        opened = std::string(record.name()) + ": " + std::string(record.text());
        line = record.line();
    });
    start_and_wait(es);
    eventsource::log_set_callback(EVENTSOURCE_LOG_OFF, nullptr);
    CHECK(opened == "prices: open");
    CHECK(line == "info: client " + std::to_string(es.number()) + " (prices), attempt 1, " + at("") + ": open");
}

void names_and_versions_are_the_librarys() {
    CHECK(eventsource::status_name(EVENTSOURCE_ERR_URL) == "EVENTSOURCE_ERR_URL");
    CHECK(eventsource::version() == eventsource_version());
    CHECK_NUMBER(eventsource::version_number(), eventsource_version_number());
}

} // namespace

CHECK_MAIN(TEST(a_client_tells_what_happens_to_its_stream),
           TEST(a_callback_takes_all_parameters_or_the_last_or_the_first_or_none),
           TEST(events_of_a_type_go_to_the_callback_of_that_type),
           TEST(events_can_come_in_batches),
           TEST(odd_events_are_what_the_standard_makes_of_them),
           TEST(a_callback_may_be_move_only_and_lives_as_long_as_the_client),
           TEST(a_callback_that_is_replaced_or_removed_is_destroyed_and_not_called),
           TEST(a_callback_that_comes_while_the_client_runs_is_refused_and_changes_nothing),
           TEST(an_event_costs_no_allocation),
           TEST(on_error_decides_what_happens),
           TEST(a_stream_that_fails_is_thrown_by_whoever_waits_for_it),
           TEST(on_request_changes_the_request),
           TEST(a_document_is_a_result),
           TEST(on_redirect_sees_the_redirect_and_decides),
           TEST(a_refused_call_throws_its_status_and_reason),
           TEST(a_status_is_an_error_code),
           TEST(a_failure_can_be_told_in_an_error_code),
           TEST(a_text_with_a_nul_in_it_is_refused),
           TEST(a_client_does_without_no_text_that_had_a_nul_in_it),
           TEST(settings_come_out_as_they_went_in),
           TEST(an_exception_in_a_callback_of_any_kind_stops_the_client_and_comes_out_of_each_wait),
           TEST(on_close_sees_the_exception_that_stopped_the_client),
           TEST(on_exception_may_let_the_stream_go_on),
           TEST(an_exception_in_on_exception_stops_the_client),
           TEST(an_exception_that_nobody_waited_for_is_gone_at_the_next_start),
           TEST(the_destructor_waits_for_the_callback_that_runs),
           TEST(a_client_may_be_destroyed_in_its_own_callback),
           TEST(threads_may_be_waiting_for_a_client_that_its_callback_destroys),
           TEST(a_client_may_be_moved_while_it_runs),
           TEST(with_manual_dispatch_callbacks_run_where_the_program_dispatches),
           TEST(the_hooks_of_a_runtime_frame_its_threads_and_are_destroyed_after_them),
           TEST(the_hooks_of_a_runtime_that_a_callback_destroys_live_until_its_threads_have_stopped),
           TEST(a_refused_runtime_destroys_its_hooks),
           TEST(a_parser_finds_what_a_stream_has),
           TEST(an_exception_in_a_parsers_callback_comes_out_of_feed),
           TEST(a_parser_may_be_destroyed_in_its_own_callback),
           TEST(the_log_goes_to_the_callback_that_was_set_last),
           TEST(a_record_of_the_log_has_its_client),
           TEST(names_and_versions_are_the_librarys))
