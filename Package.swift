// swift-tools-version: 6.0
// SwiftPM reads the manifest at a repository's root; the package is in bindings/swift.
import PackageDescription

// A name of a package, a product or a module must not occur twice in a program, so these are names that others do not have:
// several packages have a module EventSource.
let package = Package(
    name: "libeventsource",
    // Where Mutex and AsyncSequence.Failure are. Linux needs no entry; where there is no pkg-config, it cannot work.
    platforms: [.macOS(.v15)],
    products: [.library(name: "LibEventSource", targets: ["LibEventSource"])],
    targets: [
        // Only asks pkg-config where libeventsource is; the module CEventSource is the installed one.
        .systemLibrary(
            name: "LibEventSourcePkgConfig", path: "bindings/swift/Sources/LibEventSourcePkgConfig", pkgConfig: "eventsource"),
        .target(
            name: "LibEventSource", dependencies: ["LibEventSourcePkgConfig"], path: "bindings/swift/Sources/LibEventSource"),
        .testTarget(
            name: "LibEventSourceTests", dependencies: ["LibEventSource"], path: "bindings/swift/Tests/LibEventSourceTests"),
    ],
    swiftLanguageModes: [.v6]
)
