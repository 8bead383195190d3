// Uses all of eventsource.hpp, as a program's own code, so that compilers and clang-tidy look into each template. It is
// compiled by ../CMakeLists.txt with all warnings that there are, by each standard, and without exceptions.
// NOLINTBEGIN(modernize-use-trailing-return-type): the house writes the type first
#include <eventsource.hpp>

namespace {

using eventsource::client;
using eventsource::client_ref;

void use(std::string_view /*text*/) {}

void callbacks(client &es) {
    es.on_event([](const eventsource::event &event) { use(event.data()); })
        .on_event("type", [](client_ref ref, const eventsource::event &event) {
            if (event.type() != event.last_event_id()) ref.stop();
        })
        .on_events([](const eventsource::events &events) {
            for (const eventsource::event event : events) use(event.data());
        })
        .on_comment([](const eventsource::comment &comment) { use(comment.text()); })
        .on_open([](const eventsource::response &response) {
            for (const eventsource::header header : response.headers()) use(header.name);
            use(response.headers().find("content-type").value_or(response.url()));
        })
        .on_error([](const eventsource::failure &failure) {
            use(failure.message());
            return failure.will_retry() ? EVENTSOURCE_DECISION_DEFAULT : EVENTSOURCE_DECISION_CLOSE;
        })
        .on_request([](client_ref ref, eventsource::request &request) {
            request.set_header("X-Id", ref.last_event_id());
            use(request.url());
        })
        .on_close([](const eventsource::closed &closed) { use(eventsource::status_name(closed.code())); })
        .on_exception([](client_ref ref) { ref.stop(); });
}

void settings(client &es) {
    eventsource::reconnect_policy policy = es.reconnect();
    policy.delay = std::chrono::seconds(1);
    es.set_reconnect(policy)
        .set_method("POST")
        .set_body(std::string("body"))
        .set_header("X-A", std::string("b"))
        .set_proxy(nullptr)
        .set_read_timeout(std::chrono::minutes(1));
}

bool life(client &es) {
    std::error_code code;
    es.start(code);
    es.wait(code);
    if (code == EVENTSOURCE_ERR_TIMEOUT || code == std::errc::timed_out) return false;
    es.run(code);
    es.stop();
    es.wait();
#ifdef __cpp_lib_jthread
    const std::stop_source stop;
    es.run(stop.get_token());
    if (!es.wait(stop.get_token())) return false;
#endif
    client moved(std::move(es));
    es = std::move(moved);
    return es.wait_for(std::chrono::seconds(1), code) && es.wait_for(std::chrono::seconds(1)) && es.stats().events > 0;
}

void streams() {
    eventsource::stream stream("https://example.com/");
    stream->set_header("X-A", "b");
    while (const auto event = stream.next()) use(event->data);
    for (const auto &event : stream) use(event.type);
    std::error_code code;
    if (stream.next(code)) use(stream.last_event_id());
    stream.resume_on([](const std::function<void()> &resume) { resume(); });
    eventsource::stream moved(std::move(stream));
    stream = std::move(moved);
#ifdef __cpp_lib_expected
    if (const auto event = stream.try_next(); event.has_value() && *event) use((*event)->data);
#endif
#ifdef __cpp_lib_jthread
    const std::stop_source stop;
    if (stream.next(stop.get_token())) stream.stop();
#endif
}

#ifdef __cpp_lib_coroutine
#ifndef __clang__
// What GCC makes of a coroutine itself.
#pragma GCC diagnostic ignored "-Wswitch-default"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
struct task {
    struct promise_type {
        [[nodiscard]] task get_return_object() const noexcept { return {}; }
        [[nodiscard]] std::suspend_never initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[maybe_unused]] void unhandled_exception() const noexcept {}
    };
};

task coroutine(eventsource::stream &stream) { // NOLINT(cppcoreguidelines-avoid-reference-coroutine-parameters)
    while (const auto event = co_await stream.async_next()) use(event->data);
}
#endif

void others() {
    eventsource::runtime_options options;
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    options.thread_name = "mine";
    options.on_thread_start = [] {};
    eventsource::runtime runtime(std::move(options));
    if (runtime.dispatch() + runtime.dispatch(std::chrono::seconds(1)) > 0) use(eventsource::version());
    eventsource::parser_options found;
    found.on_event = [](const eventsource::event &event) { use(event.data()); };
    found.on_retry = [](eventsource::milliseconds /*delay*/) {};
    eventsource::parser parser(std::move(found));
    parser.feed("data: a\n\n");
    use(parser.last_event_id());
}

} // namespace

int main() { // NOLINT(bugprone-exception-escape): it is not run
    client es("https://example.com/");
    callbacks(es);
    settings(es);
    streams();
    others();
#ifdef __cpp_lib_coroutine
    eventsource::stream stream("https://example.com/");
    coroutine(stream);
#endif
    return life(es) ? 0 : 1;
}
// NOLINTEND(modernize-use-trailing-return-type)
