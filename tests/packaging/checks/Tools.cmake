# Whatever optional tools a machine has, the tests can be registered: none vanishes without a word, and what cannot run is
# skipped, not failed. Configures the project with folders of links as the only place where programs are found.
#   cmake -D SOURCE=<project> -D WORK=<folder> -D CARGO=<cargo> -P Tools.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${WORK}")
# What the README asks for, and what these programs call.
set(required cc c++ gcc g++ ld ld.bfd as ar ranlib nm objcopy objdump readelf strip make sh env uname cmake ctest)
set(partial ${required} python3 node npm curl pkg-config)
# Itself, not what chooses one by PATH.
execute_process(COMMAND python3 -c "import sys; print(sys.executable)"
    OUTPUT_VARIABLE path_python3 OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)

# configure(<name> <program>...|ALL): the names of the tests of a build tree <name>.
function(configure name)
    set(tree "${WORK}/${name}")
    set(environment --unset=CI)
    set(options "")
    if(NOT ARGN STREQUAL "ALL")
        foreach(program IN LISTS ARGN)
            find_program(path_${program} ${program})
            if(path_${program})
                file(REAL_PATH "${path_${program}}" real)
                file(MAKE_DIRECTORY "${tree}-bin")
                # By the name that is asked for: some programs do what they are called.
                file(CREATE_LINK "${real}" "${tree}-bin/${program}" SYMBOLIC)
            endif()
        endforeach()
        list(APPEND environment "PATH=${tree}-bin")
        set(options -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF)
        if("python3" IN_LIST ARGN AND path_python3)
            # CMake looks for Python in ways of its own.
            list(APPEND options "-DPython3_EXECUTABLE=${path_python3}")
        endif()
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND} -E env ${environment} ${CMAKE_COMMAND} -S "${SOURCE}" -B "${tree}"
            -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Debug "-DCARGO_EXECUTABLE=${CARGO}"
            "-DCARGO_TARGET_DIR=${WORK}/target" ${options}
        OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir "${tree}" --show-only
        OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "Test +#[0-9]+: [^\n]+" tests "${output}")
    list(TRANSFORM tests REPLACE "Test +#[0-9]+: " "")
    set(${name} ${tests} PARENT_SCOPE)
endfunction()

# expect_no_failure(<name> <regex>): of the tests of a tree, those so named all pass or are skipped.
function(expect_no_failure name regex)
    execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=CI "PATH=${WORK}/${name}-bin"
            ${CMAKE_CTEST_COMMAND} --test-dir "${WORK}/${name}" --output-on-failure --no-tests=error -R "${regex}"
        OUTPUT_VARIABLE output RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "With the tools of ${name}, a test fails:\n${output}")
    endif()
endfunction()

configure(full ALL)
configure(bare ${required})
configure(some ${partial})

# A family of tests is as their names begin.
set(families ${full})
list(TRANSFORM families REPLACE "^((gate\\.)?[^.]+).*$" "\\1")
list(REMOVE_DUPLICATES families)
list(FILTER families EXCLUDE REGEX "^gate")
foreach(name bare some)
    foreach(family IN LISTS families)
        set(tests ${${name}})
        list(FILTER tests INCLUDE REGEX "^${family}(\\.|$)")
        if(NOT tests)
            message(FATAL_ERROR "With the tools of ${name}, no test tells that ${family} cannot run")
        endif()
    endforeach()
endforeach()

# What needs more than is there is skipped.
expect_no_failure(bare "^(interop|conformance|contract|reference|abi)")
# One suite has had its tool and passed, others have not: the table of all is skipped.
file(STRINGS "${SOURCE}/docs/verification.md" row REGEX "^\\| better-sse ")
string(REGEX MATCH "([^|]+) \\|$" matched "${row}")
string(STRIP "${CMAKE_MATCH_1}" tested)
file(WRITE "${WORK}/some/tests/judges/interop/better_sse/peers.json"
    "{\"better-sse\": {\"version\": \"any\", \"tested\": [\"${tested}\"]}}")
# Without Python, there is no table.
if("interop.table" IN_LIST some)
    expect_no_failure(some "^interop\\.table$")
endif()
file(REMOVE_RECURSE "${WORK}")
