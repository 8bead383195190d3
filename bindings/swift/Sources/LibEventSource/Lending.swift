import CEventSource

func text(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
}

/// Lends a string to C. One with a NUL is refused: C would take that for its end.
func withCString(
    _ string: String, refusal: eventsource_status_t, _ call: (UnsafePointer<CChar>) -> eventsource_status_t
) -> eventsource_status_t {
    string.utf8.contains(0) ? refusal : string.withCString(call)
}

func withCStrings(
    _ first: String, _ second: String, refusal: eventsource_status_t,
    _ call: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> eventsource_status_t
) -> eventsource_status_t {
    withCString(first, refusal: refusal) { first in
        withCString(second, refusal: refusal) { second in call(first, second) }
    }
}

/// The client's text about what went wrong last.
func lastError(_ es: OpaquePointer) -> String? {
    let message = copied { eventsource_get_last_error(es, $0, $1, $2) }
    return message.isEmpty ? nil : message
}

/// A text that the library copies; a buffer that turns out too small is made larger.
func copied(_ get: (UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<Int>) -> eventsource_status_t) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    var length = 0
    while get(&buffer, buffer.count, &length) == EVENTSOURCE_ERR_BUFFER {
        buffer = [CChar](repeating: 0, count: length + 1)
    }
    return text(buffer, length)
}

extension Duration {
    /// Rounded up. One that is negative, or more milliseconds than the library counts, is refused.
    func milliseconds() throws(EventStream.Failure) -> Int64 {
        guard self >= .zero else { throw EventStream.Failure(code: .value, message: "a duration is negative: \(self)") }
        let (seconds, attoseconds) = components
        let perMillisecond: Int64 = 1_000_000_000_000_000
        let rest = attoseconds / perMillisecond + (attoseconds % perMillisecond).signum()
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, carry) = whole.addingReportingOverflow(rest)
        guard !overflow && !carry else { throw EventStream.Failure(code: .value, message: "a duration is too long: \(self)") }
        return sum
    }
}
