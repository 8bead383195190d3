# Shows that a test notices a fault of a setter: runs it with that, and succeeds if it fails.
#   cmake -D FAULT=<function, or struct.member: does nothing; function:fault> -D CC=<compiler> -D INCLUDE=<folder of the header>
#       -D WORK=<folder> -P FaultySetter.cmake -- <the test's command>
cmake_minimum_required(VERSION 3.25)

set(source ignored.c)
if(FAULT MATCHES ":")
    set(source exchanged.c)
    set(definitions "")
elseif(FAULT MATCHES "(.*)\\.(.*)")
    set(definitions -D "STRUCT_${CMAKE_MATCH_1}" -D "MEMBER=${CMAKE_MATCH_2}")
else()
    set(definitions -D "SETTER=${FAULT}")
endif()
string(REPLACE ":" "." name "${FAULT}") # a loader splits its list there
set(library "${WORK}/${name}.so")
file(MAKE_DIRECTORY "${WORK}")
execute_process(
    COMMAND "${CC}" -std=c11 -shared -fPIC ${definitions} "-I${INCLUDE}" "${CMAKE_CURRENT_LIST_DIR}/${source}" -o "${library}"
    COMMAND_ERROR_IS_FATAL ANY)

set(command "")
set(begun FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(index RANGE ${last})
    if(begun)
        list(APPEND command "${CMAKE_ARGV${index}}")
    elseif("${CMAKE_ARGV${index}}" STREQUAL "--")
        set(begun TRUE)
    endif()
endforeach()
# What does not come for want of a setting need not be waited for as long as what comes on a slow machine.
set(ENV{CHECK_SECONDS} 1)
set(ENV{PLANTED} "${FAULT}")
set(ENV{LD_PRELOAD} "${library}")
execute_process(COMMAND ${command} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
file(REMOVE "${library}")
if(status EQUAL 0)
    message(FATAL_ERROR "The test passes with ${FAULT}:\n${output}")
endif()
# The test has begun, and has failed or crashed.
if(NOT output MATCHES " \\.\\.\\." OR output MATCHES "cannot be preloaded|symbol lookup error")
    message(FATAL_ERROR "The test did not run (${status}):\n${output}")
endif()
