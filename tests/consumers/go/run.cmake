# The Go package and its tests against the installed library, under the race detector and with cgo's pointers checked; and
# the program of README.md as a module of its own.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../Bindings.cmake")

file(REMOVE_RECURSE "${WORK}")
use_installed_library()

file(GLOB sources "${CMAKE_CURRENT_LIST_DIR}/*.go" "${CMAKE_CURRENT_LIST_DIR}/*.c")
# Events come in batches, and wait in a channel; no runtime but the shared one lets a handler block. A parser without a
# connection is easily had in Go.
expect_all_functions(SOURCES ${sources}
    WITHOUT "on_event" "on_event_type" "pause" "resume" "get_state" "runtime_.*" "set_runtime" "parser_.*" "status_name"
        "version_number")

set(ENV{CC} "${CC}")
set(ENV{PKG_CONFIG} "${PKG_CONFIG}")
set(ENV{CGO_ENABLED} 1)
# What a newer Go would fetch is never needed.
set(ENV{GOTOOLCHAIN} local)
set(ENV{GOFLAGS} -mod=mod)

execute_process(COMMAND "${GO}" env GOVERSION OUTPUT_VARIABLE go_version COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "[0-9]+\\.[0-9]+" go_version "${go_version}")

run(${CMAKE_COMMAND} -E chdir "${CMAKE_CURRENT_LIST_DIR}" "${GO}" vet .)
# The experiment came with 1.21; Debian's older Go has no race detector with it.
set(race "")
if(go_version VERSION_GREATER_EQUAL 1.21)
    set(ENV{GOEXPERIMENT} cgocheck2)
    set(race -race)
endif()
run("${SERVER}" --for 300 --run -- ${CMAKE_COMMAND} -E chdir "${CMAKE_CURRENT_LIST_DIR}"
    "${GO}" test ${race} -count=1 -v . -args -server {url})
unset(ENV{GOEXPERIMENT})

if(go_version VERSION_GREATER_EQUAL 1.23)
    set(module "${WORK}/program")
    readme_program("${CMAKE_CURRENT_LIST_DIR}/README.md" go "${module}/main.go")
    file(WRITE "${module}/go.mod" "module program\n\ngo 1.23\n")
    run(${CMAKE_COMMAND} -E chdir "${module}" "${GO}" mod edit -require libeventsource/eventsource@v0.0.0
        -replace "libeventsource/eventsource=${CMAKE_CURRENT_LIST_DIR}")
    run(${CMAKE_COMMAND} -E chdir "${module}" "${GO}" build -o program .)
    run_program("${module}/program")
endif()

file(REMOVE_RECURSE "${WORK}")
