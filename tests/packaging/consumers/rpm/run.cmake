# The rpm packages have what belongs to each, and nothing else, and say what they need. rpm installs them into a folder, for the
# consumers that follow.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../../Packages.cmake")

# Fails unless what rpm tells about a package matches.
function(expect_query package expected)
    execute_process(COMMAND rpm --query --package "${${package}}" ${ARGN}
        OUTPUT_VARIABLE info COMMAND_ECHO STDOUT ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
    if(NOT "\n${info}" MATCHES "\n${expected}\n")
        message(FATAL_ERROR "${package} should say: ${expected}")
    endif()
endfunction()

# Fails unless a package's files are these, under /usr, and those about licences.
function(expect_package package licences)
    foreach(licence LICENSE.txt ${licences})
        list(APPEND ARGN "share/licenses/${package}/${licence}")
    endforeach()
    list(TRANSFORM ARGN PREPEND /usr/)
    execute_process(COMMAND rpm --query --package "${${package}}" --queryformat "[%{FILEMODES:perms} %{FILENAMES}\n]"
        OUTPUT_VARIABLE info COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "[^\n]+" files "${info}")
    # rpm itself adds links by the build's name.
    list(FILTER files EXCLUDE REGEX "^d|/\\.build-id/")
    list(TRANSFORM files REPLACE "^[^ ]+ " "")
    list(SORT files)
    list(SORT ARGN)
    if(info MATCHES " /usr/(${LIBDIR}/cmake|share/licenses|share/man/man1|share/bash-completion)\n")
        message(FATAL_ERROR "${package} owns ${CMAKE_MATCH_1}, which is the system's")
    endif()
    if(NOT files STREQUAL ARGN)
        message(FATAL_ERROR "${package} has\n  ${files}\nand should have\n  ${ARGN}")
    endif()
endfunction()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
make_packages(rpm folder)
set(files "")
foreach(package libeventsource libeventsource-devel eventsource-tool)
    file(GLOB ${package} "${folder}/${package}-${VERSION}-1.*.rpm")
    list(APPEND files "${${package}}")
    expect_query(${package} "${package} ${VERSION} Apache-2.0" --queryformat "%{NAME} %{VERSION} %{LICENSE}\n")
endforeach()
# The sums in them are those of what they have. Nobody has signed them.
run(rpm --checksig --nosignature ${files})

list_runtime(runtime)
expect_package(libeventsource third-parties.txt ${runtime})
expect_query(libeventsource "libeventsource.so.0\\(\\)\\(64bit\\)" --provides)
expect_query(libeventsource "libc.so.6\\(GLIBC_2[0-9.]+\\)\\(64bit\\)" --requires)
list_development(development)
expect_package(libeventsource-devel third-parties.txt ${development})
expect_query(libeventsource-devel "libeventsource = ${VERSION}" --requires)
list_tool(tool .gz)
expect_package(eventsource-tool third-parties-tool.txt ${tool})
expect_query(eventsource-tool "libeventsource.so.0\\(\\)\\(64bit\\)" --requires)

# Without a system's database, which knows what else there is, and without its loader, whose cache is renewed.
run(rpm --root "${WORK}" --dbpath /rpmdb --nodeps --noscripts --ignorearch --install ${files})
file(REMOVE_RECURSE "${WORK}/rpmdb")
expect_library("${PREFIX}/${LIBDIR}")
