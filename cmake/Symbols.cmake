# Writes what dpkg knows of the library's symbols: since which version there is each, as the header says it, so that packages of
# programs need no later library than they use.
#   cmake -D HEADER=<eventsource.h> -D EXPORTS=<exports.txt> -D SONAME=<name> -D PACKAGE=<name> -D OUTPUT=<file> -P Symbols.cmake
cmake_minimum_required(VERSION 3.25)

# Each function's comment, which ends with its version, stands before it.
file(STRINGS "${HEADER}" lines REGEX "@since|^[a-z].*eventsource_[a-z_]+\\(|^    eventsource_[a-z_]+\\(")
set(since "")
foreach(line IN LISTS lines)
    if(line MATCHES "@since ([0-9.]+)")
        set(since ${CMAKE_MATCH_1})
    elseif(line MATCHES "(eventsource_[a-z_]+)\\(")
        set(since_${CMAKE_MATCH_1} ${since})
    endif()
endforeach()

set(text "${SONAME} ${PACKAGE} #MINVER#\n")
file(STRINGS "${EXPORTS}" exports)
foreach(name IN LISTS exports)
    if(NOT since_${name})
        message(FATAL_ERROR "${HEADER} does not say since when there is ${name}")
    endif()
    string(APPEND text " ${name}@Base ${since_${name}}\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
