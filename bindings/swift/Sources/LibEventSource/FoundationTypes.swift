#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EventStream {
    /// - Parameters:
    ///   - url: an absolute http or https URL. A bad one is thrown by the first `next`.
    ///   - settings: what differs from the defaults. One that is refused is thrown by the first `next`.
    public convenience init(_ url: URL, settings: Settings = Settings()) {
        self.init(url.absoluteString, settings: settings)
    }
}

extension EventStream.Failure: LocalizedError {
    public var errorDescription: String? { message }
}
