import LibEventSource
import Foundation
import Synchronization
import XCTest

/// What each setting and each change of a request does, as the other side sees it. tests/packaging/bindings/swift-faults.txt
/// names faults that these tests must notice.
final class SettingsTests: XCTestCase {
    private static func variable(_ name: String) -> String {
        guard let value = ProcessInfo.processInfo.environment[name] else {
            fatalError("\(name) is not set; tests/packaging/bindings/swift.cmake sets all that these tests need")
        }
        return value
    }

    private let server = variable("TEST_SERVER")
    /// It speaks TLS as localhost and wants a certificate, of the authority that its own is of.
    private let secure = variable("TEST_SERVER_TLS")
    /// Likewise, with TLS 1.2 only; and one that takes HTTP/2 wherever it is offered, and cannot speak it.
    private let older = variable("TEST_SERVER_TLS12"), newer = variable("TEST_SERVER_HTTP2")
    private let authorityFile = variable("TEST_CA"), unixSocket = variable("TEST_UNIX"), silent = variable("TEST_SILENT")
    private var port: Substring { server.split(separator: ":").last! }

    private func contents(_ name: String) -> [UInt8] {
        [UInt8](FileManager.default.contents(atPath: Self.variable(name)) ?? Data())
    }

    private enum Outcome: Equatable {
        case event(String)
        case failed(EventStream.Failure.Code)
        /// It ended without error.
        case ended
        /// Nothing came in time.
        case nothing
    }

    /// How long what a test waits for may take; less where it is meant not to come.
    private static let limit = Duration.seconds(Int(ProcessInfo.processInfo.environment["CHECK_SECONDS"] ?? "") ?? 30)

    /// What comes first of a stream.
    private func outcome(_ url: String, _ change: (inout EventStream.Settings) -> Void = { _ in }) async -> Outcome {
        var settings = EventStream.Settings()
        settings.mode = .once
        change(&settings)
        let stream = EventStream(url, settings: settings)
        let reading = Task { () -> Outcome in
            do throws(EventStream.Failure) {
                for try await event in stream { return .event(event.data) }
                return Task.isCancelled ? .nothing : .ended
            } catch {
                return .failed(error.code)
            }
        }
        let limit = Self.limit
        let alarm = Task {
            try await Task.sleep(for: limit)
            reading.cancel()
        }
        let outcome = await reading.value
        alarm.cancel()
        return outcome
    }

    /// What the server says of a request; names of headers are in lower case.
    private func echo(_ url: String, _ change: (inout EventStream.Settings) -> Void) async -> String {
        guard case .event(let data) = await outcome(url, change) else { return "no event" }
        return data
    }

    private func check(
        _ text: String, has parts: [String] = [], hasNot others: [String] = [], line: UInt = #line
    ) {
        for part in parts { XCTAssertTrue(text.contains(part), "\(part) is not in \(text)", line: line) }
        for part in others { XCTAssertFalse(text.contains(part), "\(part) is in \(text)", line: line) }
    }

    // MARK: The request

    func testTheRequestIsWhatWasSet() async {
        let request = await echo(server + "/echo") {
            $0.method = "REPORT"
            $0.body = Array("the body".utf8)
            $0.headers = ["X-Name": "value", "X-Name": "another", "User-Agent": "test"]
            $0.headers.set("X-Key", "secret", sensitive: true)
            $0.headers.remove("Accept")
            $0.basicAuth = ("user", "password")
            $0.lastEventID = "41"
        }
        check(
            request,
            has: [
                #""method":"REPORT""#, #""body":"the body""#, #"["x-name","value"]"#, #"["x-name","another"]"#,
                #"["user-agent","test"]"#, #"["x-key","secret"]"#, #"["authorization","Basic dXNlcjpwYXNzd29yZA=="]"#,
                #"["last-event-id","41"]"#,
            ], hasNot: [#"["accept""#, "accept-encoding", "libeventsource"])
    }

    func testCookiesAreThoseOfTheJar() async throws {
        let cookie = "127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n"
        let jar = try EventStream.Cookies()
        try jar.add(cookie)
        XCTAssertTrue(jar.text.contains(cookie), jar.text)
        XCTAssertThrowsError(try jar.add("nonsense"))
        check(await echo(server + "/echo") { $0.cookies = jar }, has: [#"["cookie","kept=before"]"#])
        check(await echo(server + "/echo") { $0.cookies = nil }, hasNot: ["cookie"])
    }

    func testTheRequestOfOneAttemptIsWhatWasSet() async {
        let url = server + "/echo"
        let request = await echo("http://127.0.0.1:1/") {
            $0.headers = ["X-Gone": "gone", "X-Name": "wrong"]
            $0.handlers.onRequest = { request in
                request.url = url
                request.method = "REPORT"
                request.body = Array("the body".utf8)
                request.headers["X-Name"] = "value"
                request.headers.add("X-Name", "another")
                request.headers["X-Gone"] = nil
            }
        }
        check(
            request,
            has: [#""method":"REPORT""#, #""body":"the body""#, #"["x-name","value"]"#, #"["x-name","another"]"#],
            hasNot: ["wrong", "gone"])
    }

    func testASecretIsNotSentToAnotherOrigin() async {
        let request = await echo(server + "/redirect?to=http://localhost:\(port)/echo") {
            $0.headers = ["X-Name": "value"]
            $0.headers.set("X-Key", "secret", sensitive: true)
            $0.handlers.onRequest = { request in
                request.headers["X-Other"] = "value"
                request.headers.set("X-Token", "secret", sensitive: true)
            }
        }
        check(request, has: ["x-name", "x-other"], hasNot: ["secret"])
    }

    func testCompressionIsAskedForIfItIsOn() async {
        let on = await echo(server + "/echo") { $0.compression = true }
        check(on, has: [#"["accept-encoding","gzip, deflate, br, zstd"]"#])
        let off = await echo(server + "/echo") { $0.compression = false }
        check(off, has: ["GET"], hasNot: ["accept-encoding"])
    }

    func testAStreamIsReconnectedAsWasSet() async {
        for (reconnectsWithGet, method) in [(true, "GET"), (false, "POST")] {
            let attempts = Mutex(0)
            let url = server + "/echo"
            let request = await echo(server + "/status/200?header=Content-Type:text/event-stream&body=") {
                $0.mode = .keepAlive
                $0.method = "POST"
                $0.reconnectsWithGet = reconnectsWithGet
                $0.handlers.nextDelay = { _ in .zero }
                $0.handlers.onRequest = { request in
                    let attempt = attempts.withLock { count in
                        count += 1
                        return count
                    }
                    if attempt > 1 { request.url = url }
                }
            }
            check(request, has: [#""method":"\#(method)""#])
        }
    }

    // MARK: The stream

    func testLimitsAreThoseThatWereSet() async {
        let none = await outcome(server + "/redirect?to=/big%3Fbytes%3D2") { $0.maxRedirects = 0 }
        XCTAssertEqual(none, .failed(.tooManyRedirects))
        let one = await outcome(server + "/redirect?to=/big%3Fbytes%3D2") { $0.maxRedirects = 1 }
        XCTAssertEqual(one, .event("xx"))
        let small = await outcome(server + "/big?bytes=2000") { $0.maxEventSize = 1999 }
        XCTAssertEqual(small, .failed(.eventTooLarge))
        let large = await outcome(server + "/big?bytes=2000") { $0.maxEventSize = 2100 }
        XCTAssertEqual(large, .event(String(repeating: "x", count: 2000)))
        let checked = await outcome(server + "/type?value=text/html") { $0.checksContentType = true }
        XCTAssertEqual(checked, .failed(.contentType))
        let unchecked = await outcome(server + "/type?value=text/html") { $0.checksContentType = false }
        XCTAssertEqual(unchecked, .event("event"))
    }

    func testARedirectIsFollowedAsTheHandlerSays() async {
        let to = server.replacingOccurrences(of: "127.0.0.1", with: "localhost") + "/echo"
        for (decision, gets) in [(EventStream.RedirectDecision.follow, false), (.followWithCredentials, true)] {
            let followed = await outcome(server + "/redirect?to=" + to) {
                $0.headers.set("X-Key", "secret", sensitive: true)
                $0.handlers.onRedirect = { redirect in
                    redirect.status == 302 && redirect.to == to && redirect.dropsCredentials && !redirect.dropsBody
                        ? decision : .refuse
                }
            }
            guard case .event(let echo) = followed else { return XCTFail("\(followed)") }
            XCTAssertEqual(echo.contains("secret"), gets)
        }
        let refused = await outcome(server + "/redirect?to=/echo") { $0.handlers.onRedirect = { _ in .refuse } }
        XCTAssertEqual(refused, .failed(.redirect))
    }

    func testADocumentIsAResult() async {
        let body = Mutex<[UInt8]>([])
        let ended = await outcome(server + "/status/200?body=%7B%7D&header=Content-Type:application/json") {
            $0.handlers.onDocument = { document in body.withLock { $0 = document.body } }
        }
        XCTAssertEqual(ended, .ended)
        XCTAssertEqual(body.withLock { $0 }, Array("{}".utf8))
    }

    func testTheBodyOfAnErrorIsAsLongAsIsSet() async {
        let body = Mutex("")
        _ = await outcome(server + "/status/400?body=abcdef") {
            $0.maxErrorBody = 3
            $0.handlers.onError = { failure in
                body.withLock { $0 = failure.body }
                return .default
            }
        }
        XCTAssertEqual(body.withLock { $0 }, "abc")
    }

    func testTheEndMarkerIsThatWhichWasSet() async {
        let ended = await outcome(server + "/events?count=1") { $0.endMarker = "event 1" }
        XCTAssertEqual(ended, .ended)
        // The first event is not the marker, and the stream ends behind it.
        var settings = EventStream.Settings()
        settings.mode = .once
        settings.endMarker = "event 2"
        var last = ""
        do {
            for try await event in EventStream(server + "/events?count=2&per_connection=1", settings: settings) { last = event.data }
            XCTFail("a stream that was cut ended as one that is complete")
        } catch {
            XCTAssertEqual(error.code, .endOfStream)
        }
        XCTAssertEqual(last, "event 1")
    }

    func testConnectionsComeFromTheInterfaceThatWasSet() async {
        let own = await outcome(server + "/events") { $0.interface = "127.0.0.1" }
        XCTAssertEqual(own, event)
        // An address that no machine has (RFC 5737).
        let foreign = await outcome(server + "/events") { $0.interface = "192.0.2.1" }
        XCTAssertEqual(foreign, .failed(.connect))
    }

    #if os(Linux)
        /// The sockets by which the kernel tells of changes of the network.
        private var watchers: Int {
            (0..<1024).filter { number in
                var address = sockaddr_storage()
                var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                let answer = withUnsafeMutablePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(Int32(number), $0, &length) }
                }
                return answer == 0 && address.ss_family == sa_family_t(AF_NETLINK)
            }.count
        }

        private func waitForWatchers(_ count: Int) async throws {
            var tries = 0
            while watchers != count, tries < 3_000 {
                try await Task.sleep(for: .milliseconds(10))
                tries += 1
            }
            XCTAssertEqual(watchers, count)
        }

        func testTheNetworkIsWatchedUnlessThatIsSwitchedOff() async throws {
            for (watches, count) in [(false, 0), (true, 1)] {
                try await waitForWatchers(0)
                var settings = EventStream.Settings()
                settings.watchesNetwork = watches
                for try await _ in EventStream(server + "/events?count=2&interval_ms=3600000", settings: settings) {
                    try await waitForWatchers(count)
                    break
                }
            }
        }
    #endif

    func testEachTimeoutIsItsOwn() async {
        let response = await outcome(server + "/hang") { $0.responseTimeout = .milliseconds(50) }
        XCTAssertEqual(response, .failed(.responseTimeout))
        let read = await outcome(server + "/hang") { $0.readTimeout = .milliseconds(50) }
        XCTAssertEqual(read, .failed(.readTimeout))
        let event = await outcome(server + "/events?count=0&comment=alive") { $0.eventTimeout = .milliseconds(50) }
        XCTAssertEqual(event, .failed(.eventTimeout))
        let begin = ContinuousClock.now
        let connect = await outcome("https://\(silent)/") {
            $0.connectTimeout = .milliseconds(50)
            $0.certificateAuthorityFile = authorityFile // there may be none of the operating system's
        }
        XCTAssertEqual(connect, .failed(.connectTimeout))
        XCTAssertLessThan(ContinuousClock.now - begin, .seconds(10)) // what it is without the setting, on any machine
    }

    /// What the error handler is told, of a stream that does not wait so long.
    private func delays(_ route: String, _ change: (inout EventStream.Settings.Reconnect) -> Void) async -> [Duration?] {
        let told = Mutex<[Duration?]>([])
        _ = await outcome(server + route) {
            $0.mode = .keepAlive
            $0.reconnect.jitter = 0
            $0.reconnect.maxDelay = .seconds(3600)
            change(&$0.reconnect)
            $0.handlers.nextDelay = { _ in .zero }
            $0.handlers.onError = { error in
                told.withLock {
                    $0.append(error.retryDelay)
                    return $0.count == 20 ? .close : .default
                }
            }
        }
        return told.withLock { $0 }
    }

    func testThePolicyIsThatWhichWasSet() async {
        let empty = "/status/200?header=Content-Type:text/event-stream&body="
        let growth = await delays("/status/503") {
            $0.retryInitial = true
            $0.maxAttempts = 5
            $0.delay = .seconds(2)
            $0.maxDelay = .seconds(50)
            $0.factor = 3
        }
        XCTAssertEqual(growth, [.seconds(2), .seconds(6), .seconds(18), .seconds(50), nil])
        let first = await delays("/status/503") { _ in }
        XCTAssertEqual(first, [nil])
        let healthy = await delays(empty) { $0.resetAfter = .zero }
        XCTAssertEqual(healthy.prefix(3), [.seconds(1), .seconds(1), .seconds(1)])
        let unhealthy = await delays(empty) { $0.resetAfter = .seconds(3600) }
        XCTAssertEqual(unhealthy.prefix(3), [.seconds(1), .seconds(2), .seconds(4)])
        let spread = await delays(empty) {
            $0.resetAfter = .zero
            $0.jitter = 1
        }
        XCTAssertEqual(spread.count, 20)
        for delay in spread { XCTAssertTrue((.seconds(1)...(.seconds(2))).contains(delay ?? .zero), "\(spread)") }
        // One in two: none of 20 is one in a million.
        XCTAssertTrue(spread.contains { $0 ?? .zero > .milliseconds(1500) }, "\(spread)")
        // What comes with the event that ends the test is the server's wish, which counts for the next attempt.
        let floor = await delays(empty + "retry:1%0A%0A") {
            $0.minDelay = .milliseconds(300)
            $0.resetAfter = .zero
        }
        XCTAssertEqual(floor.first, .milliseconds(300))
        let ceiling = await delays(empty + "retry:9000000%0A%0A") {
            $0.maxDelay = .seconds(2)
            $0.maxServerDelay = .seconds(2)
        }
        XCTAssertEqual(ceiling.first, .seconds(2))
    }

    func testTheModeIsThatWhichWasSet() async {
        let route = "/status/200?header=Content-Type:text/event-stream&body="
        let once = await outcome(server + route) { $0.mode = .once }
        XCTAssertEqual(once, .ended)
        let kept = await outcome(server + route) {
            $0.mode = .keepAlive
            $0.handlers.onError = { _ in .close }
        }
        XCTAssertEqual(kept, .failed(.endOfStream))
    }

    // MARK: The way

    /// Whether the request came as a proxy gets it.
    private func byProxy(_ change: (inout EventStream.Settings) -> Void) async -> Bool {
        let request = await echo(server + "/echo", change)
        check(request, has: ["/echo\""])
        return request.contains(#""target":"http://"#)
    }

    func testProxiesAndExceptionsAreThoseThatWereSetOrNoneOrTheEnvironments() async {
        let server = self.server
        let set = await byProxy { $0.proxy = server }
        XCTAssertTrue(set)
        let excepted = await byProxy {
            $0.proxy = server
            $0.noProxy = "127.0.0.1"
        }
        XCTAssertFalse(excepted)
        setenv("http_proxy", server, 1)
        let environments = await byProxy { $0.proxy = nil }
        XCTAssertTrue(environments)
        let none = await byProxy { $0.proxy = "" }
        XCTAssertFalse(none)
        setenv("no_proxy", "127.0.0.1", 1)
        let exceptions = await byProxy { $0.noProxy = nil }
        XCTAssertFalse(exceptions)
        let noExceptions = await byProxy { $0.noProxy = "" }
        XCTAssertTrue(noExceptions)
        unsetenv("http_proxy")
        unsetenv("no_proxy")
    }

    func testTheAddressIsThatWhichWasSet() async {
        let port = self.port
        let request = await echo("http://settings.invalid:\(port)/echo") { $0.resolve = ["settings.invalid:\(port):127.0.0.1"] }
        check(request, has: [#"["host","settings.invalid:\#(port)"]"#])
    }

    // MARK: TLS

    /// A client that trusts the authority and has a certificate.
    private func trusting(_ url: String, _ change: (inout EventStream.Settings) -> Void = { _ in }) async -> Outcome {
        await outcome(url) {
            $0.certificateAuthorityFile = authorityFile
            $0.clientCertificate = (contents("TEST_CERTIFICATE"), contents("TEST_KEY"))
            change(&$0)
        }
    }

    private let event = Outcome.event("event 1"), distrusted = Outcome.failed(.certificate)

    func testTheKeyLogHasTheSecretsOfTheConnections() async throws {
        let path = NSTemporaryDirectory() + "keys-\(UUID())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let outcome = await trusting(secure + "/events") { $0.keyLogFile = path }
        XCTAssertEqual(outcome, event)
        let lines = try String(contentsOfFile: path, encoding: .utf8)
        XCTAssertTrue(lines.contains("CLIENT_TRAFFIC_SECRET_0 "), lines)
    }

    func testTheUnixSocketIsThatWhichWasSet() async {
        let path = unixSocket
        let outcome = await trusting("https://localhost:1/events") { $0.unixSocket = path }
        XCTAssertEqual(outcome, event)
    }

    func testAuthoritiesAreThoseThatWereSet() async {
        let file = await trusting(secure + "/events")
        XCTAssertEqual(file, event)
        let pem = await trusting(secure + "/events") {
            $0.certificateAuthorityFile = nil
            $0.certificateAuthorities = contents("TEST_CA")
        }
        XCTAssertEqual(pem, event)
        let none = await trusting(secure + "/events") { $0.certificateAuthorityFile = nil }
        XCTAssertEqual(none, distrusted)
        let skips = await trusting(secure + "/events") {
            $0.certificateAuthorityFile = nil
            $0.insecureSkipVerification = true
        }
        XCTAssertEqual(skips, event)
        setenv("SSL_CERT_FILE", authorityFile, 1)
        let systems = await trusting(secure + "/events") { $0.certificateAuthorityFile = nil }
        XCTAssertEqual(systems, event)
        let exclusive = await trusting(secure + "/events") {
            $0.certificateAuthorityFile = nil
            $0.exclusiveAuthorities = true
        }
        XCTAssertEqual(exclusive, distrusted)
        unsetenv("SSL_CERT_FILE")
    }

    func testTheCertificateOfTheClientIsShown() async {
        let two = await trusting(secure + "/events")
        XCTAssertEqual(two, event)
        let one = await trusting(secure + "/events") {
            $0.clientCertificate = (contents("TEST_CERTIFICATE") + contents("TEST_KEY"), [])
        }
        XCTAssertEqual(one, event)
        let files = await trusting(secure + "/events") {
            $0.clientCertificate = nil
            $0.clientCertificateFile = (Self.variable("TEST_CERTIFICATE"), Self.variable("TEST_KEY"))
        }
        XCTAssertEqual(files, event)
        let none = await trusting(secure + "/events") { $0.clientCertificate = nil }
        XCTAssertEqual(none, .failed(.tls))
    }

    func testTheNameAndTheKeyOfTheServerAreThoseThatWereSet() async {
        let url = "https://127.0.0.1:\(secure.split(separator: ":").last!)/events"
        let hosts = await trusting(url)
        XCTAssertEqual(hosts, distrusted)
        let named = await trusting(url) { $0.serverName = "localhost" }
        XCTAssertEqual(named, event)
        let pinned = await trusting(url) {
            $0.serverName = "localhost"
            $0.pinnedKeys = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        }
        XCTAssertEqual(pinned, distrusted)
    }

    func testVersionsAreThoseThatWereSet() async {
        let high = await trusting(older + "/events") { $0.minTLSVersion = .tls13 }
        XCTAssertEqual(high, .failed(.tls))
        let low = await trusting(older + "/events") { $0.minTLSVersion = .tls12 }
        XCTAssertEqual(low, event)
        let byDefault = await trusting(newer + "/events")
        XCTAssertNotEqual(byDefault, event)
        let http1 = await trusting(newer + "/events") { $0.httpVersion = .http1 }
        XCTAssertEqual(http1, event)
    }
}
