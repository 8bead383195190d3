# The library compiles without each part that can be left out, and without all of them, with no warning.
#   cmake -D CARGO=<cargo> -D TARGET_DIR=<folder> -D SOURCE=<project> -P Features.cmake
cmake_minimum_required(VERSION 3.25)

file(READ "${SOURCE}/Cargo.toml" manifest)
string(REGEX MATCH "\ndefault = \\[([^]]*)\\]" found "${manifest}")
string(REGEX MATCHALL "[a-z0-9]+" features "${CMAKE_MATCH_1}")
list(LENGTH features count)
if(count LESS 4)
    message(FATAL_ERROR "Cargo.toml has ${count} features that can be left out: ${features}")
endif()

foreach(without IN LISTS features ITEMS all)
    set(others ${features})
    list(REMOVE_ITEM others ${without})
    if(without STREQUAL "all")
        set(others "")
    endif()
    list(JOIN others "," others)
    execute_process(COMMAND "${CARGO}" check --locked --lib --no-default-features --features "${others}" --target-dir "${TARGET_DIR}"
        WORKING_DIRECTORY "${SOURCE}" OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
    if(NOT status EQUAL 0 OR output MATCHES "warning: ")
        message(FATAL_ERROR "Without ${without}: ${output}")
    endif()
endforeach()
