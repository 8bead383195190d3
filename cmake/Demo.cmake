# demo: a server that sends nine events and cuts the connection after every third, and a client that misses none of them.
# Fails if it does.
eventsource_runnable(reconnect_program reconnect)
add_custom_target(demo
    COMMAND test-server --for 60 --run --
        "${reconnect_program}" --count 9 "{url}/events?count=9&per_connection=3&interval_ms=300&retry=500"
    COMMENT "A server that cuts the connection after every third event, and examples-c/reconnect.c:"
    USES_TERMINAL VERBATIM)
add_dependencies(demo reconnect test-server-program)
