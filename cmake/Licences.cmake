# Writes down whose code is in the library besides its own, with the licences that want to come with it, for packages:
#   cmake -D CARGO=<cargo> -D TARGET=<Rust target, or empty for the host's> -D DEBIAN=<copyright.in> -D OUTPUT=<folder>
#       -P Licences.cmake
# makes third-parties.txt, and Debian's file of the two, copyright. Runs in the source tree.
cmake_minimum_required(VERSION 3.25)

if(NOT TARGET)
    cmake_path(REPLACE_FILENAME CARGO rustc OUTPUT_VARIABLE rustc)
    execute_process(COMMAND "${rustc}" --print host-tuple
        OUTPUT_VARIABLE TARGET OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()

# What is linked: `tree` says of each crate what it is called, and its licence; `metadata` says where it is.
execute_process(COMMAND "${CARGO}" tree --locked --package eventsource --edges normal,no-proc-macro --target "${TARGET}"
        --prefix none --no-dedupe --format "{p}: {l}"
    OUTPUT_VARIABLE linked COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CARGO}" metadata --locked --format-version 1 --filter-platform "${TARGET}"
    OUTPUT_VARIABLE everything COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\"manifest_path\":\"[^\"]+\"" manifests "${everything}")
string(REGEX MATCHALL "[^ \n]+ v[^ \n]+: [^\n]+" linked "${linked}")
list(SORT linked)
list(REMOVE_DUPLICATES linked)

list(FILTER linked EXCLUDE REGEX "^eventsource v")

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

    string(REPLACE "+" "\\+" pattern "/${name}(-${version})?/Cargo.toml\"$")
    set(manifest ${manifests})
    list(FILTER manifest INCLUDE REGEX "${pattern}")
    if(NOT manifest MATCHES "^\"manifest_path\":\"([^;]+)/Cargo.toml\"$")
        message(FATAL_ERROR "Where is ${name} ${version}? Cargo says '${manifest}'")
    endif()
    list(TRANSFORM patterns PREPEND "${CMAKE_MATCH_1}/")
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
    string(APPEND text "\n---- ${crates}\n\n${licence}\n")
endforeach()

file(WRITE "${OUTPUT}/third-parties.txt" "${text}")
set(THIRD_PARTIES "${text}")
configure_file("${DEBIAN}" "${OUTPUT}/copyright" @ONLY)
