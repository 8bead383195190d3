# Compares the list of public functions with a library's symbols, a header's declarations, and what a wrapper calls:
#   cmake -D LIST=<exports.txt> [-D LIBRARY=<.so or .a> -D NM=<nm>] [-D HEADER=<.h> -D CC=<compiler>] [-D WRAPPER=<.hpp>]
#       -P Exports.cmake
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${LIST}" listed)
if(NOT listed)
    message(FATAL_ERROR "${LIST} is empty")
endif()
set(sorted ${listed})
list(SORT sorted)
list(REMOVE_DUPLICATES sorted)
if(NOT sorted STREQUAL listed)
    message(FATAL_ERROR "${LIST} is not sorted, or lists something twice")
endif()

# Fails with every name that only one of the two has.
function(compare names has)
    set(problems "")
    foreach(name IN LISTS names)
        if(NOT name IN_LIST listed)
            string(APPEND problems "\n  it ${has} ${name}, which is not listed")
        endif()
    endforeach()
    foreach(name IN LISTS listed)
        if(NOT name IN_LIST names)
            string(APPEND problems "\n  it lacks ${name}, which is listed")
        endif()
    endforeach()
    if(problems)
        message(FATAL_ERROR "${LIBRARY}${HEADER}${WRAPPER} differs from ${LIST}:${problems}")
    endif()
endfunction()

if(LIBRARY)
    # An archive has no dynamic symbols: there the global ones are what others see.
    set(which --dynamic)
    if(LIBRARY MATCHES "\\.a$")
        set(which --extern-only)
    endif()
    execute_process(COMMAND "${NM}" ${which} --defined-only --format=posix "${LIBRARY}"
        OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    # Lines `name type value size`; in an archive also `archive[member]:`.
    string(REGEX MATCHALL "[^ \n]+ [A-Za-z] [^\n]*\n" symbols "${output}")
    list(TRANSFORM symbols REPLACE " .*" "")
    compare("${symbols}" exports)
endif()

if(HEADER)
    # The preprocessor removes the comments, which name functions, too.
    execute_process(COMMAND "${CC}" -E -P -x c "${HEADER}" OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "eventsource_[a-z0-9_]+ *\\(" functions "${text}")
    list(TRANSFORM functions REPLACE " *\\(" "")
    list(FILTER functions EXCLUDE REGEX "_t$") # what a callback returns
    compare("${functions}" declares)
endif()

if(WRAPPER)
    file(READ "${WRAPPER}" text)
    # Not the names of types, nor of itself.
    string(REGEX MATCHALL "[^a-z_]eventsource_[a-z0-9_]+[(,)]" functions "${text}")
    list(TRANSFORM functions REPLACE "[^a-z0-9_]" "")
    list(FILTER functions EXCLUDE REGEX "_t$")
    list(APPEND functions eventsource_get_user_data eventsource_reconnect_init) # the wrapper knows its own
    compare("${functions}" calls)
endif()
