import CEventSource

extension EventStream {
    /// A setting that was refused, a failed attempt, or the loss of an open stream.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        /// What went wrong. The library may answer with codes that have no name here.
        public struct Code: RawRepresentable, Sendable, Hashable {
            public let rawValue: Int32

            public init(rawValue: Int32) { self.rawValue = rawValue }
            init(_ status: eventsource_status_t) { rawValue = status.rawValue }

            public static let utf8 = Code(EVENTSOURCE_ERR_UTF8)
            public static let url = Code(EVENTSOURCE_ERR_URL)
            public static let header = Code(EVENTSOURCE_ERR_HEADER)
            public static let method = Code(EVENTSOURCE_ERR_METHOD)
            public static let value = Code(EVENTSOURCE_ERR_VALUE)
            public static let pem = Code(EVENTSOURCE_ERR_PEM)
            public static let state = Code(EVENTSOURCE_ERR_STATE)
            public static let unsupported = Code(EVENTSOURCE_ERR_UNSUPPORTED)
            public static let runtime = Code(EVENTSOURCE_ERR_RUNTIME)
            public static let panic = Code(EVENTSOURCE_ERR_PANIC)
            public static let forked = Code(EVENTSOURCE_ERR_FORKED)
            public static let freed = Code(EVENTSOURCE_ERR_FREED)
            public static let resolve = Code(EVENTSOURCE_ERR_RESOLVE)
            public static let connect = Code(EVENTSOURCE_ERR_CONNECT)
            public static let connectTimeout = Code(EVENTSOURCE_ERR_CONNECT_TIMEOUT)
            public static let tls = Code(EVENTSOURCE_ERR_TLS)
            public static let disconnected = Code(EVENTSOURCE_ERR_DISCONNECTED)
            public static let readTimeout = Code(EVENTSOURCE_ERR_READ_TIMEOUT)
            public static let eventTimeout = Code(EVENTSOURCE_ERR_EVENT_TIMEOUT)
            public static let `protocol` = Code(EVENTSOURCE_ERR_PROTOCOL)
            public static let endOfStream = Code(EVENTSOURCE_ERR_END_OF_STREAM)
            public static let httpStatus = Code(EVENTSOURCE_ERR_HTTP_STATUS)
            public static let contentType = Code(EVENTSOURCE_ERR_CONTENT_TYPE)
            public static let contentEncoding = Code(EVENTSOURCE_ERR_CONTENT_ENCODING)
            public static let redirect = Code(EVENTSOURCE_ERR_REDIRECT)
            public static let tooManyRedirects = Code(EVENTSOURCE_ERR_TOO_MANY_REDIRECTS)
            public static let eventTooLarge = Code(EVENTSOURCE_ERR_EVENT_TOO_LARGE)
            public static let proxy = Code(EVENTSOURCE_ERR_PROXY)
            public static let certificate = Code(EVENTSOURCE_ERR_CERTIFICATE)
            public static let decoding = Code(EVENTSOURCE_ERR_DECODING)
            public static let http2 = Code(EVENTSOURCE_ERR_HTTP2)
            public static let memory = Code(EVENTSOURCE_ERR_MEMORY)
            public static let responseTimeout = Code(EVENTSOURCE_ERR_RESPONSE_TIMEOUT)
            public static let request = Code(EVENTSOURCE_ERR_REQUEST)
        }

        public let code: Code
        /// What went wrong, for people.
        public let message: String
        /// The status of the answer that was the error, its headers and the first bytes of its body; nil and empty where there
        /// was none.
        public let httpStatus: Int?
        public let headers: Headers
        public let body: String
        /// The operating system's error number, nil where there was none.
        public let osError: Int32?
        /// How long until the next attempt; nil when the error is final.
        public let retryDelay: Duration?
        /// Failed attempts in a row, this one included; 0 when an open stream was lost.
        public let attempt: Int64
        /// What the request handler threw; nil in other failures.
        public let underlying: (any Error)?

        public var description: String { message }

        init(code: Code, message: String? = nil) {
            self.code = code
            self.message = message ?? String(cString: eventsource_status_text(eventsource_status_t(rawValue: code.rawValue)))
            httpStatus = nil
            headers = Headers()
            body = ""
            osError = nil
            retryDelay = nil
            attempt = 0
            underlying = nil
        }

        init(_ error: eventsource_error_t, underlying: (any Error)?) {
            code = Code(error.code)
            let reason = text(error.message, error.message_len)
            message = underlying.map { "the request handler failed: \($0)" } ?? reason
            self.underlying = underlying
            httpStatus = error.http_status == 0 ? nil : Int(error.http_status)
            headers = Headers(error.headers, error.header_count)
            body = text(error.body, error.body_len)
            osError = error.os_error == 0 ? nil : error.os_error
            retryDelay = error.will_retry == 0 ? nil : .milliseconds(error.delay_ms)
            attempt = error.attempt
        }
    }
}

extension eventsource_status_t {
    /// Throws what a call answered, if it is an error, with the reason that the client has for it.
    func check(_ es: OpaquePointer?) throws(EventStream.Failure) {
        guard self != EVENTSOURCE_OK else { return }
        throw EventStream.Failure(code: EventStream.Failure.Code(self), message: es.flatMap(lastError))
    }
}
