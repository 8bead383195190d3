# A program is compiled with what pkg-config says, against the shared library and against the archive; and again when the
# prefix has moved.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../Steps.cmake")

# Sets <result> to the words that pkg-config answers.
function(ask result prefix)
    set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
    execute_process(COMMAND "${PKG_CONFIG}" ${ARGN} eventsource
        OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(answer UNIX_COMMAND "${answer}")
    set(${result} ${answer} PARENT_SCOPE)
endfunction()

function(compile_and_run prefix)
    ask(flags "${prefix}" ${ARGN} --cflags --libs)
    run("${CC}" "${CMAKE_CURRENT_LIST_DIR}/../main.c" ${flags} -o "${WORK}/program")
    run("${WORK}/program")
endfunction()

install_library("${WORK}/prefix")
ask(version "${WORK}/prefix" --modversion)
if(NOT version STREQUAL VERSION)
    message(FATAL_ERROR "pkg-config says version ${version}, not ${VERSION}")
endif()

foreach(prefix "${WORK}/prefix" "${WORK}/moved")
    if(NOT EXISTS "${prefix}")
        file(RENAME "${WORK}/prefix" "${prefix}")
    endif()
    set(ENV{LD_LIBRARY_PATH} "${prefix}/${LIBDIR}")
    compile_and_run("${prefix}")
endforeach()

# The archive: what the linker takes where there is no shared library. Not every system has a program fail that is linked
# without what the archive needs, so that is looked for.
unset(ENV{LD_LIBRARY_PATH})
file(STRINGS "${BUILD}/lib/native-libraries" needed)
separate_arguments(needed UNIX_COMMAND "${needed}")
ask(libraries "${WORK}/moved" --static --libs-only-l)
foreach(library IN LISTS needed)
    if(NOT library IN_LIST libraries)
        message(FATAL_ERROR "pkg-config --static does not name ${library}, which the archive needs")
    endif()
endforeach()
file(GLOB shared "${WORK}/moved/${LIBDIR}/libeventsource.so*")
file(REMOVE ${shared})
compile_and_run("${WORK}/moved" --static)

file(REMOVE_RECURSE "${WORK}")
