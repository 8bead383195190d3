# The examples, as they are installed and as a project of their own, find the installed package; and one of them runs.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

file(REMOVE_RECURSE "${WORK}")
build_and_run("${PREFIX}/${DOCDIR}/examples" "${WORK}" OPTIONS "-DCMAKE_PREFIX_PATH=${PREFIX}")
run("${SERVER}" --for 300 --run -- "${WORK}/reconnect" --count 9 "{url}/events?count=9&per_connection=3&retry=10")
file(REMOVE_RECURSE "${WORK}")
