# Building for another system than this: what CMake's toolchain says of it, cargo is told, too. rustc needs that target's
# standard library (rustup target add <target>).
include(cmake/RustTarget.cmake)

set(EVENTSOURCE_RUST_TARGET "" CACHE STRING
    "rustc's name for what to build for; empty for the host's or, with a toolchain for another system, that one's")
set(target "${EVENTSOURCE_RUST_TARGET}")
if(NOT target AND (CMAKE_CROSSCOMPILING OR (APPLE AND CMAKE_OSX_ARCHITECTURES)))
    set(machine "${CMAKE_C_COMPILER_TARGET}")
    if(NOT machine AND NOT MSVC)
        execute_process(COMMAND "${CMAKE_C_COMPILER}" -dumpmachine OUTPUT_VARIABLE machine ERROR_QUIET)
    endif()
    eventsource_rust_target(target "${machine}")
endif()

if(target)
    list(APPEND EVENTSOURCE_CARGO_OPTIONS --target "${target}")
    cmake_path(APPEND EVENTSOURCE_CARGO_OUTPUT "${target}")
    if(NOT MSVC)
        # The compiler also links, and compiles what crates have in C. Where it is one for many systems, it has to be told
        # for which each time.
        string(REPLACE "-" "_" name "${target}")
        string(TOUPPER "${name}" upper_name)
        set(compiler_flags "")
        if(CMAKE_C_COMPILER_TARGET AND CMAKE_C_COMPILER_ID MATCHES "Clang")
            list(APPEND compiler_flags "--target=${CMAKE_C_COMPILER_TARGET}")
        endif()
        if(CMAKE_SYSROOT)
            list(APPEND compiler_flags "--sysroot=${CMAKE_SYSROOT}")
        endif()
        list(TRANSFORM compiler_flags PREPEND "-Clink-arg=" OUTPUT_VARIABLE link_flags)
        list(JOIN compiler_flags " " compiler_flags)
        list(JOIN link_flags " " link_flags)
        set(environment "CARGO_TARGET_${upper_name}_LINKER=${CMAKE_C_COMPILER}" "CC_${name}=${CMAKE_C_COMPILER}"
            "AR_${name}=${CMAKE_AR}")
        if(compiler_flags)
            list(APPEND environment
                "CARGO_TARGET_${upper_name}_RUSTFLAGS=${link_flags}" "CFLAGS_${name}=${compiler_flags}")
        endif()
        set(EVENTSOURCE_CARGO ${CMAKE_COMMAND} -E env ${environment} ${CARGO_EXECUTABLE})
    endif()
endif()
