# The Node program against the installed library.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../Bindings.cmake")

install_library("${WORK}/prefix")
use_prefix("${WORK}/prefix")
# A copy, as npm puts what it fetches beside the program. Without scripts: what koffi needs is compiled already.
set(program "${WORK}/program")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/" DESTINATION "${program}")
fetch(npm ci --prefix "${program}" --prefer-offline --ignore-scripts --no-audit --no-fund --silent)
run_tail("${NODE}" "${program}/tail.js")

file(REMOVE_RECURSE "${WORK}")
