// The program of the consumers in C++: headers and library fit together, and a call comes back through a lambda.
#include <eventsource.hpp>

#include <iostream>

int main() {
    int greetings = 0;
    eventsource::parser_options options;
    options.on_event = [&](const eventsource::event &event) {
        greetings += event.type() == "greeting" && event.data() == "hello";
    };
    eventsource::parser parser(std::move(options));
    parser.feed("event: greeting\ndata: hello\n\n");
    if (greetings != 1) return 1;

    // Nothing listens there: what matters is that a client's threads start and end.
    eventsource_status_t end = EVENTSOURCE_OK;
    eventsource::client es("http://127.0.0.1:1/");
    try {
        es.run();
    } catch (const eventsource::error &error) {
        end = error.status();
    }
    if (end != EVENTSOURCE_ERR_CONNECT) return 2;
    std::cout << "eventsource " << eventsource::version() << " works\n";
}
