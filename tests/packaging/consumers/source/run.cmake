# The source release builds offline on a bare Debian, with what docs/packaging.md names: in two folders, by two users, and
# whatever their umask. Both make the same bytes, and what is installed works.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

find_program(git git)
if(NOT git)
    message("skipped: a source release is made of a clone, by git")
    return()
endif()
file(REMOVE_RECURSE "${WORK}")

# A source release has what is committed. What is tried is what lies here, whether it is committed or no clone at all: it becomes
# the one commit of a clone.
run(${git} init --quiet "${WORK}/clone")
foreach(command "add --all" "commit --quiet --message=Tried")
    separate_arguments(command)
    run(${git} -c user.name=test -c user.email=test@example.invalid -c commit.gpgSign=false
        "--git-dir=${WORK}/clone/.git" "--work-tree=${SOURCE}" ${command})
endforeach()
run(${git} -C "${WORK}/clone" reset --quiet --hard)
execute_process(COMMAND ${CMAKE_COMMAND} -D "CARGO=${CARGO}" -D "VERSION=${VERSION}" -D "OUTPUT=${WORK}"
        -P "${SOURCE}/cmake/SourceRelease.cmake"
    WORKING_DIRECTORY "${WORK}/clone" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
run(${CMAKE_COMMAND} -E chdir "${WORK}" sha256sum --check "eventsource-${VERSION}.tar.xz.sha256")

foreach(folder one other/of/another/length)
    file(MAKE_DIRECTORY "${WORK}/${folder}")
    run(${CMAKE_COMMAND} -E chdir "${WORK}/${folder}" tar --extract --file "${WORK}/eventsource-${VERSION}.tar.xz")
endforeach()
# Nobody's number is another user's than root's.
run(chown -R 65534:65534 "${WORK}/other")

set(debian "${CMAKE_CURRENT_LIST_DIR}/../../in-debian" --release "${RELEASE}" --packages "${PACKAGES}" --keep "${WORK}-root"
    --share "${WORK}" --)
execute_process(COMMAND ${debian} true OUTPUT_VARIABLE reason RESULT_VARIABLE status)
if(status EQUAL 77)
    message("${reason}")
    return()
endif()
list(INSERT debian 1 --offline)

# What optimizes takes two processors ten minutes, and is no part of what is tried; SOURCE_OPTIMIZED=1 in the environment has it
# tried all the same.
set(quick "")
if(NOT "$ENV{SOURCE_OPTIMIZED}")
    set(quick "export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16")
endif()
file(WRITE "${WORK}/build" "set -eu
${quick}
umask $1
cd \"$2/eventsource-${VERSION}\"
HOME=$PWD
unset CARGO_HOME CARGO_TARGET_DIR RUSTFLAGS RUSTUP_HOME
export HOME
cmake -B build -DCMAKE_BUILD_TYPE=Release -DEVENTSOURCE_BUILD_TESTS=OFF -DEVENTSOURCE_BUILD_EXAMPLES=OFF \
    -DEVENTSOURCE_BUILD_TOOL=OFF >build.log
cmake --build build >>build.log 2>&1 || { tail -n 30 build.log; exit 1; }
cmake --install build --prefix installed >>build.log
rm -rf target
")
file(WRITE "${WORK}/both" "set -eu
cd '${WORK}'
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
sh build 0022 one &
one=$!
setpriv --reuid=65534 --regid=65534 --clear-groups sh build 0077 other/of/another/length
wait $one
")
run(${debian} sh "${WORK}/both")

# All that is installed, and nothing else.
set(one "${WORK}/one/eventsource-${VERSION}/installed")
set(other "${WORK}/other/of/another/length/eventsource-${VERSION}/installed")
run(diff --recursive --brief "${one}" "${other}")
file(WRITE "${WORK}/main.c" "#include <eventsource.h>
#include <stdio.h>
int main(void) { puts(eventsource_version()); return 0; }
")
run(${debian} sh -euc "cd '${one}'
    libraries=$PWD/$(dirname $(find lib -name libeventsource.so))
    cc '${WORK}/main.c' -Iinclude -L$libraries -leventsource -Wl,-rpath,$libraries -o '${WORK}/main'
    '${WORK}/main'")
