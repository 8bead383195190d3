# Installs the library and moves the prefix, so that all consumers show that it can be moved.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

file(REMOVE_RECURSE "${WORK}" "${PREFIX}")
run(${CMAKE_COMMAND} --install "${BUILD}" --config "${CONFIG}" --prefix "${WORK}")
file(RENAME "${WORK}" "${PREFIX}")
if(STRIP AND EXISTS "${PREFIX}/${LIBDIR}/libeventsource.a")
    # Of use to nobody here, and each program would be linked for seconds.
    run("${STRIP}" --strip-debug "${PREFIX}/${LIBDIR}/libeventsource.a")
endif()
