# Steps that the consumers' scripts have in common. Every one that fails ends the script.

# Runs a command and shows it.
function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Configures and builds a project, and runs its programs.
function(build_and_run project build)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "OPTIONS;PROGRAMS")
    run(${CMAKE_COMMAND} -S "${project}" -B "${build}" -G "${GENERATOR}"
        "-DCMAKE_C_COMPILER=${CC}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_BUILD_TYPE=${CONFIG}" ${arg_OPTIONS})
    run(${CMAKE_COMMAND} --build "${build}" --config "${CONFIG}")
    foreach(program IN LISTS arg_PROGRAMS)
        run("${build}/${program}")
    endforeach()
endfunction()

# Sets <result> to the words that pkg-config answers about a package in a prefix.
function(ask_pkg_config result prefix package)
    set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
    execute_process(COMMAND "${PKG_CONFIG}" ${ARGN} ${package}
        OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(answer UNIX_COMMAND "${answer}")
    set(${result} ${answer} PARENT_SCOPE)
endfunction()

# Makes a prefix that has of the installed library only the archive, as a package may.
function(make_static_prefix prefix)
    file(COPY "${PREFIX}/include" DESTINATION "${prefix}")
    file(COPY "${PREFIX}/${LIBDIR}/pkgconfig" "${PREFIX}/${LIBDIR}/cmake" DESTINATION "${prefix}/${LIBDIR}")
    file(CREATE_LINK "${PREFIX}/${LIBDIR}/libeventsource.a" "${prefix}/${LIBDIR}/libeventsource.a" SYMBOLIC)
endfunction()
