# The programs and the script of docs/testing.md, with the installed command and library: the test in C++ with GoogleTest, and the
# one in Go.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/../../bindings/Bindings.cmake")
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}/go")
use_installed_library()
set(guide "${SOURCE}/docs/testing.md")

# The script is what is indented by four, from its first comment on.
file(READ "${guide}" text)
string(REGEX MATCH "\n    # Three events[^|]*" script "${text}")
string(REGEX REPLACE "`route PATH`.*" "" script "${script}")
string(REPLACE "\n    " "\n" script "${script}")
file(WRITE "${WORK}/news.script" "${script}")
set(tool "${PREFIX}/bin/eventsource")

readme_program("${guide}" cpp "${WORK}/news_test.cpp")
ask_pkg_config(flags "${PREFIX}" eventsource --cflags --libs)
run("${CXX}" -std=c++17 "${WORK}/news_test.cpp" ${flags} -lgtest -pthread -o "${WORK}/news_test")
run("${tool}" serve "${WORK}/news.script" --for 240 -- "${WORK}/news_test" {url})

readme_program("${guide}" go "${WORK}/go/news_test.go")
file(COPY "${WORK}/news.script" DESTINATION "${WORK}/go")
file(WRITE "${WORK}/go/go.mod" "module news\n\ngo 1.19\n\nrequire libeventsource.invalid/libeventsource/bindings/go v0.0.0\n
replace libeventsource.invalid/libeventsource/bindings/go => ${SOURCE}/bindings/go\n")
set(ENV{PATH} "${PREFIX}/bin:$ENV{PATH}")
set(ENV{CC} "${CC}")
set(ENV{PKG_CONFIG} "${PKG_CONFIG}")
set(ENV{CGO_ENABLED} 1)
set(ENV{GOTOOLCHAIN} local)
set(ENV{GOFLAGS} -mod=mod)
run(${CMAKE_COMMAND} -E chdir "${WORK}/go" "${GO}" test -count=1 -v .)
