# Writes a source release: what the commit HEAD has, with the crates that it is built from, so that building needs no network.
#   cmake -D CARGO=<cargo> -D VERSION=<version> -D OUTPUT=<folder> -P SourceRelease.cmake
# makes eventsource-<version>.tar.xz and its checksum, eventsource-<version>.tar.xz.sha256. Runs in the source tree, which is a
# clone. Needs git, tar and xz. The same commit makes the same bytes.
cmake_minimum_required(VERSION 3.25)

set(name "eventsource-${VERSION}")
set(folder "${OUTPUT}/${name}")
file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}")

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

execute_process(COMMAND git status --porcelain OUTPUT_VARIABLE changes COMMAND_ERROR_IS_FATAL ANY)
if(changes)
    message(NOTICE "What is not committed is not in the source release:\n${changes}")
endif()
run(git archive --format=tar "--output=${OUTPUT}/committed.tar" HEAD)
file(ARCHIVE_EXTRACT INPUT "${OUTPUT}/committed.tar" DESTINATION "${folder}")
file(REMOVE "${OUTPUT}/committed.tar")

# All of Cargo.lock, so that the tests can be built, too. What cargo prints is what its configuration has to say then.
execute_process(COMMAND "${CARGO}" vendor --locked --versioned-dirs vendor
    WORKING_DIRECTORY "${folder}" OUTPUT_VARIABLE source ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
if(NOT source MATCHES "directory = \"vendor\"")
    message(FATAL_ERROR "cargo vendor does not tell how cargo finds the crates, but: ${source}")
endif()
file(APPEND "${folder}/.cargo/config.toml"
    "# This is a source release: cargo takes the crates from vendor/ and asks no network.\n${source}")

# The order of files, their owners and their times are in a tarball. The times are the commit's.
execute_process(COMMAND git log -1 --format=%ct OUTPUT_VARIABLE time OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
# One thread of xz writes other bytes than two, which write the same as more.
run(tar --create --directory "${OUTPUT}" --file "${OUTPUT}/${name}.tar" --format=posix --sort=name "--mtime=@${time}"
    --owner=0 --group=0 --numeric-owner "--mode=go=rX,u+rw,a-s" --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime
    "${name}")
run(xz --force -4 --threads=2 "${OUTPUT}/${name}.tar")
file(SHA256 "${OUTPUT}/${name}.tar.xz" hash)
file(WRITE "${OUTPUT}/${name}.tar.xz.sha256" "${hash}  ${name}.tar.xz\n")
file(REMOVE_RECURSE "${folder}")
file(SIZE "${OUTPUT}/${name}.tar.xz" size)
message(NOTICE "${OUTPUT}/${name}.tar.xz: ${size} bytes, SHA-256 ${hash}")
