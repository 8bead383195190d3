# demo: a server that sends nine events and cuts the connection after every third, and a client that misses none of them.
# Fails if it does.
add_custom_target(demo
    COMMAND test-server --for 60 --run --
        "$<TARGET_FILE:resume>" --count 9 "{url}/events?count=9&per_connection=3&interval_ms=300&retry=500"
    COMMENT "A server that cuts the connection after every third event, and examples-c/resume.c:"
    USES_TERMINAL VERBATIM)
add_dependencies(demo resume test-server-program)
