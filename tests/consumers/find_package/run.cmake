# A separate project finds the installed package; and does so again when the prefix has moved. So do the examples.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")

install_library("${WORK}/prefix")
build_and_run("${CMAKE_CURRENT_LIST_DIR}" "${WORK}/build"
    OPTIONS "-DCMAKE_PREFIX_PATH=${WORK}/prefix" PROGRAMS shared static)

file(RENAME "${WORK}/prefix" "${WORK}/moved")
build_and_run("${CMAKE_CURRENT_LIST_DIR}" "${WORK}/build-moved"
    OPTIONS "-DCMAKE_PREFIX_PATH=${WORK}/moved" PROGRAMS shared static)

build_and_run("${CMAKE_CURRENT_LIST_DIR}/../../../examples-c" "${WORK}/build-examples"
    OPTIONS "-DCMAKE_PREFIX_PATH=${WORK}/moved")

# Large, and of use only to look at after a failure.
file(REMOVE_RECURSE "${WORK}")
