# The examples, as a project of their own, find the installed package.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")

file(REMOVE_RECURSE "${WORK}")
build_and_run("${SOURCE}/examples-c" "${WORK}" OPTIONS "-DCMAKE_PREFIX_PATH=${PREFIX}")
file(REMOVE_RECURSE "${WORK}")
