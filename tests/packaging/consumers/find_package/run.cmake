# A separate project finds the installed package; and one that has the archive alone.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

file(REMOVE_RECURSE "${WORK}")
build_and_run("${CMAKE_CURRENT_LIST_DIR}" "${WORK}/build"
    OPTIONS "-DCMAKE_PREFIX_PATH=${PREFIX}" PROGRAMS shared static)

# That is no matter of the generator: once is enough. In C++, too, if there is a compiler.
if(GENERATOR STREQUAL "Unix Makefiles")
    set(cpp "")
    if(CXX)
        set(cpp cpp)
    endif()
    make_static_prefix("${WORK}/static")
    build_and_run("${CMAKE_CURRENT_LIST_DIR}" "${WORK}/build-static"
        OPTIONS "-DCMAKE_PREFIX_PATH=${WORK}/static" -DSTATIC_ONLY=ON PROGRAMS static ${cpp})
endif()

# Large, and of use only to look at after a failure.
file(REMOVE_RECURSE "${WORK}")
