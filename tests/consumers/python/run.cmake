# The Python program against the installed library and header.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../Bindings.cmake")

install_library("${WORK}/prefix")
use_prefix("${WORK}/prefix")
fetch("${PYTHON3}" -m venv "${WORK}/venv")
fetch("${WORK}/venv/bin/pip" install --quiet --requirement "${CMAKE_CURRENT_LIST_DIR}/requirements.txt")
# Nothing is written beside the sources.
run_tail("${WORK}/venv/bin/python" -B "${CMAKE_CURRENT_LIST_DIR}/tail.py")

file(REMOVE_RECURSE "${WORK}")
