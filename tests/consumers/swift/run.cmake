# The Swift package and its tests against the installed library; the program of README.md as a package of its own; and the C
# module without any package.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../Bindings.cmake")

file(REMOVE_RECURSE "${WORK}")
use_installed_library()

file(GLOB sources "${CMAKE_CURRENT_LIST_DIR}/Sources/EventSource/*.swift")
# Events come in batches; no runtime but the shared one lets a handler block. A loop has no place for what is asked of a
# stream that is open.
expect_all_functions(SOURCES ${sources}
    WITHOUT "on_event" "on_event_type" "wait" "get_(last_event_id|state|stats)" "reconnect_now" "runtime_.*" "set_runtime"
        "parser_.*" "status_name" "version_number")

file(MAKE_DIRECTORY "${WORK}/home")
set(swift "${CMAKE_CURRENT_LIST_DIR}/with-swift" --keep "${WORK}-root"
    --share "${CMAKE_CURRENT_LIST_DIR}" --share "${PREFIX}" --share "${WORK}" --)

fetch(${swift} swift --version)

# Nothing is written beside the sources, or at home.
set(ENV{HOME} "${WORK}/home")
run("${SERVER}" --for 300 --run -- ${CMAKE_COMMAND} -E env TEST_SERVER={url} ${swift}
    swift test --package-path "${CMAKE_CURRENT_LIST_DIR}" --scratch-path "${WORK}/package" -Xswiftc -warnings-as-errors)

set(program "${WORK}/program")
readme_program("${CMAKE_CURRENT_LIST_DIR}/README.md" swift "${program}/Sources/program/Program.swift")
file(WRITE "${program}/Package.swift" "// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: \"program\",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: \"EventSource\", path: \"${CMAKE_CURRENT_LIST_DIR}\")],
    targets: [.executableTarget(name: \"program\", dependencies: [\"EventSource\"])]
)
")
run(${swift} swift build --package-path "${program}" --scratch-path "${program}/build")
run_program(${swift} "${program}/build/debug/program")

file(WRITE "${WORK}/module.swift" "import CEventSource
precondition(eventsource_start(nil) == EVENTSOURCE_ERR_NULL)
print(String(cString: eventsource_version()))
")
run(${swift} swiftc -I "${PREFIX}/include" -L "${PREFIX}/${LIBDIR}" "${WORK}/module.swift" -o "${WORK}/module")
run(${swift} "${WORK}/module")

file(REMOVE_RECURSE "${WORK}")
