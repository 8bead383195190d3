# The tarballs have all that is installed, and nothing else: both the same. One is unpacked for the consumers that follow.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../../Packages.cmake")

file(REMOVE_RECURSE "${WORK}")
make_packages(tarball folder)
cmake_path(GET PREFIX FILENAME name)
file(ARCHIVE_EXTRACT INPUT "${folder}/${name}.tar.gz" DESTINATION "${WORK}")

list_runtime(runtime)
list_development(development)
list_tool(tool "")
set(files ${runtime} ${development} ${tool} "${DOCDIR}/LICENSE.txt" "${DOCDIR}/third-parties.txt"
    "${DOCDIR}/third-parties-tool.txt")
list(TRANSFORM files PREPEND "${name}/")
expect_files("${WORK}" ${files})
foreach(kind gz xz)
    execute_process(COMMAND ${CMAKE_COMMAND} -E tar tf "${folder}/${name}.tar.${kind}"
        OUTPUT_VARIABLE list COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "[^\n]+" list_${kind} "${list}")
    list(SORT list_${kind})
endforeach()
if(NOT list_gz STREQUAL list_xz)
    message(FATAL_ERROR "The two tarballs have other files:\n${list_gz}\n${list_xz}")
endif()
expect_library("${PREFIX}/${LIBDIR}")
expect_licences("${PREFIX}/${DOCDIR}/third-parties.txt")
expect_licences("${PREFIX}/${DOCDIR}/third-parties-tool.txt" tool)
