# The Go package and its tests against the installed library, under the race detector and with cgo's pointers checked; and
# the program of README.md as a module of its own.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Bindings.cmake")
set(BINDING "${SOURCE}/bindings/go")

file(REMOVE_RECURSE "${WORK}")
use_installed_library()

file(GLOB sources "${BINDING}/*.go" "${BINDING}/*.c")
# Events come in batches, and are waited for in Go. A parser without a connection is easily had in Go; user data are Go's own.
# Headers are found by name in Go. What is set for one stream is known where it is opened: nothing need be taken back.
expect_all_functions(SOURCES ${sources}
    WITHOUT "run" "set_url" "wait" "get_result" "get_user_data" "on_event" "on_event_type" "get_state" "remove_resolve" "reconnect_init"
        "(request|response|error)_get_header" "runtime_dispatch" "runtime_get_fd" "log_format" "parser_.*" "status_name" "version_number")

set(ENV{CC} "${CC}")
set(ENV{PKG_CONFIG} "${PKG_CONFIG}")
set(ENV{CGO_ENABLED} 1)
# What a newer Go would fetch is never needed.
set(ENV{GOTOOLCHAIN} local)
set(ENV{GOFLAGS} -mod=mod)

execute_process(COMMAND "${GO}" env GOVERSION OUTPUT_VARIABLE go_version COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "[0-9]+\\.[0-9]+" go_version "${go_version}")

run(${CMAKE_COMMAND} -E chdir "${BINDING}" "${GO}" vet .)
# The experiment came with 1.21; Debian's older Go has no race detector with it.
set(race "")
if(go_version VERSION_GREATER_EQUAL 1.21)
    set(ENV{GOEXPERIMENT} cgocheck2)
    set(race -race)
endif()
run("${SERVER}" --for 1500 --run -- ${CMAKE_COMMAND} -E chdir "${BINDING}"
    "${GO}" test ${race} -count=1 -v . -args -server {url})
unset(ENV{GOEXPERIMENT})

# Each option and each change of a request has a test, and what they do is looked at closely enough to notice these faults.
expect_all_settings("${BINDING}/options.go" "func (\\(r \\*Request\\) (Set|Add|Remove)|With)[A-Za-z]+\\("
    "${BINDING}/settings_test.go" "${BINDING}/eventsource_test.go" "${BINDING}/handlers_test.go" "${BINDING}/runtime_test.go"
    "${BINDING}/watch_linux_test.go")
set(planted "${WORK}/planted")
file(GLOB sources "${BINDING}/*")
file(COPY ${sources} DESTINATION "${planted}")
file(WRITE "${planted}/planted.go" "package eventsource

import \"os\"

func planted(name string) bool { return os.Getenv(\"PLANTED\") == name }
")
set(faults "${CMAKE_CURRENT_LIST_DIR}/go-faults.txt")
set(checks "${CMAKE_CURRENT_LIST_DIR}/../checks")
file(STRINGS "${faults}" lines)
set(source "")
foreach(line IN LISTS lines)
    if(line MATCHES "^# ([a-z]+\\.go)$")
        set(source "${CMAKE_MATCH_1}")
        list(APPEND sources_with_faults "${source}")
        file(WRITE "${WORK}/faults-of-${source}" "")
    elseif(source AND line)
        file(APPEND "${WORK}/faults-of-${source}" "${line}\n")
    endif()
endforeach()
foreach(source IN LISTS sources_with_faults)
    run(${CMAKE_COMMAND} -D "ORIGINAL=${BINDING}/${source}" -D "COPY=${planted}/${source}" -D "FAULTS=${WORK}/faults-of-${source}"
        -D "FORM=if planted(\"{name}\") { {fault} } else { {right} }" -P "${checks}/Plant.cmake")
endforeach()
run(${CMAKE_COMMAND} -E chdir "${planted}" "${GO}" test -c -o planted .)
run(${CMAKE_COMMAND} -D "FAULTS=${faults}" -P "${checks}/Planted.cmake" --
    "${SERVER}" --for 300 --run -- "${planted}/planted" -server {url} -test.timeout 60s -test.run)

# Without cgo, one line says what is wanted.
execute_process(COMMAND ${CMAKE_COMMAND} -E env CGO_ENABLED=0 ${CMAKE_COMMAND} -E chdir "${BINDING}" "${GO}" build .
    ERROR_VARIABLE message RESULT_VARIABLE result)
if(result EQUAL 0 OR NOT message MATCHES "^# [^\n]+\n[^\n]+set_CGO_ENABLED_to_1[^\n]+\n$")
    message(FATAL_ERROR "Without cgo, Go does not say in one line what is wanted:\n${message}")
endif()

if(go_version VERSION_GREATER_EQUAL 1.23)
    set(module "${WORK}/program")
    readme_program("${BINDING}/README.md" go "${module}/main.go")
    # As README.md says for now, from a folder; then by the address and the tag that the project will have, with nothing fetched before.
    file(STRINGS "${SOURCE}/packaging/address" address LIMIT_COUNT 1)
    set(path "${address}/bindings/go")
    file(WRITE "${module}/go.mod" "module program\n\ngo 1.23\n")
    run(${CMAKE_COMMAND} -E chdir "${module}" "${GO}" mod edit -require "${path}@v${VERSION}" -replace "${path}=${BINDING}")
    run(${CMAKE_COMMAND} -E chdir "${module}" "${GO}" build -o program .)
    run_program("${module}/program")

    find_program(python3 python3)
    find_program(git git)
    if(python3 AND git)
        file(WRITE "${module}/go.mod" "module program\n\ngo 1.23\n")
        set(ENV{GOMODCACHE} "${WORK}/fetched")
        set(ENV{GOFLAGS} "-mod=mod -modcacherw")
        run("${python3}" "${CMAKE_CURRENT_LIST_DIR}/published.py" --source "${SOURCE}" --work "${WORK}/published" --version "${VERSION}" --
            ${CMAKE_COMMAND} -E chdir "${module}" "${GO}" get "${path}@v${VERSION}")
        run(${CMAKE_COMMAND} -E chdir "${module}" "${GO}" build -o program .)
    endif()
    run_program("${module}/program")

    # One binary, which needs no shared library of ours. Where the archive is not installed, there is nothing to try.
    if(EXISTS "${PREFIX}/${LIBDIR}/pkgconfig/eventsource-static.pc")
        run(${CMAKE_COMMAND} -E chdir "${module}" "${GO}" build -tags eventsource_static -o static .)
        execute_process(COMMAND ldd "${module}/static" OUTPUT_VARIABLE needed COMMAND_ERROR_IS_FATAL ANY)
        if(needed MATCHES "eventsource")
            message(FATAL_ERROR "With -tags eventsource_static, the program needs the shared library:\n${needed}")
        endif()
        unset(ENV{LD_LIBRARY_PATH})
        run_program("${module}/static")
    endif()
endif()

file(REMOVE_RECURSE "${WORK}")
