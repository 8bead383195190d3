import LibEventSource
import Foundation
import Synchronization
import XCTest

/// Against the project's test server; what it answers is in tests/support/server/src/routes.rs.
final class EventStreamTests: LimitedTests {
    private static let server = ProcessInfo.processInfo.environment["TEST_SERVER"] ?? ""

    override func setUp() {
        super.setUp()
        XCTAssertFalse(Self.server.isEmpty, "run as: test-server --run -- env TEST_SERVER={url} swift test")
    }

    private func stream(_ route: String, _ change: (inout EventStream.Settings) -> Void = { _ in }) -> EventStream {
        var settings = EventStream.Settings()
        change(&settings)
        return EventStream(Self.server + route, settings: settings)
    }

    /// What a stream ends with, and how many events come before.
    private func end(_ stream: EventStream) async -> (Int, EventStream.Failure?) {
        var count = 0
        do throws(EventStream.Failure) {
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
        let iterator = stream("/blast?bytes=1000000000&size=\(size)").makeAsyncIterator()
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
        XCTAssertEqual(error?.headers["X-Why"], "gone")
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
        for (mode, expected) in [(EventStream.Settings.Mode.auto, 2), (.keepAlive, 4)] {
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
            stream("/events?count=8&per_connection=4&cut=abort") { $0.mode = .once })
        XCTAssertEqual(count, 4)
        XCTAssertEqual(error?.code, .disconnected)
    }

    func testWhatTheSettingsSayReachesTheServer() async throws {
        let echo = stream("/echo") {
            $0.method = "POST"
            $0.body = Array("a question".utf8)
            $0.headers = ["X-Two": "a", "X-Two": "b", "User-Agent": "test"]
            $0.headers.set("X-Secret", "s", sensitive: true)
            $0.basicAuth = ("user", "pass")
            $0.lastEventID = "41"
            $0.reconnectsWithGet = true
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
                var settings = EventStream.Settings()
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
        let negative = Duration.nanoseconds(-1), endless = Duration.seconds(Int64.max)
        let cases: [(EventStream.Failure.Code, String, (inout EventStream.Settings) -> Void)] = [
            (.method, "CONNECT", { $0.method = "CONNECT" }),
            (.method, "a NUL in a method", { $0.method = "GET\0" }),
            (.header, "a length", { $0.headers = ["Content-Length": "1"] }),
            (.header, "a NUL in a header", { $0.headers = ["X-One": "1\0"] }),
            (.header, "a name that is none", { $0.headers.set("X One", "1", sensitive: true) }),
            (.value, "a colon in a user", { $0.basicAuth = ("a:b", "c") }),
            (.value, "a line end in an id", { $0.lastEventID = "1\n" }),
            (.value, "no delay", { $0.reconnect.delay = .zero }),
            (.value, "delay -1", { $0.reconnect.delay = negative }),
            (.value, "delay endless", { $0.reconnect.delay = endless }),
            (.value, "no maxDelay", { $0.reconnect.maxDelay = .zero }),
            (.value, "maxDelay -1", { $0.reconnect.maxDelay = negative }),
            (.value, "maxDelay endless", { $0.reconnect.maxDelay = endless }),
            (.value, "factor 0.5", { $0.reconnect.factor = 0.5 }),
            (.value, "factor NaN", { $0.reconnect.factor = .nan }),
            (.value, "factor infinite", { $0.reconnect.factor = .infinity }),
            (.value, "jitter 2", { $0.reconnect.jitter = 2 }),
            (.value, "jitter NaN", { $0.reconnect.jitter = .nan }),
            (.value, "resetAfter -1", { $0.reconnect.resetAfter = negative }),
            (.value, "resetAfter endless", { $0.reconnect.resetAfter = endless }),
            (.value, "maxAttempts -1", { $0.reconnect.maxAttempts = -1 }),
            (.value, "maxAttempts 0", { $0.reconnect.maxAttempts = 0 }),
            (.value, "maxAttempts max", { $0.reconnect.maxAttempts = .max }),
            (.value, "no minDelay", { $0.reconnect.minDelay = .zero }),
            (.value, "minDelay -1", { $0.reconnect.minDelay = negative }),
            (.value, "minDelay endless", { $0.reconnect.minDelay = endless }),
            (.value, "no maxServerDelay", { $0.reconnect.maxServerDelay = .zero }),
            (.value, "maxServerDelay -1", { $0.reconnect.maxServerDelay = negative }),
            (.value, "maxServerDelay endless", { $0.reconnect.maxServerDelay = endless }),
            (.value, "no connectTimeout", { $0.connectTimeout = .zero }),
            (.value, "connectTimeout -1", { $0.connectTimeout = negative }),
            (.value, "connectTimeout -1 ms", { $0.connectTimeout = .milliseconds(-1) }),
            (.value, "connectTimeout endless", { $0.connectTimeout = endless }),
            (.value, "no responseTimeout", { $0.responseTimeout = .zero }),
            (.value, "responseTimeout -1 ms", { $0.responseTimeout = .milliseconds(-1) }),
            (.value, "responseTimeout endless", { $0.responseTimeout = endless }),
            (.value, "no readTimeout", { $0.readTimeout = .zero }),
            (.value, "no endMarker", { $0.endMarker = "" }),
            (.value, "maxErrorBody -1", { $0.maxErrorBody = -1 }),
            (.value, "no eventTimeout", { $0.eventTimeout = .zero }),
            (.value, "readTimeout -1 ms", { $0.readTimeout = .milliseconds(-1) }),
            (.value, "readTimeout at the end", { $0.readTimeout = .seconds(Int64.max / 1000) + .milliseconds(999) }),
            (.value, "no requestTimeout", { $0.requestTimeout = .zero }),
            (.value, "requestTimeout -1", { $0.requestTimeout = negative }),
            (.value, "requestTimeout endless", { $0.requestTimeout = endless }),
            (.value, "maxRedirects -1", { $0.maxRedirects = -1 }),
            (.value, "maxRedirects 1 << 32", { $0.maxRedirects = 1 << 32 }),
            (.value, "maxRedirects max", { $0.maxRedirects = .max }),
            (.value, "maxEventSize 0", { $0.maxEventSize = 0 }),
            (.value, "maxEventSize -1", { $0.maxEventSize = -1 }),
            (.value, "maxEventSize min", { $0.maxEventSize = .min }),
            (.url, "a proxy of FTP", { $0.proxy = "ftp://127.0.0.1" }),
            (.url, "a NUL in a proxy", { $0.proxy = "http://127.0.0.1\0" }),
            (.value, "a NUL in noProxy", { $0.noProxy = "\0" }),
            (.value, "a long unixSocket", { $0.unixSocket = String(repeating: "x", count: 1000) }),
            (.value, "resolve nowhere", { $0.resolve = ["host:1:nowhere"] }),
            (.pem, "an authority that is none", { $0.certificateAuthorities = [1] }),
            (.value, "no unixSocket", { $0.unixSocket = "" }),
            (.pem, "a file without a name", { $0.certificateAuthorityFile = "" }),
            (.pem, "a file that is none", { $0.certificateAuthorityFile = "/nowhere" }),
            (.pem, "a certificate that is none", { $0.clientCertificate = ([1], []) }),
            (.pem, "a certificate's file that is none", { $0.clientCertificateFile = ("/nowhere", nil) }),
            (.pem, "a NUL in a key's file", { $0.clientCertificateFile = ("/nowhere", "\0") }),
            (.value, "a pin that is none", { $0.pinnedKeys = "md5//" }),
            (.value, "a name with a space", { $0.serverName = "a b" }),
        ]
        for (code, name, change) in cases {
            let (_, error) = await end(stream("/events?count=1&then=204&retry=1", change))
            XCTAssertEqual(error?.code, code, "\(name): \(error?.message ?? "no error")")
        }
        for url in ["ftp://127.0.0.1", "", "http://127.0.0.1\0/"] {
            let (_, error) = await end(EventStream(url))
            XCTAssertEqual(error?.code, .url, url)
        }
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
                    request.url = server + "/events?count=1&comment=hello&then=204"
                    request.headers["X-One"] = "1"
                    request.method = "POST"
                }
                $0.handlers.onOpen = { response in
                    told.withLock { $0.append("\(response.status) \(response.httpVersion) \(response.url.contains("events"))") }
                    XCTAssertEqual("http://" + response.peer, server)
                    XCTAssertFalse(response.isReused)
                    XCTAssertNil(response.tlsVersion)
                    XCTAssertNil(response.resolveTime)
                    XCTAssertNil(response.tlsTime)
                    XCTAssertNotNil(response.connectTime)
                    XCTAssertNotNil(response.headTime)
                }
                $0.handlers.onComment = { comment in told.withLock { $0.append(comment) } }
                $0.handlers.onError = { _ in .close }
            })
        XCTAssertEqual(count, 1)
        XCTAssertEqual(error?.code, .endOfStream)
        XCTAssertEqual(told.withLock { $0 }, ["200 11 true", "hello"])
    }

    func testARequestHandlerChangesHeaders() async throws {
        let echo = stream("/echo") {
            $0.headers = ["X-Dropped": "d", "X-Kept": "k"]
            $0.handlers.onRequest = { request in
                XCTAssertEqual(request.headers["x-dropped"], "d")
                request.headers.add("X-Many", "1")
                request.headers.add("X-Many", "2")
                request.headers.remove("x-dropped")
                XCTAssertEqual(request.headers["accept"], "text/event-stream")
                request.headers["Accept"] = nil
                request.basicAuth = ("user", "password")
            }
        }
        for try await event in echo {
            let request = event.data.lowercased()
            XCTAssertTrue(request.contains(#"["x-many","1"],["x-many","2"]"#), request)
            XCTAssertTrue(request.contains("x-kept"), request)
            XCTAssertFalse(request.contains("x-dropped"), request)
            XCTAssertFalse(request.contains(#"["accept","#), request)
            XCTAssertTrue(request.contains("basic dxnlcjpwyxnzd29yza=="), request)
            break
        }
    }

    func testARequestWhoseChangeIsRefusedIsNotSent() async throws {
        let changes: [(EventStream.Failure.Code, @Sendable (inout EventStream.Request) -> Void)] = [
            (.header, { $0.headers.remove("a b") }),
            (.header, { $0.headers["X-One"] = "1\0" }),
            (.method, { $0.method = "CONNECT" }),
            (.url, { $0.url = "ftp://127.0.0.1" }),
            (.url, { $0.url += "\0" }),
            (.value, { $0.basicAuth = ("a:b", "") }),
            // It would take the place of the secret, or go without its protection.
            (.header, { $0.headers.add("X-Secret", "2") }),
        ]
        for (code, change) in changes {
            let (count, error) = await end(stream("/echo") {
                $0.headers.set("X-Secret", "1", sensitive: true)
                $0.handlers.onRequest = { request in change(&request) }
            })
            XCTAssertEqual(count, 0)
            XCTAssertEqual(error?.code, .request)
            XCTAssertEqual((error?.underlying as? EventStream.Failure)?.code, code)
        }
    }

    func testTheLogTellsOfStreams() async throws {
        let told = Mutex<[String]>([])
        try EventStream.Log.set(.info) { record in
            let whose = "\(record.client > 0) \(record.name) \(record.attempt) \(record.origin)"
            told.withLock { $0.append("\(record.level) \(whose) \(record.kind) \(record.text)") }
        }
        for try await _ in stream("/hang-body", { $0.name = "prices" }) { break }
        try EventStream.Log.set(.info, nil)
        let lines = told.withLock { $0 }
        XCTAssertTrue(lines.contains("info true prices 1 \(Self.server) open open"), "\(lines)")
        // Nobody is left to be told.
        for try await _ in stream("/hang-body") { break }
        XCTAssertEqual(told.withLock { $0.count }, lines.count)
    }

    func testTheVersionIsTheLibrarys() {
        XCTAssertEqual(EventStream.libraryVersion.split(separator: ".").count, 3)
        XCTAssertTrue(EventStream.libraryHas("tls"))
        XCTAssertFalse(EventStream.libraryHas("carrier pigeons"))
    }

    func testNothingIsLeftWhenALoopEnds() async throws {
        for route in ["/hang-body", "/blast?bytes=1000000000", "/events?count=1&then=204&retry=1"] {
            for _ in 0..<20 {
                for try await _ in stream(route) { break }
            }
            await eventually { (try? libraryThreads()) == [] }
        }
        // The counting works.
        let iterator = stream("/hang-body").makeAsyncIterator()
        _ = try await iterator.next()
        XCTAssertNotEqual(try libraryThreads(), [])
        withExtendedLifetime(iterator) {}
    }

    private final class Holder: Sendable {}

    func testWhatHandlersHoldIsReleasedWithTheStream() async {
        nonisolated(unsafe) weak var held: AnyObject?
        func follow() async {
            let holder = Holder()
            held = holder
            let (count, _) = await end(
                stream("/events?count=1&then=204&retry=1") { $0.handlers.onOpen = { _ in withExtendedLifetime(holder) {} } })
            XCTAssertEqual(count, 1)
            XCTAssertNotNil(held)
        }
        await follow()
        await eventually { held == nil }
    }

    /// Waits for what the library's threads do on their own when a loop has ended.
    private func eventually(_ condition: () -> Bool, line: UInt = #line) async {
        let limit = ContinuousClock.now + .seconds(30)
        while !condition() {
            if ContinuousClock.now > limit { return XCTFail("it does not come", line: line) }
            await Task.yield()
        }
    }

    private func libraryThreads() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
            .compactMap { try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8) }
            .filter { $0.hasPrefix("eventsource") }
    }
}
