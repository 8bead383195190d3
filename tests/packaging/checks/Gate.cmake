# Shows that a check can fail: runs it on a spoiled copy of a file, and succeeds if the check fails and says why.
#   cmake [-D ORIGINAL=<file> -D COPY=<file> -D TEXT=<to replace> -D BY=<text>] -D EXPECTED=<regex> -P Gate.cmake
#       -- <the check's command, which is given the copy>
cmake_minimum_required(VERSION 3.25)

if(ORIGINAL)
    file(READ "${ORIGINAL}" text)
    string(REPLACE "${TEXT}" "${BY}" spoiled "${text}")
    if(spoiled STREQUAL text)
        message(FATAL_ERROR "${ORIGINAL} has no '${TEXT}' to replace: this test needs another")
    endif()
    file(WRITE "${COPY}" "${spoiled}")
endif()

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
execute_process(COMMAND ${command} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0)
    message(FATAL_ERROR "The check passes, and should not")
endif()
# CMake breaks the lines of its messages.
string(REGEX REPLACE "[ \n]+" " " output "${output}")
if(NOT output MATCHES "${EXPECTED}")
    message(FATAL_ERROR "The check fails (${status}), but does not say '${EXPECTED}':\n${output}")
endif()
