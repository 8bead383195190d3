# The Python package as it is handed out: a wheel with the library inside, which is installed into an empty environment; its tests,
# its types, and the programs that it shows. Nothing else has the library there.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/Bindings.cmake")
set(BINDING "${SOURCE}/bindings/python")

file(REMOVE_RECURSE "${WORK}")
execute_process(COMMAND "${PYTHON3}" -c "import sys; sys.exit(sys.version_info < (3, 10))" RESULT_VARIABLE old)
if(old)
    skip("${PYTHON3} is older than Python 3.10")
endif()
fetch("${PYTHON3}" "${SOURCE}/packaging/bindings" python "${PREFIX}/${LIBDIR}/libeventsource.so" --output "${WORK}")
file(GLOB wheel "${WORK}/eventsource_c-${VERSION}-py3-none-manylinux_2_*.whl")
file(GLOB sources "${WORK}/eventsource_c-${VERSION}.tar.gz")
fetch("${PYTHON3}" -m venv "${WORK}/venv")
set(python "${WORK}/venv/bin/python")
run("${python}" -m pip install --quiet --no-index "${wheel}")

# The programs, first: there is nothing yet but the wheel.
file(COPY "${BINDING}/tail.py" "${BINDING}/chat.py" "${BINDING}/tests" DESTINATION "${WORK}/programs" PATTERN __pycache__ EXCLUDE)
run_tail("${python}" "${WORK}/programs/tail.py")
run_chat("${python}" "${WORK}/programs/chat.py")
readme_program("${BINDING}/README.md" python "${WORK}/readme.py")
run_program("${python}" "${WORK}/readme.py")

# What the file is called is true: by auditwheel, it loads with the oldest glibc that the name tells.
fetch("${python}" -m pip install --quiet pytest==9.2.0 mypy==2.4.1 httpx==0.28.1 auditwheel==6.8.2)
execute_process(COMMAND "${python}" -m auditwheel show "${wheel}" OUTPUT_VARIABLE shown COMMAND_ECHO STDOUT ECHO_OUTPUT_VARIABLE
    COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "manylinux_[0-9]+_[0-9]+_[a-z0-9_]+" tag "${wheel}")
string(REGEX REPLACE "[ \n]+" " " shown "${shown}")
if(NOT shown MATCHES "platform tag: \"${tag}\"")
    message(FATAL_ERROR "auditwheel finds it consistent with another tag than ${tag}")
endif()

# In an environment with development mode, which shows what is left open.
set(ENV{EVENTSOURCE_TEST_SERVER} "${SERVER}")
run(${CMAKE_COMMAND} -E chdir "${WORK}/programs" "${python}" -X dev -m pytest --quiet -p no:cacheprovider)
run("${python}" -m mypy --strict "${WORK}/programs/tests/typed.py")
run("${python}" -m mypy.stubtest libeventsource --allowlist "${WORK}/programs/tests/untyped.txt" --ignore-unused-allowlist --concise)

# From the source distribution, the package without the library, which the loader finds.
fetch("${python}" -m pip install --quiet --force-reinstall --no-deps "${sources}")
use_installed_library()
run_program("${python}" "${WORK}/readme.py")

file(REMOVE_RECURSE "${WORK}")
