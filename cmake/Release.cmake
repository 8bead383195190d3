# Flags for the library as it is shipped. They are for the one call of cargo that builds it, in the profile release, where no
# other call has anything built: for flags that come and go, cargo would compile everything anew each time.
#
# - Paths of the builder's stay out of the library, so that it tells nothing of them, and is the same byte for byte wherever
#   it is built. Where the sources of the standard library are installed, its paths are those, too.
# - What crates have in C checks its stack.
#
# Sets EVENTSOURCE_RELEASE_ENVIRONMENT, NAME=value for `cmake -E env`, and EVENTSOURCE_RELEASE_OPTIONS, of cargo's.
cmake_path(REPLACE_FILENAME CARGO_EXECUTABLE rustc OUTPUT_VARIABLE compiler)
foreach(variable IN LISTS EVENTSOURCE_CARGO_ENVIRONMENT)
    if(variable MATCHES "^RUSTC=(.+)")
        set(compiler "${CMAKE_MATCH_1}")
    endif()
endforeach()
execute_process(COMMAND "${compiler}" --print sysroot
    OUTPUT_VARIABLE sysroot OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${compiler}" -vV OUTPUT_VARIABLE versions COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "commit-hash: ([^\n]+)" matched "${versions}")
set(map "${sysroot}/lib/rustlib/src/rust=/rustc/${CMAKE_MATCH_1}")
set(cargo_home "$ENV{CARGO_HOME}")
if(NOT cargo_home)
    set(cargo_home "$ENV{HOME}/.cargo")
endif()
# Of those that fit, the last counts.
list(APPEND map "${cargo_home}=/cargo" "${PROJECT_SOURCE_DIR}=/eventsource" "${CARGO_TARGET_DIR}=/build")

list(TRANSFORM map PREPEND "--remap-path-prefix=" OUTPUT_VARIABLE rust_flags)
if(DEFINED ENV{RUSTFLAGS})
    # Then cargo heeds nothing else. In the form in which a flag may have spaces.
    string(ASCII 31 separator)
    string(REGEX REPLACE " +" "${separator}" own "$ENV{RUSTFLAGS}")
    list(JOIN rust_flags "${separator}" rust_flags)
    set(EVENTSOURCE_RELEASE_ENVIRONMENT "CARGO_ENCODED_RUSTFLAGS=${own}${separator}${rust_flags}")
    set(EVENTSOURCE_RELEASE_OPTIONS "")
else()
    # Beside those of a target, which Cross.cmake sets.
    list(JOIN rust_flags "','" rust_flags)
    set(EVENTSOURCE_RELEASE_ENVIRONMENT "")
    set(EVENTSOURCE_RELEASE_OPTIONS --config "target.'cfg(all())'.rustflags=['${rust_flags}']")
endif()

# The smallest code rather than the fastest, where CMake is asked for that.
if(build_type STREQUAL "minsizerel")
    list(APPEND EVENTSOURCE_RELEASE_ENVIRONMENT CARGO_PROFILE_RELEASE_OPT_LEVEL=z)
endif()

if(NOT MSVC)
    list(TRANSFORM map PREPEND "-ffile-prefix-map=" OUTPUT_VARIABLE c_flags)
    list(JOIN c_flags " " c_flags)
    # The crate cc takes these beside CFLAGS: the first, or across systems the second.
    foreach(name HOST_CFLAGS TARGET_CFLAGS)
        list(APPEND EVENTSOURCE_RELEASE_ENVIRONMENT "${name}=$ENV{${name}} -fstack-protector-strong ${c_flags}")
    endforeach()
endif()
