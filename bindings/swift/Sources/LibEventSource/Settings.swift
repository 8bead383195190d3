import CEventSource

extension EventStream {
    /// What a stream is told before it starts. A setting that is refused is thrown by the first `next`, and nothing is sent.
    ///
    /// Durations are rounded up to milliseconds. A duration that is negative, or that the library cannot count, is refused.
    public struct Settings: Sendable {
        /// What the log calls the stream, beside its number: `Log.Record.name`. It is no secret. nil for nothing.
        public var name: String?
        /// Any HTTP method but CONNECT.
        public var method = "GET"
        /// Sent with every attempt; does not change the method.
        public var body: [UInt8] = []
        /// Reconnects a stream that a POST or another method opened by a GET of the same URL, once it has been open: a request
        /// that starts something is not made again.
        public var reconnectsWithGet = false
        /// Asks for a compressed stream.
        public var compression = false
        /// Where cookies that servers set are kept; nil for nowhere.
        public var cookies: EventStream.Cookies?
        /// The request's headers, secrets included: `headers.set("X-Key", key, sensitive: true)`.
        public var headers = Headers()
        /// Sent in `Authorization`.
        public var basicAuth: (user: String, password: String)?
        /// Continues after this event, for example where an earlier process ended. Empty for none.
        public var lastEventID = ""
        /// Which failures and ends the stream follows with another attempt.
        public var mode = Mode.auto
        public var reconnect = Reconnect()
        /// The longest time for name resolution, TCP, the proxy and TLS together; nil for no limit.
        public var connectTimeout: Duration? = .seconds(10)
        /// The longest time from a connection to the head of the response; nil for no limit.
        public var responseTimeout: Duration? = .seconds(300)
        /// The longest silence of the stream; nil for no limit.
        public var readTimeout: Duration?
        /// How long the stream may go without an event, whatever else comes; nil for no limit.
        public var eventTimeout: Duration?
        /// The longest time that `handlers.onRequest` may take; nil for no limit. Then the attempt fails, and the handler's
        /// task is cancelled.
        public var requestTimeout: Duration? = .seconds(60)
        /// How many redirects one attempt follows; 0 for none.
        public var maxRedirects = 16
        /// How many bytes one event may hold, at least 1.
        public var maxEventSize = 16 << 20
        /// The event that ends the stream, by its data: `[DONE]` for most language models. It is not delivered. An end without it
        /// is the failure `.endOfStream`: the stream was cut. nil for none.
        public var endMarker: String?
        /// How many bytes of an error's body `Failure.body` has.
        public var maxErrorBody = 4096
        /// Whether a response must be `text/event-stream`.
        public var checksContentType = true
        /// The network interface (`eth0`) or the address of this machine that every connection is made through or from.
        public var interface: String?
        /// Whether changes of the network and the end of a suspension cut waits short and have open streams verified at once.
        public var watchesNetwork = true
        /// The proxy: `http://user:password@proxy.example:3128`, `https`, `socks5` or `socks5h`; empty for none, nil for what
        /// the environment says.
        public var proxy: String?
        /// Which hosts are reached without the proxy, separated by commas: names with all below them, addresses, networks such
        /// as `10.0.0.0/8`; `*` for all, empty for none, nil for what the environment says.
        public var noProxy: String?
        /// Connects to this Unix domain socket, whatever host and port the URL has.
        public var unixSocket: String?
        /// A file for the secrets of TLS connections, so that a tool such as Wireshark can decrypt what it has captured of them: for
        /// debugging only. It is made if there is none, for this user alone; one that others may use is refused.
        public var keyLogFile: String?
        /// Where hosts are, instead of what the system's resolver says: `host:port:address`, as in curl's `--resolve`. A host
        /// may have several entries.
        public var resolve: [String] = []
        /// Certificate authorities to trust beside the operating system's, in PEM form.
        public var certificateAuthorities: [UInt8] = []
        /// The same, from a file, in place of the ones above.
        public var certificateAuthorityFile: String?
        /// Trusts these authorities alone, not the operating system's.
        public var exclusiveAuthorities = false
        /// Shown to servers that ask for one, in PEM form, with its key, not encrypted. The key may be empty if it is in the
        /// certificate's text.
        public var clientCertificate: (certificate: [UInt8], key: [UInt8])?
        /// The same, from files, in place of the one above; they are read again when the server refuses the certificate. The key
        /// is nil if it is in the certificate's file.
        public var clientCertificateFile: (certificate: String, key: String?)?
        /// Accepts only servers whose certificate has one of these public keys, on top of its verification: `sha256//` and the
        /// key's SHA-256 in base64, several separated by semicolons, as in curl.
        public var pinnedKeys: String?
        /// The name that the server's certificate must have, in place of the URL's host.
        public var serverName: String?
        /// The lowest version of TLS that is spoken.
        public var minTLSVersion = TLSVersion.tls12
        public var httpVersion = HTTPVersion.default
        /// INSECURE: accepts any certificate. For tests only.
        public var insecureSkipVerification = false
        public var handlers = Handlers()

        public init() {}
    }
}

extension EventStream.Settings {
    public enum TLSVersion: Int32, Sendable {
        case tls12 = 12
        case tls13 = 13
    }

    public enum HTTPVersion: Int32, Sendable {
        /// HTTP/2 if the server of an https URL offers it, else HTTP/1.1.
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
        /// The first delay, until the server's `retry` field replaces it. At least 1 ms.
        public var delay: Duration = .seconds(1)
        /// The longest delay. At least 1 ms.
        public var maxDelay: Duration = .seconds(60)
        /// 1 to 100.
        public var factor = 2.0
        /// 0 to 1.
        public var jitter = 0.5
        /// A stream that stays open for so long ends the growth.
        public var resetAfter: Duration = .seconds(60)
        /// Give up after so many failed attempts in a row, 1 to 4294967295; nil for no limit.
        public var maxAttempts: Int64?
        /// The shortest delay, for each request, that a server can bring about. At least 1 ms.
        public var minDelay: Duration = .milliseconds(100)
        /// The longest delay that a server can ask for. At least 1 ms.
        public var maxServerDelay: Duration = .seconds(3600)

        public init() {}
    }

    /// Functions that the library calls for one stream one at a time, on its own threads: never on Swift's cooperative pool. They
    /// may block: that holds back their own stream, and nothing else, unless a thousand of them do.
    public struct Handlers: Sendable {
        /// Told of each opening of the stream: the first, and after each reconnect.
        public var onOpen: (@Sendable (EventStream.Response) -> Void)?
        public var onComment: (@Sendable (String) -> Void)?
        /// Told of each failed attempt and each loss of the stream; may override what happens next.
        public var onError: (@Sendable (EventStream.Failure) -> EventStream.Decision)?
        /// Asked after `onError` how long to wait before the next attempt; nil for as long as the error says.
        public var nextDelay: (@Sendable (EventStream.Failure) -> Duration?)?
        /// Awaited before each attempt, for a fresh token or another URL. After a first response of 401 it is awaited once more.
        ///
        /// It runs as a task of its own, which is cancelled when the stream ends. Meanwhile the request waits, and with it one
        /// thread of the library; it has at most 1024, so a handler should come to an end: `requestTimeout`.
        ///
        /// What it throws, and a change that is refused, fails the attempt with `.request`, and nothing is sent; the error is
        /// the failure's `underlying`. The next attempt comes after the back-off, unless this was the stream's first one
        /// (`reconnect.retryInitial`) or the mode is `.once`: then the loop throws the failure.
        public var onRequest: (@Sendable (inout EventStream.Request) async throws -> Void)?

        /// Given a whole response that is not an event stream, such as JSON, as a result: the stream then ends, without an error.
        /// Without it, such a response is the failure `.contentType`.
        public var onDocument: (@Sendable (EventStream.Document) -> Void)?
        /// Asked about each redirect: whether to follow it, and whether another origin gets what is for the first one alone.
        public var onRedirect: (@Sendable (EventStream.Redirect) -> EventStream.RedirectDecision)?

        public init() {}
    }
}

extension EventStream.Settings {
    func apply(to es: OpaquePointer) throws(EventStream.Failure) {
        if let limit = requestTimeout { try checkIsPositive(limit, "requestTimeout") }
        if let name {
            try withCString(name, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_name(es, $0) }.check(es)
        }
        try withCString(method, refusal: EVENTSOURCE_ERR_METHOD) { eventsource_set_method(es, $0) }.check(es)
        try eventsource_set_body(es, body, body.count).check(es)
        try eventsource_set_reconnect_with_get(es, reconnectsWithGet ? 1 : 0).check(es)
        if let cookies { try eventsource_share_cookies(es, cookies.es).check(es) }
        try eventsource_set_compression(es, compression ? 1 : 0).check(es)
        let writer = EventStream.Headers.Writer(
            set: { eventsource_set_header(es, $0, $1) },
            setSensitive: { eventsource_set_sensitive_header(es, $0, $1) },
            add: { eventsource_add_header(es, $0, $1) },
            remove: { eventsource_remove_header(es, $0) })
        try headers.write(to: writer).check(es)
        if let (user, password) = basicAuth {
            try withCStrings(user, password, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_basic_auth(es, $0, $1) }.check(es)
        }
        try withCString(lastEventID, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_last_event_id(es, $0) }.check(es)
        try eventsource_set_mode(es, eventsource_mode_t(rawValue: mode.rawValue)).check(es)
        try reconnect.apply(to: es)
        try applyLimits(to: es)
        try applyWay(to: es)
        try applyTrust(to: es)
    }

    private func applyLimits(to es: OpaquePointer) throws(EventStream.Failure) {
        try eventsource_set_connect_timeout(es, limit(connectTimeout, "connectTimeout")).check(es)
        try eventsource_set_response_timeout(es, limit(responseTimeout, "responseTimeout")).check(es)
        try eventsource_set_read_timeout(es, limit(readTimeout, "readTimeout")).check(es)
        try eventsource_set_event_timeout(es, limit(eventTimeout, "eventTimeout")).check(es)
        try eventsource_set_max_redirects(es, exactly(maxRedirects, "maxRedirects")).check(es)
        // C's size_t, which Swift has as an Int, would take a negative number for a large one.
        if maxEventSize < 1 { throw refused("maxEventSize", maxEventSize) }
        try eventsource_set_max_event_size(es, maxEventSize).check(es)
        if let endMarker {
            try withCString(endMarker, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_end_marker(es, $0) }.check(es)
        }
        if maxErrorBody < 0 { throw refused("maxErrorBody", maxErrorBody) }
        try eventsource_set_max_error_body(es, maxErrorBody).check(es)
        try eventsource_set_check_content_type(es, checksContentType ? 1 : 0).check(es)
    }

    private func applyWay(to es: OpaquePointer) throws(EventStream.Failure) {
        if let proxy { try withCString(proxy, refusal: EVENTSOURCE_ERR_URL) { eventsource_set_proxy(es, $0) }.check(es) }
        if let noProxy { try withCString(noProxy, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_no_proxy(es, $0) }.check(es) }
        if let unixSocket {
            try withCString(unixSocket, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_unix_socket(es, $0) }.check(es)
        }
        if let keyLogFile {
            try withCString(keyLogFile, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_key_log_file(es, $0) }.check(es)
        }
        if let interface {
            try withCString(interface, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_interface(es, $0) }.check(es)
        }
        try eventsource_set_watch_network(es, watchesNetwork ? 1 : 0).check(es)
        for entry in resolve {
            try withCString(entry, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_add_resolve(es, $0) }.check(es)
        }
        try eventsource_set_http_version(es, eventsource_http_t(rawValue: httpVersion.rawValue)).check(es)
    }

    private func applyTrust(to es: OpaquePointer) throws(EventStream.Failure) {
        if !certificateAuthorities.isEmpty {
            try eventsource_set_ca_pem(es, certificateAuthorities, certificateAuthorities.count).check(es)
        }
        if let certificateAuthorityFile {
            try withCString(certificateAuthorityFile, refusal: EVENTSOURCE_ERR_PEM) { eventsource_set_ca_file(es, $0) }
                .check(es)
        }
        try eventsource_set_ca_exclusive(es, exclusiveAuthorities ? 1 : 0).check(es)
        if let (certificate, key) = clientCertificate {
            try eventsource_set_client_cert_pem(es, certificate, certificate.count, key, key.count).check(es)
        }
        if let (certificate, key) = clientCertificateFile {
            try withCString(certificate, refusal: EVENTSOURCE_ERR_PEM) { certificate in
                guard let key else { return eventsource_set_client_cert_file(es, certificate, nil) }
                return withCString(key, refusal: EVENTSOURCE_ERR_PEM) { eventsource_set_client_cert_file(es, certificate, $0) }
            }.check(es)
        }
        if let pinnedKeys {
            try withCString(pinnedKeys, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_pinned_keys(es, $0) }.check(es)
        }
        if let serverName {
            try withCString(serverName, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_set_server_name(es, $0) }.check(es)
        }
        try eventsource_set_min_tls_version(es, eventsource_tls_version_t(rawValue: minTLSVersion.rawValue)).check(es)
        try eventsource_set_insecure_skip_verification(es, insecureSkipVerification ? 1 : 0).check(es)
    }
}

extension EventStream.Settings.Reconnect {
    /// The client's own policy first, for what a later library has and this does not know.
    fileprivate func apply(to es: OpaquePointer) throws(EventStream.Failure) {
        var policy = eventsource_reconnect_t()
        try eventsource_get_reconnect(es, &policy, MemoryLayout<eventsource_reconnect_t>.size).check(es)
        policy.retry_initial = retryInitial ? 1 : 0
        policy.delay_ms = try delay.milliseconds()
        policy.max_delay_ms = try maxDelay.milliseconds()
        policy.factor = factor
        policy.jitter = jitter
        policy.reset_after_ms = try resetAfter.milliseconds()
        if let maxAttempts, maxAttempts < 1 { throw refused("maxAttempts", maxAttempts) }
        policy.max_attempts = maxAttempts ?? Int64(EVENTSOURCE_NO_LIMIT)
        policy.min_delay_ms = try minDelay.milliseconds()
        policy.max_server_delay_ms = try maxServerDelay.milliseconds()
        try eventsource_set_reconnect(es, &policy).check(es)
    }
}

/// What a setting cannot mean.
private func refused(_ name: String, _ value: some Any) -> EventStream.Failure {
    EventStream.Failure(code: .value, message: "\(name) cannot be \(value)")
}

private func exactly<T: FixedWidthInteger>(_ value: Int, _ name: String) throws(EventStream.Failure) -> T {
    guard let exact = T(exactly: value) else { throw refused(name, value) }
    return exact
}

/// No limit is nil, never a duration.
private func limit(_ duration: Duration?, _ name: String) throws(EventStream.Failure) -> Int64 {
    guard let duration else { return Int64(EVENTSOURCE_NO_LIMIT) }
    try checkIsPositive(duration, name)
    return try duration.milliseconds()
}

private func checkIsPositive(_ duration: Duration, _ name: String) throws(EventStream.Failure) {
    if duration <= .zero { throw refused(name, duration) }
    _ = try duration.milliseconds()
}
