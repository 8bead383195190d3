import Synchronization

/// Between the library's threads, which add, and the task that iterates, which takes.
///
/// It is bounded: when it holds more than `high`, the client is paused, and from then on the library adds no more than it
/// has in hand, some 64 KiB or one event; it goes on when the task has taken all but `low`.
final class EventQueue: Sendable {
    typealias Waiter = CheckedContinuation<Result<Event?, StreamError>, Never>

    private static let high = 256 << 10
    private static let low = 64 << 10

    private struct State {
        /// As they came, and those that came before them, the next one last: so taking one costs little, and keeps nothing.
        var added: [Event] = []
        var next: [Event] = []
        /// Bytes that they hold, about.
        var size = 0
        var paused = false
        /// The task, when it has come for an event and there was none.
        var waiter: Waiter?
        /// The last error, which may have been overcome.
        var error: StreamError?
        var end: Result<Event?, StreamError>?

        mutating func add(_ batch: [Event]) {
            added.append(contentsOf: batch)
            size += batch.reduce(0) { $0 + $1.size }
        }

        mutating func take() -> Event? {
            if next.isEmpty {
                swap(&next, &added)
                next.reverse()
            }
            guard let event = next.popLast() else { return nil }
            size -= event.size
            return event
        }
    }

    let handlers: Settings.Handlers
    private let state = Mutex(State())

    init(handlers: Settings.Handlers) {
        self.handlers = handlers
    }

    /// Pausing and resuming never wait, and happen within the lock: their order is that of what they follow from.
    func add(_ batch: [Event], pause: () -> Void) {
        let served: (Waiter, Event)? = state.withLock { state in
            state.add(batch)
            var served: (Waiter, Event)?
            if let waiter = state.waiter, let event = state.take() {
                state.waiter = nil
                served = (waiter, event)
            }
            if state.size > Self.high && !state.paused {
                state.paused = true
                pause()
            }
            return served
        }
        if let (waiter, event) = served {
            waiter.resume(returning: .success(event))
        }
    }

    /// Answers the waiter with the next event, or with what the stream has ended with, now or when there is one.
    func take(_ waiter: Waiter, resume: () -> Void) {
        let answer: Result<Event?, StreamError>? = state.withLock { state in
            guard let event = state.take() else {
                if state.end == nil { state.waiter = waiter }
                return state.end
            }
            if state.paused && state.size <= Self.low {
                state.paused = false
                resume()
            }
            return .success(event)
        }
        if let answer { waiter.resume(returning: answer) }
    }

    func failed(_ error: StreamError) -> Decision {
        state.withLock { $0.error = error }
        let decision = handlers.onError?(error) ?? .default
        if decision == .stop {
            state.withLock { $0.end = .failure(error) }
        }
        return decision
    }

    func close(failed: Bool) {
        let (waiter, end) = state.withLock { state in
            let end = state.end ?? (failed ? .failure(state.error ?? StreamError(code: .panic)) : .success(nil))
            state.end = end
            defer { state.waiter = nil }
            return (state.waiter, end)
        }
        waiter?.resume(returning: end)
    }
}

extension Event {
    fileprivate var size: Int {
        MemoryLayout<Event>.size + type.utf8.count + data.utf8.count + lastEventID.utf8.count
    }
}
