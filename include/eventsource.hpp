/** @file
 * libeventsource for C++17: clients that end with their scope, lambdas, string views, durations, exceptions.
 *
 *     eventsource::client es("https://example.com/stream");
 *     es.on_event([](const eventsource::event &event) { std::cout << event.data() << '\n'; });
 *     es.run();
 *
 * It wraps eventsource.h, which remains the manual. A function does what the C function of its name does. This header describes
 * only differences. The enumerations are C's: `EVENTSOURCE_ERR_TIMEOUT`, `EVENTSOURCE_DECISION_CLOSE`.
 *
 * STATUSES. A refused call throws eventsource::error. So do client::run, client::wait and client::wait_for if the client
 * failed. A status is a std::error_code: `error.code() == EVENTSOURCE_ERR_TIMEOUT`, and `error.code() == std::errc::timed_out`
 * for a timeout of any kind. client::start, run, wait and wait_for can also tell their error in a std::error_code instead of
 * throwing it.
 *
 * TEXT. A parameter of type eventsource::text takes a std::string, a std::string_view, or a C string, which may be NULL: then
 * C gets NULL, as in `set_proxy(std::getenv("MY_PROXY"))`. It is copied, and must not hold a NUL. The string views that the
 * objects of a callback return are valid until the callback returns. A NUL follows each, so their `data()` is a C string.
 * The objects themselves cannot be copied. To keep a text, copy it into a std::string.
 *
 * CALLBACKS. A callback is anything that can be called with all documented parameters, with only the last or only the first of
 * them, or with none:
 *
 *     [](eventsource::client_ref es, const eventsource::event &event) { if (event.type() == "bye") es.stop(); }
 *     [](const eventsource::event &event) {}
 *     [](eventsource::client_ref es) { es.stop(); }
 *     [] {}
 *
 * It may be move-only. Calling it allocates nothing. nullptr removes it, and so do an empty std::function and a function
 * pointer that is NULL. It is destroyed when another is set, or after the client's last callback; its destructor must not
 * throw.
 *
 * EXCEPTIONS. An exception that leaves a client's callback is caught there. The client stops, and each client::wait throws the
 * exception until the next start, unless client::on_exception decides otherwise. This also holds with manual dispatch:
 * runtime::dispatch does not throw the exception. An `on_request` that throws sends nothing. An exception that leaves a
 * parser's callback leaves parser::feed. An exception that leaves a runtime's hook or the log callback has no caller to go to:
 * it ends the program (std::terminate).
 *
 * WITHOUT EXCEPTIONS. The header compiles with -fno-exceptions and -fno-rtti. Callbacks must not throw then. The start reports
 * a refused setting or URL: use `start`, `run`, `wait` and `wait_for` with a std::error_code. Any other call that would throw
 * ends the program (std::terminate). All files of a program must be compiled in the same way, with exceptions or without.
 *
 * LIFE. The destructor of a client waits until no callback of it runs or will run. So declare what the callbacks refer to
 * before the client, which is then destroyed first. Inside a callback of the library a destructor returns at once. After a
 * client's or a parser's destructor inside a callback nothing more of that object is called, on_close neither, so that an
 * object whose member is the client may be destroyed in the client's callbacks. The callback itself lives until it has
 * returned; if the client is another one than the callback's, a callback of it that runs on another thread goes on. A runtime's
 * on_thread_stop still comes for each thread that on_thread_start came for.
 *
 * While a client is destroyed, other threads may be inside client::wait of the same object, or inside another call that is
 * legal while it runs: they return without using the object again. But no call may begin once the destructor may have begun; a
 * thread that cannot know keeps what `get()` returns, and uses that. Objects may be moved while they run. One that has been
 * moved from can be destroyed or assigned to; other calls throw EVENTSOURCE_ERR_NULL, and so does a call that is given one.
 */
#ifndef EVENTSOURCE_HPP
#define EVENTSOURCE_HPP

#include "eventsource.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
/** Defined when the header throws: not with -fno-exceptions. */
#define EVENTSOURCE_HAS_EXCEPTIONS
#endif
#if defined(__has_include) && __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_coroutine
#include <coroutine>
#endif
#ifdef __cpp_lib_expected
#include <expected>
#endif
#ifdef __cpp_lib_jthread
#include <stop_token>
#endif
#ifdef __cpp_lib_ranges
#include <ranges>
#endif

// NOLINTBEGIN(modernize-use-trailing-return-type): the house writes the type first
namespace eventsource {

class stream;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/* ---- Statuses ---------------------------------------------------------------------------------------------------- */

/** The category of statuses as std::error_code. */
inline const std::error_category &category() noexcept {
    class statuses final : public std::error_category {
    public:
        [[nodiscard]] const char *name() const noexcept override { return "eventsource"; }
        [[nodiscard]] std::string message(int status) const override {
            return eventsource_status_text(static_cast<eventsource_status_t>(status));
        }
        [[nodiscard]] std::error_condition default_error_condition(int status) const noexcept override {
            switch (status) {
            case EVENTSOURCE_ERR_TIMEOUT:
            case EVENTSOURCE_ERR_CONNECT_TIMEOUT:
            case EVENTSOURCE_ERR_READ_TIMEOUT:
            case EVENTSOURCE_ERR_EVENT_TIMEOUT:
            case EVENTSOURCE_ERR_RESPONSE_TIMEOUT: return std::errc::timed_out;
            case EVENTSOURCE_ERR_VALUE: return std::errc::invalid_argument;
            case EVENTSOURCE_ERR_MEMORY: return std::errc::not_enough_memory;
            default: return {status, *this};
            }
        }
    };
    // Never destroyed: other statics may still compare codes while the process ends.
    alignas(statuses) static unsigned char memory[sizeof(statuses)]; // NOLINT(modernize-avoid-c-arrays)
    static const statuses *const instance = ::new (static_cast<void *>(memory)) statuses;
    return *instance;
}

} // namespace eventsource

/** A status as a std::error_code. */
inline std::error_code make_error_code(eventsource_status_t status) noexcept {
    return {static_cast<int>(status), eventsource::category()};
}
namespace std {
template <>
struct is_error_code_enum<eventsource_status_t> : true_type {};
} // namespace std

namespace eventsource {

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wweak-vtables" // a header has no file of its own for the table
#endif

/** A refused call, or the failure of a stream. */
class error : public std::system_error {
public:
    explicit error(eventsource_status_t status) : std::system_error(status, category()) {}
    /**
     * @param status what C returned
     * @param reason what `what()` begins with
     */
    error(eventsource_status_t status, const std::string &reason) : std::system_error(status, category(), reason) {}

    /** Why, such as EVENTSOURCE_ERR_URL. */
    [[nodiscard]] eventsource_status_t status() const noexcept {
        return static_cast<eventsource_status_t>(code().value());
    }
};

#ifdef __clang__
#pragma clang diagnostic pop
#endif

/* ---- What all parts share ------------------------------------------------------------------------------------------ */

/**
 * A text for C: from a std::string, a std::string_view, or a C string, which may be NULL. The C function says what NULL means;
 * for most settings it is "not set". It holds a copy.
 */
class text {
public:
    /** NULL. */
    text() noexcept = default;
    /** NULL. */
    text(std::nullptr_t) noexcept {}
    /** @param from a C string, or NULL */
    text(const char *from) : is_null_(!from), text_(from ? from : "") {}
    /**
     * @param from anything that converts to a std::string_view; a call refuses it with EVENTSOURCE_ERR_VALUE if it contains a
     *        NUL
     */
    template <typename From, typename = std::enable_if_t<std::is_convertible_v<const From &, std::string_view> &&
                                                         !std::is_convertible_v<const From &, const char *>>>
    text(const From &from) : text(std::in_place, from) {}

    /** The C string. Valid as long as this object. */
    [[nodiscard]] const char *get() const noexcept { return is_null_ ? nullptr : text_.c_str(); }
    operator const char *() const noexcept { return get(); }
    /** Whether it was made from a text that contains a NUL, where C would stop. get() then returns what C refuses. */
    [[nodiscard]] bool has_nul() const noexcept { return has_nul_; }

private:
    // C has to hear of a refusal, so that it makes no connection without a setting that was refused: it refuses what is not
    // UTF-8.
    text(std::in_place_t, std::string_view from)
        : is_null_(false), has_nul_(from.find('\0') != std::string_view::npos), text_(has_nul_ ? "\xff" : from) {}

    bool is_null_ = true;
    bool has_nul_ = false;
    std::string text_{};
};

/** Bytes for C: from a std::string, a std::string_view, or a C string. NULL is no bytes. It holds no copy. */
class bytes {
public:
    /** None. */
    bytes() noexcept = default;
    /** None. */
    bytes(std::nullptr_t) noexcept {}
    /** @param from a C string, or NULL */
    bytes(const char *from) noexcept : bytes_(from ? std::string_view(from) : std::string_view()) {}
    /** @param from anything that converts to a std::string_view */
    template <typename From, typename = std::enable_if_t<std::is_convertible_v<const From &, std::string_view> &&
                                                         !std::is_convertible_v<const From &, const char *>>>
    bytes(const From &from) noexcept(noexcept(std::string_view(from))) : bytes_(from) {}

    [[nodiscard]] const char *data() const noexcept { return bytes_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
    operator std::string_view() const noexcept { return bytes_; }

private:
    std::string_view bytes_{};
};

namespace detail {

/** The one place that throws. */
[[noreturn]] inline void raise(eventsource_status_t status) {
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    throw error(status);
#else
    static_cast<void>(status);
    std::terminate();
#endif
}
[[noreturn]] inline void raise(eventsource_status_t status, const std::string &reason) {
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    throw error(status, reason);
#else
    static_cast<void>(reason);
    raise(status);
#endif
}

/** Throws if a text contains a NUL. Without exceptions C reports it. */
inline void refuse_nul([[maybe_unused]] const text &given) {
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    if (given.has_nul()) raise(EVENTSOURCE_ERR_VALUE, "a text has a NUL in it");
#endif
}
/** The same, for the texts of a call that has returned a status. */
template <typename... Texts>
void check_texts([[maybe_unused]] eventsource_status_t status, [[maybe_unused]] const Texts &...texts) {
    if constexpr (sizeof...(texts) > 0) {
        if (status == EVENTSOURCE_ERR_UTF8) (refuse_nul(texts), ...);
    }
}

/** A call with these texts has returned a status. */
template <typename... Texts>
void check(eventsource_status_t status, const Texts &...texts) {
    check_texts(status, texts...);
    if (status != EVENTSOURCE_OK) raise(status);
}

/** A setting that C has refused. C remembers it, so without exceptions the start reports it. */
inline void check_setting(eventsource_status_t status) {
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    check(status);
#else
    static_cast<void>(status);
#endif
}

/** Runs `run`. @return the exception that left it, NULL if there was none */
template <typename Run>
std::exception_ptr thrown_by(Run &&run) noexcept {
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    try {
        std::forward<Run>(run)();
    } catch (...) {
        return std::current_exception();
    }
#else
    std::forward<Run>(run)();
#endif
    return nullptr;
}

inline void rethrow(const std::exception_ptr &exception) {
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    if (exception) std::rethrow_exception(exception);
#else
    static_cast<void>(exception);
#endif
}

/** The text that a C function copies into a buffer. */
template <typename Object, typename Get>
std::string copied_text(Object *object, Get get) {
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

/**
 * The handle that a C constructor has made. Throws if something was refused; without exceptions, calls on the handle report
 * it.
 */
template <typename Object>
Object *checked(Object *made, eventsource_status_t (*check)(const Object *),
                eventsource_status_t (*get_last_error)(const Object *, char *, std::size_t, std::size_t *),
                void (*free)(Object *)) {
    if (!made) raise(EVENTSOURCE_ERR_MEMORY);
#ifdef EVENTSOURCE_HAS_EXCEPTIONS
    const eventsource_status_t status = check(made);
    if (status != EVENTSOURCE_OK) {
        const std::unique_ptr<Object, void (*)(Object *)> kept(made, free);
        raise(status, copied_text(made, get_last_error));
    }
#else
    static_cast<void>(check);
    static_cast<void>(get_last_error);
    static_cast<void>(free);
#endif
    return made;
}

/** Whether a callable is empty: a std::function without a function, or a NULL pointer. */
template <typename Call, typename = void>
struct has_empty_state : std::false_type {};
template <typename Call>
struct has_empty_state<Call, std::void_t<decltype(static_cast<bool>(std::declval<const Call &>() == nullptr))>>
    // A lambda without captures is compared as a pointer, which is never NULL.
    : std::bool_constant<!std::is_class_v<Call> || !std::is_convertible_v<const Call &, bool>> {};
template <typename Call>
bool is_empty([[maybe_unused]] const Call &call) noexcept {
    if constexpr (has_empty_state<Call>::value) {
        return call == nullptr;
    } else {
        return false;
    }
}

/** Calls `call` with those of the arguments that it takes: all, the last, the first, or none. */
template <typename Result, typename Call, typename... Arguments>
Result call_with(Call &call, Arguments &&...arguments) {
    if constexpr (std::is_void_v<Result> || std::is_void_v<std::invoke_result_t<Call &, Arguments...>>) {
        std::invoke(call, std::forward<Arguments>(arguments)...);
        return Result();
    } else {
        return std::invoke(call, std::forward<Arguments>(arguments)...);
    }
}
template <typename Result, typename Call>
Result call_with_some(Call &call) {
    static_assert(std::is_invocable_v<Call &>, "the callback takes neither the documented parameters nor some of them");
    return call_with<Result>(call);
}
template <typename Result, typename Call, typename Only>
Result call_with_some(Call &call, [[maybe_unused]] Only &&only) {
    if constexpr (std::is_invocable_v<Call &, Only>) {
        return call_with<Result>(call, std::forward<Only>(only));
    } else {
        return call_with_some<Result>(call);
    }
}
template <typename Result, typename Call, typename First, typename Last>
Result call_with_some(Call &call, [[maybe_unused]] First &&first, [[maybe_unused]] Last &&last) {
    if constexpr (std::is_invocable_v<Call &, First, Last>) {
        return call_with<Result>(call, std::forward<First>(first), std::forward<Last>(last));
    } else if constexpr (std::is_invocable_v<Call &, Last>) {
        return call_with<Result>(call, std::forward<Last>(last));
    } else {
        return call_with_some<Result>(call, std::forward<First>(first));
    }
}

} // namespace detail

template <typename Signature>
class callback;

/** Something to call, or nothing; converted from lambdas and other callables. Like std::function, but it may be move-only. */
template <typename Result, typename... Parameters>
class callback<Result(Parameters...)> {
public:
    callback() noexcept = default;
    callback(std::nullptr_t) noexcept {}
    template <typename Call, typename = std::enable_if_t<!std::is_same_v<std::decay_t<Call>, callback>>>
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): the callback itself is excluded
    callback(Call &&call) {
        using held = holder<std::decay_t<Call>>;
        if (!detail::is_empty(call)) call_ = std::make_unique<held>(std::in_place, std::forward<Call>(call));
    }

    explicit operator bool() const noexcept { return call_ != nullptr; }
    friend bool operator==(const callback &call, std::nullptr_t) noexcept { return !call; }
    friend bool operator!=(const callback &call, std::nullptr_t) noexcept { return static_cast<bool>(call); }

    /** Calls it. An empty one throws EVENTSOURCE_ERR_NULL. */
    Result operator()(Parameters... parameters) {
        if (!call_) detail::raise(EVENTSOURCE_ERR_NULL);
        return call_->call(std::forward<Parameters>(parameters)...);
    }

private:
    struct any {
        any() = default;
        any(const any &) = delete;
        any(any &&) = delete;
        any &operator=(const any &) = delete;
        any &operator=(any &&) = delete;
        virtual ~any() = default;
        virtual Result call(Parameters... parameters) = 0;
    };
    template <typename Call>
    struct holder final : any {
        template <typename From>
        holder(std::in_place_t, From &&from) : held(std::forward<From>(from)) {}
        Result call(Parameters... parameters) override {
            return detail::call_with_some<Result>(held, std::forward<Parameters>(parameters)...);
        }
        Call held;
    };

    std::unique_ptr<any> call_{};
};

/* ---- What callbacks receive -------------------------------------------------------------------------------------- */

namespace detail {

/** A C payload. */
template <typename Payload>
class view {
public:
    explicit view(const Payload *payload) noexcept : payload_(payload) {}
    view(const view &) = delete;
    view(view &&) = delete;
    view &operator=(const view &) = delete;
    view &operator=(view &&) = delete;

    /** C's struct. */
    [[nodiscard]] const Payload &get() const noexcept { return *payload_; }

protected:
    ~view() = default;

private:
    const Payload *payload_;
};

/**
 * A C array as a range of `View`; a random-access iterator makes each `View` from an `Element`. It can be moved, not copied.
 */
template <typename View, typename Element>
class array_view {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag; // by C++17's rules, which want references to objects
#ifdef __cpp_lib_ranges
        using iterator_concept = std::random_access_iterator_tag;
#endif
        using value_type = View;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = View;

        iterator() noexcept = default;
        explicit iterator(const Element *at) noexcept : at_(at) {}
        View operator*() const noexcept { return View(*at_); }
        View operator[](difference_type count) const noexcept { return View(*(at_ + count)); }
        iterator &operator++() noexcept {
            ++at_;
            return *this;
        }
        iterator operator++(int) noexcept { return iterator(at_++); }
        iterator &operator--() noexcept {
            --at_;
            return *this;
        }
        iterator operator--(int) noexcept { return iterator(at_--); }
        iterator &operator+=(difference_type count) noexcept {
            at_ += count;
            return *this;
        }
        iterator &operator-=(difference_type count) noexcept {
            at_ -= count;
            return *this;
        }
        friend iterator operator+(iterator at, difference_type count) noexcept { return iterator(at.at_ + count); }
        friend iterator operator+(difference_type count, iterator at) noexcept { return iterator(at.at_ + count); }
        friend iterator operator-(iterator at, difference_type count) noexcept { return iterator(at.at_ - count); }
        friend difference_type operator-(iterator one, iterator other) noexcept { return one.at_ - other.at_; }
        friend bool operator==(iterator one, iterator other) noexcept { return one.at_ == other.at_; }
        friend bool operator!=(iterator one, iterator other) noexcept { return one.at_ != other.at_; }
        friend bool operator<(iterator one, iterator other) noexcept { return one.at_ < other.at_; }
        friend bool operator>(iterator one, iterator other) noexcept { return one.at_ > other.at_; }
        friend bool operator<=(iterator one, iterator other) noexcept { return one.at_ <= other.at_; }
        friend bool operator>=(iterator one, iterator other) noexcept { return one.at_ >= other.at_; }

    private:
        const Element *at_ = nullptr;
    };

    array_view(const Element *first, std::size_t count) noexcept : first_(first), count_(count) {}
    array_view(const array_view &) = delete;
    array_view(array_view &&) noexcept = default;
    array_view &operator=(const array_view &) = delete;
    array_view &operator=(array_view &&) noexcept = default;
    ~array_view() = default;

    [[nodiscard]] iterator begin() const noexcept { return iterator(first_); }
    [[nodiscard]] iterator end() const noexcept { return begin() + static_cast<std::ptrdiff_t>(count_); }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    View operator[](std::size_t index) const noexcept { return begin()[static_cast<std::ptrdiff_t>(index)]; }

private:
    const Element *first_;
    std::size_t count_;
};

} // namespace detail

/** An event. */
class event : public detail::view<eventsource_event_t> {
public:
    using view::view;
    [[nodiscard]] std::string_view type() const noexcept { return {get().type, get().type_len}; }
    [[nodiscard]] std::string_view data() const noexcept { return {get().data, get().data_len}; }
    [[nodiscard]] std::string_view last_event_id() const noexcept {
        return {get().last_event_id, get().last_event_id_len};
    }
    /** The origin of the URL that the stream came from; empty for a parser's events. */
    [[nodiscard]] std::string_view origin() const noexcept { return {get().origin, get().origin_len}; }
};

/** The events of one read: a range of `event`. */
using events = detail::array_view<event, const eventsource_event_t *>;

/** A comment. */
class comment : public detail::view<eventsource_comment_t> {
public:
    using view::view;
    [[nodiscard]] std::string_view text() const noexcept { return {get().text, get().text_len}; }
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
    [[nodiscard]] std::optional<std::string_view> find(bytes name) const noexcept {
        for (const header each : *this) {
            if (each.name == name) return each.value;
        }
        return std::nullopt;
    }
};

namespace detail {

/** A header that a C function finds by its name. */
template <typename Get, typename Object>
std::optional<std::string_view> found_header(Get get, const Object *object, const text &name, std::size_t index) {
    const char *value = nullptr;
    std::size_t len = 0;
    check(get(object, name, index, &value, &len), name);
    return value ? std::optional<std::string_view>({value, len}) : std::nullopt;
}

/** How long a step took. */
inline std::optional<microseconds> taken(std::int64_t us) noexcept {
    return us < 0 ? std::optional<microseconds>() : std::optional<microseconds>(us);
}

} // namespace detail

/** The response that opened the stream. */
class response : public detail::view<eventsource_response_t> {
public:
    using view::view;
    [[nodiscard]] int status() const noexcept { return get().status; }
    [[nodiscard]] std::string_view url() const noexcept { return {get().url, get().url_len}; }
    [[nodiscard]] eventsource::headers headers() const noexcept { return {get().headers, get().header_count}; }
    [[nodiscard]] eventsource_http_version_t http_version() const noexcept { return get().http_version; }
    /** The value of a header, if there is one. @param name in any case @param index which one, if several have that name */
    [[nodiscard]] std::optional<std::string_view> header(const text &name, std::size_t index = 0) const {
        return detail::found_header(eventsource_response_get_header, &get(), name, index);
    }
    [[nodiscard]] eventsource_tls_version_t tls_version() const noexcept { return get().tls_version; }
    [[nodiscard]] bool is_reused() const noexcept { return get().is_reused != 0; }
    [[nodiscard]] std::string_view peer() const noexcept { return {get().peer, get().peer_len}; }
    /** How long the steps took; nothing for a step that was not made. */
    [[nodiscard]] std::optional<microseconds> resolve_time() const noexcept { return detail::taken(get().resolve_us); }
    [[nodiscard]] std::optional<microseconds> connect_time() const noexcept { return detail::taken(get().connect_us); }
    [[nodiscard]] std::optional<microseconds> tls_time() const noexcept { return detail::taken(get().tls_us); }
    [[nodiscard]] std::optional<microseconds> head_time() const noexcept { return detail::taken(get().head_us); }
};

/** A whole response that is not an event stream: eventsource_document_t. */
class document : public detail::view<eventsource_document_t> {
public:
    using view::view;
    // NOLINTNEXTLINE(modernize-return-braced-init-list): the constructor is explicit
    [[nodiscard]] eventsource::response response() const noexcept { return eventsource::response(get().response); }
    [[nodiscard]] std::string_view body() const noexcept { return {get().body, get().body_len}; }
};

/** A failed attempt, or the loss of an open stream: eventsource_error_t. */
class failure : public detail::view<eventsource_error_t> {
public:
    using view::view;
    [[nodiscard]] eventsource_status_t code() const noexcept { return get().code; }
    [[nodiscard]] int http_status() const noexcept { return get().http_status; }
    [[nodiscard]] int os_error() const noexcept { return get().os_error; }
    [[nodiscard]] bool will_retry() const noexcept { return get().will_retry != 0; }
    [[nodiscard]] std::int64_t attempt() const noexcept { return get().attempt; }
    [[nodiscard]] milliseconds delay() const noexcept { return milliseconds(get().delay_ms); }
    [[nodiscard]] std::string_view message() const noexcept { return {get().message, get().message_len}; }
    [[nodiscard]] eventsource::headers headers() const noexcept { return {get().headers, get().header_count}; }
    [[nodiscard]] std::string_view body() const noexcept { return {get().body, get().body_len}; }
    /** As response::header. */
    [[nodiscard]] std::optional<std::string_view> header(const text &name, std::size_t index = 0) const {
        return detail::found_header(eventsource_error_get_header, &get(), name, index);
    }
};

/** A redirect that can be followed: eventsource_redirect_t. */
class redirect : public detail::view<eventsource_redirect_t> {
public:
    using view::view;
    [[nodiscard]] int status() const noexcept { return get().status; }
    [[nodiscard]] bool drops_credentials() const noexcept { return get().drops_credentials != 0; }
    [[nodiscard]] bool drops_body() const noexcept { return get().drops_body != 0; }
    [[nodiscard]] std::string_view from() const noexcept { return {get().from, get().from_len}; }
    [[nodiscard]] std::string_view to() const noexcept { return {get().to, get().to_len}; }
};

/** The end of a client's run. */
class closed : public detail::view<eventsource_close_t> {
public:
    closed(const eventsource_close_t *payload, std::exception_ptr exception) noexcept
        : view(payload), exception_(std::move(exception)) {}
    [[nodiscard]] eventsource_close_reason_t reason() const noexcept { return get().reason; }
    [[nodiscard]] eventsource_status_t code() const noexcept { return get().code; }
    /** The exception that left a callback and stopped the client; client::wait will throw it. NULL if there was none. */
    [[nodiscard]] const std::exception_ptr &exception() const noexcept { return exception_; }

private:
    std::exception_ptr exception_;
};

/** The request of the attempt about to be made. Use it only on the thread of its callback. */
class request {
public:
    explicit request(eventsource_request_t *from) noexcept : request_(from) {}
    request(const request &) = delete;
    request(request &&) = delete;
    request &operator=(const request &) = delete;
    request &operator=(request &&) = delete;
    ~request() = default;

    [[nodiscard]] eventsource_request_t *get() const noexcept { return request_; }
    [[nodiscard]] std::int64_t attempt() const {
        std::int64_t number = 0;
        detail::check(eventsource_request_get_attempt(request_, &number));
        return number;
    }
    /** Why this attempt is made: EVENTSOURCE_OK if nothing went wrong before. */
    [[nodiscard]] eventsource_status_t cause() const { return ask_cause().first; }
    /** The HTTP status of the cause, 0 if there was none. */
    [[nodiscard]] int cause_http_status() const { return ask_cause().second; }

    [[nodiscard]] std::string url() const { return detail::copied_text(request_, eventsource_request_get_url); }
    [[nodiscard]] std::string method() const { return detail::copied_text(request_, eventsource_request_get_method); }
    /** The headers as they are now; valid and unchanged until the callback returns. */
    [[nodiscard]] eventsource::headers headers() const {
        const eventsource_header_t *first = nullptr;
        std::size_t count = 0;
        detail::check(eventsource_request_get_headers(request_, &first, &count));
        return {first, count};
    }
    /** As response::header; valid until the callback returns. */
    [[nodiscard]] std::optional<std::string_view> header(const text &name, std::size_t index = 0) const {
        return detail::found_header(eventsource_request_get_header, request_, name, index);
    }
    /** The body as it is now; valid and unchanged until the callback returns. */
    [[nodiscard]] std::string_view body() const {
        const void *bytes = nullptr;
        std::size_t len = 0;
        detail::check(eventsource_request_get_body(request_, &bytes, &len));
        return {static_cast<const char *>(bytes), len};
    }

    void set_method(const text &method) {
        detail::check(eventsource_request_set_method(request_, method), method);
    }
    void set_header(const text &name, const text &value) {
        detail::check(eventsource_request_set_header(request_, name, value), name, value);
    }
    void add_header(const text &name, const text &value) {
        detail::check(eventsource_request_add_header(request_, name, value), name, value);
    }
    void set_sensitive_header(const text &name, const text &value) {
        detail::check(eventsource_request_set_sensitive_header(request_, name, value), name, value);
    }
    void set_basic_auth(const text &user, const text &password) {
        detail::check(eventsource_request_set_basic_auth(request_, user, password), user, password);
    }
    void remove_header(const text &name) {
        detail::check(eventsource_request_remove_header(request_, name), name);
    }
    void set_url(const text &url) { detail::check(eventsource_request_set_url(request_, url), url); }
    void set_body(bytes body) {
        detail::check(eventsource_request_set_body(request_, body.data(), body.size()));
    }

private:
    [[nodiscard]] std::pair<eventsource_status_t, int> ask_cause() const {
        eventsource_status_t code = EVENTSOURCE_OK;
        std::int32_t http_status = 0;
        detail::check(eventsource_request_get_cause(request_, &code, &http_status));
        return {code, http_status};
    }

    eventsource_request_t *request_;
};

/* ---- Runtimes ---------------------------------------------------------------------------------------------------- */

/** The options of a runtime: eventsource_runtime_options_t. */
struct runtime_options {
    eventsource_dispatch_t dispatch = EVENTSOURCE_DISPATCH_ISOLATED;
    std::int32_t threads = 0;
    text thread_name{}; /**< not set: "eventsource" */
    callback<void()> on_thread_start{};
    callback<void()> on_thread_stop{};
    bool measure_latency = false; /**< for `latency_counts` of runtime::metrics */
};

/** Threads that clients share. */
class runtime {
public:
    explicit runtime(runtime_options options = {}) : dispatch_(options.dispatch) {
        detail::refuse_nul(options.thread_name);
        auto hooks = std::make_unique<hooks_t>();
        eventsource_runtime_options_t raw;
        detail::check(eventsource_runtime_options_init(&raw, sizeof raw));
        raw.dispatch = options.dispatch;
        raw.threads = options.threads;
        raw.thread_name = options.thread_name.get();
        raw.measure_latency = options.measure_latency;
        hooks->start = std::move(options.on_thread_start);
        hooks->stop = std::move(options.on_thread_stop);
        // NOLINTBEGIN(bugprone-exception-escape): an exception ends the program, as is documented
        if (hooks->start) raw.on_thread_start = [](void *user) noexcept { static_cast<hooks_t *>(user)->start(); };
        if (hooks->stop) raw.on_thread_stop = [](void *user) noexcept { static_cast<hooks_t *>(user)->stop(); };
        // NOLINTEND(bugprone-exception-escape)
        raw.user = hooks.get();
        raw.destroy = [](void *user) noexcept { delete static_cast<hooks_t *>(user); };
        eventsource_runtime_t *const made = eventsource_runtime_new(&raw);
        if (made) static_cast<void>(hooks.release()); // the runtime's now, also if it was refused
        runtime_ = detail::checked(made, eventsource_runtime_check, eventsource_runtime_get_last_error,
                                   eventsource_runtime_free);
    }
    runtime(runtime &&other) noexcept
        : dispatch_(other.dispatch_), runtime_(std::exchange(other.runtime_, nullptr)) {}
    runtime &operator=(runtime &&other) noexcept {
        runtime taken(std::move(other));
        swap(taken);
        return *this;
    }
    runtime(const runtime &) = delete;
    runtime &operator=(const runtime &) = delete;
    /** Does what eventsource_runtime_free does: it also stops the runtime's clients. */
    ~runtime() { eventsource_runtime_free(runtime_); }

    void swap(runtime &other) noexcept {
        std::swap(dispatch_, other.dispatch_);
        std::swap(runtime_, other.runtime_);
    }
    [[nodiscard]] eventsource_runtime_t *get() const noexcept { return runtime_; }
    /** Where its callbacks run. */
    [[nodiscard]] eventsource_dispatch_t dispatch_mode() const noexcept { return dispatch_; }

    /**
     * Runs callbacks that are due, and waits for one if none is. Throws EVENTSOURCE_ERR_FREED if another thread or a
     * callback destroys this runtime meanwhile.
     *
     * @param timeout the longest wait; 0 not to wait, negative for no limit
     * @param max the most turns, at least 1; EVENTSOURCE_NO_LIMIT for as many as are due
     * @return how many turns have been run
     */
    std::size_t dispatch(milliseconds timeout, std::int64_t max = EVENTSOURCE_NO_LIMIT) {
        return dispatch_for(timeout.count() < 0 ? EVENTSOURCE_NO_LIMIT : timeout.count(), max);
    }
    /** The same, without a limit to the wait. */
    std::size_t dispatch() { return dispatch_for(EVENTSOURCE_NO_LIMIT, EVENTSOURCE_NO_LIMIT); }

    /** The file descriptor that is readable while callbacks are due; on Windows a SOCKET (eventsource_runtime_get_fd). */
    [[nodiscard]] eventsource_fd_t fd() const {
        eventsource_fd_t number{};
        detail::check(eventsource_runtime_get_fd(runtime_, &number));
        return number;
    }

    /** What the runtime is doing, and what its clients have done (eventsource_runtime_get_metrics). */
    [[nodiscard]] eventsource_metrics_t metrics() const { return metrics_of(runtime_); }
    /** The same of the runtime that all clients share that have none of their own; zeros while there is none. */
    [[nodiscard]] static eventsource_metrics_t shared_metrics() { return metrics_of(nullptr); }

private:
    struct hooks_t {
        callback<void()> start{};
        callback<void()> stop{};
    };

    static eventsource_metrics_t metrics_of(const eventsource_runtime_t *runtime) {
        eventsource_metrics_t metrics = {};
        detail::check(eventsource_runtime_get_metrics(runtime, &metrics, sizeof metrics));
        return metrics;
    }

    std::size_t dispatch_for(std::int64_t timeout_ms, std::int64_t max) {
        std::size_t ran = 0;
        detail::check(eventsource_runtime_dispatch(runtime_, timeout_ms, max, &ran));
        return ran;
    }

    eventsource_dispatch_t dispatch_;
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
    std::int64_t max_attempts; /**< EVENTSOURCE_NO_LIMIT for no limit */
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

/** The calls that are allowed at any time, also inside callbacks. `Handle` provides `get()`. */
template <typename Handle>
class operations {
public:
    void stop() { perform(eventsource_stop); }
    void pause() { perform(eventsource_pause); }
    void unpause() { perform(eventsource_unpause); }
    void reconnect_now() { perform(eventsource_reconnect_now); }
    void set_last_event_id(const text &id) {
        eventsource_t *const handle = es();
        const eventsource_status_t status = eventsource_set_last_event_id(handle, id);
        check_texts(status, id);
        check_client(handle, status);
    }
    /** @param cookies as cookies() has them */
    void add_cookies(const text &cookies) {
        eventsource_t *const handle = es();
        const eventsource_status_t status = eventsource_add_cookies(handle, cookies);
        check_texts(status, cookies);
        check_client(handle, status);
    }
    /** Only in the client's on_error. */
    void set_next_delay(milliseconds delay) { perform(eventsource_set_next_delay, delay.count()); }

    [[nodiscard]] eventsource_state_t state() const {
        eventsource_state_t state = EVENTSOURCE_STATE_IDLE;
        perform(eventsource_get_state, &state);
        return state;
    }
    /** The number that the log has for this client. */
    [[nodiscard]] std::uint64_t number() const {
        std::uint64_t number = 0;
        perform(eventsource_get_number, &number);
        return number;
    }
    [[nodiscard]] std::string last_event_id() const { return copied_text(es(), eventsource_get_last_event_id); }
    /** The jar, in the format of `cookies.txt`. Fails with EVENTSOURCE_ERR_STATE if the client keeps no cookies. */
    [[nodiscard]] std::string cookies() const { return copied_text(es(), eventsource_get_cookies); }
    [[nodiscard]] std::string last_error() const { return copied_text(es(), eventsource_get_last_error); }
    [[nodiscard]] statistics stats() const {
        eventsource_stats_t raw = {};
        perform(eventsource_get_stats, &raw, sizeof raw);
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
        // A handle that is NULL or freed, or that the parent process made, remembers nothing.
        if (status == EVENTSOURCE_ERR_NULL || status == EVENTSOURCE_ERR_FORKED || status == EVENTSOURCE_ERR_FREED) {
            raise(status);
        }
        raise(status, copied_text(es, eventsource_get_last_error));
    }

    /** Calls C, and does not touch this object afterwards: a callback may have destroyed it meanwhile. */
    template <typename Function, typename... Arguments>
    void perform(Function function, Arguments &&...arguments) const {
        eventsource_t *const handle = es();
        check_client(handle, function(handle, std::forward<Arguments>(arguments)...));
    }

private:
    [[nodiscard]] eventsource_t *es() const noexcept { return static_cast<const Handle *>(this)->get(); }
};

} // namespace detail

/** A client that this object does not own: the one whose callback runs. Valid as long as that client is. */
class client_ref : public detail::operations<client_ref> {
public:
    explicit client_ref(eventsource_t *es) noexcept : es_(es) {}
    [[nodiscard]] eventsource_t *get() const noexcept { return es_; }

private:
    eventsource_t *es_;
};

/**
 * A client: one event stream, kept alive over reconnects for as long as this object lives.
 *
 * Setters return the client itself. They and the functions that set callbacks throw EVENTSOURCE_ERR_STATE while the client
 * runs. Do not set callbacks or user data, and do not start the client, by C functions on `get()`: that breaks this class. All
 * other C functions may be called.
 */
class client : public detail::operations<client> {
public:
    /** Throws if the URL is refused, as setters do. */
    explicit client(const text &url) {
        detail::refuse_nul(url);
        es_ = detail::checked(eventsource_new(url), eventsource_check, eventsource_get_last_error, eventsource_free);
        const eventsource_status_t status = eventsource_set_user_data(es_, data_.get(), [](void *user) noexcept {
            const std::shared_ptr<data_t> last = std::move(static_cast<data_t *>(user)->self);
        });
        if (status == EVENTSOURCE_OK) {
            data_->self = data_;
            eventsource_on_close(es_, close);
        } else {
            eventsource_free(es_);
            detail::raise(status);
        }
    }
    client(client &&other) noexcept
        : operations(), es_(std::exchange(other.es_, nullptr)), data_(std::move(other.data_)) {}
    client &operator=(client &&other) noexcept {
        client taken(std::move(other));
        swap(taken);
        return *this;
    }
    client(const client &) = delete;
    client &operator=(const client &) = delete;
    /** Does what eventsource_free does. An exception that no wait has thrown is lost. */
    ~client() {
        // In a callback eventsource_free does not wait, and what the other callbacks refer to may be destroyed before they run.
        if (es_ && eventsource_wait(es_, 0) == EVENTSOURCE_ERR_IN_CALLBACK) data_->abandoned = true;
        eventsource_free(es_);
    }

    void swap(client &other) noexcept {
        std::swap(es_, other.es_);
        std::swap(data_, other.data_);
    }
    [[nodiscard]] eventsource_t *get() const noexcept { return es_; }

    /* ---- life */

    /** Starts the client. An exception of an earlier run is forgotten. */
    void start() {
        eventsource_t *const es = es_;
        check_client(es, begin(es, kept()));
    }
    /** The same. @param code receives why the client has not started; it is cleared if the client has */
    void start(std::error_code &code) { code = begin(es_, data_); }

    /**
     * Starts the client and waits for its end, as eventsource_run() does, and throws what wait() throws. With manual dispatch
     * it throws EVENTSOURCE_ERR_STATE before it starts anything.
     */
    void run() {
        const auto data = kept();
        eventsource_t *const es = es_;
        ended(es, start_and_wait(es, data), *data);
    }
    /** The same. @param code receives why the client failed; an exception of a callback is still thrown */
    void run(std::error_code &code) {
        const auto data = data_;
        code = told(start_and_wait(es_, data), data);
    }

    /**
     * Waits until the client has closed. Then it throws the exception that left a callback, or else the final error, if there
     * was one. It returns if the client ended as it should: see eventsource_wait. Until the next start, each wait does the
     * same.
     */
    void wait() {
        const auto data = kept();
        eventsource_t *const es = es_;
        ended(es, wait_closed(es), *data);
    }
    /** The same. @param code receives why the client failed; an exception of a callback is still thrown */
    void wait(std::error_code &code) {
        const auto data = data_;
        code = told(wait_closed(es_), data);
    }

    /**
     * Like wait, but no longer than `timeout`. A time of 0 or less does not wait: a time that was computed from a deadline
     * may have passed.
     *
     * @return whether the client has closed
     */
    bool wait_for(milliseconds timeout) {
        const auto data = kept();
        eventsource_t *const es = es_;
        const eventsource_status_t status = eventsource_wait(es, timeout.count() < 0 ? 0 : timeout.count());
        if (status == EVENTSOURCE_ERR_TIMEOUT) return false;
        ended(es, status, *data);
        return true;
    }
    /**
     * The same.
     *
     * @param timeout how long to wait
     * @param code receives why the client failed: EVENTSOURCE_ERR_TIMEOUT while it runs
     */
    bool wait_for(milliseconds timeout, std::error_code &code) {
        const auto data = data_;
        const eventsource_status_t status = eventsource_wait(es_, timeout.count() < 0 ? 0 : timeout.count());
        code = told(status, data);
        return status != EVENTSOURCE_ERR_TIMEOUT;
    }

#ifdef __cpp_lib_jthread
    /**
     * Like wait, but also returns when `stop` is requested. The client then goes on; client::run with a stop token stops it.
     * With manual dispatch another thread must dispatch.
     *
     * @return whether the client has closed
     */
    bool wait(const std::stop_token &stop) {
        const auto data = kept();
        eventsource_t *const es = es_;
        const eventsource_status_t status = wait_closed(es, *data, stop);
        if (status == EVENTSOURCE_ERR_TIMEOUT) return false;
        ended(es, status, *data);
        return true;
    }
    /** Like run. When `stop` is requested, it stops the client and returns as after a good end. */
    void run(const std::stop_token &stop) {
        const auto data = kept();
        eventsource_t *const es = es_;
        eventsource_status_t status = may_run(es, *data);
        if (status == EVENTSOURCE_OK) status = begin(es, data);
        if (status == EVENTSOURCE_OK) {
            const std::stop_callback stops(stop, [es] { eventsource_stop(es); });
            status = wait_closed(es);
        }
        ended(es, status, *data);
    }
#endif

    /**
     * How the client ended: eventsource_get_result. It does not wait, and throws no failure of the stream. Throws if the
     * client has not ended.
     */
    [[nodiscard]] eventsource_result_t result() const {
        eventsource_result_t raw = {};
        perform(eventsource_get_result, &raw, sizeof raw);
        return raw;
    }

    /* ---- callbacks */

    /** Events that have no callback of their own type. */
    client &on_event(callback<void(client_ref, const event &)> call) {
        return set(eventsource_on_event, deliver<&data_t::on_event>, &data_t::on_event, call);
    }
    /** Events of one type. */
    client &on_event(const text &type, callback<void(client_ref, const event &)> call) {
        const bool removes = !call;
        const auto data = kept();
        types_t added, removed; // made and destroyed outside the lock
        const std::string_view name(type.get() ? type.get() : "");
        if (!removes) added.emplace(name, std::move(call));
        const std::lock_guard<std::mutex> lock(data->mutex);
        done(eventsource_on_event_type(es_, type, removes ? nullptr : deliver_type), type);
        const auto before = data->on_event_type.find(name);
        if (before != data->on_event_type.end()) removed.insert(data->on_event_type.extract(before));
        data->on_event_type.merge(added);
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
    /** Whole responses that are not event streams: see eventsource_on_document. */
    client &on_document(callback<void(client_ref, const document &)> call) {
        return set(eventsource_on_document, deliver<&data_t::on_document>, &data_t::on_document, call);
    }
    /** Failed attempts and lost streams. A callback that returns nothing means EVENTSOURCE_DECISION_DEFAULT. */
    client &on_error(callback<eventsource_decision_t(client_ref, const failure &)> call) {
        return set(eventsource_on_error, decide, &data_t::on_error, call);
    }
    /**
     * Before each attempt. If it throws, nothing is sent. A callback that returns nothing means EVENTSOURCE_DECISION_DEFAULT.
     */
    client &on_request(callback<eventsource_decision_t(client_ref, request &)> call) {
        return set(eventsource_on_request, ask, &data_t::on_request, call);
    }
    /**
     * Each redirect. If it throws, the redirect is not followed. One that returns nothing returns EVENTSOURCE_REDIRECT_FOLLOW.
     */
    client &on_redirect(callback<eventsource_redirect_decision_t(client_ref, const redirect &)> call) {
        return set(eventsource_on_redirect, lead, &data_t::on_redirect, call);
    }
    client &on_close(callback<void(client_ref, const closed &)> call) {
        return set(eventsource_on_close, close, &data_t::on_close, call, true);
    }
    /**
     * Called with each exception that leaves another callback, on that callback's thread. Afterwards the stream goes on,
     * unless this callback stops the client. An exception that leaves this callback itself stops the client, and `wait`
     * throws it.
     */
    client &on_exception(callback<void(client_ref, std::exception_ptr)> call) {
        const auto data = kept();
        const std::lock_guard<std::mutex> lock(data->mutex);
        // C has no such callback. That C accepts this one shows that the client does not run.
        perform_setting(eventsource_on_close, close);
        std::swap(data->on_exception, call);
        return *this;
    }

    /* ---- settings */

    /** The name that the log has for the client, beside its number; NULL for none. */
    client &set_name(const text &name) { return done(eventsource_set_name(es_, name), name); }
    /** Replaces the URL that the client was made with. */
    client &set_url(const text &url) { return done(eventsource_set_url(es_, url), url); }
    client &set_method(const text &method) { return done(eventsource_set_method(es_, method), method); }
    client &set_body(bytes body) { return done(eventsource_set_body(es_, body.data(), body.size())); }
    client &set_header(const text &name, const text &value) {
        return done(eventsource_set_header(es_, name, value), name, value);
    }
    client &add_header(const text &name, const text &value) {
        return done(eventsource_add_header(es_, name, value), name, value);
    }
    client &set_sensitive_header(const text &name, const text &value) {
        return done(eventsource_set_sensitive_header(es_, name, value), name, value);
    }
    client &remove_header(const text &name) { return done(eventsource_remove_header(es_, name), name); }
    client &set_basic_auth(const text &user, const text &password) {
        return done(eventsource_set_basic_auth(es_, user, password), user, password);
    }
    client &set_connect_timeout(milliseconds timeout) {
        return done(eventsource_set_connect_timeout(es_, timeout.count()));
    }
    client &set_response_timeout(milliseconds timeout) {
        return done(eventsource_set_response_timeout(es_, timeout.count()));
    }
    client &set_read_timeout(milliseconds timeout) { return done(eventsource_set_read_timeout(es_, timeout.count())); }
    client &set_event_timeout(milliseconds timeout) { return done(eventsource_set_event_timeout(es_, timeout.count())); }
    client &set_max_redirects(std::int32_t count) { return done(eventsource_set_max_redirects(es_, count)); }
    client &set_end_marker(const text &data) { return done(eventsource_set_end_marker(es_, data.get()), data); }
    client &set_max_error_body(std::size_t bytes) { return done(eventsource_set_max_error_body(es_, bytes)); }
    client &set_max_event_size(std::size_t size) { return done(eventsource_set_max_event_size(es_, size)); }
    client &set_check_content_type(bool check) { return done(eventsource_set_check_content_type(es_, check)); }
    client &set_cookies(bool on) { return done(eventsource_set_cookies(es_, on)); }
    /** Keeps cookies in the jar of another client. */
    client &share_cookies(const client &other) { return done(eventsource_share_cookies(es_, other.es_)); }
    client &set_compression(bool on) { return done(eventsource_set_compression(es_, on)); }
    client &set_reconnect_with_get(bool on) { return done(eventsource_set_reconnect_with_get(es_, on)); }
    client &set_proxy(const text &url) { return done(eventsource_set_proxy(es_, url), url); }
    client &set_no_proxy(const text &hosts) { return done(eventsource_set_no_proxy(es_, hosts), hosts); }
    client &set_unix_socket(const text &path) { return done(eventsource_set_unix_socket(es_, path), path); }
    client &set_interface(const text &interface) { return done(eventsource_set_interface(es_, interface), interface); }
    client &set_watch_network(bool watch) { return done(eventsource_set_watch_network(es_, watch)); }
    client &set_resolve(const text &entry) { return done(eventsource_set_resolve(es_, entry), entry); }
    client &add_resolve(const text &entry) { return done(eventsource_add_resolve(es_, entry), entry); }
    client &remove_resolve(const text &host) { return done(eventsource_remove_resolve(es_, host), host); }
    client &set_ca_pem(bytes pem) { return done(eventsource_set_ca_pem(es_, pem.data(), pem.size())); }
    client &set_insecure_skip_verification(bool skip) {
        return done(eventsource_set_insecure_skip_verification(es_, skip));
    }
    client &set_key_log_file(const text &path) { return done(eventsource_set_key_log_file(es_, path), path); }
    client &set_ca_file(const text &path) { return done(eventsource_set_ca_file(es_, path), path); }
    client &set_ca_exclusive(bool exclusive) { return done(eventsource_set_ca_exclusive(es_, exclusive)); }
    /**
     * @param cert the certificate and its chain
     * @param key empty if `cert` also holds the key
     */
    client &set_client_cert_pem(bytes cert, bytes key = {}) {
        return done(eventsource_set_client_cert_pem(es_, cert.data(), cert.size(), key.data(), key.size()));
    }
    /**
     * @param cert_path not set: no certificate
     * @param key_path not set: the key is in the certificate's file
     */
    client &set_client_cert_file(const text &cert_path, const text &key_path = nullptr) {
        return done(eventsource_set_client_cert_file(es_, cert_path, key_path), cert_path, key_path);
    }
    client &set_pinned_keys(const text &pins) { return done(eventsource_set_pinned_keys(es_, pins), pins); }
    client &set_server_name(const text &name) { return done(eventsource_set_server_name(es_, name), name); }
    client &set_min_tls_version(eventsource_tls_version_t version) {
        return done(eventsource_set_min_tls_version(es_, version));
    }
    client &set_http_version(eventsource_http_t version) { return done(eventsource_set_http_version(es_, version)); }
    client &set_runtime(runtime &runtime) {
        if (!runtime.get()) detail::raise(EVENTSOURCE_ERR_NULL); // for C that would be the shared one
        return set_runtime(runtime.get(), runtime.dispatch_mode() == EVENTSOURCE_DISPATCH_MANUAL);
    }
    /** Goes back to the shared runtime, which all clients use that have no other. */
    client &set_runtime(std::nullptr_t) { return set_runtime(nullptr, false); }

    client &set_mode(eventsource_mode_t mode) { return done(eventsource_set_mode(es_, mode)); }
    [[nodiscard]] reconnect_policy reconnect() const {
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
    friend class stream; // which takes care of a client
    using types_t = std::map<std::string, callback<void(client_ref, const event &)>, std::less<>>;

    /** The user data of the C client, which outlives this object if that is destroyed in a callback. */
    struct data_t {
        std::shared_ptr<data_t> self{}; // the C client's share
        callback<void(client_ref, const event &)> on_event{};
        types_t on_event_type{};
        callback<void(client_ref, const events &)> on_events{};
        callback<void(client_ref, const comment &)> on_comment{};
        callback<void(client_ref, const response &)> on_open{};
        callback<void(client_ref, const document &)> on_document{};
        callback<eventsource_decision_t(client_ref, const failure &)> on_error{};
        callback<eventsource_decision_t(client_ref, request &)> on_request{};
        callback<eventsource_redirect_decision_t(client_ref, const redirect &)> on_redirect{};
        callback<void(client_ref, const closed &)> on_close{};
        callback<void(client_ref, std::exception_ptr)> on_exception{};
        /** Callbacks are set, and the client starts, one at a time: then none is set that is running. */
        std::mutex mutex{};
        /** The exception that has stopped the client. Guarded by the mutex. */
        std::exception_ptr exception{};
        /** Whether a run has started and its on_close has not returned. Guarded by the mutex. */
        bool runs = false;
        std::condition_variable run_ended{};
        /** Whether nothing dispatches while a thread waits. */
        std::atomic<bool> is_manual{false};
        /** Whether the object has been destroyed in a callback: nothing more of the program's is called. */
        std::atomic<bool> abandoned{false};

        /** Runs a callback. @return whether an exception has stopped the client */
        template <typename Run>
        bool run(eventsource_t *es, Run &&run) noexcept {
            if (abandoned) return true;
            std::exception_ptr thrown = detail::thrown_by([&] { run(client_ref(es)); });
            if (!thrown) return false;
            if (on_exception && !abandoned) {
                thrown = detail::thrown_by([&] { on_exception(client_ref(es), thrown); });
                if (!thrown) return false;
            }
            {
                const std::lock_guard<std::mutex> lock(mutex);
                if (!exception) exception.swap(thrown);
            }
            eventsource_stop(es);
            return true;
        }

        /** Throws the exception that has stopped the client. */
        void rethrow() {
            std::exception_ptr stopped_by;
            {
                const std::lock_guard<std::mutex> lock(mutex);
                stopped_by = exception;
            }
            detail::rethrow(stopped_by);
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
    static eventsource_decision_t decide(eventsource_t *es, const eventsource_error_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        eventsource_decision_t decision = EVENTSOURCE_DECISION_DEFAULT;
        const bool stopped =
            data.run(es, [&](client_ref ref) { decision = data.on_error(ref, failure(payload)); });
        return stopped ? EVENTSOURCE_DECISION_CLOSE : decision;
    }
    static eventsource_decision_t ask(eventsource_t *es, eventsource_request_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        eventsource_decision_t decision = EVENTSOURCE_DECISION_RETRY; // if it throws: a request that is not made is not sent
        const bool stopped = data.run(es, [&](client_ref ref) {
            request view(payload);
            decision = data.on_request(ref, view);
        });
        return stopped ? EVENTSOURCE_DECISION_CLOSE : decision;
    }
    static eventsource_redirect_decision_t lead(eventsource_t *es, const eventsource_redirect_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        eventsource_redirect_decision_t decision = EVENTSOURCE_REDIRECT_REFUSE; // if it throws
        data.run(es, [&](client_ref ref) { decision = data.on_redirect(ref, redirect(payload)); });
        return decision;
    }
    static void close(eventsource_t *es, const eventsource_close_t *payload, void *user) noexcept {
        auto &data = *static_cast<data_t *>(user);
        if (data.on_close) {
            data.run(es, [&](client_ref ref) {
                std::unique_lock<std::mutex> lock(data.mutex);
                const closed view(payload, data.exception);
                lock.unlock();
                data.on_close(ref, view);
            });
        }
        const std::lock_guard<std::mutex> lock(data.mutex);
        data.runs = false;
        data.run_ended.notify_all();
    }

    /* ---- the rest */

    /** The callbacks, for a call during which a callback may destroy this object. */
    [[nodiscard]] std::shared_ptr<data_t> kept() const {
        if (!data_) detail::raise(EVENTSOURCE_ERR_NULL);
        return data_;
    }
    static eventsource_status_t begin(eventsource_t *es, const std::shared_ptr<data_t> &owners) {
        // A callback may destroy the owner before this returns.
        const std::shared_ptr<data_t> data = owners; // NOLINT(performance-unnecessary-copy-initialization)
        if (!data) return EVENTSOURCE_ERR_NULL;
        std::exception_ptr before; // destroyed outside the lock
        const std::lock_guard<std::mutex> lock(data->mutex);
        const eventsource_status_t status = eventsource_start(es);
        if (status == EVENTSOURCE_OK) {
            data->runs = true;
            data->exception.swap(before);
        }
        return status;
    }
    /** Whether a thread may wait for a client without a limit. If not, the client is not started either. */
    static eventsource_status_t may_run(eventsource_t *es, const data_t &data) {
        const eventsource_status_t now = eventsource_wait(es, data.is_manual ? EVENTSOURCE_NO_LIMIT : 0);
        const bool refused = now == EVENTSOURCE_ERR_IN_CALLBACK || (now == EVENTSOURCE_ERR_STATE && data.is_manual);
        return refused ? now : EVENTSOURCE_OK;
    }
    static eventsource_status_t start_and_wait(eventsource_t *es, const std::shared_ptr<data_t> &data) {
        if (!data) return EVENTSOURCE_ERR_NULL;
        eventsource_status_t status = may_run(es, *data);
        if (status == EVENTSOURCE_OK) status = begin(es, data);
        return status == EVENTSOURCE_OK ? eventsource_wait(es, EVENTSOURCE_NO_LIMIT) : status;
    }
    static eventsource_status_t wait_closed(eventsource_t *es) {
        // With manual dispatch C refuses to wait, but not to tell how a client has ended.
        const eventsource_status_t now = eventsource_wait(es, 0);
        return now == EVENTSOURCE_ERR_TIMEOUT ? eventsource_wait(es, EVENTSOURCE_NO_LIMIT) : now;
    }
#ifdef __cpp_lib_jthread
    static eventsource_status_t wait_closed(eventsource_t *es, data_t &data, const std::stop_token &stop) {
        eventsource_status_t status = eventsource_wait(es, 0);
        if (status != EVENTSOURCE_ERR_TIMEOUT) return status;
        {
            const std::stop_callback wakes(stop, [&data] {
                const std::lock_guard<std::mutex> lock(data.mutex);
                data.run_ended.notify_all();
            });
            std::unique_lock<std::mutex> lock(data.mutex);
            data.run_ended.wait(lock, [&] { return !data.runs || stop.stop_requested(); });
            if (data.runs) return EVENTSOURCE_ERR_TIMEOUT;
        }
        // on_close is about to return to C.
        while (status == EVENTSOURCE_ERR_TIMEOUT) status = eventsource_wait(es, 60000);
        return status;
    }
#endif
    /** Whether a wait returned this status because the client has closed, and not because the wait was refused. */
    static bool tells_the_end(eventsource_status_t status) noexcept {
        return status == EVENTSOURCE_OK || status == EVENTSOURCE_ERR_PANIC || status >= EVENTSOURCE_ERR_RESOLVE;
    }
    /** A wait has returned. */
    static void ended(eventsource_t *es, eventsource_status_t status, data_t &data) {
        if (tells_the_end(status)) data.rethrow();
        check_client(es, status);
    }
    static std::error_code told(eventsource_status_t status, const std::shared_ptr<data_t> &data) {
        if (data && tells_the_end(status)) data->rethrow();
        return status;
    }
    /** A setting was made. A refused setting keeps the client from starting, unless it was made while the client runs. */
    static void check_set(eventsource_t *es, eventsource_status_t status) {
#ifndef EVENTSOURCE_HAS_EXCEPTIONS
        if (es && status != EVENTSOURCE_ERR_STATE) return;
#endif
        check_client(es, status);
    }
    template <typename... Texts>
    client &done(eventsource_status_t status, const Texts &...texts) {
        detail::check_texts(status, texts...);
        check_set(es_, status);
        return *this;
    }
    template <typename Function, typename... Arguments>
    void perform_setting(Function function, Arguments... arguments) {
        eventsource_t *const es = es_;
        check_set(es, function(es, arguments...));
    }
    client &set_runtime(eventsource_runtime_t *runtime, bool is_manual) {
        const auto data = kept();
        done(eventsource_set_runtime(es_, runtime));
        data->is_manual = is_manual;
        return *this;
    }
    /* `always`: this class needs the call even if the program has no callback. */
    template <typename Function, typename Callback>
    client &set(eventsource_status_t (*setter)(eventsource_t *, Function), std::common_type_t<Function> function,
                Callback data_t::*place, Callback &call, bool always = false) {
        const auto data = kept();
        const std::lock_guard<std::mutex> lock(data->mutex);
        perform_setting(setter, call || always ? function : nullptr);
        std::swap((*data).*place, call); // so that the caller destroys what was there, outside the lock
        return *this;
    }
    [[nodiscard]] eventsource_reconnect_t raw_reconnect() const {
        eventsource_reconnect_t raw = {};
        perform(eventsource_get_reconnect, &raw, sizeof raw);
        return raw;
    }

    eventsource_t *es_ = nullptr;
    std::shared_ptr<data_t> data_ = std::make_shared<data_t>();
};

/* ---- Events one after another ------------------------------------------------------------------------------------ */

/** An event to keep: its texts are copies. */
struct owned_event {
    std::string type{};
    std::string data{};
    std::string last_event_id{};
    std::string origin{};
};

/**
 * A client from which the program takes events one after another, instead of getting them in a callback:
 *
 *     eventsource::stream stream("https://example.com/stream");
 *     stream->set_header("Authorization", "Bearer …");
 *     while (const auto event = stream.next()) std::puts(event->data.c_str());
 *
 * `->` gives the client, for its settings and its other callbacks. The stream itself uses on_event without a type, on_events,
 * on_close, pause and unpause: do not call these.
 *
 * The first call for an event starts the client, once. Events that the program has not taken yet wait in a queue. If they
 * have more than `max_queued` bytes, the client is paused, and the server has to wait, through TCP. The events that have been
 * taken have no gap: a client that continues after last_event_id() of this class loses nothing and repeats nothing.
 *
 * Several threads may call next(), or one coroutine async_next(). next() throws EVENTSOURCE_ERR_IN_CALLBACK inside a callback
 * of the library, and EVENTSOURCE_ERR_STATE with manual dispatch, as client::wait does: use async_next() there.
 */
class stream {
public:
    /**
     * @param url as for client
     * @param max_queued how many bytes of events may wait in the queue; one more event may be added
     */
    explicit stream(const text &url, std::size_t max_queued = 65536)
        : state_(std::make_shared<state_t>(max_queued)), client_(url) {
        client_.on_event([state = state_](client_ref es, const event &event) { state->arrived(es, event); });
        client_.on_close([state = state_](client_ref es, const closed &closed) { state->closed(es, closed); });
    }
    stream(stream &&) noexcept = default;
    stream &operator=(stream &&other) noexcept {
        stream taken(std::move(other));
        swap(taken);
        return *this;
    }
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    /**
     * Does what the destructor of client does. Threads in next() return without an event. A coroutine that awaits an event is
     * never resumed; it can be destroyed.
     */
    ~stream() {
        if (state_) state_->abandon();
    }

    void swap(stream &other) noexcept {
        std::swap(state_, other.state_);
        client_.swap(other.client_);
    }

    client *operator->() noexcept { return &client_; }
    client &operator*() noexcept { return client_; }

    /**
     * Waits for the next event.
     *
     * @return the event; nothing after the last one, if the client ended as it should. If it failed, this throws what
     *         client::wait throws.
     */
    std::optional<owned_event> next() {
        const source_t source = begun();
        return source.state->take(source.state->wait(source, [] { return false; }), source.es, nullptr);
    }
    /** The same. @param code receives why the client failed; cleared if it did not */
    std::optional<owned_event> next(std::error_code &code) {
        const source_t source = {state_, client_.data_, client_.es_};
        code = source.state ? source.state->start(source) : EVENTSOURCE_ERR_NULL;
        if (code) return std::nullopt;
        return source.state->take(source.state->wait(source, [] { return false; }), source.es, &code);
    }
#ifdef __cpp_lib_jthread
    /** The same, but returns nothing when `stop` is requested. The client then goes on. */
    std::optional<owned_event> next(const std::stop_token &stop) {
        const source_t source = begun();
        const std::stop_callback wakes(stop, [&source] { source.state->wake(); });
        const auto stopped = [&stop] { return stop.stop_requested(); };
        return source.state->take(source.state->wait(source, stopped), source.es, nullptr);
    }
#endif
#ifdef __cpp_lib_expected
    /**
     * The same. @return an event; nothing after the last one; or why the client failed. It throws only what left a callback.
     */
    std::expected<std::optional<owned_event>, std::error_code> try_next() {
        std::error_code code;
        std::optional<owned_event> event = next(code);
        if (code) return std::unexpected(code);
        return event;
    }
#endif
#ifdef __cpp_lib_coroutine
    class awaiter;
    /**
     * The next event, for a coroutine: `co_await stream.async_next()` returns and throws what next() returns and throws.
     *
     * The coroutine is resumed inside the callback that brings the event. With manual dispatch that is in
     * runtime::dispatch, on the thread of the program's own loop. resume_on() passes it to an executor instead. Only one
     * coroutine may wait at a time; for a second one this throws EVENTSOURCE_ERR_STATE.
     */
    awaiter async_next();
#endif
    /**
     * Sets where coroutines are resumed. Call it before the first async_next().
     *
     * @param executor called on the thread of the client's callback, with a function that resumes the coroutine. The executor
     *        has that function called later, on a thread of its choice. The function does nothing if the coroutine has been
     *        destroyed.
     */
    void resume_on(callback<void(std::function<void()>)> executor) {
        if (!state_) detail::raise(EVENTSOURCE_ERR_NULL);
        state_->executor = std::move(executor);
    }

    /** Asks the client to close. The events in the queue can still be taken. */
    void stop() { client_.stop(); }

    /** The id of the last event that was taken; before the first event, the id that was set. */
    [[nodiscard]] std::string last_event_id() const {
        if (!state_) detail::raise(EVENTSOURCE_ERR_NULL);
        {
            const std::lock_guard<std::mutex> lock(state_->mutex);
            if (state_->taken) return *state_->taken;
        }
        return client_.last_event_id();
    }

    /** Takes the events of a stream in a range-based for. */
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = owned_event;
        using difference_type = std::ptrdiff_t;
        using pointer = const owned_event *;
        using reference = const owned_event &;

        iterator() noexcept = default;
        explicit iterator(stream &from) : stream_(&from), event_(from.next()) {}
        iterator(const iterator &) = default;
        iterator(iterator &&) = default;
        iterator &operator=(const iterator &) = default;
        iterator &operator=(iterator &&) = default;
        ~iterator() = default;
        reference operator*() const noexcept { return *event_; }
        pointer operator->() const noexcept { return &*event_; }
        iterator &operator++() {
            event_ = stream_->next();
            return *this;
        }
        // NOLINTNEXTLINE(cert-dcl21-cpp)
        iterator operator++(int) {
            iterator before(*this);
            ++*this;
            return before;
        }
        friend bool operator==(const iterator &one, const iterator &other) noexcept {
            return !one.event_ && !other.event_;
        }
        friend bool operator!=(const iterator &one, const iterator &other) noexcept { return !(one == other); }

    private:
        stream *stream_ = nullptr;
        std::optional<owned_event> event_{};
    };
    /** Waits for the first event. */
    iterator begin() { return iterator(*this); }
    iterator end() noexcept { return {}; }

private:
    struct state_t;
    /** The state that a call needs even if a callback destroys the stream meanwhile. */
    struct source_t {
        std::shared_ptr<state_t> state;
        std::shared_ptr<client::data_t> data;
        eventsource_t *es;
    };

    /** The state that the client's callbacks share with the program that takes events. */
    struct state_t : std::enable_shared_from_this<state_t> {
        explicit state_t(std::size_t max_queued) noexcept : limit(max_queued) {}
        state_t(const state_t &) = delete;
        state_t(state_t &&) = delete;
        state_t &operator=(const state_t &) = delete;
        state_t &operator=(state_t &&) = delete;
        ~state_t() = default;

        const std::size_t limit;
        std::mutex mutex{};
        std::condition_variable changed{};
        /* Guarded by the mutex: */
        std::deque<owned_event> events{};
        std::size_t bytes = 0;
        bool started = false, paused = false, ended = false;
        eventsource_status_t status = EVENTSOURCE_OK;
        std::string reason{};
        std::exception_ptr exception{};
        std::optional<std::string> taken{}; // the id of the last event
        const void *waiter = nullptr;       // who awaits an event
        std::function<void()> resume{};     // and what resumes it
        bool scheduled = false;             // whether the executor has been told
        callback<void(std::function<void()>)> executor{};

        static std::size_t size_of(const owned_event &event) noexcept {
            return event.type.size() + event.data.size() + event.last_event_id.size() + event.origin.size() + sizeof event;
        }

        /* what the client calls */

        void arrived(client_ref es, const event &event) {
            owned_event copy{std::string(event.type()), std::string(event.data()), std::string(event.last_event_id()),
                             std::string(event.origin())};
            {
                const std::lock_guard<std::mutex> lock(mutex);
                events.push_back(std::move(copy));
                bytes += size_of(events.back());
                if (bytes > limit && !paused) {
                    paused = true;
                    es.pause();
                }
            }
            wake();
        }
        void closed(client_ref es, const eventsource::closed &how) {
            std::string why = how.code() == EVENTSOURCE_OK ? std::string() : es.last_error();
            {
                const std::lock_guard<std::mutex> lock(mutex);
                ended = true;
                status = how.code();
                reason.swap(why);
                exception = how.exception();
            }
            wake();
        }
        /** Something has come: for threads that wait, and for a coroutine. */
        void wake() {
            std::unique_lock<std::mutex> lock(mutex);
            changed.notify_all();
            if (!waiter || scheduled) return;
            if (!executor) {
                go_on(lock);
                return;
            }
            scheduled = true;
            lock.unlock();
            const std::exception_ptr thrown = detail::thrown_by([this] {
                executor([self = this->shared_from_this()] {
                    std::unique_lock<std::mutex> relock(self->mutex);
                    self->go_on(relock);
                });
            });
            if (!thrown) return;
            // It has not been told: the client's end, which the exception brings about, tells it again.
            lock.lock();
            scheduled = false;
            lock.unlock();
            detail::rethrow(thrown);
        }
        void go_on(std::unique_lock<std::mutex> &lock) {
            const auto self = this->shared_from_this(); // the coroutine may destroy the stream
            scheduled = false;
            if (!ready()) return; // it awaits another event than the one for which it was to be resumed
            waiter = nullptr;
            const std::function<void()> resuming = std::exchange(resume, nullptr);
            lock.unlock();
            if (resuming) resuming();
        }

        /* what the program calls */

        eventsource_status_t start(const source_t &source) {
            const std::lock_guard<std::mutex> lock(mutex);
            if (started) return EVENTSOURCE_OK;
            const eventsource_status_t refused = client::begin(source.es, source.data);
            started = refused == EVENTSOURCE_OK;
            return refused;
        }
        bool ready() const noexcept { return !events.empty() || ended; }
        template <typename Stopped>
        std::unique_lock<std::mutex> wait(const source_t &source, Stopped stopped) {
            std::unique_lock<std::mutex> lock(mutex);
            if (ready() || stopped()) return lock;
            lock.unlock();
            client::check_client(source.es, client::may_run(source.es, *source.data));
            lock.lock();
            changed.wait(lock, [&] { return ready() || stopped(); });
            return lock;
        }
        /* `code` receives a failure; if it is NULL, the failure is thrown. */
        std::optional<owned_event> take(std::unique_lock<std::mutex> lock, eventsource_t *es, std::error_code *code) {
            if (!events.empty()) {
                owned_event event = std::move(events.front());
                events.pop_front();
                bytes -= size_of(event);
                if (paused && bytes <= limit / 2) {
                    paused = false;
                    // Under the mutex, so that it does not overtake the pause that it ends.
                    static_cast<void>(eventsource_unpause(es));
                }
                taken = event.last_event_id;
                return event;
            }
            const eventsource_status_t failure = status;
            const std::string why = reason;
            const std::exception_ptr thrown = exception;
            lock.unlock();
            detail::rethrow(thrown);
            if (code) {
                *code = failure;
            } else if (failure != EVENTSOURCE_OK) {
                detail::raise(failure, why);
            }
            return std::nullopt;
        }
        /** From now on this coroutine is not resumed. */
        void forget(const void *who) noexcept {
            std::function<void()> dropped; // destroyed outside the lock
            const std::lock_guard<std::mutex> lock(mutex);
            if (who != waiter) return;
            waiter = nullptr;
            dropped.swap(resume);
        }
        /** The stream is being destroyed. In a callback, nothing else would wake the threads that wait. */
        void abandon() noexcept {
            std::function<void()> dropped;
            const std::lock_guard<std::mutex> lock(mutex);
            waiter = nullptr;
            dropped.swap(resume);
            ended = true;
            changed.notify_all();
        }
    };

    source_t begun() {
        if (!state_) detail::raise(EVENTSOURCE_ERR_NULL);
        source_t source = {state_, client_.data_, client_.es_};
        client::check_client(source.es, source.state->start(source));
        return source;
    }

    std::shared_ptr<state_t> state_;
    client client_; // last, so that it is destroyed first
};

#ifdef __cpp_lib_coroutine
/** What stream::async_next returns. Await it at once. */
class [[nodiscard]] stream::awaiter {
public:
    awaiter(const awaiter &) = delete;
    awaiter(awaiter &&) = delete;
    awaiter &operator=(const awaiter &) = delete;
    awaiter &operator=(awaiter &&) = delete;
    ~awaiter() { state_->forget(this); }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        const auto state = state_; // another thread may resume the coroutine, and end this, before this returns
        const std::lock_guard<std::mutex> lock(state->mutex);
        if (state->ready()) return false;
        if (state->waiter) detail::raise(EVENTSOURCE_ERR_STATE, "another coroutine awaits the next event");
        state->resume = [coroutine] { coroutine.resume(); };
        state->waiter = this;
        return true;
    }
    std::optional<owned_event> await_resume() {
        return state_->take(std::unique_lock<std::mutex>(state_->mutex), es_, nullptr);
    }

private:
    friend class stream;
    explicit awaiter(source_t source) noexcept : state_(std::move(source.state)), es_(source.es) {}

    std::shared_ptr<state_t> state_;
    eventsource_t *es_;
};

inline stream::awaiter stream::async_next() { return awaiter(begun()); }
#endif

/* ---- The parser alone ---------------------------------------------------------------------------------------------- */

/** The options of a parser, with its callbacks: eventsource_parser_options_t. */
struct parser_options {
    std::size_t max_event_size = std::size_t{16} << 20;
    callback<void(const event &)> on_event{};
    callback<void(const comment &)> on_comment{};
    callback<void(milliseconds)> on_retry{};
};

/** A parser of event streams, without any network. */
class parser {
public:
    explicit parser(parser_options options) : data_(std::make_shared<data_t>(std::move(options))) {
        eventsource_parser_options_t raw;
        detail::check(eventsource_parser_options_init(&raw, sizeof raw));
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
        parser_ = detail::checked(eventsource_parser_new(&raw), eventsource_parser_check, eventsource_parser_get_last_error,
                                  eventsource_parser_free);
    }
    parser(parser &&other) noexcept
        : data_(std::move(other.data_)), parser_(std::exchange(other.parser_, nullptr)) {}
    parser &operator=(parser &&other) noexcept {
        parser taken(std::move(other));
        swap(taken);
        return *this;
    }
    parser(const parser &) = delete;
    parser &operator=(const parser &) = delete;
    ~parser() { eventsource_parser_free(parser_); }

    void swap(parser &other) noexcept {
        std::swap(data_, other.data_);
        std::swap(parser_, other.parser_);
    }
    [[nodiscard]] eventsource_parser_t *get() const noexcept { return parser_; }

    /**
     * Parses the next bytes. If an exception leaves a callback, nothing after that is delivered, and the exception is thrown
     * when all bytes have been parsed.
     */
    void feed(bytes piece) {
        const std::shared_ptr<data_t> data = data_; // a callback may destroy this
        const eventsource_status_t status = eventsource_parser_feed(parser_, piece.data(), piece.size());
        if (data && status != EVENTSOURCE_ERR_IN_CALLBACK) {
            detail::rethrow(std::exchange(data->exception, nullptr));
        }
        detail::check(status);
    }
    void reset() { detail::check(eventsource_parser_reset(parser_)); }
    [[nodiscard]] std::string last_event_id() const {
        return detail::copied_text(parser_, eventsource_parser_get_last_event_id);
    }

private:
    struct data_t {
        explicit data_t(parser_options from) noexcept : options(std::move(from)) {}
        parser_options options;
        std::exception_ptr exception{};
    };

    template <typename Run>
    static void run(void *user, Run &&run) noexcept {
        auto &data = *static_cast<data_t *>(user);
        if (data.exception) return;
        data.exception = detail::thrown_by([&] { run(data.options); });
    }

    std::shared_ptr<data_t> data_;
    eventsource_parser_t *parser_ = nullptr;
};

/* ---- The library ------------------------------------------------------------------------------------------------- */

/** The name of a status, such as "EVENTSOURCE_ERR_TIMEOUT". error::what and category say what it means. */
inline std::string_view status_name(eventsource_status_t status) noexcept { return eventsource_status_name(status); }
/** The version of the library that is running. */
inline std::string_view version() noexcept { return eventsource_version(); }
/** The same as a number: major × 1000000 + minor × 1000 + patch. */
inline std::int32_t version_number() noexcept { return eventsource_version_number(); }
/** Whether that library has a part that a build can leave out, such as "tls". Not, if it does not know the name. */
inline bool has_feature(const char *name) noexcept { return eventsource_has_feature(name) != 0; }

/* ---- The log ----------------------------------------------------------------------------------------------------- */

/** One record of the log, valid during the callback. */
class log_record : public detail::view<eventsource_log_record_t> {
public:
    using view::view;
    [[nodiscard]] eventsource_log_level_t level() const noexcept { return get().level; }
    [[nodiscard]] eventsource_log_kind_t kind() const noexcept { return get().kind; }
    /** The client's number(); 0 if the record is about no client. */
    [[nodiscard]] std::uint64_t client() const noexcept { return get().client; }
    /** The client's name, as set_name() gave it. */
    [[nodiscard]] std::string_view name() const noexcept { return {get().name, get().name_len}; }
    /** The client's attempt, from 1; 0 before the first. */
    [[nodiscard]] std::uint64_t attempt() const noexcept { return get().attempt; }
    [[nodiscard]] std::string_view origin() const noexcept { return {get().origin, get().origin_len}; }
    [[nodiscard]] std::string_view text() const noexcept { return {get().text, get().text_len}; }
    /** All of it as one line, without a line end. */
    [[nodiscard]] std::string line() const {
        return detail::copied_text<const eventsource_log_record_t>(&get(), eventsource_log_format);
    }
};

namespace detail {

using log_callback = callback<void(const log_record &)>;

struct log {
    // NOLINTNEXTLINE(bugprone-exception-escape): an exception ends the program, as is documented
    static void write(const eventsource_log_record_t *record, void *user) noexcept {
        (*static_cast<log_callback *>(user))(log_record(record));
    }
    static void destroy(void *user) noexcept { delete static_cast<log_callback *>(user); }
};

} // namespace detail

/**
 * Sets the log callback of the process; nullptr for none. It is called on any thread, by several threads at the same time. When
 * this returns, the previous callback is not running and has been destroyed. Do not call this inside the callback.
 */
inline void log_set_callback(eventsource_log_level_t level, callback<void(const log_record &)> call) {
    auto next = call ? std::make_unique<detail::log_callback>(std::move(call)) : nullptr;
    const eventsource_log_fn write = next ? detail::log::write : nullptr;
    const eventsource_destroy_fn destroy = next ? detail::log::destroy : nullptr;
    detail::check(eventsource_log_set_callback(level, write, next.get(), destroy));
    static_cast<void>(next.release()); // it is the library's now
}

} // namespace eventsource
// NOLINTEND(modernize-use-trailing-return-type)

#ifdef __cpp_lib_ranges
template <typename View, typename Element>
inline constexpr bool std::ranges::enable_borrowed_range<eventsource::detail::array_view<View, Element>> = true;
template <>
inline constexpr bool std::ranges::enable_borrowed_range<eventsource::headers> = true;
#endif

#endif
