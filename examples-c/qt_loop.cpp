// Events in a program that runs on Qt: all callbacks run on the thread of Qt's event loop, and may use its objects.
//
//     qt_loop URL     prints each event; ends with the stream
//
// With manual dispatch the runtime has a descriptor that is readable while callbacks are due: one more for Qt to watch.
#include "print.h"

#include <eventsource.hpp>

#include <QCoreApplication>
#include <QSocketNotifier>

int main(int argc, char **argv) {
    QCoreApplication application(argc, argv);
    try {
        eventsource::runtime_options options;
        options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
        eventsource::runtime runtime(std::move(options));
        QSocketNotifier notifier(runtime.fd(), QSocketNotifier::Read);
        QObject::connect(&notifier, &QSocketNotifier::activated,
                         [&] { runtime.dispatch(std::chrono::milliseconds(0)); });

        eventsource::client es(argc > 1 ? argv[1] : "https://example.com/stream");
        es.set_runtime(runtime)
            .on_event([](const eventsource::event &event) {
                print_event(event.type().data(), event.type().size(), event.data().data(), event.data().size());
            })
            .on_close([] { QCoreApplication::quit(); });
        es.start();
        QCoreApplication::exec();
        es.wait_for(std::chrono::milliseconds(0)); // throws why it failed, if it did
        return 0;
    } catch (const eventsource::error &error) {
        print_error(eventsource_status_name(error.status()), error.what());
        return 1;
    }
}
