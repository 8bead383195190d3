# What a package's users do, on a Debian that has a C compiler and CMake, and no Rust that this library was built with: install it
# without a network, build programs with it, and follow a stream with the command, over a reconnect. All is forgotten afterwards.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

set(folder "${SOURCE}/build/${KIND}")
set(libraries "")
set(package "")
if(KIND STREQUAL "deb")
    set(install "dpkg --install ${folder}/libeventsource0_*.deb ${folder}/libeventsource-dev_*.deb ${folder}/eventsource-tool_*.deb")
elseif(KIND STREQUAL "tarball")
    set(install "tar --extract --file ${folder}/libeventsource-${VERSION}-*.tar.gz --directory /usr/local --strip-components=1")
else()
    # As rpm has installed them for this test's fixture. Debian does not look where the rpm's systems have libraries.
    set(install "cp -a ${PREFIX}/. /usr/\necho /usr/lib64 >/etc/ld.so.conf.d/lib64.conf")
    set(libraries -L/usr/lib64)
    set(package -DCMAKE_PREFIX_PATH=/usr/lib64/cmake/eventsource)
endif()

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
file(WRITE "${WORK}/news.script" "route /news\n  events 1..9 most 2\n  end\n")
file(WRITE "${WORK}/try" "set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
${install}
ldconfig
cc '${SOURCE}/tests/packaging/consumers/main.c' ${libraries} -leventsource -o /tmp/main
/tmp/main
cmake -S '${SOURCE}/tests/packaging/consumers/find_package' -B /tmp/build ${package}
cmake --build /tmp/build
/tmp/build/shared
/tmp/build/static
eventsource --version
eventsource serve --for 60 '${WORK}/news.script' -- eventsource tail --data-only --count 3 {url}/news
")
set(debian "${CMAKE_CURRENT_LIST_DIR}/../../in-debian" --release "${RELEASE}" --packages "${PACKAGES}" --keep "${ROOT}"
    --share "${SOURCE}" --share "${PREFIX}" --share "${WORK}" --scratch --)
execute_process(COMMAND ${debian} true OUTPUT_VARIABLE reason RESULT_VARIABLE status)
if(status EQUAL 77)
    message("${reason}")
    return()
endif()
list(INSERT debian 1 --offline)
run(${debian} sh "${WORK}/try")
