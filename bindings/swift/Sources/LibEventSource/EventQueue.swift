/// Events that have come and have not been taken.
///
/// Its owner pauses the client when it is high, and from then on the library adds no more than it has in hand, some 64 KiB or
/// one event; the client goes on when it is low.
struct EventQueue {
    private static let high = 256 << 10
    private static let low = 64 << 10

    /// As they came, and those that came before them, the next one last: so taking one costs little, and keeps nothing.
    private var added: [EventStream.Event] = []
    private var next: [EventStream.Event] = []
    /// Bytes that they hold, about.
    private var size = 0

    var isHigh: Bool { size > Self.high }
    var isLow: Bool { size <= Self.low }

    mutating func add(_ batch: [EventStream.Event]) {
        added.append(contentsOf: batch)
        size += batch.reduce(0) { $0 + $1.size }
    }

    mutating func take() -> EventStream.Event? {
        if next.isEmpty {
            swap(&next, &added)
            next.reverse()
        }
        guard let event = next.popLast() else { return nil }
        size -= event.size
        return event
    }
}

extension EventStream.Event {
    fileprivate var size: Int {
        MemoryLayout<Self>.size + type.utf8.count + data.utf8.count + lastEventID.utf8.count
    }
}
