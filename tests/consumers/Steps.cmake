# Steps that the consumers' scripts have in common. Every one that fails ends the script.

# Runs a command and shows it.
function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Installs the library into a folder that is otherwise empty.
function(install_library prefix)
    file(REMOVE_RECURSE "${WORK}")
    run(${CMAKE_COMMAND} --install "${BUILD}" --config "${CONFIG}" --prefix "${prefix}")
endfunction()

# Configures and builds a project, and runs its programs.
function(build_and_run project build)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "OPTIONS;PROGRAMS")
    run(${CMAKE_COMMAND} -S "${project}" -B "${build}" -G "${GENERATOR}"
        "-DCMAKE_C_COMPILER=${CC}" "-DCMAKE_BUILD_TYPE=${CONFIG}" ${arg_OPTIONS})
    run(${CMAKE_COMMAND} --build "${build}" --config "${CONFIG}")
    foreach(program IN LISTS arg_PROGRAMS)
        run("${build}/${program}")
    endforeach()
endfunction()
