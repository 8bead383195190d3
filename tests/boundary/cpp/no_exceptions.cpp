// eventsource.hpp compiled with -fno-exceptions and -fno-rtti: what is refused is told by the start, and why a client ended by
// a std::error_code.
#include "../c/check.h"

#include <eventsource.hpp>

#include <string>
#include <string_view>

#ifdef EVENTSOURCE_HAS_EXCEPTIONS
#error "this is about programs without exceptions"
#endif

namespace {

using eventsource::client;
using eventsource::event;
using namespace std::string_view_literals;

std::string at(const char *target) { return std::string(check_url) + target; }

const char *const FEW = "/events?count=3&retry=10&then=204";

void a_client_runs() {
    int events = 0;
    std::error_code code = EVENTSOURCE_ERR_VALUE;
    client es(at(FEW));
    es.on_event([&](const event &event) { events += !event.data().empty(); });
    es.run(code);
    CHECK(!code);
    CHECK_NUMBER(events, 3);
    eventsource::stream stream(at(FEW));
    while (stream.next(code)) events++;
    CHECK(!code);
    CHECK_NUMBER(events, 6);
}

void a_failure_is_told_in_an_error_code() {
    std::error_code code;
    client es(at("/status/401"));
    es.run(code);
    CHECK(code == EVENTSOURCE_ERR_HTTP_STATUS);
    es.wait(code);
    CHECK(code == EVENTSOURCE_ERR_HTTP_STATUS);
    eventsource::stream stream(at("/status/401"));
    CHECK(!stream.next(code));
    CHECK(code == EVENTSOURCE_ERR_HTTP_STATUS);
}

void a_refused_setting_is_told_by_the_start() {
    std::error_code code;
    client es(at(FEW));
    es.set_proxy("ftp://proxy").start(code);
    CHECK(code == EVENTSOURCE_ERR_URL);
    es.set_proxy(nullptr).set_header("X-A", "a\0b"sv).start(code);
    CHECK(code == EVENTSOURCE_ERR_UTF8);
    es.set_header("X-A", "b").run(code);
    CHECK(!code);
}

void a_refused_url_is_told_by_the_start() {
    std::error_code code;
    client es("no URL");
    es.run(code);
    CHECK(code == EVENTSOURCE_ERR_URL);
    es.set_url(at(FEW)).run(code);
    CHECK(!code);
    eventsource::stream stream("no URL");
    CHECK(!stream.next(code));
    CHECK(code == EVENTSOURCE_ERR_URL);
}

} // namespace

CHECK_MAIN(TEST(a_client_runs), TEST(a_failure_is_told_in_an_error_code), TEST(a_refused_setting_is_told_by_the_start),
           TEST(a_refused_url_is_told_by_the_start))
