// The smallest program in C++: it takes one event after another; the library reconnects by itself.
#include "print.h"

#include <eventsource.hpp>

int main(int argc, char **argv) {
    try {
        eventsource::stream stream(argc > 1 ? argv[1] : "https://example.com/stream");
        // A program with a token goes on with: stream->set_header("Authorization", "Bearer …").
        while (const auto event = stream.next()) {
            print_event(event->type.data(), event->type.size(), event->data.data(), event->data.size());
        }
        return 0;
    } catch (const eventsource::error &error) {
        print_error(eventsource_status_name(error.status()), error.what());
        return 1;
    }
}
