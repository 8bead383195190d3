import CEventSource
import Synchronization

/// A stream of Server-Sent Events that is kept alive: when the connection is lost, it waits, reconnects and continues after
/// the last event id.
///
///     let stream = EventStream("https://example.com/stream")
///     for try await event in stream {
///         print(event.type, event.data)
///     }
///
/// Each iteration opens a connection of its own: at the first `next`, with the URL and the settings of the stream. It is
/// closed when its iterator is gone. The loop ends when its task is cancelled, and when the server asks for the end (204) or
/// the mode says so. A final error is thrown, once, always as an `EventStream.Failure`; after it, `next` returns nil.
///
/// What the loop does not read makes the server wait, through TCP: some 256 KiB of events are kept, then the library reads no
/// more. Nothing here blocks a thread of Swift's cooperative pool.
public final class EventStream: AsyncSequence, Sendable {
    public typealias Element = Event

    private let url: String
    private let settings: Settings
    /// What iterations have opened: those that are open, and the last one.
    private let connections = Mutex<[Connection]>([])

    /// - Parameters:
    ///   - url: an absolute http or https URL. A bad one is thrown by the first `next`.
    ///   - settings: what differs from the defaults. One that is refused is thrown by the first `next`.
    public init(_ url: String, settings: Settings = Settings()) {
        self.url = url
        self.settings = settings
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(self)
    }

    /// Gives up what the open iterations wait for or read, and makes the next attempt at once. For a program that learns that
    /// the network has changed, or that it has been asleep. Without an open iteration, nothing happens.
    public func reconnectNow() {
        for connection in connections.withLock({ $0 }) { connection.reconnectNow() }
    }

    /// What the iteration that was begun last has done so far, or until its end; nil before the first.
    public var statistics: Statistics? {
        connections.withLock { $0.last }?.statistics
    }

    /// What the library's threads are doing, and what all streams of the process have done. All is zero while there is no open
    /// iteration, and begins anew with the next.
    public static var metrics: Metrics { Metrics.now() }

    fileprivate func connect() throws(Failure) -> Connection {
        let connection = try Connection.make(url: url, settings: settings)
        // A handler that is called at once finds it in the list.
        try connections.withLock { connections throws(Failure) in
            connections.removeAll { $0.isClosed }
            try connection.start()
            connections.append(connection)
        }
        return connection
    }

    /// Iterates over the events of one connection, which is closed when this is gone.
    ///
    /// The compiler does not let it leave its task or actor. Inside an actor, several tasks may share it: each event then goes
    /// to one of them, in the order in which they asked; the end and the cancellation of one of them end the loops of all.
    public final class Iterator: AsyncIteratorProtocol {
        public typealias Element = Event

        private enum Step {
            case connect(EventStream)
            case read(Connection)
            case end
        }

        private var step: Step

        fileprivate init(_ stream: EventStream) {
            step = .connect(stream)
        }

        deinit {
            if case .read(let connection) = step { connection.stop() }
        }

        /// The next event; nil at the end, and in a task that has been cancelled.
        public func next(isolation actor: isolated (any Actor)?) async throws(Failure) -> Event? {
            if case .connect(let stream) = step {
                // Whatever follows, the second `next` does not come here again.
                step = .end
                if !Task.isCancelled { step = .read(try stream.connect()) }
            }
            guard case .read(let connection) = step else { return nil }
            return try await connection.next(isolation: actor).get()
        }

        public func next() async throws(Failure) -> Event? {
            try await next(isolation: nil)
        }
    }

    /// The version of the library that is running.
    public static var libraryVersion: String { String(cString: eventsource_version()) }

    /// Whether that library has a part that a build can leave out, such as `"tls"`. A setting that needs one that it has not
    /// is refused with `.unsupported`.
    public static func libraryHas(_ feature: String) -> Bool { eventsource_has_feature(feature) != 0 }
}

// Two tasks that run at the same time would each see some of the events.
@available(*, unavailable)
extension EventStream.Iterator: Sendable {}
