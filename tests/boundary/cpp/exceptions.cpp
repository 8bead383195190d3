// An exception must not leave a callback. One that does ends the process there and then, by abort(): nothing of the
// library's or the program's runs on in a state that nobody knows.
#include "../c/check.h"
#include "../c/child.h"

#include <stdexcept>
#include <string>

namespace {

enum class Where {
    Request, Open, Event, EventType, Events, Comment, Error, Close, Destroy, Log, ThreadStart, ThreadStop, Dispatch,
    ParserEvent, ParserComment, ParserRetry
};

Where where;
bool thrown;

// At the end of every callback.
void pass(Where here) {
    if (thrown) {
        child_say("a callback ran after the throw");
    } else if (here == where) {
        thrown = true;
        child_say("thrown");
        throw std::runtime_error("thrown on purpose");
    }
}

eventsource_decision_t on_request(eventsource_t *, eventsource_request_t *, void *) {
    pass(Where::Request);
    return EVENTSOURCE_DECISION_DEFAULT;
}
void on_open(eventsource_t *, const eventsource_response_t *, void *) { pass(Where::Open); }
void on_event(eventsource_t *, const eventsource_event_t *, void *) { pass(Where::Event); }
void on_event_type(eventsource_t *, const eventsource_event_t *, void *) { pass(Where::EventType); }
void on_events(eventsource_t *, const eventsource_event_t *const *, size_t, void *) { pass(Where::Events); }
void on_comment(eventsource_t *, const eventsource_comment_t *, void *) { pass(Where::Comment); }
eventsource_decision_t on_error(eventsource_t *, const eventsource_error_t *, void *) {
    pass(Where::Error);
    return EVENTSOURCE_DECISION_CLOSE;
}
void on_close(eventsource_t *, const eventsource_close_t *, void *) { pass(Where::Close); }
void destroy(void *) { pass(Where::Destroy); }
void on_log(const eventsource_log_record_t *, void *) { pass(Where::Log); }
void on_thread_start(void *) { pass(Where::ThreadStart); }
void on_thread_stop(void *) { pass(Where::ThreadStop); }
void on_dispatched(eventsource_t *, const eventsource_event_t *, void *) { pass(Where::Dispatch); }
void on_parser_event(eventsource_parser_t *, const eventsource_event_t *, void *) { pass(Where::ParserEvent); }
void on_parser_comment(eventsource_parser_t *, const eventsource_comment_t *, void *) { pass(Where::ParserComment); }
void on_parser_retry(eventsource_parser_t *, int64_t, void *) { pass(Where::ParserRetry); }

eventsource_t *client(const char *target) {
    eventsource_t *es = eventsource_new((check_url + std::string(target)).c_str());
    CHECK_STATUS(eventsource_check(es), EVENTSOURCE_OK);
    return es;
}

void use_client(eventsource_runtime_t *runtime) {
    eventsource_t *es = client(where == Where::EventType
                                   ? "/status/200?header=Content-Type:text/event-stream&body=event:a%0Adata:b%0A%0A"
                                   : "/events?count=1&then=204&comment=hi");
    CHECK_STATUS(eventsource_set_runtime(es, runtime), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_set_user_data(es, nullptr, destroy), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_request(es, on_request), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_open(es, on_open), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event(es, on_event), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event_type(es, "a", on_event_type), EVENTSOURCE_OK);
    if (where == Where::Events) CHECK_STATUS(eventsource_on_events(es, on_events), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_comment(es, on_comment), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_error(es, on_error), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_close(es, on_close), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_wait(es, EVENTSOURCE_NO_LIMIT), EVENTSOURCE_OK);
    eventsource_free(es);
}

// Manual dispatch: the callback is called by this thread.
void use_dispatch() {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.dispatch = EVENTSOURCE_DISPATCH_MANUAL;
    eventsource_runtime_t *runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    eventsource_t *es = client("/events?count=1&then=204");
    CHECK_STATUS(eventsource_set_runtime(es, runtime), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_on_event(es, on_dispatched), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_start(es), EVENTSOURCE_OK);
    while (eventsource_wait(es, 0) == EVENTSOURCE_ERR_TIMEOUT) {
        CHECK_STATUS(eventsource_runtime_dispatch(runtime, 100, EVENTSOURCE_NO_LIMIT, nullptr), EVENTSOURCE_OK);
    }
    eventsource_free(es);
    eventsource_runtime_free(runtime);
}

void use_parser() {
    eventsource_parser_options_t options;
    eventsource_parser_options_init(&options, sizeof options);
    options.on_event = on_parser_event;
    options.on_comment = on_parser_comment;
    options.on_retry = on_parser_retry;
    eventsource_parser_t *parser = eventsource_parser_new(&options);
    CHECK_STATUS(eventsource_parser_check(parser), EVENTSOURCE_OK);
    CHECK_STATUS(eventsource_parser_feed(parser, "retry:1\n:hi\ndata\n\n", 18), EVENTSOURCE_OK);
    eventsource_parser_free(parser);
}

// Uses everything that calls back. What is thrown on this thread is caught here, if it comes so far.
int use_everything(Where here) try {
    eventsource_runtime_options_t options;
    eventsource_runtime_options_init(&options, sizeof options);
    options.on_thread_start = on_thread_start;
    options.on_thread_stop = on_thread_stop;
    eventsource_runtime_t *runtime = nullptr;
    where = here;
    child_expect_abort();
    if (here == Where::Log) eventsource_log_set_callback(EVENTSOURCE_LOG_DEBUG, on_log, nullptr, nullptr);
    runtime = eventsource_runtime_new(&options);
    CHECK_STATUS(eventsource_runtime_check(runtime), EVENTSOURCE_OK);
    use_client(runtime);
    eventsource_runtime_free(runtime);
    use_dispatch();
    use_parser();
    child_say("everything has been used");
    return 0;
} catch (...) {
    child_say("the exception comes out of the library");
    return 0;
}

const role_t ROLES[] = {
    {"request", [] { return use_everything(Where::Request); }},
    {"open", [] { return use_everything(Where::Open); }},
    {"event", [] { return use_everything(Where::Event); }},
    {"event type", [] { return use_everything(Where::EventType); }},
    {"events", [] { return use_everything(Where::Events); }},
    {"comment", [] { return use_everything(Where::Comment); }},
    {"error", [] { return use_everything(Where::Error); }},
    {"close", [] { return use_everything(Where::Close); }},
    {"destroy", [] { return use_everything(Where::Destroy); }},
    {"log", [] { return use_everything(Where::Log); }},
    {"thread start", [] { return use_everything(Where::ThreadStart); }},
    {"thread stop", [] { return use_everything(Where::ThreadStop); }},
    {"dispatch", [] { return use_everything(Where::Dispatch); }},
    {"parser's event", [] { return use_everything(Where::ParserEvent); }},
    {"parser's comment", [] { return use_everything(Where::ParserComment); }},
    {"parser's retry", [] { return use_everything(Where::ParserRetry); }},
};

void an_exception_that_leaves_a_callback_of_any_kind_aborts_before_anything_else_runs() {
    for (const role_t &role : ROLES) {
        ended_t ended = child_run(role.name);
        CHECK_SIGNAL(&ended, SIGABRT);
        CHECK_TEXT(ended.output, "thrown\n");
        if (check_failed()) std::fprintf(stderr, "\n    (in the role \"%s\")", role.name);
    }
}

} // namespace

CHECK_MAIN_WITH_ROLES(ROLES, TEST(an_exception_that_leaves_a_callback_of_any_kind_aborts_before_anything_else_runs))
