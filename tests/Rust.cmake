# cargo's tests, one CTest for each of its test programs. All are compiled in one go while building; afterwards cargo
# finds nothing to do and runs them. Always in cargo's test profile, where overflow and assertions are checked.
set(cargo_test ${EVENTSOURCE_CARGO} test ${EVENTSOURCE_CARGO_OPTIONS} --workspace)
if(EVENTSOURCE_SANITIZE)
    # Model checks are about the order of things, and long enough as they are.
    list(APPEND cargo_test --exclude model)
endif()

add_custom_target(rust-tests ALL
    COMMAND ${cargo_test} --no-run
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Building the Rust tests with cargo"
    USES_TERMINAL VERBATIM)
# At the same time, cargo would only wait for itself.
add_dependencies(rust-tests eventsource-library test-server-program)

function(eventsource_add_rust_test name)
    # --workspace also for one target: another selection of packages could mean other features, and compiling anew.
    add_test(NAME rust.${name} COMMAND ${cargo_test} ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(rust.${name} PROPERTIES RUN_SERIAL ON TIMEOUT 300)
    # bombs and floods measure memory, much of which the sanitizer keeps.
    if(EVENTSOURCE_SANITIZE AND NOT name MATCHES "^(bombs|floods)$")
        set_tests_properties(rust.${name} PROPERTIES ${EVENTSOURCE_SANITIZE_TEST})
    endif()
endfunction()

eventsource_add_rust_test(unit --lib --bins)
eventsource_add_rust_test(doc --doc)

# Which programs there are, cargo knows. It is asked again when a file has come or gone.
file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.rs")
execute_process(COMMAND ${CARGO_EXECUTABLE} metadata --no-deps --format-version 1
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE metadata COMMAND_ERROR_IS_FATAL ANY)
string(JSON packages GET "${metadata}" packages)
string(JSON package_count LENGTH "${packages}")
foreach(package RANGE 1 ${package_count})
    math(EXPR package "${package} - 1")
    string(JSON targets GET "${packages}" ${package} targets)
    string(JSON target_count LENGTH "${targets}")
    foreach(target RANGE 1 ${target_count})
        math(EXPR target "${target} - 1")
        string(JSON kind GET "${targets}" ${target} kind 0)
        string(JSON is_for_cargo_test GET "${targets}" ${target} test)
        if(kind STREQUAL "test" AND is_for_cargo_test)
            string(JSON name GET "${targets}" ${target} name)
            eventsource_add_rust_test(${name} --test ${name})
        endif()
    endforeach()
endforeach()
