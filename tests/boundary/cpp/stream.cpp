// eventsource::stream, which gives events one after another, and what a client tells in C++20: std::stop_token, coroutines,
// ranges. Compiled by the newest standard that the compiler has.
#include "../c/gate.h"
#include "calls.hpp"

#include <eventsource.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using eventsource::client;
using eventsource::client_ref;
using eventsource::event;
using eventsource::stream;
using namespace std::chrono_literals;

const char *const FEW = "/events?count=3&retry=10&then=204", *const ENDLESS = "/events?count=1000000&interval_ms=1",
                  *const MANY = "/events?count=100000&retry=10&then=204";

/* ---- next ------------------------------------------------------------------------------------------------------------ */

static_assert(!std::is_copy_constructible_v<stream> && std::is_nothrow_move_constructible_v<stream>);

void next_gives_one_event_after_another_and_nothing_at_the_end() {
    std::string all;
    stream source(at(FEW));
    while (const auto next = source.next()) {
        all += next->type + ' ' + next->last_event_id + ' ' + next->data + '\n';
        CHECK(next->origin == check_url);
    }
    CHECK_TEXT(all.c_str(), "message 1 event 1\nmessage 2 event 2\nmessage 3 event 3\n");
    CHECK(!source.next());
    CHECK_TEXT(source.last_event_id().c_str(), "3");
}

void a_stream_is_a_range_of_its_events() {
    std::string all;
    stream source(at(FEW));
    for (const eventsource::owned_event &each : source) all += each.last_event_id;
    CHECK_TEXT(all.c_str(), "123");
}

void next_throws_what_ended_the_client_after_the_last_event() {
    stream refused(at("/status/401")), throws(at(FEW)), never(at(FEW));
    CHECK_NUMBER(refusal([&] { refused.next(); }), EVENTSOURCE_ERR_HTTP_STATUS);
    CHECK(thrown([&] { refused.next(); }).find("the server answered 401") == 0);
    std::error_code code;
    CHECK(!refused.next(code) && code == EVENTSOURCE_ERR_HTTP_STATUS);
    throws->on_open([] { throw std::runtime_error("thrown on purpose"); });
    CHECK_TEXT(thrown([&] { throws.next(); }).c_str(), "thrown on purpose");
    CHECK_NUMBER(refusal([&] { never->set_proxy("ftp://proxy"); }), EVENTSOURCE_ERR_URL);
    CHECK_NUMBER(refusal([&] { never.next(); }), EVENTSOURCE_ERR_URL);
    CHECK(!never.next(code) && code == EVENTSOURCE_ERR_URL);
#ifdef __cpp_lib_expected
    CHECK(refused.try_next().error() == EVENTSOURCE_ERR_HTTP_STATUS);
    stream source(at("/events?count=1&retry=10&then=204"));
    const auto first = source.try_next();
    CHECK(first.has_value() && first->has_value() && first.value()->data == "event 1");
    const auto last = source.try_next();
    CHECK(last.has_value() && !last->has_value());
#endif
}

// What a thread that looks after the client asks it meanwhile, in on_error, comes before the end's text is taken.
void what_another_thread_asks_changes_nothing_of_what_next_throws() {
    stream source(at("/status/401"));
    source->set_last_event_id("7");
    source->on_error([&] {
        std::thread([&] {
            CHECK(!source->wait_for(0ms) && !source->wait_for(1ms));
            CHECK_TEXT(source->last_event_id().c_str(), "7");
        }).join();
        return EVENTSOURCE_DECISION_DEFAULT;
    });
    CHECK(thrown([&] { source.next(); }).find("the server answered 401") == 0);
}

void next_is_refused_where_it_would_wait_for_ever() {
    eventsource_status_t in_callback = EVENTSOURCE_OK;
    stream inner(at("/hang-body"));
    client es(at(FEW));
    es.on_event([&](client_ref ref) {
        in_callback = refusal([&] { inner.next(); });
        ref.stop();
    });
    es.run();
    CHECK_NUMBER(in_callback, EVENTSOURCE_ERR_IN_CALLBACK);
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    stream manual(at(FEW));
    manual->set_runtime(runtime);
    CHECK_NUMBER(refusal([&] { manual.next(); }), EVENTSOURCE_ERR_STATE);
    stream target(std::move(manual));
    CHECK_NUMBER(refusal([&] { manual.next(); }), EVENTSOURCE_ERR_NULL);
    CHECK_NUMBER(refusal([&] { static_cast<void>(manual.last_event_id()); }), EVENTSOURCE_ERR_NULL);
}

void the_queue_is_bounded_and_loses_nothing() {
    const std::size_t limit = 10000;
    stream source(at(MANY), limit);
    CHECK(source.next()->last_event_id == "1");
    // Paused: the number of events stands still, far from the end.
    std::uint64_t before = 0, now = source->stats().events;
    while (now != before || now < 2) {
        std::this_thread::sleep_for(20ms);
        before = std::exchange(now, source->stats().events);
    }
    CHECK(now < 1000);
    for (int id = 2; id <= 100000; id++) {
        if (source.next()->last_event_id != std::to_string(id)) {
            CHECK_NUMBER(id, 0);
            break;
        }
    }
    CHECK(!source.next());
}

#ifdef __linux__
int threads() {
    int count = 0;
    for (const auto &each : std::filesystem::directory_iterator("/proc/self/task")) count += each.exists();
    return count;
}

void unread_streams_neither_delay_one_that_is_read_nor_cost_threads() {
    std::vector<stream> unread;
    for (int each = 0; each < 100; each++) {
        unread.emplace_back(at(MANY), 1000);
        CHECK(unread.back().next().has_value());
    }
    stream source(at("/events?count=200&interval_ms=1&retry=10&then=204"));
    int events = 0;
    while (source.next()) events++;
    CHECK_NUMBER(events, 200);
    // The program's, one that serves, one that watches, those that look names up, and as many as there are processors.
    CHECK(threads() < 20 + static_cast<int>(std::thread::hardware_concurrency()));
}
#else
void unread_streams_neither_delay_one_that_is_read_nor_cost_threads() {}
#endif

void several_threads_may_take() {
    stream source(at("/events?count=2000&retry=10&then=204"));
    std::atomic<int> events{0};
    std::vector<std::thread> threads;
    for (int each = 0; each < 4; each++) {
        threads.emplace_back([&] {
            while (source.next()) events++;
        });
    }
    for (auto &thread : threads) thread.join();
    CHECK_NUMBER(events, 2000);
}

void a_stream_may_be_destroyed_in_a_callback_while_threads_wait_for_an_event() {
    gate_t gate = GATE_CLOSED;
    std::atomic<int> returned{0};
    auto source = std::make_unique<stream>(at("/hang-body"));
    stream &threads_view = *source;
    (*source)->on_open([&] {
        gate_pass(&gate);
        source.reset();
    });
    std::vector<std::thread> threads;
    for (int each = 0; each < 3; each++) {
        threads.emplace_back([&] {
            // They are in next() when on_open comes, or all but.
            while (threads_view.next()) {
            }
            returned++;
        });
    }
    gate_wait(&gate, 1);
    std::this_thread::sleep_for(50ms); // nothing tells that a thread is inside a call
    gate_open(&gate);
    for (auto &thread : threads) thread.join();
    CHECK_NUMBER(returned, 3);
}

void what_is_in_the_queue_can_be_taken_after_a_stop() {
    stream source(at(MANY), 1000);
    int id = 1;
    CHECK(source.next()->last_event_id == "1");
    source.stop();
    while (const auto next = source.next()) CHECK(next->last_event_id == std::to_string(++id));
}

/* ---- Where a stream is cut ------------------------------------------------------------------------------------------- */

// A server sends ids 1, 2, 3, …; whatever a program does to stop, what it has read is a stretch without a hole, and a client
// that goes on after the last id that was read has the next. Thousands of streams, which end anywhere.
class Reader {
public:
    // A few hundred events in few reads, so that most stops are inside a batch.
    static std::string target() { return at("/events?count=400&retry=10"); }
    void read(std::string_view id) {
        if (id != std::to_string(++last)) holes++;
    }
    std::string id() const { return last ? std::to_string(last) : std::string(); }
    int last = 0, holes = 0;
};

// Reads some events after the last, by on_event; stops inside the callback, and nothing comes after that.
void read_by_event(Reader &reader, int count) {
    client es(Reader::target());
    if (reader.last) es.set_last_event_id(reader.id());
    bool stopped = false;
    es.on_event([&](client_ref ref, const event &event) {
        if (stopped) reader.holes++;
        reader.read(event.last_event_id());
        if (--count == 0) {
            stopped = true;
            ref.stop();
        }
    });
    es.run();
    if (es.last_event_id() != reader.id()) reader.holes++;
}

// By on_events: stops in the middle of a batch, and does not look at the rest.
void read_by_batch(Reader &reader, int count) {
    client es(Reader::target());
    if (reader.last) es.set_last_event_id(reader.id());
    bool stopped = false;
    es.on_events([&](client_ref ref, const eventsource::events &events) {
        if (stopped) reader.holes++;
        for (const event &event : events) {
            reader.read(event.last_event_id());
            if (--count == 0) {
                stopped = true;
                ref.stop();
                break;
            }
        }
    });
    es.run();
}

// By an exception; and by destroying the client in its callback.
void read_until_it_throws(Reader &reader, int count) {
    client es(Reader::target());
    if (reader.last) es.set_last_event_id(reader.id());
    es.on_event([&](const event &event) {
        reader.read(event.last_event_id());
        if (--count == 0) throw std::runtime_error("thrown on purpose");
    });
    CHECK_TEXT(thrown([&] { es.run(); }).c_str(), "thrown on purpose");
}
void read_until_it_is_destroyed(Reader &reader, int count) {
    gate_t gate = GATE_CLOSED;
    gate_open(&gate);
    auto es = std::make_unique<client>(Reader::target());
    if (reader.last) es->set_last_event_id(reader.id());
    std::shared_ptr<void> end(nullptr, [&gate](void *) { gate_pass(&gate); });
    es->on_event([&, held = std::move(end)](const event &event) {
        reader.read(event.last_event_id());
        if (--count == 0) es.reset();
    });
    es->start();
    gate_wait(&gate, 1);
}

// By the stream, which stops at any moment: the queue holds more than was read.
void read_by_stream(Reader &reader, int count) {
    stream source(Reader::target(), 2000);
    if (reader.last) source->set_last_event_id(reader.id());
    while (count-- > 0) {
        const auto next = source.next();
        reader.read(next ? next->last_event_id : "none");
    }
    if (source.last_event_id() != reader.id()) reader.holes++;
}

void what_is_read_before_a_stop_has_no_hole_and_what_comes_after_it_loses_and_repeats_nothing() {
    void (*const ways[])(Reader &, int) = {read_by_event, read_by_batch, read_until_it_throws, read_until_it_is_destroyed,
                                           read_by_stream};
    std::mt19937 random(18);
    const int streams = check_slow > 1 ? 40 : 300; // with each of which the next goes on
    int clients = 0;
    for (int each = 0; each < streams; each++) {
        Reader reader;
        while (reader.last < 300) {
            const int count = std::uniform_int_distribution<int>(1, 90)(random);
            ways[std::uniform_int_distribution<std::size_t>(0, 4)(random)](reader, count);
            clients++;
        }
        CHECK_NUMBER(reader.holes, 0);
        if (check_failed()) return;
    }
    CHECK(clients > 4 * streams);
}

/* ---- std::stop_token --------------------------------------------------------------------------------------------------- */

#ifdef __cpp_lib_jthread
void a_stop_token_ends_the_wait_and_not_the_client() {
    client es(at(ENDLESS));
    std::stop_source stop;
    es.start();
    std::thread stopper([&] { stop.request_stop(); });
    CHECK(!es.wait(stop.get_token()));
    CHECK(!es.wait(stop.get_token()));
    stopper.join();
    CHECK(es.state() != EVENTSOURCE_STATE_CLOSED);
    std::stop_source other;
    es.stop();
    CHECK(es.wait(other.get_token()));
    client fails(at("/status/401")), never(at(FEW));
    fails.start();
    CHECK_NUMBER(refusal([&] { fails.wait(other.get_token()); }), EVENTSOURCE_ERR_HTTP_STATUS);
    CHECK_NUMBER(refusal([&] { never.wait(other.get_token()); }), EVENTSOURCE_ERR_STATE);
}

void a_stop_token_ends_a_run() {
    std::stop_source stop, stopped;
    stopped.request_stop();
    client es(at(ENDLESS)), fails(at("/status/401"));
    es.on_event([&] { stop.request_stop(); });
    es.run(stop.get_token());
    CHECK(es.result().reason == EVENTSOURCE_CLOSE_STOPPED);
    es.run(stopped.get_token());
    CHECK_NUMBER(refusal([&] { fails.run(std::stop_token()); }), EVENTSOURCE_ERR_HTTP_STATUS);
}

void a_stop_token_ends_the_wait_for_an_event() {
    stream source(at("/hang-body"));
    std::stop_source stop;
    while (source->stats().opens == 0 && !stop.stop_requested()) {
        std::thread stopper([&] { stop.request_stop(); });
        CHECK(!source.next(stop.get_token()));
        stopper.join();
    }
    CHECK(source->state() != EVENTSOURCE_STATE_CLOSED);
}
#endif

/* ---- Coroutines -------------------------------------------------------------------------------------------------------- */

#ifdef __cpp_lib_coroutine
// A coroutine that runs by itself, and can be destroyed while it awaits.
struct Task {
    struct promise_type {
        Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { exception = std::current_exception(); }
        std::exception_ptr exception{};
    };
    std::coroutine_handle<promise_type> handle;
};

Task read_all(stream &source, std::string &all, bool &done) {
    while (const auto next = co_await source.async_next()) all += next->last_event_id;
    done = true;
}

void a_coroutine_awaits_events_on_the_thread_that_dispatches() {
    std::string all;
    bool done = false;
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    stream source(at(FEW));
    source->set_runtime(runtime);
    const Task task = read_all(source, all, done);
    while (!done) runtime.dispatch();
    CHECK_TEXT(all.c_str(), "123");
    CHECK(task.handle.done());
    task.handle.destroy();
}

void a_failure_is_thrown_in_the_coroutine() {
    std::string all;
    bool done = false;
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    stream source(at("/status/401"));
    source->set_runtime(runtime);
    const Task task = read_all(source, all, done);
    while (!task.handle.done()) runtime.dispatch();
    CHECK_NUMBER(refusal([&] { std::rethrow_exception(task.handle.promise().exception); }), EVENTSOURCE_ERR_HTTP_STATUS);
    task.handle.destroy();
}

void an_executor_resumes_coroutines() {
    // A program's own loop: functions that its thread runs.
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::function<void()>> queue;
    std::string all;
    bool done = false;
    stream source(at("/events?count=200&interval_ms=1&retry=10&then=204"));
    source.resume_on([&](std::function<void()> resume) {
        const std::lock_guard<std::mutex> lock(mutex);
        queue.push_back(std::move(resume));
        changed.notify_one();
    });
    const Task task = read_all(source, all, done);
    while (!done) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return !queue.empty(); });
        const std::function<void()> next = std::move(queue.front());
        queue.erase(queue.begin());
        lock.unlock();
        next();
    }
    CHECK_NUMBER(static_cast<int>(all.size()), 9 + 90 * 2 + 101 * 3);
    task.handle.destroy();
}

// The exception stops the client, and the executor is told of that end.
void a_coroutine_whose_executor_has_thrown_is_resumed_at_the_end() {
    std::string all;
    bool done = false;
    int calls = 0;
    stream source(at("/events?count=1"));
    source.resume_on([&](const std::function<void()> &resume) {
        if (calls++ == 0) throw std::runtime_error("thrown on purpose");
        resume();
    });
    const Task task = read_all(source, all, done);
    CHECK_TEXT(thrown([&] { source->wait(); }).c_str(), "thrown on purpose");
    CHECK(task.handle.done());
    CHECK_TEXT(all.c_str(), "1");
    CHECK_NUMBER(calls, 2);
    CHECK_TEXT(thrown([&] { std::rethrow_exception(task.handle.promise().exception); }).c_str(), "thrown on purpose");
    task.handle.destroy();
}

void a_second_coroutine_at_the_same_stream_is_refused() {
    std::string all;
    bool done = false;
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    stream source(at(FEW));
    source->set_runtime(runtime);
    const Task first = read_all(source, all, done), second = read_all(source, all, done);
    CHECK(second.handle.done());
    CHECK_NUMBER(refusal([&] { std::rethrow_exception(second.handle.promise().exception); }), EVENTSOURCE_ERR_STATE);
    while (!done) runtime.dispatch();
    first.handle.destroy();
    second.handle.destroy();
}

Task read_own(std::unique_ptr<stream> &source, int &events) {
    while (const auto next = co_await source->async_next()) {
        if (next && ++events == 2) {
            source.reset();
            co_return;
        }
    }
}

void a_coroutine_may_destroy_its_stream_and_be_destroyed_while_it_awaits() {
    eventsource::runtime runtime({EVENTSOURCE_DISPATCH_MANUAL});
    int events = 0;
    auto source = std::make_unique<stream>(at(ENDLESS));
    (*source)->set_runtime(runtime);
    const Task task = read_own(source, events);
    while (!task.handle.done()) runtime.dispatch();
    task.handle.destroy();
    CHECK_NUMBER(events, 2);

    std::string all;
    bool done = false;
    stream other(at(FEW));
    other->set_runtime(runtime);
    const Task destroyed = read_all(other, all, done);
    destroyed.handle.destroy();
    while (other->state() != EVENTSOURCE_STATE_CLOSED) runtime.dispatch(100ms);
    CHECK(all.empty() && !done);

    auto gone = std::make_unique<stream>(at(ENDLESS));
    (*gone)->set_runtime(runtime);
    const Task left = read_all(*gone, all, done);
    gone.reset(); // the coroutine is not resumed with what does not exist any more
    CHECK(!left.handle.done());
    left.handle.destroy();
}
#endif

/* ---- Ranges ------------------------------------------------------------------------------------------------------------ */

#if defined(__cpp_lib_ranges) && (!defined(__clang__) || __clang_major__ >= 16)
template <typename Range>
constexpr bool is_range = std::ranges::random_access_range<Range> && std::ranges::sized_range<Range> &&
                          std::ranges::common_range<Range> && std::ranges::borrowed_range<Range>;
static_assert(is_range<const eventsource::events> && is_range<eventsource::events>);
static_assert(is_range<const eventsource::headers> && is_range<eventsource::headers>);
static_assert(std::ranges::input_range<stream>);

void events_and_headers_are_ranges() {
    std::string ids, names;
    client es(at("/events?count=9&retry=10&then=204"));
    es.on_open([&](const eventsource::response &response) {
          const auto is_type = [](const eventsource::header &header) { return header.name == "content-type"; };
          for (const auto header : response.headers() | std::views::filter(is_type)) names += header.name;
          const auto headers = response.headers();
          CHECK(std::ranges::count_if(headers, is_type) == 1);
          CHECK(std::ranges::find_if(headers, is_type) != headers.end());
      }).on_events([&](const eventsource::events &events) {
        const auto id = [](const event &event) { return event.last_event_id(); };
        for (const auto each : events | std::views::transform(id)) ids += each;
        CHECK((events.end()[-1]).last_event_id() == events[events.size() - 1].last_event_id());
    });
    es.run();
    CHECK_TEXT(ids.c_str(), "123456789");
    CHECK_TEXT(names.c_str(), "content-type");
}
#else
void events_and_headers_are_ranges() {}
#endif

} // namespace

#ifdef __cpp_lib_jthread
#define WITH_STOP_TOKENS(...) __VA_ARGS__
#else
#define WITH_STOP_TOKENS(...)
#endif
#ifdef __cpp_lib_coroutine
#define WITH_COROUTINES(...) __VA_ARGS__
#else
#define WITH_COROUTINES(...)
#endif

CHECK_MAIN(TEST(next_gives_one_event_after_another_and_nothing_at_the_end),
           TEST(a_stream_is_a_range_of_its_events),
           TEST(next_throws_what_ended_the_client_after_the_last_event),
           TEST(what_another_thread_asks_changes_nothing_of_what_next_throws),
           TEST(next_is_refused_where_it_would_wait_for_ever),
           TEST(the_queue_is_bounded_and_loses_nothing),
           TEST(unread_streams_neither_delay_one_that_is_read_nor_cost_threads),
           TEST(several_threads_may_take),
           TEST(a_stream_may_be_destroyed_in_a_callback_while_threads_wait_for_an_event),
           TEST(what_is_in_the_queue_can_be_taken_after_a_stop),
           TEST(what_is_read_before_a_stop_has_no_hole_and_what_comes_after_it_loses_and_repeats_nothing),
           WITH_STOP_TOKENS(TEST(a_stop_token_ends_the_wait_and_not_the_client),
                            TEST(a_stop_token_ends_a_run),
                            TEST(a_stop_token_ends_the_wait_for_an_event), )
           WITH_COROUTINES(TEST(a_coroutine_awaits_events_on_the_thread_that_dispatches),
                           TEST(a_failure_is_thrown_in_the_coroutine),
                           TEST(an_executor_resumes_coroutines),
                           TEST(a_coroutine_whose_executor_has_thrown_is_resumed_at_the_end),
                           TEST(a_second_coroutine_at_the_same_stream_is_refused),
                           TEST(a_coroutine_may_destroy_its_stream_and_be_destroyed_while_it_awaits), )
           TEST(events_and_headers_are_ranges))
