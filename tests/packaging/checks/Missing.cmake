# Configuring tells in one line what is missing, with the remedy.
#   cmake -D SOURCE=<source tree> -D WORK=<folder> -P Missing.cmake
cmake_minimum_required(VERSION 3.25)

# expect_refusal(<expected words> <option>...): configuring fails with a message of one sentence or two that has them.
function(expect_refusal expected)
    file(REMOVE_RECURSE "${WORK}/build")
    execute_process(COMMAND ${CMAKE_COMMAND} -E env HOME=${WORK} ${CMAKE_COMMAND} -S "${SOURCE}" -B "${WORK}/build" -DEVENTSOURCE_BUILD_TESTS=OFF ${ARGN}
        OUTPUT_QUIET ERROR_VARIABLE error RESULT_VARIABLE status)
    string(REGEX REPLACE "[ \n]+" " " error "${error}")
    if(status EQUAL 0 OR NOT error MATCHES "${expected}")
        message(SEND_ERROR "It should be refused with \"${expected}\", but: ${error}")
    endif()
endfunction()

# A cargo that says what it is told to.
file(MAKE_DIRECTORY "${WORK}")
foreach(version 1.63.0 unknown)
    file(WRITE "${WORK}/cargo-${version}" "#!/bin/sh\necho cargo ${version}\n")
    file(CHMOD "${WORK}/cargo-${version}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()

# CMake looks nowhere, so it is told what else it needs.
find_program(make NAMES make gmake REQUIRED)
find_program(cc NAMES cc gcc clang REQUIRED)
expect_refusal("There is no cargo\\. Install Rust 1\\.[0-9]+ or newer .*apt install cargo-web"
    -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF
    -G "Unix Makefiles" "-DCMAKE_MAKE_PROGRAM=${make}" "-DCMAKE_C_COMPILER=${cc}")
expect_refusal("cargo-1\\.63\\.0 is Rust 1\\.63\\.0, which is too old\\. Install Rust 1\\.[0-9]+ or newer"
    "-DCARGO_EXECUTABLE=${WORK}/cargo-1.63.0")
expect_refusal("cargo-unknown does not tell its version" "-DCARGO_EXECUTABLE=${WORK}/cargo-unknown")
expect_refusal("There is no C compiler\\. Install one .*apt install gcc" -DCMAKE_C_COMPILER=CMAKE_C_COMPILER-NOTFOUND)
file(REMOVE_RECURSE "${WORK}")
