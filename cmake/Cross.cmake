# Building for another system than this: what CMake's toolchain says of it, cargo is told, too. rustc needs that target's
# standard library (rustup target add <target>).
include(cmake/RustTarget.cmake)

cmake_path(REPLACE_FILENAME CARGO_EXECUTABLE rustc OUTPUT_VARIABLE EVENTSOURCE_RUSTC)
if(DEFINED ENV{RUSTC})
    set(EVENTSOURCE_RUSTC "$ENV{RUSTC}")
endif()

set(EVENTSOURCE_RUST_TARGET "" CACHE STRING
    "rustc's name for what to build for; empty for the host's or, with a toolchain for another system, that one's")
# For example RUSTC=<path>, where the compiler that has that standard library is not the one that cargo takes; or what has
# cargo build it: RUSTC_BOOTSTRAP=1;CARGO_UNSTABLE_BUILD_STD=std,panic_unwind
set(EVENTSOURCE_CARGO_ENVIRONMENT "" CACHE STRING
    "NAME=value, a list: the environment of cargo when it builds the library for another system")
set(EVENTSOURCE_CARGO_CONFIG "" CACHE STRING
    "What cargo's option --config takes, a list: settings for when it builds the library for another system")
set(targets "${EVENTSOURCE_RUST_TARGET}")
if(NOT targets)
    eventsource_rust_targets(targets)
endif()

set(environment "")
if(targets)
    foreach(setting IN LISTS EVENTSOURCE_CARGO_CONFIG)
        list(APPEND EVENTSOURCE_CARGO_OPTIONS --config "${setting}")
    endforeach()
    set(environment ${EVENTSOURCE_CARGO_ENVIRONMENT})
endif()
# Where there are two or more: the option for each, and what cargo has made for each, to be joined in EVENTSOURCE_CARGO_OUTPUT.
set(EVENTSOURCE_CARGO_TARGETS "")
set(EVENTSOURCE_CARGO_OUTPUTS "")
foreach(target IN LISTS targets)
    list(APPEND EVENTSOURCE_CARGO_TARGETS --target "${target}")
    list(APPEND EVENTSOURCE_CARGO_OUTPUTS "${CARGO_TARGET_DIR}/${target}")
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
        list(TRANSFORM compiler_flags PREPEND "-Clink-arg=" OUTPUT_VARIABLE rust_flags)
        if(target MATCHES "-musl")
            # rustc takes it for granted that a program with musl is static, and makes no shared library then.
            include(cmake/Musl.cmake)
            list(APPEND rust_flags -Ctarget-feature=-crt-static "-Lnative=${EVENTSOURCE_UNWINDER_FOLDER}")
        endif()
        list(JOIN compiler_flags " " compiler_flags)
        list(JOIN rust_flags " " rust_flags)
        list(APPEND environment "CARGO_TARGET_${upper_name}_LINKER=${CMAKE_C_COMPILER}" "CC_${name}=${CMAKE_C_COMPILER}"
            "AR_${name}=${CMAKE_AR}")
        if(rust_flags)
            list(APPEND environment "CARGO_TARGET_${upper_name}_RUSTFLAGS=${rust_flags}")
        endif()
        if(compiler_flags)
            list(APPEND environment "CFLAGS_${name}=${compiler_flags}")
        endif()
    endif()
endforeach()
if(APPLE AND CMAKE_OSX_DEPLOYMENT_TARGET)
    set(system MACOSX)
    if(CMAKE_SYSTEM_NAME STREQUAL "iOS")
        set(system IPHONEOS)
    endif()
    list(APPEND environment "${system}_DEPLOYMENT_TARGET=${CMAKE_OSX_DEPLOYMENT_TARGET}")
endif()
if(environment)
    set(EVENTSOURCE_CARGO ${CMAKE_COMMAND} -E env ${environment} ${CARGO_EXECUTABLE})
endif()

list(LENGTH targets count)
if(count EQUAL 1)
    list(APPEND EVENTSOURCE_CARGO_OPTIONS ${EVENTSOURCE_CARGO_TARGETS})
    set(EVENTSOURCE_CARGO_TARGETS "")
    set(EVENTSOURCE_CARGO_OUTPUT "${EVENTSOURCE_CARGO_OUTPUTS}")
    set(EVENTSOURCE_CARGO_OUTPUTS "")
elseif(count GREATER 1)
    if(NOT APPLE)
        message(FATAL_ERROR "Only Apple's systems have a library for two targets: ${targets}. Set one, and build each alone")
    endif()
    set(EVENTSOURCE_CARGO_OUTPUT "${CARGO_TARGET_DIR}/universal")
    find_program(EVENTSOURCE_LIPO NAMES lipo llvm-lipo llvm-lipo-14 llvm-lipo-16 llvm-lipo-19 REQUIRED
        DOC "Joins libraries for several processors")
endif()

# A library loads with the glibc that it was linked with and with newer ones. zig has a list of what each version has and links
# with that; cargo-zigbuild calls it for cargo. Both are on PyPI: pip install cargo-zigbuild ziglang
set(EVENTSOURCE_GLIBC "" CACHE STRING
    "The oldest glibc that the library is to load with, for example 2.17; empty for this system's. Needs cargo-zigbuild")
if(EVENTSOURCE_GLIBC)
    if(targets OR CMAKE_CROSSCOMPILING OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR CMAKE_BUILD_TYPE STREQUAL "Debug")
        message(FATAL_ERROR "EVENTSOURCE_GLIBC is for releases on Linux, by a compiler for this system")
    endif()
    find_program(EVENTSOURCE_ZIGBUILD cargo-zigbuild REQUIRED DOC "Has zig link what cargo builds")
    set(EVENTSOURCE_CARGO ${EVENTSOURCE_ZIGBUILD})
    execute_process(COMMAND ${CARGO_EXECUTABLE} -vV OUTPUT_VARIABLE versions COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCH "host: ([^\n]+)" target "${versions}")
    list(APPEND EVENTSOURCE_CARGO_OPTIONS --target "${CMAKE_MATCH_1}.${EVENTSOURCE_GLIBC}")
    cmake_path(APPEND EVENTSOURCE_CARGO_OUTPUT "${CMAKE_MATCH_1}")
endif()
