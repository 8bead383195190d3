/** @file
 * libeventsource for C++17: clients that end with their scope, lambdas, string views, durations, exceptions.
 *
 *     eventsource::client es("https://example.com/stream");
 *     es.on_event([](const eventsource::event &event) { std::cout << event.data() << '\n'; });
 *     es.start();
 *     es.wait();
 *
 * It wraps eventsource.h, which remains the manual: a function does what the C function of its name does, and is only
 * described here where it differs. The enumerations are C's: `EVENTSOURCE_ERR_TIMEOUT`, `EVENTSOURCE_STOP`.
 *
 * STATUSES. A refused call throws eventsource::error.
 *
 * TEXT. Parameters are copied, and must not hold a NUL. What the views that callbacks receive answer, string views, is valid
 * until the callback returns; and followed by a NUL, so that its `data()` is a C string. The views themselves cannot be
 * copied: to keep a text, make a std::string of it.
 *
 * CALLBACKS. Anything that can be called with the parameters that are documented, or with the last one, or with none:
 *
 *     [](eventsource::client_ref es, const eventsource::event &event) { if (event.type() == "bye") es.stop(); }
 *     [](const eventsource::event &event) {}
 *     [] {}
 *
 * It may be move-only. To call it allocates nothing. nullptr removes it. It is destroyed when another is set, or after the
 * client's last callback; its destructor must not throw.
 *
 * EXCEPTIONS. One that leaves a client's callback is caught there; the client stops, and client::wait throws it, unless
 * client::on_exception is there to decide. One that leaves a parser's callback leaves parser::feed. A runtime's hooks and
 * the log have nobody to tell: an exception that leaves them ends the program (std::terminate).
 *
 * LIFE. The destructor of a client waits until no callback of it runs or will run. So declare what the callbacks refer to
 * before the client, which then goes first. Inside a callback a destructor returns at once, also that of the callback's own
 * client, whose callbacks live until they have returned. Other threads may then be inside client::wait of the same object,
 * or inside another call that is legal while it runs: they return without a look at it. But no call may begin once the
 * destructor may have begun; a thread that cannot know keeps what `get()` returns, and asks with that. Objects may be moved
 * while they run. One that has been moved from can be destroyed or assigned to; other calls throw EVENTSOURCE_ERR_NULL.
 */
#ifndef EVENTSOURCE_HPP
#define EVENTSOURCE_HPP

#include "eventsource.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eventsource {

using std::chrono::milliseconds;

/* ---- Statuses ---------------------------------------------------------------------------------------------------- */

/** The category of statuses as std::error_code. */
inline const std::error_category &category() noexcept {
    class statuses final : public std::error_category {
    public:
        const char *name() const noexcept override { return "eventsource"; }
        std::string message(int status) const override { return eventsource_status_text(status); }
    };
    static const statuses instance;
    return instance;
}

/** A refused call. */
class error : public std::system_error {
public:
    explicit error(eventsource_status_t status) : std::system_error(status, category()) {}
    /**
     * @param status what was answered
     * @param reason what `what()` begins with
     */
    error(eventsource_status_t status, const std::string &reason) : std::system_error(status, category(), reason) {}

    /** Why, as EVENTSOURCE_ERR_URL. */
    eventsource_status_t status() const noexcept { return static_cast<eventsource_status_t>(code().value()); }
};

/* ---- What all parts share ------------------------------------------------------------------------------------------ */

namespace detail {

inline void check(eventsource_status_t status) {
    if (status != EVENTSOURCE_OK) throw error(status);
}

/** A text for C. */
class c_string {
public:
    explicit c_string(std::string_view text) : text_(text) {
        // C would take less than was meant.
        if (text.find('\0') != text.npos) throw error(EVENTSOURCE_ERR_VALUE, "a text has a NUL in it");
    }
    operator const char *() const noexcept { return text_.c_str(); }

private:
    std::string text_;
};

/** What a C function copies into a buffer. */
template <typename Object>
std::string copied_text(Object *object, eventsource_status_t (*get)(Object *, char *, std::size_t, std::size_t *)) {
    std::string text;
    std::size_t len = 0;
    eventsource_status_t status = get(object, nullptr, 0, &len);
    while (status == EVENTSOURCE_ERR_BUFFER) { // again, if it has grown meanwhile
        text.resize(len);
        status = get(object, text.data(), text.size() + 1, &len);
    }
    check(status);
    text.resize(len);
    return text;
}

/** Calls `call` with as many of the arguments as it takes: all, or all but the first, … */
template <typename Result, typename Call>
Result call_with_some(Call &call) {
    static_assert(std::is_invocable_v<Call &>, "the callback takes neither the documented parameters nor the last of them");
    if constexpr (std::is_void_v<Result> || std::is_void_v<std::invoke_result_t<Call &>>) {
        std::invoke(call);
        return Result();
    } else {
        return std::invoke(call);
    }
}
template <typename Result, typename Call, typename First, typename... Rest>
Result call_with_some(Call &call, [[maybe_unused]] First &&first, Rest &&...rest) {
    if constexpr (!std::is_invocable_v<Call &, First, Rest...>) {
        return call_with_some<Result>(call, std::forward<Rest>(rest)...);
    } else if constexpr (std::is_void_v<Result> || std::is_void_v<std::invoke_result_t<Call &, First, Rest...>>) {
        std::invoke(call, std::forward<First>(first), std::forward<Rest>(rest)...);
        return Result();
    } else {
        return std::invoke(call, std::forward<First>(first), std::forward<Rest>(rest)...);
    }
}

} // namespace detail

template <typename Signature>
class callback;

/** Something to call, or nothing; converted from lambdas and the like. As std::function, but it need not be copied. */
template <typename Result, typename... Parameters>
class callback<Result(Parameters...)> {
public:
    callback() noexcept = default;
    callback(std::nullptr_t) noexcept {}
    template <typename Call, typename = std::enable_if_t<!std::is_same_v<std::decay_t<Call>, callback>>>
    callback(Call &&call) : call_(std::make_unique<holder<std::decay_t<Call>>>(std::forward<Call>(call))) {}

    explicit operator bool() const noexcept { return call_ != nullptr; }
    Result operator()(Parameters... parameters) { return call_->call(std::forward<Parameters>(parameters)...); }

private:
    struct any {
        any() = default;
        any(const any &) = delete;
        any &operator=(const any &) = delete;
        virtual ~any() = default;
        virtual Result call(Parameters... parameters) = 0;
    };
    template <typename Call>
    struct holder final : any {
        template <typename From>
        explicit holder(From &&from) : held(std::forward<From>(from)) {}
        Result call(Parameters... parameters) override {
            return detail::call_with_some<Result>(held, std::forward<Parameters>(parameters)...);
        }
        Call held;
    };

    std::unique_ptr<any> call_{};
};

/* ---- What callbacks receive -------------------------------------------------------------------------------------- */

namespace detail {

/** A payload of C's. */
template <typename Payload>
class view {
public:
    explicit view(const Payload *payload) noexcept : payload_(payload) {}
    view(const view &) = delete;
    view &operator=(const view &) = delete;

    /** C's struct. */
    const Payload &get() const noexcept { return *payload_; }

protected:
    ~view() = default;

private:
    const Payload *payload_;
};

/** An array of C's. */
template <typename View, typename Element>
class array_view {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = View;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = View;

        explicit iterator(const Element *at) noexcept : at_(at) {}
        View operator*() const noexcept { return View(*at_); }
        iterator &operator++() noexcept {
            ++at_;
            return *this;
        }
        iterator operator++(int) noexcept { return iterator(at_++); }
        bool operator==(const iterator &other) const noexcept { return at_ == other.at_; }
        bool operator!=(const iterator &other) const noexcept { return at_ != other.at_; }

    private:
        const Element *at_;
    };

    array_view(const Element *first, std::size_t count) noexcept : first_(first), count_(count) {}

    iterator begin() const noexcept { return iterator(first_); }
    iterator end() const noexcept { return iterator(first_ + count_); }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    View operator[](std::size_t index) const noexcept { return View(first_[index]); }

private:
    const Element *first_;
    std::size_t count_;
};

} // namespace detail

/** An event. */
class event : public detail::view<eventsource_event_t> {
public:
    using view::view;
    std::string_view type() const noexcept { return {get().type, get().type_len}; }
    std::string_view data() const noexcept { return {get().data, get().data_len}; }
    std::string_view last_event_id() const noexcept { return {get().last_event_id, get().last_event_id_len}; }
};

/** The events of one read: a range of `event`. */
using events = detail::array_view<event, const eventsource_event_t *>;

/** A comment. */
class comment : public detail::view<eventsource_comment_t> {
public:
    using view::view;
    std::string_view text() const noexcept { return {get().text, get().text_len}; }
};

/** A header field of a response. */
struct header {
    explicit header(const eventsource_header_t &from) noexcept
        : name(from.name, from.name_len), value(from.value, from.value_len) {}
    std::string_view name; /**< in lower case */
    std::string_view value;
};

/** The headers of a response: a range of `header`. */
class headers : public detail::array_view<header, eventsource_header_t> {
public:
    using array_view::array_view;

    /** The value of the first header of this name, if there is one. @param name in lower case */
    std::optional<std::string_view> find(std::string_view name) const noexcept {
        for (const header each : *this) {
            if (each.name == name) return each.value;
        }
        return std::nullopt;
    }
};

/** The response that opened the stream. */
class response : public detail::view<eventsource_response_t> {
public:
    using view::view;
    int status() const noexcept { return get().status; }
    int http_version() const noexcept { return get().http_version; }
    std::string_view url() const noexcept { return {get().url, get().url_len}; }
    eventsource::headers headers() const noexcept { return {get().headers, get().header_count}; }
};

/** A failed attempt, or the loss of an open stream: eventsource_error_t. */
class failure : public detail::view<eventsource_error_t> {
public:
    using view::view;
    eventsource_status_t code() const noexcept { return get().code; }
    int http_status() const noexcept { return get().http_status; }
    int os_error() const noexcept { return get().os_error; }
    bool will_retry() const noexcept { return get().will_retry != 0; }
    std::int64_t attempt() const noexcept { return get().attempt; }
    milliseconds delay() const noexcept { return milliseconds(get().delay_ms); }
    std::string_view message() const noexcept { return {get().message, get().message_len}; }
    eventsource::headers headers() const noexcept { return {get().headers, get().header_count}; }
    std::string_view body() const noexcept { return {get().body, get().body_len}; }
};

/** The end of a client's run. */
class closed : public detail::view<eventsource_close_t> {
public:
    closed(const eventsource_close_t *payload, std::exception_ptr exception) noexcept
        : view(payload), exception_(std::move(exception)) {}
    eventsource_close_reason_t reason() const noexcept { return get().reason; }
    eventsource_status_t code() const noexcept { return get().code; }
    /** What left a callback and stopped the client; client::wait will throw it. NULL if nothing did. */
    const std::exception_ptr &exception() const noexcept { return exception_; }

private:
    std::exception_ptr exception_;
};

/** The request of the attempt about to be made; for the thread of its callback only. */
class request {
public:
    explicit request(eventsource_request_t *from) noexcept : request_(from) {}
    request(const request &) = delete;
    request &operator=(const request &) = delete;

    eventsource_request_t *get() const noexcept { return request_; }
    std::int64_t attempt() const {
        std::int64_t number = 0;
        detail::check(eventsource_request_get_attempt(request_, &number));
        return number;
    }
    /** Why this attempt is made: EVENTSOURCE_OK when nothing went wrong before. */
    eventsource_status_t cause() const { return ask_cause().first; }
    /** The HTTP status that went with the cause, 0 when there was none. */
    int cause_http_status() const { return ask_cause().second; }

    std::string url() const { return detail::copied_text(request_, eventsource_request_get_url); }

    void set_method(std::string_view method) {
        detail::check(eventsource_request_set_method(request_, detail::c_string(method)));
    }
    void set_header(std::string_view name, std::string_view value) {
        detail::check(eventsource_request_set_header(request_, detail::c_string(name), detail::c_string(value)));
    }
    void add_header(std::string_view name, std::string_view value) {
        detail::check(eventsource_request_add_header(request_, detail::c_string(name), detail::c_string(value)));
    }
    void set_sensitive_header(std::string_view name, std::string_view value) {
        detail::check(eventsource_request_set_sensitive_header(request_, detail::c_string(name), detail::c_string(value)));
    }
    void remove_header(std::string_view name) {
        detail::check(eventsource_request_remove_header(request_, detail::c_string(name)));
    }
    void set_url(std::string_view url) { detail::check(eventsource_request_set_url(request_, detail::c_string(url))); }
    void set_body(std::string_view body) {
        detail::check(eventsource_request_set_body(request_, body.data(), body.size()));
    }

private:
    std::pair<eventsource_status_t, int> ask_cause() const {
        std::int32_t code = 0, http_status = 0;
        detail::check(eventsource_request_get_cause(request_, &code, &http_status));
        return {static_cast<eventsource_status_t>(code), http_status};
    }

    eventsource_request_t *request_;
};

/* ---- Runtimes ---------------------------------------------------------------------------------------------------- */

/** What a runtime is told when it is made: eventsource_runtime_options_t. */
struct runtime_options {
    eventsource_dispatch_t dispatch = EVENTSOURCE_DISPATCH_ISOLATED;
    std::int32_t threads = 0;
    std::string thread_name{}; /**< empty: "eventsource" */
    callback<void()> on_thread_start{};
    callback<void()> on_thread_stop{};
};

/** Threads that clients share. */
class runtime {
public:
    explicit runtime(runtime_options options = {}) {
        auto hooks = std::make_unique<hooks_t>();
        eventsource_runtime_options_t raw = {};
        raw.size = sizeof raw;
        raw.dispatch = options.dispatch;
        raw.threads = options.threads;
        const detail::c_string thread_name(options.thread_name);
        if (!options.thread_name.empty()) raw.thread_name = thread_name;
        hooks->start = std::move(options.on_thread_start);
        hooks->stop = std::move(options.on_thread_stop);
        if (hooks->start) raw.on_thread_start = [](void *user) noexcept { static_cast<hooks_t *>(user)->start(); };
        if (hooks->stop) raw.on_thread_stop = [](void *user) noexcept { static_cast<hooks_t *>(user)->stop(); };
        raw.user = hooks.get();
        raw.destroy = [](void *user) noexcept { delete static_cast<hooks_t *>(user); };
        detail::check(eventsource_runtime_new(&raw, &runtime_));
        static_cast<void>(hooks.release()); // the runtime's now
    }
    runtime(runtime &&other) noexcept : runtime_(std::exchange(other.runtime_, nullptr)) {}
    runtime &operator=(runtime &&other) noexcept {
        runtime(std::move(other)).swap(*this);
        return *this;
    }
    runtime(const runtime &) = delete;
    runtime &operator=(const runtime &) = delete;
    /** As eventsource_runtime_free: stops the runtime's clients, too. */
    ~runtime() { eventsource_runtime_free(runtime_); }

    void swap(runtime &other) noexcept { std::swap(runtime_, other.runtime_); }
    eventsource_runtime_t *get() const noexcept { return runtime_; }

    /**
     * Runs callbacks that are due, and waits for one if none is. Throws EVENTSOURCE_ERR_FREED when another thread or a
     * callback destroys this runtime meanwhile.
     *
     * @param timeout the longest wait; negative for no limit
     * @param max turns; 0 for all
     * @return turns
     */
    std::size_t dispatch(milliseconds timeout, std::size_t max = 0) {
        return dispatch_for(timeout.count() < 0 ? 0 : timeout.count(), max);
    }
    /** The same, with no limit to the wait. */
    std::size_t dispatch() { return dispatch_for(EVENTSOURCE_FOREVER, 0); }

    /** The file descriptor that is readable while callbacks are due. */
    int fd() const {
        std::int32_t number = -1;
        detail::check(eventsource_runtime_fd(runtime_, &number));
        return number;
    }

private:
    struct hooks_t {
        callback<void()> start{};
        callback<void()> stop{};
    };

    std::size_t dispatch_for(std::int64_t timeout_ms, std::size_t max) {
        std::size_t ran = 0;
        detail::check(eventsource_runtime_dispatch(runtime_, timeout_ms, max, &ran));
        return ran;
    }

    eventsource_runtime_t *runtime_ = nullptr;
};

/* ---- Clients ------------------------------------------------------------------------------------------------------- */

/** When a client reconnects: eventsource_reconnect_t. client::reconnect fills it. */
struct reconnect_policy {
    bool retry_initial;
    milliseconds delay;
    milliseconds max_delay;
    double factor;
    double jitter;
    milliseconds reset_after;
    std::int64_t max_attempts;
    milliseconds min_delay;
    milliseconds max_server_delay;
};

/** What a client has done since it was made: eventsource_stats_t. */
struct statistics {
    std::uint64_t events;
    std::uint64_t bytes;
    std::uint64_t attempts;
    std::uint64_t opens;
    std::uint64_t errors;
    std::optional<milliseconds> open; /**< since the stream opened, while it is open */
    std::optional<milliseconds> idle; /**< since the last byte of a stream, if there was one */
};

namespace detail {

/** What may be done to a client at any time, also inside callbacks. `Handle` has its `get()`. */
template <typename Handle>
class operations {
public:
    void stop() { perform(eventsource_stop); }
    void pause() { perform(eventsource_pause); }
    void resume() { perform(eventsource_resume); }
    void reconnect_now() { perform(eventsource_reconnect_now); }
    void set_last_event_id(std::string_view id) { perform(eventsource_set_last_event_id, c_string(id)); }
    /** Only in the client's on_error. */
    void set_next_delay(milliseconds delay) { perform(eventsource_set_next_delay, delay.count()); }

    eventsource_state_t state() const {
        eventsource_state_t state = EVENTSOURCE_IDLE;
        perform(eventsource_get_state, &state);
        return state;
    }
    std::string last_event_id() const { return copied_text(es(), eventsource_get_last_event_id); }
    std::string last_error() const { return copied_text(es(), eventsource_get_last_error); }
    statistics stats() const {
        eventsource_stats_t raw = {};
        raw.size = sizeof raw;
        perform(eventsource_get_stats, &raw);
        const auto since = [](std::int64_t ms) {
            return ms < 0 ? std::optional<milliseconds>() : std::optional<milliseconds>(ms);
        };
        return {raw.events, raw.bytes, raw.attempts, raw.opens, raw.errors, since(raw.open_ms), since(raw.idle_ms)};
    }

protected:
    operations() = default;
    operations(const operations &) = default;
    operations &operator=(const operations &) = default;
    ~operations() = default;

    static void check_client(eventsource_t *es, eventsource_status_t status) {
        if (status == EVENTSOURCE_OK) return;
        // A handle that is NULL, freed or the parent process's remembers nothing.
        if (status == EVENTSOURCE_ERR_NULL || status == EVENTSOURCE_ERR_FORKED || status == EVENTSOURCE_ERR_FREED) {
            throw error(status);
        }
        throw error(status, copied_text(es, eventsource_get_last_error));
    }

    /** Calls C, and has no look at this object afterwards: a callback may have destroyed it meanwhile. */
    template <typename Function, typename... Arguments>
    void perform(Function function, Arguments &&...arguments) const {
        eventsource_t *const handle = es();
        check_client(handle, function(handle, std::forward<Arguments>(arguments)...));
    }

private:
    eventsource_t *es() const noexcept { return static_cast<const Handle *>(this)->get(); }
};

} // namespace detail

/** A client that somebody else owns: the one whose callback runs. Valid as long as the client is. */
class client_ref : public detail::operations<client_ref> {
public:
    explicit client_ref(eventsource_t *es) noexcept : es_(es) {}
    eventsource_t *get() const noexcept { return es_; }

private:
    eventsource_t *es_;
};

/**
 * A client: one event stream, kept alive over reconnects for as long as this lives.
 *
 * Setters answer the client itself. They and the callbacks' setters throw EVENTSOURCE_ERR_STATE while the client runs. To
 * set callbacks, user data or a start by C functions, behind this class's back, breaks it; all else may be done with
 * `get()`.
 */
class client : public detail::operations<client> {
public:
    explicit client(std::string_view url) {
        detail::check(eventsource_new(text(url), &es_));
        const eventsource_status_t status = eventsource_set_user_data(es_, data_.get(), [](void *user) noexcept {
            const std::shared_ptr<data_t> last = std::move(static_cast<data_t *>(user)->self);
        });
        if (status != EVENTSOURCE_OK) {
            eventsource_free(es_);
            throw error(status);
        }
        data_->self = data_;
    }
    client(client &&other) noexcept
        : operations(), es_(std::exchange(other.es_, nullptr)), data_(std::move(other.data_)) {}
    client &operator=(client &&other) noexcept {
        client(std::move(other)).swap(*this);
        return *this;
    }
    client(const client &) = delete;
    client &operator=(const client &) = delete;
    /** As eventsource_free. An exception that nobody has waited for is gone. */
    ~client() { eventsource_free(es_); }

    void swap(client &other) noexcept {
        std::swap(es_, other.es_);
        std::swap(data_, other.data_);
    }
    eventsource_t *get() const noexcept { return es_; }

    /* ---- life */

    /** Starts the client. An exception of an earlier run that nobody has waited for is gone. */
    void start() {
        const auto data = kept();
        const std::lock_guard<std::mutex> lock(data->mutex);
        perform(eventsource_start);
        data->exception = nullptr;
    }

    /** Waits until the client has closed. Then it throws what left a callback, once. */
    void wait() {
        const auto data = kept();
        perform(eventsource_wait, EVENTSOURCE_FOREVER);
        data->rethrow();
    }

    /** The same, for no longer than this. @return whether the client has closed */
    bool wait_for(milliseconds timeout) {
        const auto data = kept();
        eventsource_t *const es = es_;
        const eventsource_status_t status = eventsource_wait(es, timeout.count() < 0 ? 0 : timeout.count());
        if (status == EVENTSOURCE_ERR_TIMEOUT) return false;
        check_client(es, status);
        data->rethrow();
        return true;
    }

    /* ---- callbacks */

    /** Events that have no callback of their own type. */
    client &on_event(callback<void(client_ref, const event &)> call) {
        return set(eventsource_on_event, deliver<&data_t::on_event>, &data_t::on_event, call);
    }
    /** Events of one type. */
    client &on_event(std::string_view type, callback<void(client_ref, const event &)> call) {
        const bool removes = !call;
        const auto data = kept();
        types_t added, removed; // made and destroyed outside the lock
        added.emplace(type, std::move(call));
        const std::lock_guard<std::mutex> lock(data->mutex);
        perform(eventsource_on_event_type, text(type), removes ? nullptr : deliver_type);
        const auto before = data->on_event_type.find(type);
        if (before != data->on_event_type.end()) removed.insert(data->on_event_type.extract(before));
        if (!removes) data->on_event_type.merge(added);
        return *this;
    }
    /** All events of one read at once. */
    client &on_events(callback<void(client_ref, const events &)> call) {
        return set(eventsource_on_events, deliver_batch, &data_t::on_events, call);
    }
    client &on_comment(callback<void(client_ref, const comment &)> call) {
        return set(eventsource_on_comment, deliver<&data_t::on_comment>, &data_t::on_comment, call);
    }
    client &on_open(callback<void(client_ref, const response &)> call) {
        return set(eventsource_on_open, deliver<&data_t::on_open>, &data_t::on_open, call);
    }
    /** Failed attempts and lost streams. A callback that returns nothing answers EVENTSOURCE_DEFAULT. */
    client &on_error(callback<eventsource_decision_t(client_ref, const failure &)> call) {
        return set(eventsource_on_error, decide, &data_t::on_error, call);
    }
    client &on_request(callback<void(client_ref, request &)> call) {
        return set(eventsource_on_request, ask, &data_t::on_request, call);
    }
    client &on_close(callback<void(client_ref, const closed &)> call) {
        return set(eventsource_on_close, close, &data_t::on_close, call);
    }
    /**
     * What leaves another callback, on that callback's thread. Afterwards the stream goes on; this may stop the client.
     * What leaves this callback itself stops the client and is thrown by `wait`.
     */
    client &on_exception(callback<void(client_ref, std::exception_ptr)> call) {
        const auto data = kept();
        const std::lock_guard<std::mutex> lock(data->mutex);
        // C has no such callback; that it takes this one says that the client does not run.
        perform(eventsource_on_close, data->on_close ? close : nullptr);
        std::swap(data->on_exception, call);
        return *this;
    }

    /* ---- settings */

    client &set_method(std::string_view method) { return done(eventsource_set_method(es_, text(method))); }
    client &set_body(std::string_view body) { return done(eventsource_set_body(es_, body.data(), body.size())); }
    client &set_header(std::string_view name, std::string_view value) {
        return done(eventsource_set_header(es_, text(name), text(value)));
    }
    client &add_header(std::string_view name, std::string_view value) {
        return done(eventsource_add_header(es_, text(name), text(value)));
    }
    client &set_sensitive_header(std::string_view name, std::string_view value) {
        return done(eventsource_set_sensitive_header(es_, text(name), text(value)));
    }
    client &set_basic_auth(std::string_view user, std::string_view password) {
        return done(eventsource_set_basic_auth(es_, text(user), text(password)));
    }
    client &set_connect_timeout(milliseconds timeout) {
        return done(eventsource_set_connect_timeout(es_, timeout.count()));
    }
    client &set_response_timeout(milliseconds timeout) {
        return done(eventsource_set_response_timeout(es_, timeout.count()));
    }
    client &set_read_timeout(milliseconds timeout) { return done(eventsource_set_read_timeout(es_, timeout.count())); }
    client &set_max_redirects(std::int32_t count) { return done(eventsource_set_max_redirects(es_, count)); }
    client &set_max_event_size(std::size_t bytes) { return done(eventsource_set_max_event_size(es_, bytes)); }
    client &set_check_content_type(bool check) { return done(eventsource_set_check_content_type(es_, check)); }
    client &set_compression(bool on) { return done(eventsource_set_compression(es_, on)); }
    client &set_resume_with_get(bool on) { return done(eventsource_set_resume_with_get(es_, on)); }
    client &set_proxy(std::string_view url) { return done(eventsource_set_proxy(es_, text(url))); }
    /** The proxy that the environment names. */
    client &set_proxy(std::nullptr_t) { return done(eventsource_set_proxy(es_, nullptr)); }
    client &set_no_proxy(std::string_view hosts) { return done(eventsource_set_no_proxy(es_, text(hosts))); }
    /** The exceptions that the environment names. */
    client &set_no_proxy(std::nullptr_t) { return done(eventsource_set_no_proxy(es_, nullptr)); }
    client &set_unix_socket(std::string_view path) { return done(eventsource_set_unix_socket(es_, text(path))); }
    client &set_resolve(std::string_view entry) { return done(eventsource_set_resolve(es_, text(entry))); }
    client &set_ca_pem(std::string_view pem) { return done(eventsource_set_ca_pem(es_, pem.data(), pem.size())); }
    client &set_insecure_skip_verification(bool skip) {
        return done(eventsource_set_insecure_skip_verification(es_, skip));
    }
    client &set_ca_file(std::string_view path) { return done(eventsource_set_ca_file(es_, text(path))); }
    client &set_ca_exclusive(bool exclusive) { return done(eventsource_set_ca_exclusive(es_, exclusive)); }
    /**
     * @param cert the certificate and its chain
     * @param key empty where `cert` holds the key, too
     */
    client &set_client_cert_pem(std::string_view cert, std::string_view key = "") {
        return done(eventsource_set_client_cert_pem(es_, cert.data(), cert.size(), key.data(), key.size()));
    }
    client &set_pinned_keys(std::string_view pins) { return done(eventsource_set_pinned_keys(es_, text(pins))); }
    /** Any key. */
    client &set_pinned_keys(std::nullptr_t) { return done(eventsource_set_pinned_keys(es_, nullptr)); }
    client &set_server_name(std::string_view name) { return done(eventsource_set_server_name(es_, text(name))); }
    /** The URL's host. */
    client &set_server_name(std::nullptr_t) { return done(eventsource_set_server_name(es_, nullptr)); }
    client &set_min_tls_version(eventsource_tls_version_t version) {
        return done(eventsource_set_min_tls_version(es_, version));
    }
    client &set_http_version(eventsource_http_t version) { return done(eventsource_set_http_version(es_, version)); }
    client &set_runtime(runtime &runtime) { return done(eventsource_set_runtime(es_, runtime.get())); }
    /** The threads that all clients share which have no other. */
    client &set_runtime(std::nullptr_t) { return done(eventsource_set_runtime(es_, nullptr)); }

    client &set_mode(eventsource_mode_t mode) { return done(eventsource_set_mode(es_, mode)); }
    reconnect_policy reconnect() const {
        const eventsource_reconnect_t raw = raw_reconnect();
        return {raw.retry_initial != 0,
                milliseconds(raw.delay_ms),
                milliseconds(raw.max_delay_ms),
                raw.factor,
                raw.jitter,
                milliseconds(raw.reset_after_ms),
                raw.max_attempts,
                milliseconds(raw.min_delay_ms),
                milliseconds(raw.max_server_delay_ms)};
    }
    client &set_reconnect(const reconnect_policy &policy) {
        eventsource_reconnect_t raw = raw_reconnect();
        raw.retry_initial = policy.retry_initial;
        raw.delay_ms = policy.delay.count();
        raw.max_delay_ms = policy.max_delay.count();
        raw.factor = policy.factor;
        raw.jitter = policy.jitter;
        raw.reset_after_ms = policy.reset_after.count();
        raw.max_attempts = policy.max_attempts;
        raw.min_delay_ms = policy.min_delay.count();
        raw.max_server_delay_ms = policy.max_server_delay.count();
        return done(eventsource_set_reconnect(es_, &raw));
    }

private:
    using text = detail::c_string;
    using types_t = std::map<std::string, callback<void(client_ref, const event &)>, std::less<>>;

    /** The user data of the C client, which outlives this object if that is destroyed in a callback. */
    struct data_t {
        std::shared_ptr<data_t> self{}; // the C client's share
        callback<void(client_ref, const event &)> on_event{};
        types_t on_event_type{};
        callback<void(client_ref, const events &)> on_events{};
        callback<void(client_ref, const comment &)> on_comment{};
        callback<void(client_ref, const response &)> on_open{};
        callback<eventsource_decision_t(client_ref, const failure &)> on_error{};
        callback<void(client_ref, request &)> on_request{};
        callback<void(client_ref, const closed &)> on_close{};
        callback<void(client_ref, std::exception_ptr)> on_exception{};
        /** Callbacks are set, and the client starts, one at a time: then none is set that is running. */
        std::mutex mutex{};
        /** What has stopped the client. Behind the mutex. */
        std::exception_ptr exception{};

        /** Runs a callback. @return whether an exception has stopped the client */
        template <typename Run>
        bool run(eventsource_t *es, Run &&run) noexcept {
            try {
                run(client_ref(es));
                return false;
            } catch (...) {
                return caught(es);
            }
        }

        void rethrow() {
            std::exception_ptr taken;
            {
                const std::lock_guard<std::mutex> lock(mutex);
                taken.swap(exception);
            }
            if (taken) std::rethrow_exception(std::move(taken));
        }

    private:
        bool caught(eventsource_t *es) noexcept {
            std::exception_ptr thrown = std::current_exception();
            if (on_exception) {
                try {
                    on_exception(client_ref(es), thrown);
                    return false;
                } catch (...) {
                    thrown = std::current_exception();
                }
            }
            {
                const std::lock_guard<std::mutex> lock(mutex);
                if (!exception) exception = std::move(thrown);
            }
            eventsource_stop(es);
            return true;
        }
    };

    /* ---- what C calls */

    template <typename>
    struct parameter;
    template <typename View>
    struct parameter<callback<void(client_ref, const View &)>> {
        using type = View;
    };

    template <auto Place, typename Payload>
    static void deliver(eventsource_t *es, const Payload *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        auto &call = data.*Place;
        using view = typename parameter<std::remove_reference_t<decltype(call)>>::type;
        data.run(es, [&](client_ref ref) { call(ref, view(payload)); });
    }
    static void deliver_type(eventsource_t *es, const eventsource_event_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        data.run(es, [&](client_ref ref) {
            const event view(payload);
            data.on_event_type.find(view.type())->second(ref, view);
        });
    }
    static void deliver_batch(eventsource_t *es, const eventsource_event_t *const *payload, std::size_t count,
                              void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        data.run(es, [&](client_ref ref) { data.on_events(ref, events(payload, count)); });
    }
    static std::int32_t decide(eventsource_t *es, const eventsource_error_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        std::int32_t decision = EVENTSOURCE_DEFAULT;
        const bool stopped =
            data.run(es, [&](client_ref ref) { decision = data.on_error(ref, failure(payload)); });
        return stopped ? EVENTSOURCE_STOP : decision;
    }
    static void ask(eventsource_t *es, eventsource_request_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        data.run(es, [&](client_ref ref) {
            request view(payload);
            data.on_request(ref, view);
        });
    }
    static void close(eventsource_t *es, const eventsource_close_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        data.run(es, [&](client_ref ref) {
            std::unique_lock<std::mutex> lock(data.mutex);
            const closed view(payload, data.exception);
            lock.unlock();
            data.on_close(ref, view);
        });
    }

    /* ---- the rest */

    /** The callbacks, for a call that a callback may destroy this object in. */
    std::shared_ptr<data_t> kept() const {
        if (!data_) throw error(EVENTSOURCE_ERR_NULL);
        return data_;
    }
    client &done(eventsource_status_t status) {
        check_client(es_, status);
        return *this;
    }
    template <typename Function, typename Callback>
    client &set(eventsource_status_t (*setter)(eventsource_t *, Function), std::common_type_t<Function> function,
                Callback data_t::*place, Callback &call) {
        const auto data = kept();
        const std::lock_guard<std::mutex> lock(data->mutex);
        perform(setter, call ? function : nullptr);
        std::swap((*data).*place, call); // so that the caller destroys what was there, outside the lock
        return *this;
    }
    eventsource_reconnect_t raw_reconnect() const {
        eventsource_reconnect_t raw = {};
        raw.size = sizeof raw;
        perform(eventsource_get_reconnect, &raw);
        return raw;
    }

    eventsource_t *es_ = nullptr;
    std::shared_ptr<data_t> data_ = std::make_shared<data_t>();
};

/* ---- The parser alone ---------------------------------------------------------------------------------------------- */

/** What a parser does with what it finds: eventsource_parser_options_t. */
struct parser_options {
    std::size_t max_event_size = 0;
    callback<void(const event &)> on_event{};
    callback<void(const comment &)> on_comment{};
    callback<void(milliseconds)> on_retry{};
};

/** A parser of event streams, without any network. */
class parser {
public:
    explicit parser(parser_options options) : data_(std::make_shared<data_t>(std::move(options))) {
        eventsource_parser_options_t raw = {};
        raw.size = sizeof raw;
        raw.max_event_size = data_->options.max_event_size;
        raw.user = data_.get();
        if (data_->options.on_event) {
            raw.on_event = [](eventsource_parser_t *, const eventsource_event_t *payload, void *user) noexcept {
                run(user, [&](parser_options &own) { own.on_event(event(payload)); });
            };
        }
        if (data_->options.on_comment) {
            raw.on_comment = [](eventsource_parser_t *, const eventsource_comment_t *payload, void *user) noexcept {
                run(user, [&](parser_options &own) { own.on_comment(comment(payload)); });
            };
        }
        if (data_->options.on_retry) {
            raw.on_retry = [](eventsource_parser_t *, std::int64_t retry_ms, void *user) noexcept {
                run(user, [&](parser_options &own) { own.on_retry(milliseconds(retry_ms)); });
            };
        }
        detail::check(eventsource_parser_new(&raw, &parser_));
    }
    parser(parser &&other) noexcept
        : data_(std::move(other.data_)), parser_(std::exchange(other.parser_, nullptr)) {}
    parser &operator=(parser &&other) noexcept {
        parser(std::move(other)).swap(*this);
        return *this;
    }
    parser(const parser &) = delete;
    parser &operator=(const parser &) = delete;
    ~parser() { eventsource_parser_free(parser_); }

    void swap(parser &other) noexcept {
        std::swap(data_, other.data_);
        std::swap(parser_, other.parser_);
    }
    eventsource_parser_t *get() const noexcept { return parser_; }

    /**
     * Parses the next bytes. What leaves a callback is thrown when all have been parsed, and what they hold after it is not
     * delivered.
     */
    void feed(std::string_view bytes) {
        const std::shared_ptr<data_t> data = data_; // a callback may destroy this
        const eventsource_status_t status = eventsource_parser_feed(parser_, bytes.data(), bytes.size());
        if (data && status != EVENTSOURCE_ERR_IN_CALLBACK) {
            std::exception_ptr thrown = std::exchange(data->exception, nullptr);
            if (thrown) std::rethrow_exception(std::move(thrown));
        }
        detail::check(status);
    }
    void reset() { detail::check(eventsource_parser_reset(parser_)); }
    std::string last_event_id() const { return detail::copied_text(parser_, eventsource_parser_get_last_event_id); }

private:
    struct data_t {
        explicit data_t(parser_options from) : options(std::move(from)) {}
        parser_options options;
        std::exception_ptr exception{};
    };

    template <typename Run>
    static void run(void *user, Run &&run) noexcept {
        auto &data = *static_cast<data_t *>(user);
        if (data.exception) return;
        try {
            run(data.options);
        } catch (...) {
            data.exception = std::current_exception();
        }
    }

    std::shared_ptr<data_t> data_;
    eventsource_parser_t *parser_ = nullptr;
};

/* ---- The library ------------------------------------------------------------------------------------------------- */

/** The name of a status, as "EVENTSOURCE_ERR_TIMEOUT". What it means, error::what and category say. */
inline std::string_view status_name(eventsource_status_t status) noexcept { return eventsource_status_name(status); }
/** The version of the library that is running. */
inline std::string_view version() noexcept { return eventsource_version(); }
/** The same as a number: major × 1000000 + minor × 1000 + patch. */
inline std::int32_t version_number() noexcept { return eventsource_version_number(); }

namespace detail {

using log_callback = callback<void(eventsource_log_level_t, std::string_view)>;

struct log {
    std::mutex mutex{};
    std::unique_ptr<log_callback> current{};

    /** Never destroyed: library threads may still log while the process ends. */
    static log &instance() {
        static log *const instance = new log;
        return *instance;
    }
    /** Whether this thread is inside the callback. */
    static bool &is_inside() noexcept {
        static thread_local bool inside = false;
        return inside;
    }
    static void write(std::int32_t level, const char *message, void *user) noexcept {
        is_inside() = true;
        (*static_cast<log_callback *>(user))(static_cast<eventsource_log_level_t>(level), message);
        is_inside() = false;
    }
};

} // namespace detail

/**
 * Sets where the library logs, for the whole process. The callback is called on any thread, by several at once; when this
 * returns, the one before is not running and has been destroyed.
 */
inline void set_log_callback(callback<void(eventsource_log_level_t, std::string_view)> call,
                             eventsource_log_level_t level) {
    // C would say so, too, but the lock may be held by who waits for this callback's end.
    if (detail::log::is_inside()) throw error(EVENTSOURCE_ERR_IN_CALLBACK);
    auto next = call ? std::make_unique<detail::log_callback>(std::move(call)) : nullptr;
    detail::log &log = detail::log::instance();
    const std::lock_guard<std::mutex> lock(log.mutex);
    detail::check(eventsource_set_log_callback(next ? detail::log::write : nullptr, level, next.get()));
    log.current = std::move(next);
}

} // namespace eventsource

#endif
