# How cargo is called: ${EVENTSOURCE_CARGO} <command> ${EVENTSOURCE_CARGO_OPTIONS} ...; what it makes is in
# ${EVENTSOURCE_CARGO_OUTPUT}/<profile>.
#
# Cargo alone knows what is out of date. So its targets run with every build, and end at once where nothing changed.
find_program(CARGO_EXECUTABLE cargo PATHS "$ENV{HOME}/.cargo/bin" DOC "Rust's build tool")
file(STRINGS Cargo.toml line REGEX "^rust-version = " LIMIT_COUNT 1)
string(REGEX MATCH "[0-9.]+" needed "${line}")
set(remedy "Install Rust ${needed} or newer (Debian 12 and 13: apt install cargo-web; elsewhere: rustup), or name its cargo in \
CARGO_EXECUTABLE.")
if(NOT CARGO_EXECUTABLE)
    message(FATAL_ERROR "There is no cargo. ${remedy}")
endif()
# rustup's cargo calls the compiler that the folder asks for.
execute_process(COMMAND "${CARGO_EXECUTABLE}" --version OUTPUT_VARIABLE version ERROR_VARIABLE version)
if(NOT version MATCHES "cargo ([0-9]+\\.[0-9]+\\.[0-9]+)")
    message(FATAL_ERROR "${CARGO_EXECUTABLE} does not tell its version, but: ${version}")
elseif(CMAKE_MATCH_1 VERSION_LESS needed)
    message(FATAL_ERROR "${CARGO_EXECUTABLE} is Rust ${CMAKE_MATCH_1}, which is too old. ${remedy}")
endif()

# As for cargo itself: the environment's CARGO_TARGET_DIR, else target/ beside Cargo.toml, so that all build trees and
# who calls cargo by hand share what is compiled. As a part of another project: in the build tree, since the sources
# are not ours to write to. With sanitizers, too: nobody else could use it.
if(DEFINED ENV{CARGO_TARGET_DIR})
    set(target_dir "$ENV{CARGO_TARGET_DIR}")
elseif(PROJECT_IS_TOP_LEVEL AND NOT EVENTSOURCE_SANITIZE)
    set(target_dir target)
else()
    set(target_dir "${PROJECT_BINARY_DIR}/cargo")
endif()
set(CARGO_TARGET_DIR "${target_dir}" CACHE PATH "Where cargo builds")
cmake_path(ABSOLUTE_PATH CARGO_TARGET_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" NORMALIZE)

set(EVENTSOURCE_CARGO ${CARGO_EXECUTABLE})
set(EVENTSOURCE_CARGO_OPTIONS --locked --target-dir "${CARGO_TARGET_DIR}")
set(EVENTSOURCE_CARGO_OUTPUT "${CARGO_TARGET_DIR}")
if(EVENTSOURCE_SANITIZE)
    include(cmake/Sanitize.cmake)
else()
    include(cmake/Cross.cmake)
endif()

# rustc's name for what is built for, empty for the host's: for lists of what is linked. Of a universal library, the first.
set(EVENTSOURCE_LISTED_TARGET "")
if(targets)
    list(GET targets 0 EVENTSOURCE_LISTED_TARGET)
endif()
