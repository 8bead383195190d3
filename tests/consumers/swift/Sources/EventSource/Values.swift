import CEventSource

func text(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
}

func fields(_ headers: UnsafePointer<eventsource_header_t>?, _ count: Int) -> [(name: String, value: String)] {
    UnsafeBufferPointer(start: headers, count: count).map { field in
        (text(field.name, field.name_len), text(field.value, field.value_len))
    }
}

/// Lends a string to C. One with a NUL is refused: C would take that for its end.
func withCString(
    _ string: String, refusal: eventsource_status_t, _ call: (UnsafePointer<CChar>) -> eventsource_status_t
) -> eventsource_status_t {
    string.utf8.contains(0) ? refusal : string.withCString(call)
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

extension Event {
    init(_ event: eventsource_event_t) {
        self.init(
            type: text(event.type, event.type_len), data: text(event.data, event.data_len),
            lastEventID: text(event.last_event_id, event.last_event_id_len))
    }
}

extension Duration {
    /// Rounded away from 0, which stands for no limit.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let perMillisecond: Int64 = 1_000_000_000_000_000
        let rest = attoseconds % perMillisecond
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        return whole + attoseconds / perMillisecond + rest.signum()
    }
}
