// Events in a program that runs on asio: a coroutine awaits them, and all of it runs on the thread of the io_context.
//
//     asio_loop URL     prints each event; ends with the stream, or at Ctrl-C
//
// With manual dispatch the runtime has a descriptor that is readable while callbacks are due. asio waits for it, and
// runtime::dispatch calls them: there the coroutine goes on.
#include "print.h"

#include <eventsource.hpp>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>

#include <coroutine>
#include <csignal>
#include <exception>
#include <system_error>

namespace {

// A coroutine that runs by itself.
struct job {
    struct promise_type {
        job get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

job print_events(eventsource::stream &stream, asio::io_context &context, bool &failed) {
    try {
        while (const auto event = co_await stream.async_next()) {
            print_event(event->type.data(), event->type.size(), event->data.data(), event->data.size());
        }
    } catch (const eventsource::error &error) {
        print_error(eventsource_status_name(error.status()), error.what());
        failed = true;
    }
    context.stop();
}

// Calls what is due whenever something is.
void dispatch(asio::posix::stream_descriptor &descriptor, eventsource::runtime &runtime) {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [&](std::error_code code) {
        if (code) return;
        runtime.dispatch(std::chrono::milliseconds(0));
        dispatch(descriptor, runtime);
    });
}

} // namespace

int main(int argc, char **argv) {
    bool failed = false;
    try {
        eventsource::runtime_options options;
        options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
        eventsource::runtime runtime(std::move(options));
        eventsource::stream stream(argc > 1 ? argv[1] : "https://example.com/stream");
        stream->set_runtime(runtime);

        asio::io_context context;
        asio::posix::stream_descriptor descriptor(context, runtime.fd());
        asio::signal_set signals(context, SIGINT, SIGTERM);
        signals.async_wait([&](std::error_code code, int) {
            if (!code) stream.stop(); // the coroutine ends with it
        });
        dispatch(descriptor, runtime);
        print_events(stream, context, failed);
        context.run();
        descriptor.release(); // it is the runtime's to close
    } catch (const eventsource::error &error) {
        print_error(eventsource_status_name(error.status()), error.what());
        failed = true;
    }
    return failed ? 1 : 0;
}
