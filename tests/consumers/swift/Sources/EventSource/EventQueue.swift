import Synchronization

/// Between the library's threads, which add, and the task that iterates, which takes.
///
/// It is bounded: when there is more than `high`, the client is paused, and from then on the library adds no more than it
/// has in hand, some 64 KiB; it goes on when the task has taken all but `low`.
final class EventQueue: Sendable {
    typealias Waiter = CheckedContinuation<Result<Event?, StreamError>, Never>

    private static let high = 128
    private static let low = 32

    private struct State {
        /// Those before `first` have been taken.
        var events: [Event] = []
        var first = 0
        var paused = false
        /// The task, when it has come for an event and there was none.
        var waiter: Waiter?
        /// The last error, which may have been overcome.
        var error: StreamError?
        var end: Result<Event?, StreamError>?

        var count: Int { events.count - first }

        mutating func take() -> Event? {
            guard first < events.count else { return nil }
            defer {
                first += 1
                if first == events.count {
                    events.removeAll(keepingCapacity: true)
                    first = 0
                }
            }
            return events[first]
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
            state.events.append(contentsOf: batch)
            var served: (Waiter, Event)?
            if let waiter = state.waiter, let event = state.take() {
                state.waiter = nil
                served = (waiter, event)
            }
            if state.count > Self.high && !state.paused {
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
            if state.paused && state.count <= Self.low {
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
