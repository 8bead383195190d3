import Dispatch
import Foundation
import XCTest

/// Tests that cannot hang: one that has not ended in time ends the process.
class LimitedTests: XCTestCase {
    private var alarm: DispatchWorkItem?

    override func setUp() {
        let environment = ProcessInfo.processInfo.environment
        let alarm = DispatchWorkItem {
            print("error: the test has not ended in time")
            exit(1)
        }
        self.alarm = alarm
        // Whoever asks for more streams waits as long as they take.
        if environment["SWIFT_STREAMS"] != nil { return }
        let seconds = Double(environment["CHECK_SECONDS"] ?? "") ?? 300
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: alarm)
    }

    override func tearDown() {
        alarm?.cancel()
    }
}
