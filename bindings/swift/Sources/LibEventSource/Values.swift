import CEventSource

extension EventStream {
    /// One event of a stream.
    public struct Event: Sendable, Hashable {
        /// `"message"` if the stream names none.
        public let type: String
        /// Its lines are separated by LF.
        public let data: String
        /// The last event id as of this event. Given to `Settings.lastEventID`, a stream continues after this event.
        public let lastEventID: String
        /// The origin of the URL that the stream came from, after redirects: `"https://example.com"`.
        public let origin: String

        /// For tests of what handles events.
        public init(type: String = "message", data: String, lastEventID: String = "", origin: String = "") {
            self.type = type
            self.data = data
            self.lastEventID = lastEventID
            self.origin = origin
        }
    }

    /// The response that opened a stream.
    public struct Response: Sendable {
        public let status: Int
        /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
        public let httpVersion: Int
        /// The URL of the response: after redirects, without user information and fragment.
        public let url: String
        public let headers: Headers
        /// Whom the socket is connected to, as `"192.0.2.1:443"`, or the path of a Unix socket. With a proxy, it is the proxy.
        public let peer: String
        /// The version of TLS with the server; nil without TLS.
        public let tlsVersion: Settings.TLSVersion?
        /// Whether the stream shares an HTTP/2 connection that was there already.
        public let isReused: Bool
        /// How long names were looked up; nil if none was.
        public let resolveTime: Duration?
        /// How long connecting took, proxies included; nil if the connection is reused.
        public let connectTime: Duration?
        /// How long the TLS handshake with the server took; nil if there was none.
        public let tlsTime: Duration?
        /// How long it took from the request to the head of the response.
        public let headTime: Duration?
    }

    /// What an error handler decides.
    public enum Decision: Int32, Sendable {
        /// Do what the error says.
        case `default` = 0
        /// Try again, also where the error would be final.
        case reconnect = 1
        /// End the stream, with this error.
        case close = 2
    }

    /// A whole response that is not an event stream.
    public struct Document: Sendable {
        public let response: Response
        /// Decoded if its content coding is known.
        public let body: [UInt8]
    }

    /// A redirect that can be followed.
    public struct Redirect: Sendable {
        public let status: Int
        /// URLs without user information and fragment.
        public let from: String
        public let to: String
        /// Whether it leads to another origin, and `.follow` does not send there what the request has: `Authorization`, `Cookie`,
        /// headers that hold secrets, a client certificate.
        public let dropsCredentials: Bool
        /// Whether it leads to another origin, and `.follow` does not send the request's body there.
        public let dropsBody: Bool
    }

    /// What a redirect handler decides.
    public enum RedirectDecision: Int32, Sendable {
        /// Without credentials to another origin. If the body would go there, the redirect is refused.
        case follow = 0
        /// The attempt fails with `.redirect`, which is final.
        case refuse = 1
        /// Without credentials.
        case followWithBody = 2
        /// With body, credentials and client certificate, for this redirect alone.
        case followWithCredentials = 3
    }

    /// What a connection has done.
    public struct Statistics: Sendable, Hashable {
        /// Events that have come, also those that have not been read.
        public var events: UInt64 = 0
        /// Bytes of event streams that have come: decoded, and without HTTP's own.
        public var bytes: UInt64 = 0
        /// Attempts begun.
        public var attempts: UInt64 = 0
        /// Streams opened.
        public var opens: UInt64 = 0
        /// Failed attempts and lost streams.
        public var errors: UInt64 = 0
        /// How long the stream has been open; nil while it is not.
        public var open: Duration?
        /// How long ago the last byte of a stream came; nil if none ever has.
        public var idle: Duration?
    }

    /// What the library's threads are doing, and what all streams have done while there has been one.
    public struct Metrics: Sendable, Hashable {
        /// Iterations with an attempt under way, with an open stream, and between attempts.
        public var connecting: UInt64 = 0, open: UInt64 = 0, waiting: UInt64 = 0
        /// Threads that run callbacks, and iterations that have something to do and wait for one.
        public var threads: UInt64 = 0, queued: UInt64 = 0
        /// Iterations begun, attempts made, streams opened, and errors: failed attempts and lost streams.
        public var starts: UInt64 = 0, attempts: UInt64 = 0, opens: UInt64 = 0, errors: UInt64 = 0
        /// Events that have come, and bytes of event streams: decoded, and without HTTP's own.
        public var events: UInt64 = 0, bytes: UInt64 = 0
        /// Reconnects because the server ended the stream.
        public var reconnectsAfterEnd: UInt64 = 0
        /// Reconnects because there was no connection, or it was lost.
        public var reconnectsAfterConnection: UInt64 = 0
        /// Reconnects because of a timeout.
        public var reconnectsAfterTimeout: UInt64 = 0
        /// Reconnects because a response opened no stream, such as one with status 503.
        public var reconnectsAfterResponse: UInt64 = 0
        /// Reconnects that the program asked for.
        public var reconnectsForProgram: UInt64 = 0
        /// Reconnects for other reasons, such as an event over the limit.
        public var reconnectsAfterOther: UInt64 = 0
    }
}

extension EventStream.Event {
    init(_ event: eventsource_event_t) {
        self.init(
            type: text(event.type, event.type_len), data: text(event.data, event.data_len),
            lastEventID: text(event.last_event_id, event.last_event_id_len),
            origin: text(event.origin, event.origin_len))
    }
}

extension EventStream.Response {
    init(_ response: eventsource_response_t) {
        self.init(
            status: Int(response.status), httpVersion: Int(response.http_version.rawValue),
            url: text(response.url, response.url_len),
            headers: EventStream.Headers(response.headers, response.header_count),
            peer: text(response.peer, response.peer_len),
            tlsVersion: EventStream.Settings.TLSVersion(rawValue: response.tls_version.rawValue),
            isReused: response.is_reused != 0,
            resolveTime: .taken(response.resolve_us), connectTime: .taken(response.connect_us),
            tlsTime: .taken(response.tls_us), headTime: .taken(response.head_us))
    }
}

extension Duration {
    /// How long a step took; nil if it was not made.
    fileprivate static func taken(_ microseconds: Int64) -> Duration? {
        microseconds < 0 ? nil : .microseconds(microseconds)
    }
}

extension EventStream.Document {
    init(_ document: eventsource_document_t) {
        self.init(
            response: EventStream.Response(document.response.pointee),
            body: Array(UnsafeRawBufferPointer(start: document.body, count: document.body_len)))
    }
}

extension EventStream.Redirect {
    init(_ redirect: eventsource_redirect_t) {
        self.init(
            status: Int(redirect.status), from: text(redirect.from, redirect.from_len), to: text(redirect.to, redirect.to_len),
            dropsCredentials: redirect.drops_credentials != 0, dropsBody: redirect.drops_body != 0)
    }
}

extension EventStream.RedirectDecision {
    var c: eventsource_redirect_decision_t { eventsource_redirect_decision_t(rawValue: rawValue) }
}

extension EventStream.Decision {
    var c: eventsource_decision_t { eventsource_decision_t(rawValue: rawValue) }
}

extension EventStream.Statistics {
    init(of es: OpaquePointer) {
        var stats = eventsource_stats_t()
        guard eventsource_get_stats(es, &stats, MemoryLayout<eventsource_stats_t>.size) == EVENTSOURCE_OK else { return }
        events = stats.events
        bytes = stats.bytes
        attempts = stats.attempts
        opens = stats.opens
        errors = stats.errors
        open = stats.open_ms < 0 ? nil : .milliseconds(stats.open_ms)
        idle = stats.idle_ms < 0 ? nil : .milliseconds(stats.idle_ms)
    }
}

extension EventStream.Metrics {
    /// Of the runtime that all streams share.
    static func now() -> EventStream.Metrics {
        var now = EventStream.Metrics()
        var metrics = eventsource_metrics_t()
        let size = MemoryLayout<eventsource_metrics_t>.size
        guard eventsource_runtime_get_metrics(nil, &metrics, size) == EVENTSOURCE_OK else { return now }
        now.connecting = metrics.connecting
        now.open = metrics.open
        now.waiting = metrics.waiting
        now.threads = metrics.threads
        now.queued = metrics.queued
        now.starts = metrics.starts
        now.attempts = metrics.attempts
        now.opens = metrics.opens
        now.errors = metrics.errors
        now.events = metrics.events
        now.bytes = metrics.bytes
        now.reconnectsAfterEnd = metrics.reconnects_end
        now.reconnectsAfterConnection = metrics.reconnects_connection
        now.reconnectsAfterTimeout = metrics.reconnects_timeout
        now.reconnectsAfterResponse = metrics.reconnects_response
        now.reconnectsForProgram = metrics.reconnects_program
        now.reconnectsAfterOther = metrics.reconnects_other
        return now
    }
}
