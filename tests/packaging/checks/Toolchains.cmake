# What comes of real toolchain files: rustc's target, or an error that says what to set.
#   cmake -D SCRIPT=<RustTarget.cmake> -D RUSTC=<path> -D WORK=<folder> -D TABLE=<Toolchains.txt> [-D ONLY=<name>]
#       -P Toolchains.cmake
# Lines of the table: name | compiler | what the toolchain file sets, as name=value, with spaces between | what comes of it
cmake_minimum_required(VERSION 3.25)

find_program(CLANG clang REQUIRED)
foreach(program install_name_tool ar ranlib)
    find_program(found_${program} NAMES llvm-${program} llvm-${program}-14 ${program} true REQUIRED)
endforeach()
file(REMOVE_RECURSE "${WORK}")
# CMake looks at no more of them than their names.
file(MAKE_DIRECTORY "${WORK}/MacOSX.sdk" "${WORK}/iPhoneOS.sdk" "${WORK}/iPhoneSimulator.sdk")

set(problems "")
set(tried 0)
file(STRINGS "${TABLE}" rows REGEX "^[^#].* \\| ")
foreach(row IN LISTS rows)
    string(REPLACE " | " ";" row "${row}")
    list(POP_FRONT row name compiler settings expected)
    if(ONLY AND NOT name STREQUAL ONLY)
        continue()
    endif()
    find_program(program_${compiler} "${compiler}")
    if(NOT program_${compiler})
        message(STATUS "${name}: skipped, because there is no ${compiler}")
        continue()
    endif()

    # Only Apple's own tools would be found by themselves.
    string(CONCAT lines "set(CMAKE_C_COMPILER \"${program_${compiler}}\")\nset(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)\n"
        "set(CMAKE_INSTALL_NAME_TOOL \"${found_install_name_tool}\")\nset(CMAKE_C_COMPILER_WORKS TRUE)\n"
        "set(CMAKE_AR \"${found_ar}\")\nset(CMAKE_RANLIB \"${found_ranlib}\")\n")
    separate_arguments(settings UNIX_COMMAND "${settings}")
    foreach(setting IN LISTS settings)
        string(REGEX MATCH "^([A-Za-z_]+)=(.*)$" match "${setting}")
        if(NOT match)
            message(FATAL_ERROR "${name}: '${setting}' sets nothing")
        endif()
        set(variable "${CMAKE_MATCH_1}")
        string(REPLACE "," ";" value "${CMAKE_MATCH_2}")
        string(REPLACE "{work}" "${WORK}" value "${value}")
        string(APPEND lines "set(${variable} \"${value}\")\n")
    endforeach()
    file(WRITE "${WORK}/${name}.cmake" "${lines}")

    execute_process(COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/toolchain" -B "${WORK}/${name}"
        "--toolchain=${WORK}/${name}.cmake" "-DSCRIPT=${SCRIPT}" "-DRUSTC=${RUSTC}"
        RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
    # CMake breaks the lines of its messages.
    string(REGEX REPLACE "[ \n]+" " " output "${output}")
    math(EXPR tried "${tried} + 1")
    if(expected MATCHES "^error: (.*)")
        string(FIND "${output}" "${CMAKE_MATCH_1}" found)
        if(failed EQUAL 0 OR found EQUAL -1)
            string(APPEND problems "\n${name}: no error '${CMAKE_MATCH_1}', but: ${output}\n")
        endif()
    else()
        string(REPLACE "," ";" expected "${expected}")
        string(FIND "${output}" "targets: '${expected}'" found)
        if(NOT failed EQUAL 0 OR found EQUAL -1)
            string(APPEND problems "\n${name}: not '${expected}', but: ${output}\n")
        endif()
    endif()
endforeach()
if(tried LESS 20 AND NOT ONLY)
    string(APPEND problems "\nonly ${tried} toolchain files were tried")
endif()
if(problems)
    message(FATAL_ERROR "${problems}")
endif()
message(STATUS "${tried} toolchain files")
