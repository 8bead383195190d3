# The library: built by cargo, put into the build tree's lib/ under the names that programs look for, described to CMake
# as eventsource::eventsource and eventsource::static.

# The ABI's number, as in build.rs. Programs go on running with every library that has it.
set(EVENTSOURCE_ABI 0)

# ---- names: what cargo makes, and what it is called where programs find it --------------------------------------------

set(EVENTSOURCE_STAGE "${PROJECT_BINARY_DIR}/lib")
set(EVENTSOURCE_PACKAGE "${PROJECT_BINARY_DIR}/package")
set(import_library "")
if(WIN32)
    # A DLL has no versions in its name.
    set(shared_names eventsource.dll)
    set(shared_file eventsource.dll)
    if(MINGW)
        set(import_library libeventsource.dll.a)
        set(static libeventsource.a)
    else()
        set(import_library eventsource.dll.lib)
        set(static eventsource.lib)
    endif()
else()
    # The file itself, a link by the name that programs ask for at run time (SONAME), a link to build programs with.
    if(APPLE)
        set(shared_file "libeventsource.${PROJECT_VERSION}.dylib")
        set(shared_names ${shared_file} "libeventsource.${EVENTSOURCE_ABI}.dylib" libeventsource.dylib)
        set(soname "@rpath/libeventsource.${EVENTSOURCE_ABI}.dylib")
    elseif(ANDROID)
        # An app has libraries of such names only.
        set(shared_file libeventsource.so)
        set(soname libeventsource.so)
        set(shared_names ${shared_file})
    else()
        set(shared_file "libeventsource.so.${PROJECT_VERSION}")
        set(soname "libeventsource.so.${EVENTSOURCE_ABI}")
        set(shared_names ${shared_file} ${soname} libeventsource.so)
    endif()
    set(static libeventsource.a)
endif()

# ---- building -----------------------------------------------------------------------------------------------------

# One profile for all configurations of a generator that has several: Rust code does not depend on the C runtime's.
get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
string(TOLOWER "${CMAKE_BUILD_TYPE}" build_type)
if(build_type STREQUAL "debug" AND NOT multi_config)
    set(profile dev)
    set(cargo_output "${EVENTSOURCE_CARGO_OUTPUT}/debug")
else()
    set(profile release)
    set(cargo_output "${EVENTSOURCE_CARGO_OUTPUT}/release")
endif()
# The system's libraries that the archive needs; rustc tells when it makes one.
set(native_libraries "${cargo_output}/eventsource-native-libraries")
# Both forms come of one compilation, without the rlib that Cargo.toml lists as well: where there is one, cargo leaves out
# link-time optimization. `cargo test` compiles the library once more, because its dependencies have more features there.
set(rustc ${EVENTSOURCE_CARGO_OPTIONS} --package eventsource ${EVENTSOURCE_FEATURES} --lib --crate-type cdylib,staticlib)
set(print_native_libraries -- --print "native-static-libs=${native_libraries}")
if(profile STREQUAL "dev")
    set(build COMMAND ${EVENTSOURCE_CARGO} rustc ${rustc} ${print_native_libraries})
else()
    include(cmake/Release.cmake)
    set(build COMMAND ${CMAKE_COMMAND} -E env ${EVENTSOURCE_RELEASE_ENVIRONMENT} ${EVENTSOURCE_CARGO} rustc ${rustc} --release
        ${EVENTSOURCE_RELEASE_OPTIONS} ${print_native_libraries})
endif()

# A universal library: one for each processor, because `cargo rustc` takes one target at a time; then they are joined.
if(EVENTSOURCE_CARGO_OUTPUTS)
    cmake_path(GET cargo_output FILENAME cargo_profile)
    set(one ${build})
    list(FIND one rustc place)
    math(EXPR place "${place} + 1")
    # First: rustc writes the list of the system's libraries there.
    set(build COMMAND ${CMAKE_COMMAND} -E make_directory "${cargo_output}")
    foreach(output IN LISTS EVENTSOURCE_CARGO_OUTPUTS)
        cmake_path(GET output FILENAME target)
        set(with_target ${one})
        list(INSERT with_target ${place} --target ${target})
        list(APPEND build ${with_target})
    endforeach()
    foreach(file libeventsource.dylib libeventsource.a)
        list(TRANSFORM EVENTSOURCE_CARGO_OUTPUTS APPEND "/${cargo_profile}/${file}" OUTPUT_VARIABLE files)
        list(APPEND build COMMAND "${EVENTSOURCE_LIPO}" -create ${files} -output "${cargo_output}/${file}")
    endforeach()
endif()

# On Linux the archive's symbols are made local but for the public ones, as the shared library's are; Stage.cmake says why.
set(localize FALSE)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_OBJCOPY)
    # A compiler for another system knows of its own.
    execute_process(COMMAND "${CMAKE_C_COMPILER}" -print-prog-name=ld.bfd
        OUTPUT_VARIABLE name OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT name OR NOT CMAKE_CROSSCOMPILING)
        set(name ld.bfd)
    endif()
    find_program(EVENTSOURCE_GNU_LD NAMES "${name}" DOC "GNU ld, to make the archive's inner symbols local")
    if(EVENTSOURCE_GNU_LD)
        set(localize TRUE)
    endif()
endif()
# cargo's `strip` does not reach archives.
set(strip "")
if(profile STREQUAL "release")
    set(strip --strip-debug)
endif()

configure_file(cmake/Stage.cmake.in Stage.cmake @ONLY)
list(TRANSFORM shared_names PREPEND "${EVENTSOURCE_STAGE}/" OUTPUT_VARIABLE staged)
list(APPEND staged "${EVENTSOURCE_STAGE}/${static}" "${EVENTSOURCE_STAGE}/native-libraries")
if(import_library)
    list(APPEND staged "${EVENTSOURCE_STAGE}/${import_library}")
endif()
add_custom_target(eventsource-library ALL
    ${build}
    COMMAND ${CMAKE_COMMAND} -P "${PROJECT_BINARY_DIR}/Stage.cmake"
    BYPRODUCTS ${staged} "${EVENTSOURCE_STAGE}/stamp"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Building libeventsource with cargo (profile ${profile})"
    USES_TERMINAL VERBATIM)

# ---- targets ------------------------------------------------------------------------------------------------------

add_library(eventsource::eventsource SHARED IMPORTED GLOBAL)
set_target_properties(eventsource::eventsource PROPERTIES IMPORTED_LOCATION "${EVENTSOURCE_STAGE}/${shared_file}")
if(import_library)
    set_target_properties(eventsource::eventsource PROPERTIES IMPORTED_IMPLIB "${EVENTSOURCE_STAGE}/${import_library}")
else()
    set_target_properties(eventsource::eventsource PROPERTIES IMPORTED_SONAME "${soname}")
endif()

add_library(eventsource::static STATIC IMPORTED GLOBAL)
set_target_properties(eventsource::static PROPERTIES IMPORTED_LOCATION "${EVENTSOURCE_STAGE}/${static}")
# What the archive needs is known only once it is built, so the linker reads it from a file.
if(MSVC)
    target_link_options(eventsource::static INTERFACE "@${EVENTSOURCE_STAGE}/native-libraries")
else()
    target_link_libraries(eventsource::static INTERFACE "-Wl,@${EVENTSOURCE_STAGE}/native-libraries")
endif()

foreach(library eventsource::eventsource eventsource::static)
    target_include_directories(${library} INTERFACE "${PROJECT_SOURCE_DIR}/include")
    add_dependencies(${library} eventsource-library)
endforeach()
