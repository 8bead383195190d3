# The tarball has all that is installed, and nothing else. It is unpacked for the consumers that follow.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../../Packages.cmake")

file(REMOVE_RECURSE "${WORK}")
make_packages(tarball folder)
cmake_path(GET PREFIX FILENAME name)
file(ARCHIVE_EXTRACT INPUT "${folder}/${name}.tar.gz" DESTINATION "${WORK}")

list_runtime(runtime)
list_development(development)
set(files ${runtime} ${development} "${DOCDIR}/LICENSE.txt" "${DOCDIR}/third-parties.txt")
list(TRANSFORM files PREPEND "${name}/")
expect_files("${WORK}" ${files})
expect_library("${PREFIX}/${LIBDIR}")
expect_licences("${PREFIX}/${DOCDIR}/third-parties.txt")
