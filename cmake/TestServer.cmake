# test-server: the scripted SSE server that the demo and the C tests run against. Always cargo's dev profile: it is no
# part of the library, and the Rust tests have it built that way already. With the whole workspace's features, as they do.
if(WIN32)
    set(program test-server.exe)
else()
    set(program test-server)
endif()
set(all "")
if(EVENTSOURCE_BUILD_TESTS)
    set(all ALL)
endif()
add_custom_target(test-server-program ${all}
    COMMAND ${EVENTSOURCE_CARGO} build ${EVENTSOURCE_CARGO_OPTIONS} --workspace --bin test-server
    BYPRODUCTS "${EVENTSOURCE_CARGO_OUTPUT}/debug/${program}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Building the test server with cargo"
    USES_TERMINAL VERBATIM)
# At the same time, cargo would only wait for itself.
add_dependencies(test-server-program eventsource-library)

add_executable(test-server IMPORTED GLOBAL)
set_target_properties(test-server PROPERTIES IMPORTED_LOCATION "${EVENTSOURCE_CARGO_OUTPUT}/debug/${program}")
add_dependencies(test-server test-server-program)
