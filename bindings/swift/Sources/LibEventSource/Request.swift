import CEventSource

extension EventStream {
    /// The request of an attempt that is about to be made. What a handler changes holds for this attempt and its redirects.
    public struct Request: Sendable {
        /// 1 for the first attempt since the stream was last open, then 2, 3, …
        public let attempt: Int64
        /// What went wrong before, nil if nothing did, and the HTTP status that went with it.
        public let cause: Failure.Code?
        public let causeStatus: Int?
        /// Without user information and fragment. One of another origin drops what was set for the first one:
        /// `Authorization`, `Cookie`, headers that hold a secret, and the client certificate. What this handler sets is kept.
        public var url: String
        public var method: String
        public var body: [UInt8]
        /// Those of the settings, and those that the library adds, such as `Accept` and `Last-Event-ID`. What is not in here any
        /// more is not sent.
        public var headers: Headers
        /// Sent in `Authorization`, if it is set.
        public var basicAuth: (user: String, password: String)?
    }
}

extension EventStream.Request {
    init(_ request: OpaquePointer, of settings: EventStream.Settings) {
        var attempt: Int64 = 0
        var code = EVENTSOURCE_OK
        var status: Int32 = 0
        eventsource_request_get_attempt(request, &attempt)
        eventsource_request_get_cause(request, &code, &status)
        var body: UnsafeRawPointer?
        var count = 0
        eventsource_request_get_body(request, &body, &count)
        var fields: UnsafePointer<eventsource_header_t>?
        var fieldCount = 0
        eventsource_request_get_headers(request, &fields, &fieldCount)
        self.init(
            attempt: attempt, cause: code == EVENTSOURCE_OK ? nil : EventStream.Failure.Code(code),
            causeStatus: status == 0 ? nil : Int(status),
            url: copied { eventsource_request_get_url(request, $0, $1, $2) },
            method: copied { eventsource_request_get_method(request, $0, $1, $2) },
            body: [UInt8](UnsafeRawBufferPointer(start: body, count: count)),
            headers: EventStream.Headers(fields, fieldCount).asSensitive(as: settings.headers).untouched)
    }

    /// Tells the library what differs from another. What is refused keeps the request from being sent.
    func apply(to request: OpaquePointer, from other: EventStream.Request) -> eventsource_status_t {
        var statuses: [eventsource_status_t] = []
        // The URL first: it drops headers that were not meant for it.
        if url != other.url {
            statuses.append(withCString(url, refusal: EVENTSOURCE_ERR_URL) { eventsource_request_set_url(request, $0) })
        }
        if method != other.method {
            statuses.append(withCString(method, refusal: EVENTSOURCE_ERR_METHOD) { eventsource_request_set_method(request, $0) })
        }
        if body != other.body {
            statuses.append(eventsource_request_set_body(request, body, body.count))
        }
        let writer = EventStream.Headers.Writer(
            set: { eventsource_request_set_header(request, $0, $1) },
            setSensitive: { eventsource_request_set_sensitive_header(request, $0, $1) },
            add: { eventsource_request_add_header(request, $0, $1) },
            remove: { eventsource_request_remove_header(request, $0) })
        statuses.append(headers.write(to: writer, before: other.headers))
        if let (user, password) = basicAuth {
            statuses.append(
                withCStrings(user, password, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_request_set_basic_auth(request, $0, $1) })
        }
        return statuses.first { $0 != EVENTSOURCE_OK } ?? EVENTSOURCE_OK
    }
}
