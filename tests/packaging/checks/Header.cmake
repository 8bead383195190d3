# Compiles a file that has nothing but the header, and one that has it twice:
#   cmake -D HEADER=<.h> -D COMPILER=<path> -D STANDARD=<c99, c++11, …> -D INCLUDE=<folder of other headers>
#       -D WORK=<folder> [-D "OPTIONS=<further options>"] -P Header.cmake
cmake_minimum_required(VERSION 3.25)

set(extension c)
set(flags -Wall -Wextra -Wpedantic -Werror)
if(STANDARD MATCHES "\\+\\+")
    set(extension cpp)
endif()
if(HEADER MATCHES "\\.hpp$")
    # It has code, in which strict projects look for more.
    list(APPEND flags -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Weffc++)
endif()
separate_arguments(OPTIONS)
list(APPEND flags ${OPTIONS})
file(MAKE_DIRECTORY "${WORK}")
file(WRITE "${WORK}/alone.${extension}" "#include \"${HEADER}\"\n")
file(WRITE "${WORK}/twice.${extension}" "#include \"${HEADER}\"\n#include \"${HEADER}\"\n")
foreach(source alone twice)
    execute_process(
        COMMAND "${COMPILER}" -std=${STANDARD} ${flags} -fsyntax-only "-I${INCLUDE}"
            "${WORK}/${source}.${extension}"
        RESULT_VARIABLE status ERROR_VARIABLE errors)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "${HEADER}, included ${source}, is no clean ${STANDARD}:\n${errors}")
    endif()
endforeach()
