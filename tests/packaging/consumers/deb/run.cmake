# The Debian packages have what belongs to each, and nothing else, and say what they need. They are unpacked for the
# consumers that follow; to install them would be a change to the machine.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../../Packages.cmake")

# Fails unless a package's files are these, under /usr, and Debian's file about licences. Then adds them to those that
# the consumers use.
function(expect_package package)
    set(files ${ARGN} "share/doc/${package}/copyright" "share/doc/${package}/changelog.gz")
    list(TRANSFORM files PREPEND usr/)
    run(dpkg-deb --extract "${${package}}" "${WORK}/${package}")
    expect_files("${WORK}/${package}" ${files})
    expect_licences("${WORK}/${package}/usr/share/doc/${package}/copyright")
    run(dpkg-deb --extract "${${package}}" "${WORK}")
    file(REMOVE_RECURSE "${WORK}/${package}")
endfunction()

# Fails unless what dpkg-deb tells about a package matches.
function(expect_info package expected)
    execute_process(COMMAND dpkg-deb ${ARGN} OUTPUT_VARIABLE info COMMAND_ECHO STDOUT ECHO_OUTPUT_VARIABLE
        COMMAND_ERROR_IS_FATAL ANY)
    if(NOT info MATCHES "^${expected}\n$")
        message(FATAL_ERROR "${package} should say: ${expected}")
    endif()
endfunction()
function(expect_field package field expected)
    expect_info(${package} "${expected}" --field "${${package}}" ${field})
endfunction()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
make_packages(deb folder)
execute_process(COMMAND dpkg --print-architecture
    OUTPUT_VARIABLE architecture OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
foreach(package libeventsource0 libeventsource-dev)
    set(${package} "${folder}/${package}_${VERSION}_${architecture}.deb")
    expect_field(${package} Package ${package})
    expect_field(${package} Version "${VERSION}")
    expect_field(${package} Source libeventsource)
endforeach()

list_runtime(runtime)
expect_package(libeventsource0 ${runtime})
expect_field(libeventsource0 Section libs)
expect_field(libeventsource0 Depends "libc6 \\(>= [0-9.]+\\), libgcc-s1 \\(>= [0-9.]+\\)")
expect_field(libeventsource0 Recommends ca-certificates)
expect_info(libeventsource0 "activate-noawait ldconfig" --info "${libeventsource0}" triggers)
expect_info(libeventsource0 "libeventsource.so.0 libeventsource0 #MINVER#\n.* eventsource_new@Base 0.9.0\n.*"
    --info "${libeventsource0}" symbols)
expect_info(libeventsource0 "libeventsource 0 libeventsource0 \\(>= ${VERSION}\\)" --info "${libeventsource0}" shlibs)

list_development(development)
expect_package(libeventsource-dev ${development})
expect_field(libeventsource-dev Section libdevel)
expect_field(libeventsource-dev Depends "libeventsource0 \\(= ${VERSION}\\)")

expect_library("${PREFIX}/${LIBDIR}")

# Debian's own judge has nothing to say, but for what only who uploads a package can know, and for the scripts that CPack writes,
# which call ldconfig as its trigger does.
find_program(lintian lintian)
if(lintian)
    run("${lintian}" --allow-root --fail-on error,warning
        --suppress-tags initial-upload-closes-no-bugs,maintscript-calls-ldconfig
        "${libeventsource0}" "${libeventsource-dev}")
endif()
