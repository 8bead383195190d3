# With two of CMAKE_OSX_ARCHITECTURES, the library has code for both. This machine has no standard library of Rust's for Apple's
# systems, so universal-cargo stands in for cargo; all else is real.
#   cmake -D SOURCE=<folder> -D RUSTC=<path> -D LIPO=<path> -D WORK=<folder> -P Universal.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${WORK}")
# rustc is looked for beside cargo.
file(MAKE_DIRECTORY "${WORK}/bin" "${WORK}/MacOSX.sdk")
file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/universal-cargo" "${WORK}/bin/cargo")
file(CREATE_LINK "${RUSTC}" "${WORK}/bin/rustc" SYMBOLIC)
file(WRITE "${WORK}/toolchain.cmake" "
set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(CMAKE_OSX_SYSROOT \"${WORK}/MacOSX.sdk\")
set(CMAKE_OSX_ARCHITECTURES arm64 x86_64)
set(CMAKE_OSX_DEPLOYMENT_TARGET 11.0)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET arm64-apple-macos11)
set(CMAKE_C_COMPILER_WORKS TRUE)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_INSTALL_NAME_TOOL \"${CMAKE_COMMAND}\")
")
function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(failed)
        message(FATAL_ERROR "${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()
run(${CMAKE_COMMAND} -S "${SOURCE}" -B "${WORK}/build" "--toolchain=${WORK}/toolchain.cmake" "-DCARGO_EXECUTABLE=${WORK}/bin/cargo"
    "-DCARGO_TARGET_DIR=${WORK}/target" -DCMAKE_BUILD_TYPE=Release -DEVENTSOURCE_BUILD_TESTS=OFF -DEVENTSOURCE_BUILD_EXAMPLES=OFF
    -DEVENTSOURCE_BUILD_TOOL=OFF -DEVENTSOURCE_INSTALL=OFF)
run(${CMAKE_COMMAND} --build "${WORK}/build")
foreach(file libeventsource.0.dylib libeventsource.a)
    run("${LIPO}" -info "${WORK}/build/lib/${file}")
    if(NOT output MATCHES "arm64" OR NOT output MATCHES "x86_64")
        message(FATAL_ERROR "${output}")
    endif()
endforeach()
