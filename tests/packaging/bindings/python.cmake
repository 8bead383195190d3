# The Python package, installed as users install it, its tests, and the programs that it shows, against the installed library.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Bindings.cmake")
set(BINDING "${SOURCE}/bindings/python")

file(REMOVE_RECURSE "${WORK}")
execute_process(COMMAND "${PYTHON3}" -c "import sys; sys.exit(sys.version_info < (3, 10))" RESULT_VARIABLE old)
if(old)
    skip("${PYTHON3} is older than Python 3.10")
endif()
use_installed_library()
# A copy, because building writes beside the sources.
set(package "${WORK}/package")
file(COPY "${BINDING}/" DESTINATION "${package}" PATTERN __pycache__ EXCLUDE)
fetch("${PYTHON3}" -m venv "${WORK}/venv")
set(python "${WORK}/venv/bin/python")
fetch("${python}" -m pip install --quiet "${package}")

# Those of the sources, which the tests' own programs import as well.
set(ENV{EVENTSOURCE_TEST_SERVER} "${SERVER}")
run(${CMAKE_COMMAND} -E chdir "${package}" "${python}" -X dev -m unittest --verbose)

run_tail("${python}" "${package}/tail.py")
run_chat("${python}" "${package}/chat.py")
file(REMOVE_RECURSE "${package}/libeventsource")
readme_program("${BINDING}/README.md" python "${WORK}/readme.py")
run_program("${python}" "${WORK}/readme.py")

file(REMOVE_RECURSE "${WORK}")
