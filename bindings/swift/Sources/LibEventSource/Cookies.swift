import CEventSource

extension EventStream {
    /// A jar of cookies, in memory. Streams whose settings have it keep in it what servers set, and send it back by the rules
    /// of RFC 6265. Any number of them can share one.
    public final class Cookies: Sendable {
        /// A client that is never started: a jar belongs to the clients that use it. The library lets any thread call any
        /// function on it.
        nonisolated(unsafe) let es: OpaquePointer

        /// An empty jar.
        public init() throws(Failure) {
            guard let es = eventsource_new("http://localhost/") else { throw Failure(code: .memory) }
            self.es = es
            try eventsource_set_cookies(es, 1).check(es)
        }

        deinit {
            eventsource_free(es)
        }

        /// Adds the cookies of a text, such as `text` of an earlier process: all of them, or none.
        public func add(_ cookies: String) throws(Failure) {
            try withCString(cookies, refusal: EVENTSOURCE_ERR_VALUE) { eventsource_add_cookies(es, $0) }.check(es)
        }

        /// All cookies in the format of `cookies.txt`, which curl reads and writes, too. They are secrets.
        public var text: String {
            copied { eventsource_get_cookies(es, $0, $1, $2) }
        }
    }
}
