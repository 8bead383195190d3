# Compares what programs see of the library, types and functions, with the dump that was checked in:
#   cmake -D HEADER=<.h> -D CC=<compiler> -D ABIDW=<path> -D ABIDIFF=<path> -D DUMP=<.xml>
#       -D WORK=<folder> [-D WRITE=ON, to write the dump anew] -P Abi.cmake
#
# New functions and new numbers are no difference. A struct that has grown is one, since abidiff's own exceptions for that would
# let other changes of structs pass, too.
#
# The binary that is looked at is made from the header alone. Of the library itself much more would be seen, which is Rust's and
# nobody's to rely on; that its functions are those of the header, other checks show, and the header is written from them.
cmake_minimum_required(VERSION 3.25)

function(run)
    execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${WORK}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(MAKE_DIRECTORY "${WORK}")
execute_process(COMMAND "${CC}" -E -P -x c "${HEADER}" OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
# Functions, not the types of callbacks that return an enumeration.
string(REGEX REPLACE "(eventsource_[a-z0-9_]+ *\\([^*;][^;]*\\));" "\\1 { __builtin_trap(); }" text "${text}")
# Functions take plain numbers, so that nothing refers to the enumerations that are meant.
string(REGEX MATCHALL "enum eventsource_[a-z_]+_t" enumerations "${text}")
list(REMOVE_DUPLICATES enumerations)
foreach(enumeration IN LISTS enumerations)
    string(REPLACE "enum " "" name "${enumeration}")
    string(APPEND text "void numbers_of_${name}(${enumeration} number) { (void)number; }\n")
endforeach()
file(WRITE "${WORK}/seen.c" "${text}")
run("${CC}" -std=c11 -g -fPIC -shared seen.c -o libseen.so)
run("${ABIDW}" --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --out-file seen.xml libseen.so)

if(WRITE)
    file(COPY_FILE "${WORK}/seen.xml" "${DUMP}")
    return()
endif()
execute_process(COMMAND "${ABIDIFF}" --no-added-syms "${DUMP}" "${WORK}/seen.xml"
    RESULT_VARIABLE status OUTPUT_VARIABLE report ERROR_VARIABLE report)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "Programs that were compiled before may not go on running:\n${report}\n"
        "If all that has happened is that structs with a size have grown at their end, and the library takes the smaller ones, "
        "write the dump anew: cmake --build <build tree> --target abi-dump. Else it is a mistake, or the ABI needs another "
        "number (in cmake/Library.cmake and build.rs), and a new dump, too.")
endif()
