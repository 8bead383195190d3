# With musl, the library has gcc's unwinder in itself. rustc would ask for libgcc_s: Alpine has that only in a package which
# need not be installed, a static program cannot use it, and that of Debian, beside musl-gcc, is glibc's.
#
# Sets EVENTSOURCE_UNWINDER, the files that the archive takes in, and EVENTSOURCE_UNWINDER_FOLDER, where rustc's linker finds
# them under the name of libgcc_s.
execute_process(COMMAND "${CMAKE_C_COMPILER}" -print-file-name=libgcc_eh.a
    OUTPUT_VARIABLE unwinder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT IS_ABSOLUTE "${unwinder}")
    message(FATAL_ERROR "${CMAKE_C_COMPILER} has no libgcc_eh.a, the unwinder")
endif()
set(EVENTSOURCE_UNWINDER_FOLDER "${PROJECT_BINARY_DIR}/musl")
file(MAKE_DIRECTORY "${EVENTSOURCE_UNWINDER_FOLDER}")
set(EVENTSOURCE_UNWINDER "${unwinder}")
# One that was built for glibc.
execute_process(COMMAND "${CMAKE_NM}" "${unwinder}" OUTPUT_VARIABLE symbols ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
if(symbols MATCHES "U _dl_find_object")
    set(object "${EVENTSOURCE_UNWINDER_FOLDER}/find_object.o")
    execute_process(COMMAND "${CMAKE_C_COMPILER}" -O2 -fPIC -c "${PROJECT_SOURCE_DIR}/cmake/musl/find_object.c" -o "${object}"
        COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND EVENTSOURCE_UNWINDER "${object}")
endif()
# A linker script: order does not matter in it.
list(JOIN EVENTSOURCE_UNWINDER " " files)
file(WRITE "${EVENTSOURCE_UNWINDER_FOLDER}/libgcc_s.so" "GROUP(${files})\n")
