import CEventSource

/// What a stream is told before it starts. A setting that the library refuses is thrown by the first `next`.
public struct Settings: Sendable {
    public var method = "GET"
    /// Sent with every attempt; does not change the method.
    public var body: [UInt8] = []
    /// Resumes a stream that was asked for with a POST or the like by a GET of the same URL, once it has been open: a request
    /// that starts something is not made again.
    public var resumesWithGet = false
    /// Asks for a compressed stream.
    public var compression = false
    /// Request headers; names may be repeated.
    public var headers: [(name: String, value: String)] = []
    /// Headers that hold secrets: a redirect to another origin drops them, as it drops `Authorization` and `Cookie`.
    public var sensitiveHeaders: [(name: String, value: String)] = []
    public var basicAuth: (user: String, password: String)?
    /// Goes on after this event, as where an earlier process ended.
    public var lastEventID = ""
    /// Which failures and ends the stream follows with another attempt.
    public var mode = Mode.auto
    public var reconnect = Reconnect()
    /// The longest time for name resolution, TCP and TLS together; nil for no limit.
    public var connectTimeout: Duration? = .seconds(10)
    /// The longest time from a connection to the head of the response; nil for no limit.
    public var responseTimeout: Duration? = .seconds(300)
    /// The longest silence of the stream; nil for no limit.
    public var readTimeout: Duration?
    public var maxRedirects: Int32 = 16
    /// How many bytes one event may hold.
    public var maxEventSize = 16 << 20
    /// Whether a response must be `text/event-stream`.
    public var checksContentType = true
    /// The proxy: `http://user:password@proxy.example:3128`, `https`, `socks5` or `socks5h`; empty for none, nil for what the
    /// environment says.
    public var proxy: String?
    /// Which hosts are reached without the proxy, separated by commas: names with all below them, addresses, networks as
    /// `10.0.0.0/8`; `*` for all, empty for none, nil for what the environment says.
    public var noProxy: String?
    /// Connects to this Unix domain socket, whatever host and port the URL has.
    public var unixSocket = ""
    /// Where hosts are, instead of what the system's resolver says: `host:port:address`, as curl's `--resolve`.
    public var resolve: [String] = []
    /// Certificate authorities to trust beside the operating system's, in PEM form.
    public var certificateAuthorities: [UInt8] = []
    /// The same, from a file, in place of the ones above.
    public var certificateAuthorityFile = ""
    /// Trusts these authorities alone, not the operating system's.
    public var exclusiveAuthorities = false
    /// Shown to servers that ask for one, in PEM form, with its key, not encrypted; the key may be empty where it is in the
    /// certificate's text.
    public var clientCertificate: (certificate: [UInt8], key: [UInt8])?
    /// Accepts only servers whose certificate has one of these public keys, on top of its verification: `sha256//` and the
    /// key's SHA-256 in base64, several separated by semicolons, as curl has them.
    public var pinnedKeys: String?
    /// The name that the server's certificate must have, in place of the URL's host.
    public var serverName: String?
    /// The lowest version of TLS that is spoken.
    public var minTLSVersion = TLSVersion.tls12
    public var httpVersion = HTTPVersion.default
    /// INSECURE: accepts any certificate from anybody. For tests only.
    public var insecureSkipVerification = false
    public var handlers = Handlers()

    public init() {}

    public enum TLSVersion: Int32, Sendable {
        case tls12 = 12
        case tls13 = 13
    }

    public enum HTTPVersion: Int32, Sendable {
        /// HTTP/2 where a server of an https URL offers it, else HTTP/1.1.
        case `default` = 0
        /// HTTP/1.1 only.
        case http1 = 1
        /// HTTP/2 only, also with http URLs, without asking the server first.
        case http2PriorKnowledge = 2
    }

    /// Which failures and ends a stream follows with another attempt.
    public enum Mode: Int32, Sendable {
        /// A GET is kept alive, any other request is made once.
        case auto = 0
        /// After every failure that may pass by itself, and after every end.
        case keepAlive = 1
        /// One request: the stream ends, without error, when the server ends it.
        case once = 2
        /// As `keepAlive`, until the server ends a stream without error.
        case untilEnd = 3
    }

    /// When a stream reconnects. The n-th delay in a row is `delay` × `factor`ⁿ⁻¹, plus a random share of up to `jitter`, at
    /// most `maxDelay`, and at least what the server asked for.
    public struct Reconnect: Sendable {
        /// Retry even if the very first attempt fails.
        public var retryInitial = false
        /// The first delay, until the server's `retry` field replaces it.
        public var delay: Duration = .seconds(1)
        public var maxDelay: Duration = .seconds(60)
        public var factor = 2.0
        public var jitter = 0.5
        /// A stream that stays open for so long ends the growth.
        public var resetAfter: Duration = .seconds(60)
        /// Give up after so many failed attempts in a row; 0 for no limit.
        public var maxAttempts: Int64 = 0
        /// The shortest delay, for each request, that a server can bring about.
        public var minDelay: Duration = .milliseconds(100)
        /// The longest delay that a server can ask for.
        public var maxServerDelay: Duration = .seconds(3600)

        public init() {}
    }

    /// They run on the library's threads, for one stream one at a time, and may block: that holds back their own stream.
    public struct Handlers: Sendable {
        /// Told of each opening of the stream: the first, and after each reconnect.
        public var onOpen: (@Sendable (Response) -> Void)?
        public var onComment: (@Sendable (String) -> Void)?
        /// Told of each failed attempt and each loss of the stream; may override what happens next.
        public var onError: (@Sendable (StreamError) -> Decision)?
        /// Asked after `onError` how long to wait before the next attempt; nil for as long as the error says.
        public var nextDelay: (@Sendable (StreamError) -> Duration?)?
        /// Asked before each attempt, for a fresh token or another URL. After a first answer of 401 it is asked once more.
        public var onRequest: (@Sendable (borrowing Request) -> Void)?

        public init() {}
    }

    func apply(to es: OpaquePointer) throws(StreamError) {
        try withCString(method, refusal: EVENTSOURCE_ERR_METHOD) { eventsource_set_method(es, $0) }.check(es)
        try eventsource_set_body(es, body, body.count).check(es)
        try eventsource_set_resume_with_get(es, resumesWithGet ? 1 : 0).check(es)
        try eventsource_set_compression(es, compression ? 1 : 0).check(es)
        var names: Set<String> = []
        for (name, value) in headers {
            // The first replaces what the library sends by itself, the others are added.
            let set = names.insert(name.lowercased()).inserted ? eventsource_set_header : eventsource_add_header
            try pair(name, value, refusal: EVENTSOURCE_ERR_HEADER) { set(es, $0, $1) }.check(es)
        }
        for (name, value) in sensitiveHeaders {
            try pair(name, value, refusal: EVENTSOURCE_ERR_HEADER) { eventsource_set_sensitive_header(es, $0, $1) }.check(es)
        }
        if let (user, password) = basicAuth {
            try pair(user, password, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_basic_auth(es, $0, $1) }.check(es)
        }
        try withCString(lastEventID, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_last_event_id(es, $0) }.check(es)
        try eventsource_set_mode(es, mode.rawValue).check(es)
        try reconnect.apply(to: es)
        try eventsource_set_connect_timeout(es, connectTimeout?.milliseconds ?? 0).check(es)
        try eventsource_set_response_timeout(es, responseTimeout?.milliseconds ?? 0).check(es)
        try eventsource_set_read_timeout(es, readTimeout?.milliseconds ?? 0).check(es)
        try eventsource_set_max_redirects(es, maxRedirects).check(es)
        try eventsource_set_max_event_size(es, max(0, maxEventSize)).check(es)
        try eventsource_set_check_content_type(es, checksContentType ? 1 : 0).check(es)
        if let proxy { try withCString(proxy, refusal: EVENTSOURCE_ERR_URL) { eventsource_set_proxy(es, $0) }.check(es) }
        if let noProxy { try withCString(noProxy, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_no_proxy(es, $0) }.check(es) }
        try withCString(unixSocket, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_unix_socket(es, $0) }.check(es)
        for entry in resolve {
            try withCString(entry, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_resolve(es, $0) }.check(es)
        }
        if !certificateAuthorities.isEmpty {
            try eventsource_set_ca_pem(es, certificateAuthorities, certificateAuthorities.count).check(es)
        }
        if !certificateAuthorityFile.isEmpty {
            try withCString(certificateAuthorityFile, refusal: EVENTSOURCE_ERR_PEM) { eventsource_set_ca_file(es, $0) }
                .check(es)
        }
        try eventsource_set_ca_exclusive(es, exclusiveAuthorities ? 1 : 0).check(es)
        if let (certificate, key) = clientCertificate {
            try eventsource_set_client_cert_pem(es, certificate, certificate.count, key, key.count).check(es)
        }
        if let pinnedKeys {
            try withCString(pinnedKeys, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_pinned_keys(es, $0) }.check(es)
        }
        if let serverName {
            try withCString(serverName, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_server_name(es, $0) }.check(es)
        }
        try eventsource_set_min_tls_version(es, minTLSVersion.rawValue).check(es)
        try eventsource_set_http_version(es, httpVersion.rawValue).check(es)
        try eventsource_set_insecure_skip_verification(es, insecureSkipVerification ? 1 : 0).check(es)
    }
}

private func pair(
    _ first: String, _ second: String, refusal: eventsource_status_t,
    _ call: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> eventsource_status_t
) -> eventsource_status_t {
    withCString(first, refusal: refusal) { first in
        withCString(second, refusal: refusal) { second in call(first, second) }
    }
}

extension Settings.Reconnect {
    /// The client's own policy first, for what a later library has and this does not know.
    fileprivate func apply(to es: OpaquePointer) throws(StreamError) {
        var policy = eventsource_reconnect_t()
        policy.size = MemoryLayout<eventsource_reconnect_t>.size
        try eventsource_get_reconnect(es, &policy).check(es)
        policy.retry_initial = retryInitial ? 1 : 0
        policy.delay_ms = delay.milliseconds
        policy.max_delay_ms = maxDelay.milliseconds
        policy.factor = factor
        policy.jitter = jitter
        policy.reset_after_ms = resetAfter.milliseconds
        policy.max_attempts = maxAttempts
        policy.min_delay_ms = minDelay.milliseconds
        policy.max_server_delay_ms = maxServerDelay.milliseconds
        try eventsource_set_reconnect(es, &policy).check(es)
    }
}

/// What opened a stream.
public struct Response: Sendable {
    public let status: Int
    /// 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2.
    public let httpVersion: Int
    /// The URL that answered: after redirects, without user information and fragment.
    public let url: String
    public let headers: [(name: String, value: String)]

    init(_ response: eventsource_response_t) {
        status = Int(response.status)
        httpVersion = Int(response.http_version)
        url = text(response.url, response.url_len)
        headers = fields(response.headers, response.header_count)
    }
}

/// What an error handler answers.
public enum Decision: Int32, Sendable {
    /// Do what the error says.
    case `default` = 0
    /// Try again, also where the error would be final.
    case reconnect = 1
    /// End the stream, with this error.
    case stop = 2
}

/// The request of an attempt about to be made. Changes hold for this attempt and its redirects.
public struct Request: ~Copyable {
    private let request: OpaquePointer
    /// 1 for the first attempt since the stream was last open, then 2, 3, …
    public let attempt: Int64
    /// What went wrong before, nil when nothing did, and the HTTP status that went with it.
    public let cause: StreamError.Code?
    public let causeStatus: Int?
    /// The attempt's URL, without user information and fragment.
    public var url: String { copied { eventsource_request_get_url(request, $0, $1, $2) } }

    init(_ request: OpaquePointer) {
        var attempt: Int64 = 0
        var code: Int32 = 0
        var status: Int32 = 0
        eventsource_request_get_attempt(request, &attempt)
        eventsource_request_get_cause(request, &code, &status)
        self.request = request
        self.attempt = attempt
        cause = code == 0 ? nil : StreamError.Code(rawValue: code)
        causeStatus = status == 0 ? nil : Int(status)
    }

    /// In place of any header of that name.
    public func setHeader(_ name: String, _ value: String) throws(StreamError) {
        try pair(name, value, refusal: EVENTSOURCE_ERR_HEADER) { eventsource_request_set_header(request, $0, $1) }.check(nil)
    }

    /// Beside those of the same name.
    public func addHeader(_ name: String, _ value: String) throws(StreamError) {
        try pair(name, value, refusal: EVENTSOURCE_ERR_HEADER) { eventsource_request_add_header(request, $0, $1) }.check(nil)
    }

    /// All headers of that name.
    public func removeHeader(_ name: String) throws(StreamError) {
        try withCString(name, refusal: EVENTSOURCE_ERR_HEADER) { eventsource_request_remove_header(request, $0) }.check(nil)
    }

    /// A header that holds a secret: a redirect to another origin drops it.
    public func setSensitiveHeader(_ name: String, _ value: String) throws(StreamError) {
        try pair(name, value, refusal: EVENTSOURCE_ERR_HEADER) {
            eventsource_request_set_sensitive_header(request, $0, $1)
        }.check(nil)
    }

    public func setMethod(_ method: String) throws(StreamError) {
        try withCString(method, refusal: EVENTSOURCE_ERR_METHOD) { eventsource_request_set_method(request, $0) }.check(nil)
    }

    public func setURL(_ url: String) throws(StreamError) {
        try withCString(url, refusal: EVENTSOURCE_ERR_URL) { eventsource_request_set_url(request, $0) }.check(nil)
    }

    public func setBody(_ body: [UInt8]) throws(StreamError) {
        try eventsource_request_set_body(request, body, body.count).check(nil)
    }
}
