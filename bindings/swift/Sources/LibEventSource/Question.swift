import Dispatch
import Synchronization

/// What a thread of the library asks an asynchronous handler: it waits for the first answer. Not for threads of Swift's
/// cooperative pool, which must not wait.
final class Question: Sendable {
    typealias Answer = Result<EventStream.Request, any Error>

    private let answered = DispatchSemaphore(value: 0)
    private let first = Mutex<Answer?>(nil)

    func settle(_ answer: Answer) {
        let isFirst = first.withLock { first in
            defer { first = first ?? answer }
            return first == nil
        }
        if isFirst { answered.signal() }
    }

    /// Without an answer in time, it is settled by a failure that says so.
    func answer(within limit: Duration?) -> Answer {
        if let milliseconds = try? limit?.milliseconds() {
            // The furthest that Dispatch can tell from never is far away enough.
            let limit = Int(clamping: min(milliseconds, 1 << 40))
            if answered.wait(timeout: .now() + .milliseconds(limit)) == .timedOut {
                settle(.failure(EventStream.Failure(code: .request, message: "onRequest took longer than requestTimeout")))
            }
        } else {
            answered.wait()
        }
        return first.withLock { $0 } ?? .failure(CancellationError())
    }
}
