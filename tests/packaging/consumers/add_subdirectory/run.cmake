# A project that has the library's sources in its tree.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

file(REMOVE_RECURSE "${WORK}")
build_and_run("${CMAKE_CURRENT_LIST_DIR}" "${WORK}"
    OPTIONS "-DCARGO_TARGET_DIR=${CARGO_TARGET_DIR}" PROGRAMS shared static)
file(REMOVE_RECURSE "${WORK}")
