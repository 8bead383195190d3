/// One event of a stream.
public struct Event: Sendable, Hashable {
    /// `"message"` where the stream names none.
    public let type: String
    /// Its lines are separated by LF.
    public let data: String
    /// The last event id as of this event. Given to `Settings.lastEventID`, the stream goes on after this event.
    public let lastEventID: String

    public init(type: String, data: String, lastEventID: String) {
        self.type = type
        self.data = data
        self.lastEventID = lastEventID
    }
}

/// A Server-Sent Events stream that is kept alive: when the connection is lost, it waits, reconnects and resumes with
/// `Last-Event-ID`.
///
///     for try await event in EventStream("https://example.com/stream") {
///         print(event.type, event.data)
///     }
///
/// Each iteration is a stream of its own: it connects at the first `next`, and is closed when the iterator is gone. The
/// loop ends when its task is cancelled and when the server asks for the end; an error that is final is thrown, always as a
/// `StreamError`.
///
/// What is not read makes the server wait, through TCP: some events are kept, then the library reads no more.
public struct EventStream: AsyncSequence, Sendable {
    public typealias Element = Event
    public typealias Failure = StreamError

    private let url: String
    private let settings: Settings

    /// - Parameter url: an absolute http or https URL
    public init(_ url: String, settings: Settings = Settings()) {
        self.url = url
        self.settings = settings
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(url: url, settings: settings)
    }

    public struct Iterator: AsyncIteratorProtocol {
        public typealias Element = Event
        public typealias Failure = StreamError

        private let url: String
        private let settings: Settings
        private var client: Client?

        fileprivate init(url: String, settings: Settings) {
            self.url = url
            self.settings = settings
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(StreamError) -> Event? {
            if client == nil {
                client = try Client(url: url, settings: settings)
            }
            guard let client else { return nil }
            let next = await withTaskCancellationHandler(
                operation: { await client.next(isolation: actor) }, onCancel: { client.stop() }, isolation: actor)
            return try next.get()
        }

        public mutating func next() async throws(StreamError) -> Event? {
            try await next(isolation: nil)
        }
    }
}
