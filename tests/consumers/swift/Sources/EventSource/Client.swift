import CEventSource

/// Owns a client of the library: what becomes of it when this is gone is nobody else's concern.
final class Client: Sendable {
    /// The library lets any thread call any function on a client.
    private nonisolated(unsafe) let es: OpaquePointer
    private let queue: EventQueue

    /// Starts it.
    init(url: String, settings: Settings) throws(StreamError) {
        var made: OpaquePointer?
        try withCString(url, refusal: EVENTSOURCE_ERR_URL) { eventsource_new($0, &made) }.check(nil)
        guard let es = made else { throw StreamError(code: .runtime) }
        self.es = es
        queue = EventQueue(handlers: settings.handlers)
        // From here on, deinit comes also when something is thrown.
        try settings.apply(to: es)
        eventsource_set_user_data(es, Unmanaged.passRetained(queue).toOpaque()) { user in
            user.map { Unmanaged<EventQueue>.fromOpaque($0).release() }
        }
        setCallbacks(es, settings.handlers)
        try eventsource_start(es).check(es)
    }

    deinit {
        // Waits for a callback that is running; none of ours blocks but a handler that does.
        eventsource_free(es)
    }

    func stop() {
        eventsource_stop(es)
    }

    func next(isolation: isolated (any Actor)?) async -> Result<Event?, StreamError> {
        if Task.isCancelled { return .success(nil) }
        return await withCheckedContinuation(isolation: isolation) { waiter in
            queue.take(waiter, resume: { eventsource_resume(es) })
        }
    }
}

/// The library's callbacks. Their user data is the queue, which lives until after the last of them.
private func setCallbacks(_ es: OpaquePointer, _ handlers: Settings.Handlers) {
    eventsource_on_events(es) { es, events, count, user in
        guard let events else { return }
        let batch = UnsafeBufferPointer(start: events, count: count).compactMap { $0.map { Event($0.pointee) } }
        queue(user)?.add(batch, pause: { eventsource_pause(es) })
    }
    eventsource_on_error(es) { es, error, user in
        guard let error, let queue = queue(user) else { return Decision.default.rawValue }
        let failure = StreamError(error.pointee)
        let decision = queue.failed(failure)
        if let delay = queue.handlers.nextDelay?(failure) { eventsource_set_next_delay(es, delay.milliseconds) }
        return decision.rawValue
    }
    eventsource_on_close(es) { _, close, user in
        queue(user)?.close(failed: close?.pointee.reason == EVENTSOURCE_CLOSE_FAILED)
    }
    if handlers.onOpen != nil {
        eventsource_on_open(es) { _, response, user in
            guard let response else { return }
            queue(user)?.handlers.onOpen?(Response(response.pointee))
        }
    }
    if handlers.onComment != nil {
        eventsource_on_comment(es) { _, comment, user in
            guard let comment = comment?.pointee else { return }
            queue(user)?.handlers.onComment?(text(comment.text, comment.text_len))
        }
    }
    if handlers.onRequest != nil {
        eventsource_on_request(es) { _, request, user in
            guard let request else { return }
            queue(user)?.handlers.onRequest?(Request(request))
        }
    }
}

private func queue(_ user: UnsafeMutableRawPointer?) -> EventQueue? {
    user.map { Unmanaged<EventQueue>.fromOpaque($0).takeUnretainedValue() }
}
