# The Debian packages have what belongs to each, and nothing else, and say what they need. They are unpacked for the
# consumers that follow; consumer.deb.bare installs them, in a Debian of its own.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../../Packages.cmake")

# Fails unless a package's files are these, under /usr, and Debian's file about licences. Then adds them to those that
# the consumers use.
function(expect_package package)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "CRATE" "FILES")
    set(files ${arg_FILES} "share/doc/${package}/copyright" "share/doc/${package}/changelog.gz")
    list(TRANSFORM files PREPEND usr/)
    run(dpkg-deb --extract "${${package}}" "${WORK}/${package}")
    expect_files("${WORK}/${package}" ${files})
    expect_licences("${WORK}/${package}/usr/share/doc/${package}/copyright" ${arg_CRATE})
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
set(packages libeventsource0 libeventsource-dev eventsource-tool eventsource-doc libeventsource0-dbgsym eventsource-tool-dbgsym)
set(files "")
foreach(package IN LISTS packages)
    set(of ${architecture})
    if(package MATCHES "-doc$")
        set(of all)
    endif()
    set(${package} "${folder}/${package}_${VERSION}_${of}.deb")
    list(APPEND files "${${package}}")
    expect_field(${package} Package ${package})
    expect_field(${package} Version "${VERSION}")
    expect_field(${package} Source libeventsource)
endforeach()

list_runtime(runtime)
expect_package(libeventsource0 FILES ${runtime})
expect_field(libeventsource0 Section libs)
expect_field(libeventsource0 Depends "libc6 \\(>= [0-9.]+\\), libgcc-s1 \\(>= [0-9.]+\\)")
expect_field(libeventsource0 Recommends ca-certificates)
expect_info(libeventsource0 "activate-noawait ldconfig" --info "${libeventsource0}" triggers)
expect_info(libeventsource0 "libeventsource.so.0 libeventsource0 #MINVER#\n.* eventsource_new@Base 0.9.0\n.*"
    --info "${libeventsource0}" symbols)
expect_info(libeventsource0 "libeventsource 0 libeventsource0 \\(>= ${VERSION}\\)" --info "${libeventsource0}" shlibs)

list_development(development)
expect_package(libeventsource-dev FILES ${development})
expect_field(libeventsource-dev Section libdevel)
expect_field(libeventsource-dev Depends "libeventsource0 \\(= ${VERSION}\\)")

list_tool(tool .gz)
expect_package(eventsource-tool CRATE tool FILES ${tool})
expect_field(eventsource-tool Depends
    "libeventsource0 \\(= ${VERSION}\\), libc6 \\(>= [0-9.]+\\), libgcc-s1 \\(>= [0-9.]+\\)")

# The site has many files; the test reference.site looks at them. Here they are left out, but for the first.
run(dpkg-deb --extract "${eventsource-doc}" "${WORK}/doc")
foreach(file "${DOCDIR}/html/index.html" "${DOCDIR}/html/cpp/index.html" share/man/man3/libeventsource.3.gz
        share/man/man3/eventsource_new.3.gz share/doc/eventsource-doc/copyright)
    if(NOT EXISTS "${WORK}/doc/usr/${file}")
        message(FATAL_ERROR "eventsource-doc lacks ${file}")
    endif()
endforeach()
file(REMOVE_RECURSE "${WORK}/doc")

# The symbols are those of the program in the other package: both have the build's name.
foreach(package libeventsource0 eventsource-tool)
    expect_field(${package}-dbgsym Section debug)
    expect_field(${package}-dbgsym Depends "${package} \\(= ${VERSION}\\)")
    run(dpkg-deb --extract "${${package}-dbgsym}" "${WORK}/symbols")
endforeach()
foreach(file "${LIBDIR}/libeventsource.so" bin/eventsource)
    execute_process(COMMAND readelf --notes "${PREFIX}/${file}" OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCH "Build ID: (..)([0-9a-f]+)" matched "${notes}")
    set(symbols "${WORK}/symbols/usr/lib/debug/.build-id/${CMAKE_MATCH_1}/${CMAKE_MATCH_2}.debug")
    execute_process(COMMAND "${NM}" "${symbols}" OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY)
    if(NOT names MATCHES " [tT] ")
        message(FATAL_ERROR "${symbols} names no function")
    endif()
endforeach()
file(REMOVE_RECURSE "${WORK}/symbols")

expect_library("${PREFIX}/${LIBDIR}")

# Debian's own judge has nothing to say, but for what only who uploads a package can know, for the scripts that CPack writes,
# which call ldconfig as its trigger does, and for symbols that name functions and no lines: those would take another build.
find_program(lintian lintian)
if(lintian)
    run("${lintian}" --allow-root --fail-on error,warning
        --suppress-tags initial-upload-closes-no-bugs,maintscript-calls-ldconfig,debug-file-with-no-debug-symbols
        ${files})
endif()
