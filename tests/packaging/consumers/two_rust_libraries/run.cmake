# A program is linked with the archive and with the archive of another Rust library, made with link-time optimization: both
# have Rust's own runtime in them, and must not get into each other's way. With what cargo itself makes, the linker shows that
# they would.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../Steps.cmake")

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
set(other "${WORK}/libother.a")
run("${RUSTC}" --edition 2024 --crate-name other --crate-type staticlib -Copt-level=1 -Clto=fat -o "${other}"
    "${CMAKE_CURRENT_LIST_DIR}/other.rs")
run("${CC}" "-I${PREFIX}/include" -Dmain=try_eventsource -c "${CMAKE_CURRENT_LIST_DIR}/../main.c" -o "${WORK}/main.o")
file(STRINGS "${BUILD}/lib/native-libraries" needed)
separate_arguments(needed UNIX_COMMAND "${needed}")

# Sets <result> to 0 if a program with both archives can be linked.
function(link_both result)
    execute_process(
        COMMAND "${CC}" "${CMAKE_CURRENT_LIST_DIR}/main.c" "${WORK}/main.o" ${ARGN} ${needed} -o "${WORK}/program"
        COMMAND_ECHO STDOUT RESULT_VARIABLE status ERROR_VARIABLE errors)
    set(${result} ${status} PARENT_SCOPE)
    set(errors "${errors}" PARENT_SCOPE)
endfunction()

set(ours "${PREFIX}/${LIBDIR}/libeventsource.a")
foreach(archives "${ours};${other}" "${other};${ours}")
    link_both(status ${archives})
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "The two archives cannot be linked into one program:\n${errors}")
    endif()
    run("${WORK}/program")
endforeach()

link_both(status "${CARGO_ARCHIVE}" "${other}")
if(NOT errors MATCHES "multiple definition")
    message(FATAL_ERROR "Cargo's archive can be linked beside the other, so this shows nothing:\n${errors}")
endif()
file(REMOVE_RECURSE "${WORK}")
