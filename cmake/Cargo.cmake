# How cargo is called: ${EVENTSOURCE_CARGO} <command> ${EVENTSOURCE_CARGO_OPTIONS} ...; what it makes is in
# ${EVENTSOURCE_CARGO_OUTPUT}/<profile>.
#
# Cargo alone knows what is out of date. So its targets run with every build, and end at once where nothing changed.
find_program(CARGO_EXECUTABLE cargo PATHS "$ENV{HOME}/.cargo/bin" REQUIRED DOC "Rust's build tool")

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
