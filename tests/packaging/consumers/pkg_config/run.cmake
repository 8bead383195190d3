# Programs are compiled with what pkg-config says, against the shared library and against the archive.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

function(compile_and_run prefix package)
    ask_pkg_config(flags "${prefix}" ${package} ${ARGN} --cflags --libs)
    run("${CC}" "${CMAKE_CURRENT_LIST_DIR}/../main.c" ${flags} -o "${WORK}/program")
    run("${WORK}/program")
endfunction()

file(REMOVE_RECURSE "${WORK}")
ask_pkg_config(version "${PREFIX}" eventsource --modversion)
if(NOT version STREQUAL VERSION)
    message(FATAL_ERROR "pkg-config says version ${version}, not ${VERSION}")
endif()
make_static_prefix("${WORK}/static")

set(ENV{LD_LIBRARY_PATH} "${PREFIX}/${LIBDIR}")
compile_and_run("${PREFIX}" eventsource)
unset(ENV{LD_LIBRARY_PATH})

# The archive beside the shared library, which the program would not find now.
compile_and_run("${PREFIX}" eventsource-static)

# The archive alone, which the linker takes where there is no shared library. Not every system has a program fail that is linked
# without what the archive needs, so that is looked for.
file(STRINGS "${BUILD}/lib/native-libraries" needed)
separate_arguments(needed UNIX_COMMAND "${needed}")
if(NOT needed)
    message(FATAL_ERROR "rustc has not said what the archive needs")
endif()
ask_pkg_config(libraries "${WORK}/static" eventsource --static --libs-only-l)
foreach(library IN LISTS needed)
    if(NOT library IN_LIST libraries)
        message(FATAL_ERROR "pkg-config --static does not name ${library}, which the archive needs")
    endif()
endforeach()
compile_and_run("${WORK}/static" eventsource --static)

file(REMOVE_RECURSE "${WORK}")
