import EventSource
import Foundation
import Synchronization
import XCTest

/// Against the project's test server; what it answers is in tests/server/src/routes.rs.
final class EventStreamTests: XCTestCase {
    private static let server = ProcessInfo.processInfo.environment["TEST_SERVER"] ?? ""

    override func setUp() {
        XCTAssertFalse(Self.server.isEmpty, "run as: test-server --run -- env TEST_SERVER={url} swift test")
    }

    private func stream(_ route: String, _ change: (inout Settings) -> Void = { _ in }) -> EventStream {
        var settings = Settings()
        change(&settings)
        return EventStream(Self.server + route, settings: settings)
    }

    /// What a stream ends with, and how many events come before.
    private func end(_ stream: EventStream) async -> (Int, StreamError?) {
        var count = 0
        do throws(StreamError) {
            for try await _ in stream { count += 1 }
            return (count, nil)
        } catch {
            return (count, error)
        }
    }

    func testEventsComeInOrderOverReconnects() async throws {
        var ids: [String] = []
        for try await event in stream("/events?count=9&per_connection=3&retry=1&then=204") {
            XCTAssertEqual(event.type, "message")
            ids.append(event.lastEventID)
        }
        XCTAssertEqual(ids, (1...9).map(String.init))
    }

    func testAHundredThousandEventsComeThroughTheBatchCallback() async throws {
        var left = 100_000
        for try await event in stream("/blast?bytes=2000000&size=20") {
            XCTAssertEqual(event.data.utf8.count, 20)
            left -= 1
            if left == 0 { break }
        }
        XCTAssertEqual(left, 0)
    }

    func testCancellingTheTaskEndsALoopThatWaits() async throws {
        let (opened, open) = AsyncStream<Void>.makeStream()
        let silent = stream("/hang-body")
        let task = Task {
            var count = 0
            for try await _ in silent {
                count += 1
                open.yield()
            }
            return count
        }
        for await _ in opened { break }
        task.cancel()
        let count = try await task.value
        XCTAssertEqual(count, 1)
    }

    func testCancellingTheTaskEndsALoopThatConnects() async throws {
        let hanging = stream("/hang")
        let task = Task { for try await _ in hanging {} }
        task.cancel()
        try await task.value
    }

    func testWhatIsNotReadMakesTheServerWait() async throws {
        // The server has 1 GB; what is taken and not read would be in this process's memory.
        let size = 60_000
        var iterator = stream("/blast?bytes=1000000000&size=\(size)").makeAsyncIterator()
        let first = try await iterator.next()
        XCTAssertNotNil(first)
        let before = try residentBytes()
        for _ in 0..<50 {
            try await Task.sleep(for: .milliseconds(20))
            XCTAssertLessThan(try residentBytes(), before + 8 << 20)
        }
        // It goes on when somebody reads.
        for _ in 0..<1000 {
            let event = try await iterator.next()
            XCTAssertEqual(event?.data.utf8.count, size)
        }
    }

    private func residentBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return Int(fields[1])! * sysconf(Int32(_SC_PAGESIZE))
    }

    func testErrorsAreTyped() async {
        let (count, error) = await end(stream("/status/404?header=X-Why:gone&body=nothing"))
        XCTAssertEqual(count, 0)
        XCTAssertEqual(error?.code, .httpStatus)
        XCTAssertEqual(error?.httpStatus, 404)
        XCTAssertEqual(error?.headers.first { $0.name == "x-why" }?.value, "gone")
        XCTAssertEqual(error?.body, "nothing")
        XCTAssertEqual(error?.attempt, 1)
        XCTAssertNil(error?.retryDelay)
        XCTAssertNil(error?.osError)
    }

    func testTheFirstAttemptIsRetriedWhereThePolicySaysSo() async {
        let attempts = Mutex<[Int64]>([])
        let (_, error) = await end(
            stream("/status/503") {
                $0.reconnect.retryInitial = true
                $0.reconnect.delay = .milliseconds(1)
                $0.reconnect.maxAttempts = 3
                $0.handlers.onError = { error in
                    attempts.withLock { $0.append(error.attempt) }
                    return .default
                }
            })
        XCTAssertEqual(error?.httpStatus, 503)
        XCTAssertEqual(attempts.withLock { $0 }, [1, 2, 3])
    }

    func testAStreamThatIsReadOnceEndsWithTheServers() async {
        let (count, error) = await end(stream("/events?count=6&per_connection=3") { $0.mode = .untilEnd })
        XCTAssertEqual(count, 3)
        XCTAssertNil(error)
    }

    func testTheNextDelayCanBeChosen() async {
        let (count, error) = await end(
            stream("/events?count=4&per_connection=2&then=204") {
                $0.reconnect.delay = .seconds(3600)
                $0.reconnect.maxDelay = .seconds(3600)
                $0.handlers.nextDelay = { _ in .milliseconds(1) }
            })
        XCTAssertEqual(count, 4)
        XCTAssertNil(error)
    }

    func testAPostIsReadOnceUnlessSaidOtherwise() async {
        for (mode, expected) in [(Settings.Mode.auto, 2), (.keepAlive, 4)] {
            let (count, error) = await end(
                stream("/events?count=4&per_connection=2&then=204") {
                    $0.method = "POST"
                    $0.mode = mode
                    $0.reconnect.delay = .milliseconds(1)
                })
            XCTAssertEqual(count, expected)
            XCTAssertNil(error)
        }
    }

    func testAStreamThatIsNotToReconnectEndsWithTheError() async {
        let (count, error) = await end(
            stream("/events?count=4") {
                $0.mode = .once
                $0.readTimeout = .milliseconds(100)
            })
        XCTAssertEqual(count, 4)
        XCTAssertEqual(error?.code, .readTimeout)
    }

    func testWhatTheSettingsSayReachesTheServer() async throws {
        let echo = stream("/echo") {
            $0.method = "POST"
            $0.body = Array("a question".utf8)
            $0.headers = [("X-Two", "a"), ("X-Two", "b"), ("User-Agent", "test")]
            $0.sensitiveHeaders = [("X-Secret", "s")]
            $0.basicAuth = ("user", "pass")
            $0.lastEventID = "41"
            $0.resumesWithGet = true
            $0.compression = true
            $0.connectTimeout = nil
            $0.readTimeout = .seconds(30)
        }
        for try await event in echo {
            for part in ["\"POST\"", "a question", "\"a\"", "\"b\"", "\"test\"", "\"s\"", "Basic dXNlcjpwYXNz", "\"41\"", "gzip"] {
                XCTAssertTrue(event.data.contains(part), "\(part) is not in \(event.data)")
            }
            XCTAssertFalse(event.data.contains("libeventsource"), event.data)
            break
        }
    }

    func testTheWayToTheServerCanBeSet() async {
        let port = Self.server.split(separator: ":").last!
        let (count, error) = await end(
            EventStream("http://a.test:\(port)/events?count=1&then=204&retry=1", settings: {
                var settings = Settings()
                settings.proxy = "http://127.0.0.1:1"
                settings.noProxy = "a.test"
                settings.resolve = ["a.test:\(port):127.0.0.1"]
                return settings
            }()))
        XCTAssertEqual(count, 1, error?.message ?? "")
    }

    func testTheVersionOfHTTPCanBeSet() async {
        // The test server does not speak it.
        let (count, error) = await end(
            stream("/events") {
                $0.httpVersion = .http2PriorKnowledge
                $0.minTLSVersion = .tls13
            })
        XCTAssertEqual(count, 0)
        XCTAssertNotNil(error)
    }

    func testASettingThatIsRefusedIsThrown() async {
        let cases: [(StreamError.Code, (inout Settings) -> Void)] = [
            (.method, { $0.method = "CONNECT" }),
            (.header, { $0.headers = [("Content-Length", "1")] }),
            (.header, { $0.headers = [("X-One", "1\0")] }),
            (.header, { $0.sensitiveHeaders = [("X One", "1")] }),
            (.value, { $0.basicAuth = ("a:b", "c") }),
            (.value, { $0.lastEventID = "1\n" }),
            (.value, { $0.reconnect.delay = .zero }),
            (.value, { $0.reconnect.maxDelay = .zero }),
            (.value, { $0.reconnect.factor = 0.5 }),
            (.value, { $0.reconnect.jitter = 2 }),
            (.value, { $0.reconnect.resetAfter = .nanoseconds(-1) }),
            (.value, { $0.reconnect.maxAttempts = -1 }),
            (.value, { $0.connectTimeout = .nanoseconds(-1) }),
            (.value, { $0.readTimeout = .seconds(-1) }),
            (.value, { $0.maxRedirects = -1 }),
            (.value, { $0.maxEventSize = 0 }),
            (.url, { $0.proxy = "ftp://127.0.0.1" }),
            (.value, { $0.noProxy = "\0" }),
            (.value, { $0.unixSocket = String(repeating: "x", count: 1000) }),
            (.value, { $0.resolve = ["host:1:nowhere"] }),
            (.pem, { $0.certificateAuthorities = [1] }),
            (.pem, { $0.certificateAuthorityFile = "/nowhere" }),
            (.pem, { $0.clientCertificate = ([1], []) }),
            (.value, { $0.pinnedKeys = "md5//" }),
            (.value, { $0.serverName = "a b" }),
        ]
        for (code, change) in cases {
            let (_, error) = await end(stream("/events", change))
            XCTAssertEqual(error?.code, code, error?.message ?? "no error")
        }
        let (_, error) = await end(EventStream("ftp://127.0.0.1"))
        XCTAssertEqual(error?.code, .url)
    }

    func testHandlersAreTold() async {
        let told = Mutex<[String]>([])
        let server = Self.server
        let (count, error) = await end(
            stream("/status/404") {
                $0.mode = .keepAlive
                $0.handlers.onRequest = { request in
                    XCTAssertEqual(request.attempt, 1)
                    XCTAssertNil(request.cause)
                    XCTAssertEqual(request.url, server + "/status/404")
                    do throws(StreamError) {
                        try request.setURL(server + "/events?count=1&comment=hello&then=204")
                        try request.setHeader("X-One", "1")
                        try request.setBody([])
                        try request.setMethod("POST")
                        try request.setSensitiveHeader("X-Secret", "s")
                    } catch {
                        XCTFail(error.message)
                    }
                }
                $0.handlers.onOpen = { response in
                    told.withLock { $0.append("\(response.status) \(response.httpVersion) \(response.url.contains("events"))") }
                }
                $0.handlers.onComment = { comment in told.withLock { $0.append(comment) } }
                $0.handlers.onError = { _ in .stop }
            })
        XCTAssertEqual(count, 1)
        XCTAssertEqual(error?.code, .endOfStream)
        XCTAssertEqual(told.withLock { $0 }, ["200 11 true", "hello"])
    }

    func testARequestHandlerChangesHeaders() async throws {
        let echo = stream("/echo") {
            $0.headers = [("X-Dropped", "d")]
            $0.handlers.onRequest = { request in
                do throws(StreamError) {
                    try request.addHeader("X-Many", "1")
                    try request.addHeader("X-Many", "2")
                    try request.removeHeader("x-dropped")
                } catch {
                    XCTFail(error.message)
                }
                do throws(StreamError) {
                    try request.removeHeader("a b")
                    XCTFail("not refused")
                } catch {
                    XCTAssertEqual(error.code, .header)
                }
            }
        }
        for try await event in echo {
            let request = event.data.lowercased()
            XCTAssertTrue(request.contains(#"["x-many","1"],["x-many","2"]"#), request)
            XCTAssertFalse(request.contains("x-dropped"), request)
            break
        }
    }

    func testTheLogTellsOfStreams() async throws {
        let told = Mutex<[String]>([])
        try Log.set(.info) { level, message in told.withLock { $0.append("\(level) \(message)") } }
        for try await _ in stream("/hang-body") { break }
        try Log.set(.info, nil)
        let lines = told.withLock { $0 }
        XCTAssertTrue(lines.contains("info \(Self.server): open"), "\(lines)")
        // Nobody is left to be told.
        for try await _ in stream("/hang-body") { break }
        XCTAssertEqual(told.withLock { $0.count }, lines.count)
    }

    func testTheVersionIsTheLibrarys() {
        XCTAssertEqual(libraryVersion.split(separator: ".").count, 3)
    }

    func testNothingIsLeftWhenALoopEnds() async throws {
        for route in ["/hang-body", "/blast?bytes=1000000000", "/events?count=1&then=204&retry=1"] {
            for _ in 0..<20 {
                for try await _ in stream(route) { break }
            }
            XCTAssertEqual(try libraryThreads(), [], route)
        }
        // The counting works.
        var iterator = stream("/hang-body").makeAsyncIterator()
        _ = try await iterator.next()
        XCTAssertNotEqual(try libraryThreads(), [])
        withExtendedLifetime(iterator) {}
    }

    private final class Holder: Sendable {}

    func testWhatHandlersHoldIsReleasedWithTheStream() async {
        weak var held: AnyObject?
        func follow() async {
            let holder = Holder()
            held = holder
            let (count, _) = await end(
                stream("/events?count=1&then=204&retry=1") { $0.handlers.onOpen = { _ in withExtendedLifetime(holder) {} } })
            XCTAssertEqual(count, 1)
            XCTAssertNotNil(held)
        }
        await follow()
        XCTAssertNil(held)
    }

    private func libraryThreads() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            .compactMap { try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8) }
            .filter { $0.hasPrefix("eventsource") }
    }
}
