# Compares the name that a library asks programs to find it by:
#   cmake -D LIBRARY=<.so> -D SONAME=<expected> -D READELF=<path> -P Soname.cmake
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND "${READELF}" --dynamic --wide "${LIBRARY}"
    OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "\\(SONAME\\)[^\n]*\\[([^\n]*)\\]" line "${output}")
if(NOT CMAKE_MATCH_1 STREQUAL SONAME)
    message(FATAL_ERROR "${LIBRARY} has the SONAME '${CMAKE_MATCH_1}', not '${SONAME}'")
endif()
