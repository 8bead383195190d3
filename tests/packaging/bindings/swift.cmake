# The Swift package and its tests against the installed library; the program of README.md as a package of its own; and the C
# module without any package.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Bindings.cmake")
set(BINDING "${SOURCE}/bindings/swift")

file(REMOVE_RECURSE "${WORK}")
use_installed_library()

file(GLOB sources "${BINDING}/Sources/LibEventSource/*.swift")
# Events come in batches; no runtime but the shared one lets a handler block. A loop that reads tells the state, and which event
# was the last. Settings are applied to a new client: to add addresses is to set them, and its policy has the defaults. Headers are
# found in the list.
expect_all_functions(SOURCES ${sources}
    WITHOUT "run" "get_result" "on_event" "on_event_type" "wait" "get_(last_event_id|number|state|user_data)" "log_format" "runtime_.*"
        "set_runtime" "(set|remove)_resolve" "set_url" "reconnect_init" "(request|response|error)_get_header" "parser_.*"
        "status_name" "version_number")

file(MAKE_DIRECTORY "${WORK}/home")
set(swift "${CMAKE_CURRENT_LIST_DIR}/with-swift" --keep "${WORK}-root"
    --share "${SOURCE}" --share "${PREFIX}" --share "${WORK}" --)

fetch(${swift} swift --version)

# Nothing is written beside the sources, or at home.
set(ENV{HOME} "${WORK}/home")
set(ENV{TMPDIR} "${WORK}/home")
# With two servers: one that speaks HTTP, and one that speaks TLS and wants a certificate.
set(served "${SERVER}" --for 1500 --tls --mutual --run -- ${CMAKE_COMMAND} -E env TEST_SERVER={http} TEST_SERVER_TLS={url}
    TEST_SERVER_TLS12={tls12} TEST_SERVER_HTTP2={http2} TEST_CA={ca} TEST_CERTIFICATE={cert} TEST_KEY={key} TEST_UNIX={unix}
    TEST_SILENT={silent} ${swift})
run(${served} swift test --package-path "${SOURCE}" --scratch-path "${WORK}/package" -Xswiftc -warnings-as-errors)

# Each setting has a test, and the tests look closely enough to notice these faults.
expect_all_settings("${BINDING}/Sources/LibEventSource/Settings.swift" "public var[ A-Za-z0-9]+"
    "${BINDING}/Tests/LibEventSourceTests/SettingsTests.swift" "${BINDING}/Tests/LibEventSourceTests/EventStreamTests.swift"
    "${BINDING}/Tests/LibEventSourceTests/IterationTests.swift")
set(planted "${WORK}/planted")
set(faults "${CMAKE_CURRENT_LIST_DIR}/swift-faults.txt")
set(checks "${CMAKE_CURRENT_LIST_DIR}/../checks")
file(COPY "${SOURCE}/Package.swift" DESTINATION "${planted}")
file(COPY "${BINDING}" DESTINATION "${planted}/bindings")
file(WRITE "${planted}/bindings/swift/Sources/LibEventSource/Planted.swift" "import Foundation

func planted(_ name: String) -> Bool { ProcessInfo.processInfo.environment[\"PLANTED\"] == name }
")
# They are planted in one file that has the text of all.
set(text "")
foreach(source IN LISTS sources)
    file(READ "${source}" part)
    string(APPEND text "${part}")
    cmake_path(GET source FILENAME name)
    file(REMOVE "${planted}/bindings/swift/Sources/LibEventSource/${name}")
endforeach()
file(WRITE "${planted}/all.swift" "${text}")
run(${CMAKE_COMMAND} -D "ORIGINAL=${planted}/all.swift" -D "COPY=${planted}/bindings/swift/Sources/LibEventSource/All.swift"
    -D "FAULTS=${faults}" -D "FORM=(planted(\"{name}\") ? ({fault}) : ({right}))" -P "${checks}/Plant.cmake")
run(${swift} swift build --build-tests --package-path "${planted}" --scratch-path "${planted}/build")
run(${CMAKE_COMMAND} -D "FAULTS=${faults}" -D PREFIX=LibEventSourceTests. -P "${checks}/Planted.cmake" --
    ${served} "${planted}/build/debug/libeventsourcePackageTests.xctest")

# An iterator cannot get to a second task. The same program with one task shows that it is this that is refused.
function(typecheck result_variable iterator)
    file(WRITE "${WORK}/tasks.swift" "import LibEventSource

func share(_ stream: EventStream) async throws {
    let one = stream.makeAsyncIterator()
    let other = ${iterator}
    async let event = other.next()
    _ = try await (one.next(), event)
}
")
    execute_process(COMMAND ${swift} swiftc -emit-sil -o "${WORK}/tasks.sil" -swift-version 6 -I "${WORK}/package/debug/Modules" -I "${PREFIX}/include"
            "${WORK}/tasks.swift"
        RESULT_VARIABLE result ERROR_VARIABLE error COMMAND_ECHO STDOUT ECHO_ERROR_VARIABLE)
    if(NOT result EQUAL 0 AND NOT error MATCHES "data races")
        message(FATAL_ERROR "It is refused for another reason.")
    endif()
    set(${result_variable} "${result}" PARENT_SCOPE)
endfunction()
typecheck(apart "stream.makeAsyncIterator()")
typecheck(shared "one")
if(NOT apart EQUAL 0 OR shared EQUAL 0)
    message(FATAL_ERROR "The compiler lets two tasks share an iterator, or refuses two that do not.")
endif()

# The README's program, with another package whose names are those that several have. It names this one by the URL and the version that
# the project will have.
set(program "${WORK}/program")
file(STRINGS "${SOURCE}/packaging/address" address LIMIT_COUNT 1)
file(WRITE "${WORK}/other/Package.swift" "// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: \"EventSource\",
    products: [.library(name: \"EventSource\", targets: [\"EventSource\", \"PkgConfig\", \"Logging\"])],
    targets: [.target(name: \"EventSource\"), .target(name: \"PkgConfig\"), .target(name: \"Logging\")]
)
")
file(WRITE "${WORK}/other/Sources/PkgConfig/PkgConfig.swift" "")
file(WRITE "${WORK}/other/Sources/EventSource/EventSource.swift" "
public struct EventSource { public init() {} }
public struct Event { public init() {} }
public struct Settings { public init() {} }
public struct Request { public init() {} }
public struct Response { public init() {} }
public struct Headers { public init() {} }
public struct Log { public init() {} }
")
file(WRITE "${program}/Sources/program/Others.swift" "import EventSource
import LibEventSource

func others() -> [Any] {
    [EventSource(), Event(), Settings(), Request(), Response(), Headers(), Log(), EventStream.Settings(), EventStream.Headers()]
}
")
# What the README shows for swift-log is compiled against what it uses of that.
file(WRITE "${WORK}/other/Sources/Logging/Logger.swift" "
public struct Logger: Sendable {
    public enum Level: Sendable { case trace, debug, info, notice, warning, error, critical }
    public struct Message: ExpressibleByStringInterpolation, Sendable { public init(stringLiteral: String) {} }
    public struct MetadataValue: ExpressibleByStringInterpolation, Sendable { public init(stringLiteral: String) {} }
    public init(label: String) {}
    public func log(
        level: Level, _ message: @autoclosure () -> Message, metadata: @autoclosure () -> [String: MetadataValue]? = nil
    ) {}
}
")
readme_program("${BINDING}/README.md" swift "${program}/Sources/program/Program.swift")
file(READ "${BINDING}/README.md" text)
string(REGEX REPLACE "^.*## Logging" "" text "${text}")
file(WRITE "${WORK}/logging.md" "${text}")
readme_program("${WORK}/logging.md" swift "${program}/Sources/program/Logging.swift")
configure_file("${BINDING}/chat.swift" "${program}/Sources/chat/Chat.swift" COPYONLY)
file(WRITE "${program}/Package.swift" "// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: \"program\",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: \"https://${address}\", from: \"${VERSION}\"), .package(name: \"EventSource\", path: \"${WORK}/other\"),
    ],
    targets: [
        .executableTarget(
            name: \"program\", dependencies: [.product(name: \"LibEventSource\", package: \"libeventsource\"), \"EventSource\"]),
        .executableTarget(name: \"chat\", dependencies: [.product(name: \"LibEventSource\", package: \"libeventsource\")])
    ]
)
")
fetch(${swift} git --version)
# SwiftPM remembers, outside the package, which commit a version was: this one is another each time.
find_program(python3 python3 REQUIRED)
run("${python3}" "${CMAKE_CURRENT_LIST_DIR}/published.py" --source "${SOURCE}" --work "${WORK}/published" --version "${VERSION}"
    --home "${WORK}/home" -- ${swift} swift build --package-path "${program}" --scratch-path "${program}/build"
    --cache-path "${WORK}/cache" --security-path "${WORK}/security" -Xswiftc -warnings-as-errors)
run_program(${swift} "${program}/build/debug/program")
run_chat(${swift} "${program}/build/debug/chat")
# It says why it fails: of a status, and of a port on which nobody listens.
foreach(case "{url}/status/404|the server answered 404" "http://127.0.0.1:1/|refused")
    string(REPLACE "|" ";" case "${case}")
    list(GET case 0 url)
    list(GET case 1 text)
    execute_process(COMMAND "${SERVER}" --for 60 --run -- ${swift} "${program}/build/debug/program" "${url}"
        ERROR_VARIABLE error RESULT_VARIABLE result COMMAND_ECHO STDOUT ECHO_ERROR_VARIABLE)
    if(NOT result EQUAL 1 OR NOT error MATCHES "${text}")
        message(FATAL_ERROR "The program ended with ${result}, and did not say ${text}")
    endif()
endforeach()

file(WRITE "${WORK}/module.swift" "import CEventSource
precondition(eventsource_start(nil) == EVENTSOURCE_ERR_NULL)
print(String(cString: eventsource_version()))
")
run(${swift} swiftc -I "${PREFIX}/include" -L "${PREFIX}/${LIBDIR}" "${WORK}/module.swift" -o "${WORK}/module")
run(${swift} "${WORK}/module")

# The artifact bundle, as far as a Swift older than 6.2 can use it: the module and the archive in it, without the package manager.
cmake_host_system_information(RESULT processor QUERY OS_PLATFORM)
set(tarball "libeventsource-${VERSION}-Linux-${processor}")
if(EXISTS "${PREFIX}/${LIBDIR}/libeventsource.a")
    file(COPY "${PREFIX}/include" DESTINATION "${WORK}/${tarball}")
    file(COPY "${PREFIX}/${LIBDIR}/" DESTINATION "${WORK}/${tarball}/lib" PATTERN "*.so*" EXCLUDE)
    file(COPY "${SOURCE}/LICENSE.txt" DESTINATION "${WORK}/${tarball}")
    # Only packages have the other licences.
    file(WRITE "${WORK}/${tarball}/third-parties.txt" "")
    run(${CMAKE_COMMAND} -E chdir "${WORK}" ${CMAKE_COMMAND} -E tar czf ${tarball}.tar.gz ${tarball})
    run("${python3}" "${SOURCE}/packaging/swift/artifactbundle" "${WORK}/${tarball}.tar.gz" --output "${WORK}")
    file(ARCHIVE_EXTRACT INPUT "${WORK}/CEventSource.artifactbundle.zip" DESTINATION "${WORK}")
    set(variant "${WORK}/CEventSource.artifactbundle/${processor}-unknown-linux-gnu")
    run(${swift} swiftc -I "${variant}/include" "${WORK}/module.swift" "${variant}/libeventsource.a" -o "${WORK}/from-bundle")
    unset(ENV{LD_LIBRARY_PATH})
    run(${swift} "${WORK}/from-bundle")
endif()

file(REMOVE_RECURSE "${WORK}")
