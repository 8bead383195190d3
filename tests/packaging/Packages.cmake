# Steps of the consumers that make packages, beside those of Steps.cmake.

# Makes packages as docs/packaging.md says, of the library that cargo has built already. They are in the folder that this tells.
function(make_packages preset result)
    set(folder "${SOURCE}/build/${preset}")
    # What is there may be of another version, or have been built elsewhere.
    file(REMOVE_RECURSE "${folder}")
    set(ENV{CARGO_TARGET_DIR} "${CARGO_TARGET_DIR}")
    execute_process(COMMAND ${CMAKE_COMMAND} --workflow --preset ${preset}
        WORKING_DIRECTORY "${SOURCE}" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
    set(${result} "${folder}" PARENT_SCOPE)
endfunction()

# Sets <result> to what belongs to programs that run, and to what else it takes to build them; without what is about the
# licence, which each package has elsewhere.
function(list_runtime result)
    set(${result} "${LIBDIR}/libeventsource.so.${VERSION}" "${LIBDIR}/libeventsource.so.0" PARENT_SCOPE)
endfunction()
function(list_development result)
    file(GLOB examples RELATIVE "${SOURCE}/examples-c" "${SOURCE}/examples-c/*.[ch]" "${SOURCE}/examples-c/*.cpp")
    list(APPEND examples CMakeLists.txt)
    list(TRANSFORM examples PREPEND "${DOCDIR}/examples/")
    set(${result}
        include/eventsource.h
        include/eventsource.hpp
        include/CEventSource/module.modulemap
        "${LIBDIR}/libeventsource.so"
        "${LIBDIR}/libeventsource.a"
        "${LIBDIR}/cmake/eventsource/eventsourceConfig.cmake"
        "${LIBDIR}/cmake/eventsource/eventsourceConfigVersion.cmake"
        "${LIBDIR}/pkgconfig/eventsource.pc"
        "${LIBDIR}/pkgconfig/eventsource-static.pc"
        ${examples} PARENT_SCOPE)
endfunction()

# Manual pages end with <packed>, which is .gz in packages of a system.
function(list_tool result packed)
    set(files bin/eventsource
        share/bash-completion/completions/eventsource
        share/zsh/site-functions/_eventsource
        share/fish/vendor_completions.d/eventsource.fish)
    foreach(name eventsource eventsource-check eventsource-completions eventsource-serve eventsource-tail)
        list(APPEND files "share/man/man1/${name}.1${packed}")
    endforeach()
    set(${result} ${files} PARENT_SCOPE)
endfunction()
function(list_manual result packed)
    file(STRINGS "${SOURCE}/cmake/exports.txt" functions)
    list(TRANSFORM functions PREPEND share/man/man3/)
    list(TRANSFORM functions APPEND ".3${packed}")
    set(${result} ${functions} "share/man/man3/libeventsource.3${packed}" PARENT_SCOPE)
endfunction()

# Fails unless a folder has these files, and no others.
function(expect_files folder)
    file(GLOB_RECURSE files RELATIVE "${folder}" "${folder}/*")
    set(problems "")
    foreach(file IN LISTS files)
        if(NOT file IN_LIST ARGN)
            string(APPEND problems "\n  it has ${file}, which does not belong there")
        endif()
    endforeach()
    foreach(file IN LISTS ARGN)
        if(NOT file IN_LIST files)
            string(APPEND problems "\n  it lacks ${file}")
        endif()
    endforeach()
    if(problems)
        message(FATAL_ERROR "${folder} is not as it should be:${problems}")
    endif()
endfunction()

# Fails unless the library is there once, with its names as links to it, and without symbols that nobody needs.
function(expect_library folder)
    foreach(name libeventsource.so libeventsource.so.0)
        file(READ_SYMLINK "${folder}/${name}" target)
        if(NOT target STREQUAL "libeventsource.so.${VERSION}")
            message(FATAL_ERROR "${name} is a link to ${target}")
        endif()
    endforeach()
    execute_process(COMMAND "${NM}" "${folder}/libeventsource.so" ERROR_VARIABLE complaint OUTPUT_QUIET)
    if(NOT complaint MATCHES "no symbols")
        message(FATAL_ERROR "The library is not stripped")
    endif()
endfunction()

# Fails unless a file names each crate that the library is made of, at least those that Cargo.toml lists for all systems; or
# the tool, if its folder is named.
function(expect_licences file)
    file(READ "${SOURCE}/${ARGN}/Cargo.toml" manifest)
    string(FIND "${manifest}" "\n[dependencies]\n" begin)
    string(SUBSTRING "${manifest}" ${begin} -1 dependencies)
    string(REGEX REPLACE "\n[^\n]*path = \"[^\n]*" "" dependencies "${dependencies}")
    string(FIND "${dependencies}\n[target." "\n[target." end)
    string(SUBSTRING "${dependencies}" 0 ${end} dependencies)
    string(REGEX MATCHALL "\n[a-z0-9-]+ = " crates "${dependencies}")
    list(TRANSFORM crates REPLACE "[\n =]" "")
    if(NOT crates MATCHES "tokio|clap")
        message(FATAL_ERROR "These are not what it depends on: ${crates}")
    endif()
    file(READ "${file}" text)
    foreach(crate IN LISTS crates)
        if(NOT text MATCHES "\n  ${crate} [0-9]")
            message(FATAL_ERROR "${file} does not name ${crate}")
        endif()
    endforeach()
endfunction()
