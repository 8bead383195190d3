// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "EventSource",
    // Where Mutex and AsyncSequence.Failure are.
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [.library(name: "EventSource", targets: ["EventSource"])],
    targets: [
        // Only asks pkg-config where libeventsource is; the module CEventSource is the installed one.
        .systemLibrary(name: "PkgConfig", pkgConfig: "eventsource"),
        .target(name: "EventSource", dependencies: ["PkgConfig"]),
        .testTarget(name: "EventSourceTests", dependencies: ["EventSource"]),
    ]
)
