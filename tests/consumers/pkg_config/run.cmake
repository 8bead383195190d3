# Programs are compiled with what pkg-config says, against the shared library and against the archive.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")

function(compile_and_run prefix)
    ask_pkg_config(flags "${prefix}" ${ARGN} --cflags --libs)
    run("${CC}" "${CMAKE_CURRENT_LIST_DIR}/../main.c" ${flags} -o "${WORK}/program")
    run("${WORK}/program")
    if(CXX)
        run("${CXX}" -std=c++17 "${CMAKE_CURRENT_LIST_DIR}/../main.cpp" ${flags} -o "${WORK}/program")
        run("${WORK}/program")
    endif()
endfunction()

file(REMOVE_RECURSE "${WORK}")
ask_pkg_config(version "${PREFIX}" --modversion)
if(NOT version STREQUAL VERSION)
    message(FATAL_ERROR "pkg-config says version ${version}, not ${VERSION}")
endif()
make_static_prefix("${WORK}/static")

set(ENV{LD_LIBRARY_PATH} "${PREFIX}/${LIBDIR}")
compile_and_run("${PREFIX}")
unset(ENV{LD_LIBRARY_PATH})

# The archive: what the linker takes where there is no shared library. Not every system has a program fail that is linked
# without what the archive needs, so that is looked for.
file(STRINGS "${BUILD}/lib/native-libraries" needed)
separate_arguments(needed UNIX_COMMAND "${needed}")
if(NOT needed)
    message(FATAL_ERROR "rustc has not said what the archive needs")
endif()
ask_pkg_config(libraries "${WORK}/static" --static --libs-only-l)
foreach(library IN LISTS needed)
    if(NOT library IN_LIST libraries)
        message(FATAL_ERROR "pkg-config --static does not name ${library}, which the archive needs")
    endif()
endforeach()
compile_and_run("${WORK}/static" --static)

file(REMOVE_RECURSE "${WORK}")
