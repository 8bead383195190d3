import CEventSource
import Synchronization

/// How much is logged; each level includes those before it.
public enum LogLevel: Int32, Sendable {
    /// Faults of the library or the system.
    case error = 1
    /// What will probably not work as meant.
    case warning
    /// The life of the streams: opened, lost, closed.
    case info
    /// Each attempt, redirect and refused call.
    case debug
}

/// Where the library logs, for the whole process.
public enum Log {
    public typealias Handler = @Sendable (LogLevel, String) -> Void

    private static let current = Mutex<Kept?>(nil)

    /// What the library's user data points to.
    private final class Kept: Sendable {
        let handler: Handler

        init(_ handler: @escaping Handler) { self.handler = handler }
    }

    /// Sets who is told what the library logs up to a level; nil for nobody, the default. Secrets are never logged: no values
    /// of headers, bodies, data of events, user information or queries of URLs.
    ///
    /// The handler is called on any thread, by several at once, and must not call this. When this returns, the handler set
    /// before is not running and will not be called again.
    public static func set(_ level: LogLevel, _ handler: Handler?) throws(StreamError) {
        let next = handler.map(Kept.init)
        let user = next.map { Unmanaged.passUnretained($0).toOpaque() }
        let status = current.withLock { current in
            let status = eventsource_set_log_callback(next == nil ? nil : write, level.rawValue, user)
            if status == EVENTSOURCE_OK { current = next }
            return status
        }
        try status.check(nil)
    }

    private static let write: @convention(c) (Int32, UnsafePointer<CChar>?, UnsafeMutableRawPointer?) -> Void = {
        level, message, user in
        guard let user, let message, let level = LogLevel(rawValue: level) else { return }
        Unmanaged<Kept>.fromOpaque(user).takeUnretainedValue().handler(level, String(cString: message))
    }
}

/// The version of the library that is running.
public var libraryVersion: String { String(cString: eventsource_version()) }
