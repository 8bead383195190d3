import CEventSource
import Synchronization

/// A client of the library, from its start to its end: between the library's threads, which bring events, and the tasks that
/// take them.
///
/// The client is freed in the last of its callbacks, so that nothing waits for it: to free a client elsewhere would wait for
/// handlers. Who is done with this calls `stop`. The client holds on to this until after its last callback.
final class Connection: Sendable {
    typealias Waiter = CheckedContinuation<Result<Event?, EventStream.Failure>, Never>
    typealias Event = EventStream.Event

    private struct State {
        var queue = EventQueue()
        var paused = false
        /// Tasks that have come for an event when there was none.
        var waiters: [Waiter] = []
        /// What is answered when the queue is empty. A failure is answered once, and is the plain end from then on.
        var end: Result<Event?, EventStream.Failure>?
        /// The last failure, which may have been overcome.
        var failure: EventStream.Failure?
        var hasBeenOpen = false
        /// Nobody reads any more.
        var stopped = false
        /// The last callback has come: the client is not to be used any more.
        var closed = false
        var statistics = EventStream.Statistics()
        /// The request handler that a thread of the library waits for.
        var question: Question?
        /// What it threw, until the library reports the failure.
        var thrown: (any Error)?

        mutating func takeEnd() -> Result<Event?, EventStream.Failure>? {
            defer { end = end.map { _ in .success(nil) } }
            return end
        }
    }

    /// The library lets any thread call any function on a client.
    fileprivate nonisolated(unsafe) let es: OpaquePointer
    private let settings: EventStream.Settings
    private let state = Mutex(State())

    fileprivate var handlers: EventStream.Settings.Handlers { settings.handlers }

    private init(es: OpaquePointer, settings: EventStream.Settings) {
        self.es = es
        self.settings = settings
    }

    /// Makes one that has not started, and must be.
    static func make(url: String, settings: EventStream.Settings) throws(EventStream.Failure) -> Connection {
        if url.utf8.contains(0) { throw EventStream.Failure(code: .url) }
        guard let es = eventsource_new(url) else { throw EventStream.Failure(code: .memory) }
        do {
            try eventsource_check(es).check(es)
            try settings.apply(to: es)
        } catch {
            eventsource_free(es)
            throw error
        }
        let connection = Connection(es: es, settings: settings)
        eventsource_set_user_data(es, Unmanaged.passRetained(connection).toOpaque()) { user in
            user.map { Unmanaged<Connection>.fromOpaque($0).release() }
        }
        setCallbacks(es, settings.handlers)
        return connection
    }

    func start() throws(EventStream.Failure) {
        do {
            try eventsource_start(es).check(es)
        } catch {
            // No callback comes, so there is nothing to wait for.
            eventsource_free(es)
            throw error
        }
    }

    // MARK: For tasks

    /// The next event, the failure or the end, when it is there. When the task is cancelled, the stream is stopped.
    func next(isolation: isolated (any Actor)?) async -> Result<Event?, EventStream.Failure> {
        await withTaskCancellationHandler(
            operation: {
                await withCheckedContinuation(isolation: isolation) { waiter in
                    if let answer = take(or: waiter) { waiter.resume(returning: answer) }
                }
            }, onCancel: { stop() }, isolation: isolation)
    }

    private func take(or waiter: Waiter) -> Result<Event?, EventStream.Failure>? {
        state.withLock { state -> Result<Event?, EventStream.Failure>? in
            guard let event = state.queue.take() else {
                let end = state.takeEnd()
                if end == nil { state.waiters.append(waiter) }
                return end
            }
            if state.paused && state.queue.isLow {
                state.paused = false
                // It never waits, and happens within the lock, as pausing does: their order is that of what they follow from.
                if !state.closed { eventsource_unpause(es) }
            }
            return .success(event)
        }
    }

    /// Ends everything at once: who waits gets the end, and what has not been read is dropped. Never blocks.
    func stop() {
        let (waiters, question) = state.withLock { state in
            state.stopped = true
            state.queue = EventQueue()
            state.end = .success(nil)
            if !state.closed { eventsource_stop(es) }
            defer { state.waiters = [] }
            return (state.waiters, state.question)
        }
        question?.settle(.failure(CancellationError()))
        for waiter in waiters { waiter.resume(returning: .success(nil)) }
    }

    func reconnectNow() {
        state.withLock { state in
            if !state.closed { eventsource_reconnect_now(es) }
        }
    }

    var isClosed: Bool { state.withLock { $0.closed } }

    var statistics: EventStream.Statistics {
        state.withLock { $0.closed ? $0.statistics : EventStream.Statistics(of: es) }
    }

    // MARK: For the library's threads

    fileprivate func add(_ batch: [Event]) {
        let served = state.withLock { state -> [(Waiter, Event)] in
            if state.stopped { return [] }
            state.queue.add(batch)
            var served: [(Waiter, Event)] = []
            while !state.waiters.isEmpty, let event = state.queue.take() {
                served.append((state.waiters.removeFirst(), event))
            }
            if state.queue.isHigh && !state.paused {
                state.paused = true
                eventsource_pause(es)
            }
            return served
        }
        for (waiter, event) in served { waiter.resume(returning: .success(event)) }
    }

    fileprivate func opened(_ response: eventsource_response_t) {
        state.withLock { $0.hasBeenOpen = true }
        handlers.onOpen?(EventStream.Response(response))
    }

    fileprivate func failed(_ error: eventsource_error_t) -> EventStream.Decision {
        let failure = state.withLock { state in
            let failure = EventStream.Failure(error, underlying: state.thrown)
            state.thrown = nil
            state.failure = failure
            return failure
        }
        let decision = handlers.onError?(failure) ?? .default
        if decision == .close {
            state.withLock { $0.end = $0.end ?? .failure(failure) }
        }
        if let delay = handlers.nextDelay?(failure) {
            // One that means nothing is none: there is nobody whom it could be thrown to.
            if let delay = try? delay.milliseconds() { eventsource_set_next_delay(es, delay) }
        }
        return decision
    }

    fileprivate func commented(_ comment: String) {
        handlers.onComment?(comment)
    }

    fileprivate func closed(failed: Bool) {
        let statistics = EventStream.Statistics(of: es)
        let answers = state.withLock { state -> [(Waiter, Result<Event?, EventStream.Failure>)] in
            state.closed = true
            state.statistics = statistics
            state.end = state.end ?? (failed ? .failure(state.failure ?? EventStream.Failure(code: .panic)) : .success(nil))
            let answers = state.waiters.map { ($0, state.takeEnd() ?? .success(nil)) }
            state.waiters = []
            return answers
        }
        for (waiter, answer) in answers { waiter.resume(returning: answer) }
        // In a callback, this takes effect when it returns.
        eventsource_free(es)
    }

    /// Lets the request handler change the request, and waits for it: as long as it may take, or until the stream ends.
    fileprivate func prepare(
        _ request: OpaquePointer, _ handler: @escaping @Sendable (inout EventStream.Request) async throws -> Void
    ) -> EventStream.Decision {
        let original = EventStream.Request(request, of: settings)
        let question = Question()
        let stopped = state.withLock { state in
            state.question = question
            return state.stopped
        }
        defer { state.withLock { $0.question = nil } }
        if stopped { return .close }
        let task = Task {
            do {
                var changed = original
                try await handler(&changed)
                question.settle(.success(changed))
            } catch {
                question.settle(.failure(error))
            }
        }
        let answer = question.answer(within: settings.requestTimeout)
        task.cancel()
        let thrown: any Error
        switch answer {
        case .success(let changed):
            let status = changed.apply(to: request, from: original)
            if status == EVENTSOURCE_OK { return .default }
            thrown = EventStream.Failure(code: EventStream.Failure.Code(status))
        case .failure(let error):
            thrown = error
        }
        let isFirst = state.withLock { state in
            state.thrown = thrown
            return !state.hasBeenOpen && original.attempt == 1 && original.cause == nil
        }
        let isRetried = settings.mode != .once && (!isFirst || settings.reconnect.retryInitial)
        return isRetried ? .reconnect : .close
    }
}

/// The library's callbacks. Their user data is the connection, which lives until after the last of them.
private func setCallbacks(_ es: OpaquePointer, _ handlers: EventStream.Settings.Handlers) {
    eventsource_on_events(es) { _, events, count, user in
        guard let events else { return }
        let batch = UnsafeBufferPointer(start: events, count: count).compactMap { event in
            event.map { EventStream.Event($0.pointee) }
        }
        connection(user)?.add(batch)
    }
    eventsource_on_open(es) { _, response, user in
        guard let response else { return }
        connection(user)?.opened(response.pointee)
    }
    eventsource_on_error(es) { _, error, user in
        guard let error, let connection = connection(user) else { return EventStream.Decision.default.c }
        return connection.failed(error.pointee).c
    }
    eventsource_on_close(es) { _, close, user in
        connection(user)?.closed(failed: close?.pointee.reason == EVENTSOURCE_CLOSE_FAILED)
    }
    if handlers.onComment != nil {
        eventsource_on_comment(es) { _, comment, user in
            guard let comment = comment?.pointee else { return }
            connection(user)?.commented(text(comment.text, comment.text_len))
        }
    }
    if handlers.onDocument != nil {
        eventsource_on_document(es) { _, document, user in
            guard let document else { return }
            connection(user)?.handlers.onDocument?(EventStream.Document(document.pointee))
        }
    }
    if handlers.onRedirect != nil {
        eventsource_on_redirect(es) { _, redirect, user in
            guard let redirect, let handler = connection(user)?.handlers.onRedirect else {
                return EventStream.RedirectDecision.refuse.c
            }
            return handler(EventStream.Redirect(redirect.pointee)).c
        }
    }
    if handlers.onRequest != nil {
        eventsource_on_request(es) { _, request, user in
            guard let request, let connection = connection(user), let handler = connection.handlers.onRequest else {
                return EventStream.Decision.default.c
            }
            return connection.prepare(request, handler).c
        }
    }
}

private func connection(_ user: UnsafeMutableRawPointer?) -> Connection? {
    user.map { Unmanaged<Connection>.fromOpaque($0).takeUnretainedValue() }
}
