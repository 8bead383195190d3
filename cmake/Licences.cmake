# Writes down whose code is in the library, or in the tool, besides its own, with the licences that want to come with it, for
# packages:
#   cmake -D CARGO=<cargo> -D TARGET=<Rust target, or empty for the host's> -D CRATE=<eventsource or eventsource-tool>
#       -D FEATURES=<cargo's options> -D SUFFIX=<of the files' names> -D DEBIAN=<copyright.in> -D OUTPUT=<folder> -P Licences.cmake
# makes third-parties<suffix>.txt, and Debian's file of the two, copyright<suffix>. Runs in the source tree.
cmake_minimum_required(VERSION 3.25)

if(NOT TARGET)
    cmake_path(REPLACE_FILENAME CARGO rustc OUTPUT_VARIABLE rustc)
    execute_process(COMMAND "${rustc}" --print host-tuple
        OUTPUT_VARIABLE TARGET OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()

# What is linked: `tree` says of each crate what it is called, and its licence; `metadata` says where it is.
separate_arguments(FEATURES UNIX_COMMAND "${FEATURES}")
execute_process(COMMAND "${CARGO}" tree --locked --package "${CRATE}" ${FEATURES} --edges normal,no-proc-macro --target "${TARGET}"
        --prefix none --no-dedupe --format "{p}: {l}"
    OUTPUT_VARIABLE linked COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CARGO}" metadata --locked --format-version 1 --filter-platform "${TARGET}"
    OUTPUT_VARIABLE everything COMMAND_ERROR_IS_FATAL ANY)
# By name and version: folders have the one or both, and another form where the crates are vendored.
string(JSON packages GET "${everything}" packages)
string(JSON count LENGTH "${packages}")
foreach(index RANGE 1 ${count})
    math(EXPR index "${index} - 1")
    string(JSON package GET "${packages}" ${index})
    string(JSON name GET "${package}" name)
    string(JSON version GET "${package}" version)
    string(JSON manifest GET "${package}" manifest_path)
    cmake_path(GET manifest PARENT_PATH "folder_of_${name}_${version}")
endforeach()
string(REGEX MATCHALL "[^ \n]+ v[^ \n]+: [^\n]+" linked "${linked}")
list(SORT linked)
list(REMOVE_DUPLICATES linked)

# The library, the tool and the test server are its own.
list(FILTER linked EXCLUDE REGEX "^(eventsource|eventsource-tool|test-server) v")

set(text "Linked into it is code of others: Rust's standard library, under the Apache License, and these Rust crates. Where
a licence can be chosen, it is the Apache License.\n\n")
set(hashes "")
foreach(crate IN LISTS linked)
    string(REGEX MATCH "^([^ ]+) v([^ ]+): (.+)$" matched "${crate}")
    set(name "${CMAKE_MATCH_1}")
    set(version "${CMAKE_MATCH_2}")
    set(licence "${CMAKE_MATCH_3}")
    string(APPEND text "  ${name} ${version}: ${licence}\n")
    # The Apache License asks for itself, once, and for a crate's NOTICE.
    set(patterns NOTICE*)
    if(NOT licence MATCHES "Apache-2\\.0" OR licence MATCHES " AND ")
        list(APPEND patterns LICENSE* LICENCE*)
    endif()

    set(folder "${folder_of_${name}_${version}}")
    if(NOT folder)
        message(FATAL_ERROR "Cargo does not say where ${name} ${version} is")
    endif()
    list(TRANSFORM patterns PREPEND "${folder}/")
    file(GLOB_RECURSE files ${patterns})
    list(LENGTH patterns wanted)
    # A crate of the same repository has it.
    if(wanted GREATER 1 AND NOT files AND NOT name STREQUAL "alloc-stdlib")
        message(FATAL_ERROR "${name} ${version} comes without its licence, ${licence}")
    endif()
    foreach(file IN LISTS files)
        file(SHA256 "${file}" hash)
        list(APPEND hashes ${hash})
        set(file_${hash} "${file}")
        list(APPEND crates_${hash} ${name})
    endforeach()
endforeach()

list(REMOVE_DUPLICATES hashes)
foreach(hash IN LISTS hashes)
    list(REMOVE_DUPLICATES crates_${hash})
    list(JOIN crates_${hash} ", " crates)
    file(READ "${file_${hash}}" licence)
    # The terms of the Apache License are the library's own, and come with it.
    set(last "END OF TERMS AND CONDITIONS")
    string(FIND "${licence}" "TERMS AND CONDITIONS FOR USE, REPRODUCTION" begin)
    string(FIND "${licence}" "${last}" end)
    if(begin GREATER -1 AND end GREATER begin)
        string(LENGTH "${last}" length)
        math(EXPR end "${end} + ${length}")
        string(SUBSTRING "${licence}" 0 ${begin} before)
        string(SUBSTRING "${licence}" ${end} -1 after)
        set(licence "${before}[the terms of that licence, which are this library's as well]${after}")
    endif()
    string(APPEND text "\n---- ${crates}\n\n${licence}\n")
endforeach()

file(WRITE "${OUTPUT}/third-parties${SUFFIX}.txt" "${text}")
set(THIRD_PARTIES "${text}")
configure_file("${DEBIAN}" "${OUTPUT}/copyright${SUFFIX}" @ONLY)
