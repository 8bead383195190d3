import CEventSource

extension EventStream {
    /// Where the library logs, for the whole process.
    public enum Log {
        /// How much is logged; each level includes those before it.
        public enum Level: Int32, Sendable {
            /// Bugs of the library.
            case error = 1
            /// What will probably not work as meant: errors that are final; what is left out of requests, responses and the trusted
            /// authorities; threads that the system refuses.
            case warning
            /// The life of the streams: opened, lost, waiting, closed.
            case info
            /// Each request, redirect and refused call.
            case debug
        }

        /// What happened.
        public enum Kind: Int32, Sendable {
            /// The stream makes a request: one for each attempt, and one more for each redirect.
            case request = 1
            /// It follows a redirect.
            case redirect
            /// It has opened.
            case open
            /// An attempt has failed, or the open stream was lost; the level is `warning` if that is final.
            case error
            /// It waits for its next attempt.
            case wait
            /// It has ended.
            case close
            /// A last event id is not sent, or a content coding is unknown.
            case http
            /// Certificate authorities are left out or cannot be read anew.
            case tls
            /// A call was refused.
            case call
            /// The system refuses threads, or too many names are being looked up.
            case thread
            /// A bug of the library, caught.
            case fault
            /// An address or the default route has changed, or the system has been suspended.
            case network
            /// What a newer library has.
            case other = 0
        }

        /// One record of the log. It holds no secrets: no values of headers, bodies or data of events, and of URLs only the origin.
        public struct Record: Sendable {
            public let level: Level
            public let kind: Kind
            /// The number of the stream that the record is about, which no other of the process has; 0 if it is about none.
            public let client: UInt64
            /// What `Settings.name` calls that stream; empty for nothing.
            public let name: String
            /// The stream's attempt, counted from 1; 0 before the first.
            public let attempt: UInt64
            /// The origin of the stream's URL: scheme, host, and the port if it is not the scheme's own.
            public let origin: String
            /// What happened, for people.
            public let text: String

            init(_ record: eventsource_log_record_t) {
                level = Level(rawValue: record.level.rawValue) ?? .debug
                kind = Kind(rawValue: record.kind.rawValue) ?? .other
                client = record.client
                name = LibEventSource.text(record.name, record.name_len)
                attempt = record.attempt
                origin = LibEventSource.text(record.origin, record.origin_len)
                text = LibEventSource.text(record.text, record.text_len)
            }
        }

        public typealias Handler = @Sendable (Record) -> Void

        /// What the library's user data points to.
        private final class Kept: Sendable {
            let handler: Handler

            init(_ handler: @escaping Handler) { self.handler = handler }
        }

        /// Sets who is told what the library logs up to a level; nil for nobody, the default.
        ///
        /// The handler is called on any thread, by several at once, and must not call this. When this returns, the handler set
        /// before is not running and will not be called again.
        public static func set(_ level: Level, _ handler: Handler?) throws(Failure) {
            guard let handler else {
                try eventsource_log_set_callback(eventsource_log_level_t(level.rawValue), nil, nil, nil).check(nil)
                return
            }
            let kept = Unmanaged.passRetained(Kept(handler))
            let status = eventsource_log_set_callback(
                eventsource_log_level_t(level.rawValue),
                { record, user in
                    guard let record, let user else { return }
                    Unmanaged<Kept>.fromOpaque(user).takeUnretainedValue().handler(Record(record.pointee))
                },
                kept.toOpaque(),
                { user in user.map { Unmanaged<Kept>.fromOpaque($0).release() } })
            // Else it is the library's now.
            if status != EVENTSOURCE_OK { kept.release() }
            try status.check(nil)
        }
    }
}
