import CEventSource

extension EventStream {
    /// Fields of a request's or a response's head, in their order. Names are compared without regard to case.
    public struct Headers: Sendable, Hashable {
        public struct Field: Sendable, Hashable {
            public var name: String
            public var value: String
            /// It holds a secret: a redirect to another origin drops it, as it drops `Authorization` and `Cookie`. In a
            /// response, nothing is told apart, and this is false.
            public var isSensitive: Bool

            public init(name: String, value: String, isSensitive: Bool = false) {
                self.name = name
                self.value = value
                self.isSensitive = isSensitive
            }
        }

        private var fields: [Field] = []
        /// Names that have been set, added or removed, in lower case: these are what the library is told of.
        private(set) var touched: Set<String> = []

        public init() {}

        /// The first value of that name; nil if there is none. What is set takes the place of all fields of that name; nil
        /// removes them.
        public subscript(name: String) -> String? {
            get { first { Self.match($0.name, name) }?.value }
            set {
                if let newValue { set(name, newValue) } else { remove(name) }
            }
        }

        /// All values of that name.
        public func values(of name: String) -> [String] {
            filter { Self.match($0.name, name) }.map(\.value)
        }

        /// Sets a field, in place of all of that name, one that the library writes by itself included.
        public mutating func set(_ name: String, _ value: String, sensitive: Bool = false) {
            remove(name)
            add(name, value, sensitive: sensitive)
        }

        /// Adds a field beside those of the same name.
        public mutating func add(_ name: String, _ value: String, sensitive: Bool = false) {
            touched.insert(name.lowercased())
            fields.append(Field(name: name, value: value, isSensitive: sensitive))
        }

        /// Removes all fields of that name; there need not be any.
        public mutating func remove(_ name: String) {
            fields.removeAll { Self.match($0.name, name) }
            touched.insert(name.lowercased())
        }

        /// The same fields, as what is there already.
        var untouched: Self {
            var headers = self
            headers.touched = []
            return headers
        }

        /// The same fields; those whose name is a secret's among others are secrets here, too.
        func asSensitive(as others: Self) -> Self {
            let secrets = Set(others.filter(\.isSensitive).map { $0.name.lowercased() })
            var headers = self
            for index in headers.fields.indices where secrets.contains(headers.fields[index].name.lowercased()) {
                headers.fields[index].isSensitive = true
            }
            return headers
        }

        public static func == (one: Self, other: Self) -> Bool { one.fields == other.fields }

        public func hash(into hasher: inout Hasher) { hasher.combine(fields) }

        private static func match(_ one: String, _ other: String) -> Bool {
            one.lowercased() == other.lowercased()
        }
    }
}

extension EventStream.Headers: RandomAccessCollection {
    public var startIndex: Int { fields.startIndex }
    public var endIndex: Int { fields.endIndex }
    public subscript(position: Int) -> Field { fields[position] }
}

extension EventStream.Headers: ExpressibleByDictionaryLiteral {
    /// A name may be repeated.
    public init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }
}

extension EventStream.Headers.Field: CustomStringConvertible {
    /// Without the value of a secret.
    public var description: String { "\(name): \(isSensitive ? "…" : value)" }
}

extension EventStream.Headers: CustomStringConvertible {
    public var description: String { fields.description }
}

extension EventStream.Headers {
    init(_ headers: UnsafePointer<eventsource_header_t>?, _ count: Int) {
        for field in UnsafeBufferPointer(start: headers, count: count) {
            add(text(field.name, field.name_len), text(field.value, field.value_len))
        }
    }

    /// What the library is told of headers, for a client or for a request.
    struct Writer {
        typealias Call = (UnsafePointer<CChar>, UnsafePointer<CChar>) -> eventsource_status_t

        let set: Call
        let setSensitive: Call
        let add: Call
        let remove: (UnsafePointer<CChar>) -> eventsource_status_t
    }

    /// Tells the library what has been touched, and what was there before and is no more. The first refusal ends it.
    func write(to writer: Writer, before: EventStream.Headers = EventStream.Headers()) -> eventsource_status_t {
        let fields = Dictionary(grouping: self) { $0.name.lowercased() }
        let gone = before.map { $0.name.lowercased() }.filter { fields[$0] == nil }
        for name in touched.union(gone).sorted() {
            let status = write(name, fields[name] ?? [], to: writer)
            if status != EVENTSOURCE_OK { return status }
        }
        return EVENTSOURCE_OK
    }

    private func write(_ name: String, _ fields: [Field], to writer: Writer) -> eventsource_status_t {
        if fields.isEmpty { return withCString(name, refusal: EVENTSOURCE_ERR_HEADER, writer.remove) }
        // The library has one secret of a name.
        if fields.count > 1 && fields.contains(where: \.isSensitive) { return EVENTSOURCE_ERR_HEADER }
        for (index, field) in fields.enumerated() {
            // The first replaces what the library sends by itself, the others are added.
            let call = field.isSensitive ? writer.setSensitive : index == 0 ? writer.set : writer.add
            let status = withCStrings(field.name, field.value, refusal: EVENTSOURCE_ERR_HEADER, call)
            if status != EVENTSOURCE_OK { return status }
        }
        return EVENTSOURCE_OK
    }
}
