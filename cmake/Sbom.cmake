# Writes a software bill of materials: what is linked into the library, as CycloneDX has it (JSON, version 1.6):
#   cmake -D CARGO=<cargo> -D TARGET=<Rust target, or empty for the host's> -D FEATURES=<cargo's options> -D OUTPUT=<file>
#       -P Sbom.cmake
# Runs in the source tree. With SOURCE_DATE_EPOCH in the environment, the same sources and the same Rust make the same bytes.
#
# By cargo and CMake alone, which whoever builds the library has: it lists what third-parties.txt lists, for the system that was
# built for, and without what only builds or tests it. The tools for this would have to be installed first.
cmake_minimum_required(VERSION 3.25)

cmake_path(REPLACE_FILENAME CARGO rustc OUTPUT_VARIABLE rustc)
execute_process(COMMAND "${rustc}" -vV OUTPUT_VARIABLE versions COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "release: ([^\n]+)" matched "${versions}")
set(rust "${CMAKE_MATCH_1}")
if(NOT TARGET)
    string(REGEX MATCH "host: ([^\n]+)" matched "${versions}")
    set(TARGET "${CMAKE_MATCH_1}")
endif()

# Checksums are those of the crates' archives, as the registry has them.
file(STRINGS Cargo.lock lines REGEX "^(name|version|checksum) = ")
foreach(line IN LISTS lines)
    string(REGEX MATCH "^([a-z]+) = \"([^\"]+)\"$" matched "${line}")
    set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
    if(CMAKE_MATCH_1 STREQUAL "checksum")
        set("checksum_of_${name}_${version}" "${checksum}")
    endif()
endforeach()

# add_component(<type> <name> <version> <purl> [further members]): the package URL is its name in this document, too.
set(components "")
function(add_component type name version purl)
    set(members ${ARGN})
    list(PREPEND members "\"type\": \"${type}\"" "\"bom-ref\": \"${purl}\"" "\"name\": \"${name}\"" "\"version\": \"${version}\"")
    list(APPEND members "\"purl\": \"${purl}\"")
    list(JOIN members ", " members)
    list(APPEND components "    {${members}}")
    set(components "${components}" PARENT_SCOPE)
endfunction()

# Each line is a crate at its depth; what it depends on follows it, the first time that it is named.
separate_arguments(FEATURES UNIX_COMMAND "${FEATURES}")
execute_process(COMMAND "${CARGO}" tree --locked --package eventsource ${FEATURES} --edges normal,no-proc-macro --target "${TARGET}"
        --prefix depth --format "|{p}|{l}|{r}"
    OUTPUT_VARIABLE tree COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" tree "${tree}")
set(known "")
foreach(line IN LISTS tree)
    if(NOT line MATCHES "^([0-9]+)\\|([^ |]+) v([^ |]+)[^|]*\\|([^|\"\\]*)\\|([^| \"\\]*)")
        message(FATAL_ERROR "This line of `cargo tree` is not understood: ${line}")
    endif()
    set(depth ${CMAKE_MATCH_1})
    set(name "${CMAKE_MATCH_2}")
    set(version "${CMAKE_MATCH_3}")
    set(licence "${CMAKE_MATCH_4}")
    set(repository "${CMAKE_MATCH_5}")
    # An older form of the same has a slash.
    string(REGEX REPLACE " */ *" " OR " licence "${licence}")
    string(REPLACE "+" "%2B" version_in_url "${version}")
    set(crate "pkg:cargo/${name}@${version_in_url}")
    if(depth EQUAL 0)
        set(crate "pkg:generic/lib${name}@${version}")
        set(main "${crate}")
        set(main_version "${version}")
        set(main_licence "${licence}")
    else()
        math(EXPR above "${depth} - 1")
        list(APPEND "needs_${at_${above}}" "${crate}")
    endif()
    set("at_${depth}" "${crate}")
    if(crate IN_LIST known)
        continue()
    endif()
    list(APPEND known "${crate}")
    if(depth EQUAL 0)
        continue()
    endif()

    set(checksum "${checksum_of_${name}_${version}}")
    if(NOT checksum OR NOT licence)
        message(FATAL_ERROR "Cargo.lock or cargo does not tell the checksum and the licence of ${name} ${version}")
    endif()
    set(members "\"hashes\": [{\"alg\": \"SHA-256\", \"content\": \"${checksum}\"}]" "\"licenses\": [{\"expression\": \"${licence}\"}]")
    if(repository)
        list(APPEND members "\"externalReferences\": [{\"type\": \"vcs\", \"url\": \"${repository}\"}]")
    endif()
    add_component(library "${name}" "${version}" "${crate}" ${members})
    # A crate that brings a library in C has its version behind its own.
    if(version MATCHES "\\+zstd\\.([0-9.]+)$")
        set(zstd "pkg:generic/zstd@${CMAKE_MATCH_1}")
        add_component(library zstd "${CMAKE_MATCH_1}" "${zstd}" "\"licenses\": [{\"expression\": \"BSD-3-Clause OR GPL-2.0-only\"}]"
            "\"cpe\": \"cpe:2.3:a:facebook:zstandard:${CMAKE_MATCH_1}:*:*:*:*:*:*:*\"")
        list(APPEND known "${zstd}")
        list(APPEND "needs_${crate}" "${zstd}")
    endif()
endforeach()
set(std "pkg:generic/rust-std@${rust}")
add_component(library rust-std "${rust}" "${std}" "\"licenses\": [{\"expression\": \"MIT OR Apache-2.0\"}]"
    "\"description\": \"Rust's standard library, for ${TARGET}\"")
list(APPEND known "${std}")
list(APPEND "needs_${main}" "${std}")

set(dependencies "")
foreach(crate IN LISTS known)
    list(REMOVE_DUPLICATES "needs_${crate}")
    list(TRANSFORM "needs_${crate}" REPLACE "^.+$" "\"\\0\"" OUTPUT_VARIABLE needs)
    list(JOIN needs ", " needs)
    list(APPEND dependencies "    {\"ref\": \"${crate}\", \"dependsOn\": [${needs}]}")
endforeach()
list(JOIN components ",\n" components)
list(JOIN dependencies ",\n" dependencies)

string(TIMESTAMP time "%Y-%m-%dT%H:%M:%SZ" UTC)
set(text "  \"version\": 1,
  \"metadata\": {
    \"timestamp\": \"${time}\",
    \"lifecycles\": [{\"phase\": \"build\"}],
    \"component\": {\"type\": \"library\", \"bom-ref\": \"${main}\", \"name\": \"libeventsource\", \
\"version\": \"${main_version}\", \"licenses\": [{\"expression\": \"${main_licence}\"}], \"purl\": \"${main}\"},
    \"properties\": [{\"name\": \"rust:target\", \"value\": \"${TARGET}\"}]
  },
  \"components\": [\n${components}\n  ],
  \"dependencies\": [\n${dependencies}\n  ]\n}\n")
# Its number follows from what is in it.
string(UUID number NAMESPACE 6ba7b811-9dad-11d1-80b4-00c04fd430c8 NAME "${text}" TYPE SHA1)
file(WRITE "${OUTPUT}" "{
  \"bomFormat\": \"CycloneDX\",
  \"specVersion\": \"1.6\",
  \"serialNumber\": \"urn:uuid:${number}\",\n${text}")
list(LENGTH known count)
message(NOTICE "${OUTPUT}: ${count} components")
