# The library as it is shipped tells nothing of where and by whom it was built, and its parts in C check their stack.
#   cmake -D LIBRARY=<file> -D NM=<nm> -D PATHS=<path>,... -P Shipped.cmake
cmake_minimum_required(VERSION 3.25)

string(REPLACE "," ";" PATHS "${PATHS}")
foreach(path IN LISTS PATHS)
    string(REGEX REPLACE "([][+.*()^$?|\\])" "\\\\\\1" pattern "${path}")
    file(STRINGS "${LIBRARY}" found REGEX "${pattern}/")
    list(LENGTH found count)
    if(count GREATER 0)
        list(SUBLIST found 0 3 found)
        message(FATAL_ERROR "${LIBRARY} has ${count} texts with the builder's path ${path}: ${found}")
    endif()
endforeach()

execute_process(COMMAND "${NM}" "${LIBRARY}" OUTPUT_VARIABLE symbols ERROR_QUIET)
execute_process(COMMAND "${NM}" --dynamic "${LIBRARY}" OUTPUT_VARIABLE dynamic ERROR_QUIET)
if(NOT "${symbols}${dynamic}" MATCHES "__stack_chk_fail")
    message(FATAL_ERROR "${LIBRARY} does not check its stack: nothing in it asks for __stack_chk_fail")
endif()
