# test-server: the scripted SSE server that the demo and the C tests run against. Always cargo's dev profile: it is no
# part of the library, and the Rust tests have it built that way already. With the whole workspace's features, as they do.
#
# It is built for this machine, also where the library is for another.
if(CMAKE_HOST_WIN32)
    set(program test-server.exe)
else()
    set(program test-server)
endif()
set(cargo ${EVENTSOURCE_CARGO})
set(options ${EVENTSOURCE_CARGO_OPTIONS})
set(output "${EVENTSOURCE_CARGO_OUTPUT}/debug")
if(CMAKE_CROSSCOMPILING OR EVENTSOURCE_GLIBC)
    set(cargo ${CARGO_EXECUTABLE})
    set(options --locked --target-dir "${CARGO_TARGET_DIR}")
    set(output "${CARGO_TARGET_DIR}/debug")
endif()
set(all "")
if(EVENTSOURCE_BUILD_TESTS)
    set(all ALL)
endif()
add_custom_target(test-server-program ${all}
    COMMAND ${cargo} build ${options} --workspace --bin test-server
    BYPRODUCTS "${output}/${program}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Building the test server with cargo"
    USES_TERMINAL VERBATIM)
# At the same time, cargo would only wait for itself.
add_dependencies(test-server-program eventsource-library)

add_executable(test-server IMPORTED GLOBAL)
set_target_properties(test-server PROPERTIES IMPORTED_LOCATION "${output}/${program}" CROSSCOMPILING_EMULATOR "")
add_dependencies(test-server test-server-program)

# eventsource_runnable(<result> <target>): the file with which a program is run on this machine. If the program is for another
# system, and CMAKE_CROSSCOMPILING_EMULATOR says what runs it here, that is a script, so that others can run the program as if
# it were one of this machine's: the test server, a shell, and the program itself, to which the script gives its own name as
# CHECK_PROGRAM.
function(eventsource_runnable result target)
    set(file "$<TARGET_FILE:${target}>")
    if(CMAKE_CROSSCOMPILING_EMULATOR)
        set(file "${PROJECT_BINARY_DIR}/emulated/${target}")
        list(JOIN CMAKE_CROSSCOMPILING_EMULATOR "' '" emulator)
        get_property(is_there GLOBAL PROPERTY "eventsource_runnable_${target}")
        set_property(GLOBAL PROPERTY "eventsource_runnable_${target}" TRUE)
    endif()
    if(CMAKE_CROSSCOMPILING_EMULATOR AND NOT is_there)
        file(GENERATE OUTPUT "${file}" CONTENT "#!/bin/sh
CHECK_PROGRAM=$0 exec '${emulator}' '$<TARGET_FILE:${target}>' \"$@\"
" FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    endif()
    set(${result} "${file}" PARENT_SCOPE)
endfunction()
