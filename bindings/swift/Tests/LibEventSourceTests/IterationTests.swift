import Dispatch
import Foundation
import LibEventSource
import Synchronization
import XCTest

/// What holds of every loop, whatever ends it: design.md's promises, for Swift.
final class IterationTests: LimitedTests {
    private let server = ProcessInfo.processInfo.environment["TEST_SERVER"] ?? ""

    private func stream(_ route: String, _ change: (inout EventStream.Settings) -> Void = { _ in }) -> EventStream {
        var settings = EventStream.Settings()
        change(&settings)
        return EventStream(server + route, settings: settings)
    }

    /// A route whose stream is these bytes.
    private func literal(_ text: String) -> String {
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyz0123456789")
        return "/status/200?header=Content-Type:text/event-stream&body="
            + text.addingPercentEncoding(withAllowedCharacters: allowed)!
    }

    private func failure(_ iterator: EventStream.Iterator) async -> EventStream.Failure? {
        do throws(EventStream.Failure) {
            while try await iterator.next() != nil {}
            return nil
        } catch {
            return error
        }
    }

    // MARK: The end

    func testAfterAFailureThereIsNothingMore() async throws {
        let refused = stream("/events") { $0.method = "CONNECT" }
        for (stream, code) in [(refused, EventStream.Failure.Code.method), (stream("/status/404"), .httpStatus)] {
            let iterator = stream.makeAsyncIterator()
            let first = await failure(iterator)
            XCTAssertEqual(first?.code, code)
            for _ in 0..<3 {
                let next = try await iterator.next()
                XCTAssertNil(next)
            }
        }
    }

    func testAfterTheEndThereIsNothingMore() async throws {
        let iterator = stream("/events?count=1&then=204&retry=1").makeAsyncIterator()
        let first = await failure(iterator)
        XCTAssertNil(first)
        let next = try await iterator.next()
        XCTAssertNil(next)
    }

    func testATaskThatWasCancelledBeforehandConnectsToNothing() async throws {
        let hanging = stream("/hang")
        let task = Task { () -> EventStream.Statistics? in
            withUnsafeCurrentTask { $0?.cancel() }
            for try await _ in hanging { XCTFail("an event") }
            return hanging.statistics
        }
        let statistics = try await task.value
        XCTAssertNil(statistics)
    }

    /// An actor's tasks may share an iterator: the compiler cannot keep them from it.
    private actor Sharing {
        private let iterator: EventStream.Iterator

        init(_ stream: EventStream) { iterator = stream.makeAsyncIterator() }

        func read() async throws -> [Int] {
            var ids: [Int] = []
            while let event = try await iterator.next(isolation: #isolation) { ids.append(Int(event.lastEventID)!) }
            return ids
        }

        func next() async throws -> EventStream.Event? { try await iterator.next(isolation: #isolation) }
    }

    func testTasksThatShareAnIteratorEachGetEventsAndAllEnd() async throws {
        let sharing = Sharing(stream("/events?count=200&then=204&retry=1"))
        let ids = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 { group.addTask { try await sharing.read() } }
            var all: [Int] = []
            for try await ids in group {
                XCTAssertEqual(ids, ids.sorted())
                all += ids
            }
            return all
        }
        XCTAssertEqual(ids.sorted(), Array(1...200))
    }

    func testCancellingOneTaskThatSharesEndsAll() async throws {
        let opened = AsyncStream<Void>.makeStream()
        let sharing = Sharing(stream("/hang-body") { $0.handlers.onOpen = { _ in opened.continuation.yield() } })
        let tasks = (0..<3).map { _ in Task { while try await sharing.next() != nil {} } }
        for await _ in opened.stream { break }
        tasks[0].cancel()
        for task in tasks { try await task.value }
    }

    // MARK: The cooperative pool

    /// Handlers block the library's threads; the tasks of the program run meanwhile, also those that leave such a stream.
    func testNothingOfAStreamBlocksTheCooperativePool() async throws {
        let release = DispatchSemaphore(value: 0)
        let inside = AsyncStream<Void>.makeStream()
        let count = 2 * ProcessInfo.processInfo.activeProcessorCount + 2
        let blocking = stream("/hang-body") {
            $0.handlers.onOpen = { _ in
                inside.continuation.yield()
                release.wait()
            }
        }
        let tasks = (0..<count).map { _ in Task { for try await _ in blocking { break } } }
        var entered = 0
        for await _ in inside.stream {
            entered += 1
            if entered == count { break }
        }
        for task in tasks { task.cancel() }
        for task in tasks { try await task.value }
        let unrelated = await Task { true }.value
        XCTAssertTrue(unrelated)
        for _ in 0..<count { release.signal() }
    }

    // MARK: What is read is contiguous

    /// As many streams as SWIFT_STREAMS says, cancelled by another task at any moment, also while the queue is full. What a loop
    /// has read has no hole, and a second one that continues after it loses and repeats nothing.
    func testWhatIsReadIsContiguousAndCanBeContinued() async throws {
        let streams = Int(ProcessInfo.processInfo.environment["SWIFT_STREAMS"] ?? "") ?? 100
        let url = server + "/events?count=1000000"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<streams {
                if number >= 16 { try await group.next() }
                group.addTask { try await Self.cancelAndContinue(url, after: .random(in: 0..<400), slowly: number % 8 == 0) }
            }
            try await group.waitForAll()
        }
    }

    private static func cancelAndContinue(_ url: String, after count: Int, slowly: Bool) async throws {
        let (enough, signal) = AsyncStream<Void>.makeStream()
        let reading = Task {
            var ids: [Int] = []
            for try await event in EventStream(url) {
                ids.append(Int(event.lastEventID)!)
                if ids.count == count { signal.finish() }
                if slowly { await Task.yield() }
            }
            return ids
        }
        if count > 0 { for await _ in enough {} }
        reading.cancel()
        let ids = try await reading.value
        XCTAssertEqual(ids, Array(1..<(ids.count + 1)))
        XCTAssertGreaterThanOrEqual(ids.count, count)
        var settings = EventStream.Settings()
        settings.lastEventID = ids.isEmpty ? "" : String(ids.count)
        for try await event in EventStream(url, settings: settings) {
            XCTAssertEqual(event.lastEventID, String(ids.count + 1))
            break
        }
    }

    // MARK: What servers send

    func testEventsOfEveryFormCome() async throws {
        let cases: [(String, [EventStream.Event])] = [
            ("data: a\n\n", [.init(data: "a")]),
            ("data\n\n", [.init(data: "")]),
            ("data:\ndata:\n\n", [.init(data: "\n")]),
            ("event: e\n\n", []),
            ("id: 1\n\ndata: a\n\n", [.init(data: "a", lastEventID: "1")]),
            ("event: e\nid\ndata: a\n\n", [.init(type: "e", data: "a")]),
            ("id: 1\u{0}2\ndata: a\u{0}b\n\n", [.init(data: "a\u{0}b")]),
            (": comment\n\ndata: b\r\rdata: c\r\n\r\n", [.init(data: "b"), .init(data: "c")]),
        ]
        for (text, events) in cases {
            var come: [EventStream.Event] = []
            for try await event in stream(literal(text), { $0.mode = .once }) {
                XCTAssertEqual(event.origin, server)
                come.append(.init(type: event.type, data: event.data, lastEventID: event.lastEventID))
            }
            XCTAssertEqual(come, events, text)
        }
    }

    func testBytesThatAreNotUTF8AreReplaced() async throws {
        let route = "/status/200?header=Content-Type:text/event-stream&body=data:%ff%0A%0A"
        for try await event in stream(route, { $0.mode = .once }) { XCTAssertEqual(event.data, "\u{FFFD}") }
    }

    func testAHugeEventComesWhole() async throws {
        let bytes = 15 << 20
        for try await event in stream("/big?bytes=\(bytes)") {
            XCTAssertEqual(event.data.utf8.count, bytes)
            break
        }
    }

    // MARK: What is asked of a stream that is open

    func testAStreamReconnectsWhenItIsAskedTo() async throws {
        let opened = AsyncStream<Int>.makeStream()
        let open = Mutex(0)
        let held = stream("/hang-body") {
            $0.handlers.onOpen = { _ in
                opened.continuation.yield(open.withLock { count in
                    count += 1
                    return count
                })
            }
        }
        XCTAssertNil(held.statistics)
        held.reconnectNow()
        let reading = Task { for try await _ in held {} }
        for await number in opened.stream {
            if number == 3 { break }
            held.reconnectNow()
        }
        XCTAssertEqual(held.statistics?.opens, 3)
        XCTAssertEqual(held.statistics?.attempts, 3)
        reading.cancel()
        try await reading.value
    }

    func testStatisticsTellWhatHasBeenDone() async throws {
        let finite = stream("/events?count=6&per_connection=3&retry=1&then=204")
        for try await event in finite {
            XCTAssertGreaterThanOrEqual(finite.statistics!.events, UInt64(event.lastEventID)!)
        }
        let statistics = finite.statistics!
        XCTAssertEqual(statistics.events, 6)
        XCTAssertEqual(statistics.opens, 2)
        XCTAssertEqual(statistics.attempts, 3)
        XCTAssertEqual(statistics.errors, 2)
        XCTAssertGreaterThan(statistics.bytes, 0)
        XCTAssertNil(statistics.open)
        XCTAssertNotNil(statistics.idle)
    }

    func testMetricsTellWhatAllStreamsHaveDone() async throws {
        let held = stream("/hang-body").makeAsyncIterator()
        _ = try await held.next()
        let before = EventStream.metrics
        for try await _ in stream("/events?count=4&per_connection=2&retry=1&then=204") {}
        let after = EventStream.metrics
        XCTAssertGreaterThanOrEqual(after.open, 1)
        XCTAssertGreaterThanOrEqual(after.threads, 1)
        XCTAssertGreaterThanOrEqual(after.starts, before.starts + 1)
        XCTAssertGreaterThanOrEqual(after.events, before.events + 4)
        XCTAssertGreaterThanOrEqual(after.reconnectsAfterEnd, before.reconnectsAfterEnd + 2)
        _ = held
    }

    func testAURLIsTaken() async throws {
        let url = URL(string: server + "/events?count=1&then=204&retry=1")!
        var count = 0
        for try await _ in EventStream(url) { count += 1 }
        XCTAssertEqual(count, 1)
    }

    // MARK: The request handler

    private struct NoToken: Error, Equatable {}

    func testARequestWaitsForItsHandler() async throws {
        let asked = Mutex<[EventStream.Failure.Code?]>([])
        let guarded = stream("/events?count=1&token=fresh&then=204&retry=1") {
            $0.handlers.onRequest = { request in
                let token = await Task { asked.withLock { $0.isEmpty } ? "stale" : "fresh" }.value
                asked.withLock { [cause = request.cause] in $0.append(cause) }
                request.headers.set("Authorization", "Bearer \(token)", sensitive: true)
            }
        }
        var count = 0
        for try await _ in guarded { count += 1 }
        XCTAssertEqual(count, 1)
        XCTAssertEqual(asked.withLock { $0.prefix(2) }, [nil, .httpStatus])
    }

    func testWhatARequestHandlerThrowsIsInTheFailure() async throws {
        let failing = stream("/events") { $0.handlers.onRequest = { _ in throw NoToken() } }
        let failure = await failure(failing.makeAsyncIterator())
        XCTAssertEqual(failure?.code, .request)
        XCTAssertEqual(failure?.underlying as? NoToken, NoToken())
        XCTAssertTrue(failure?.message.contains("NoToken") ?? false)
        XCTAssertNil(failure?.retryDelay)
    }

    func testAnAttemptWhoseHandlerThrewIsMadeAgain() async throws {
        let asked = Atomic(0)
        let told = Mutex<[NoToken?]>([])
        let failing = stream("/events?count=1&then=204&retry=1") {
            $0.reconnect.retryInitial = true
            $0.reconnect.delay = .milliseconds(1)
            $0.handlers.onRequest = { _ in
                if asked.add(1, ordering: .relaxed).newValue < 3 { throw NoToken() }
            }
            $0.handlers.onError = { failure in
                told.withLock { $0.append(failure.underlying as? NoToken) }
                return .default
            }
        }
        var count = 0
        for try await _ in failing { count += 1 }
        XCTAssertEqual(count, 1)
        // The last one is the end of the stream, before the 204.
        XCTAssertEqual(told.withLock { $0 }, [NoToken(), NoToken(), nil])
    }

    func testARequestHandlerHasALimit() async throws {
        let never = AsyncStream<Void>.makeStream()
        let cancelled = AsyncStream<Void>.makeStream()
        let slow = stream("/events") {
            $0.requestTimeout = .milliseconds(20)
            $0.handlers.onRequest = { _ in
                for await _ in never.stream {}
                cancelled.continuation.yield()
            }
        }
        let failure = await failure(slow.makeAsyncIterator())
        XCTAssertEqual(failure?.code, .request)
        XCTAssertTrue(failure?.message.contains("requestTimeout") ?? false, "\(failure?.message ?? "")")
        for await _ in cancelled.stream { break }
    }

    func testAStreamEndsWhileItsRequestHandlerRuns() async throws {
        let (entered, left) = (AsyncStream<Void>.makeStream(), AsyncStream<Void>.makeStream())
        let never = AsyncStream<Void>.makeStream()
        let waiting = stream("/events") {
            $0.requestTimeout = nil
            $0.handlers.onRequest = { _ in
                entered.continuation.yield()
                for await _ in never.stream {}
                left.continuation.yield()
            }
        }
        let reading = Task { for try await _ in waiting {} }
        for await _ in entered.stream { break }
        reading.cancel()
        try await reading.value
        // The handler's task is cancelled, too.
        for await _ in left.stream { break }
    }

    /// More of them than the pool has threads, each waiting for what another task does.
    func testRequestHandlersHoldNoThreadOfTheCooperativePool() async throws {
        let count = 4 * ProcessInfo.processInfo.activeProcessorCount + 8
        let entered = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let opening = Task { for await _ in gate {} }
        let waiting = stream("/events?count=1&then=204&retry=1") {
            $0.handlers.onRequest = { _ in
                entered.continuation.yield()
                await opening.value
            }
        }
        let tasks = (0..<count).map { _ in Task { for try await _ in waiting {} } }
        var inside = 0
        for await _ in entered.stream {
            inside += 1
            if inside == count { break }
        }
        open.finish()
        for task in tasks { try await task.value }
    }
}
