# Which glibc a library needs, by the versions of the symbols that it takes from there:
#   cmake -D LIBRARY=<.so> -D NM=<nm> -D OLDEST=<version> [-D LIST=<glibc.txt>] -P Glibc.cmake
# None is newer than OLDEST, but for those of the list: a library that was linked with a newer glibc may have them.
cmake_minimum_required(VERSION 3.25)

set(listed "")
if(LIST)
    file(STRINGS "${LIST}" listed REGEX "^[^#]")
endif()
execute_process(COMMAND "${NM}" --dynamic --undefined-only --with-symbol-versions --format=posix "${LIBRARY}"
    OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
# Lines `name@version type`. A weak one (w) need not be there.
string(REGEX MATCHALL "[^ \n]+@GLIBC_[0-9.]+ U" symbols "${output}")
if(NOT symbols)
    message(FATAL_ERROR "${LIBRARY} takes nothing from glibc")
endif()
set(problems "")
foreach(symbol IN LISTS symbols)
    string(REGEX MATCH "^([^@]+)@+GLIBC_([0-9.]+)" matched "${symbol}")
    if(CMAKE_MATCH_2 VERSION_GREATER OLDEST AND NOT CMAKE_MATCH_1 IN_LIST listed)
        string(APPEND problems "\n  ${CMAKE_MATCH_1} of glibc ${CMAKE_MATCH_2}")
    endif()
endforeach()
if(problems)
    message(FATAL_ERROR "${LIBRARY} does not load with glibc ${OLDEST}. It needs:${problems}")
endif()
