# The Node package's tests, and the programs that it shows, against the installed library.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Bindings.cmake")
set(BINDING "${SOURCE}/bindings/node")

file(REMOVE_RECURSE "${WORK}")
use_installed_library()
# A copy, as npm puts what it fetches beside the package. Without scripts: what koffi needs is compiled already.
set(package "${WORK}/package")
file(COPY "${BINDING}/" DESTINATION "${package}" PATTERN node_modules EXCLUDE)
fetch(npm ci --prefix "${package}" --prefer-offline --ignore-scripts --no-audit --no-fund --silent)

set(ENV{EVENTSOURCE_TEST_SERVER} "${SERVER}")
file(GLOB tests "${package}/test/*.test.js")
run("${NODE}" --test --test-timeout=600000 ${tests})

run_tail("${NODE}" "${package}/tail.js")
run_chat("${NODE}" "${package}/chat.js")
readme_program("${BINDING}/README.md" js "${package}/readme.mjs")
run_program("${NODE}" "${package}/readme.mjs")

file(REMOVE_RECURSE "${WORK}")
