# EVENTSOURCE_SANITIZE: the library, the programs in C and the tests with AddressSanitizer and its LeakSanitizer; what is in
# C with UndefinedBehaviorSanitizer, too.
#
# The sanitizer's runtime is a part of each program, put there by who links it, rustc or clang. The library has none: what
# rustc makes of it asks for the program's, and of that clang's is good enough, old as it may be.
if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "EVENTSOURCE_SANITIZE needs clang as the C compiler")
endif()

# With --target, cargo's flags are not for what runs while building: rustc cannot load macros that ask for a runtime.
execute_process(COMMAND ${CARGO_EXECUTABLE} -vV OUTPUT_VARIABLE versions COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "host: ([^\n]+)" target "${versions}")
set(target "${CMAKE_MATCH_1}")
list(APPEND EVENTSOURCE_CARGO_OPTIONS --target "${target}")
cmake_path(APPEND EVENTSOURCE_CARGO_OUTPUT "${target}")

# RUSTC_BOOTSTRAP: a stable compiler has the sanitizer, but does not promise to keep the option's name. Frame pointers: by
# them the runtime finds out who allocated and who freed.
set(rust_flags "-Zsanitizer=address -Cforce-frame-pointers=yes")
set(EVENTSOURCE_CARGO ${CMAKE_COMMAND} -E env
    RUSTC_BOOTSTRAP=1 "RUSTFLAGS=${rust_flags}" "RUSTDOCFLAGS=${rust_flags}" ${CARGO_EXECUTABLE})

add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
add_link_options(-fsanitize=address,undefined)

# Properties of the tests that run what was built so. Use after return: a program in C looks for it only if asked to. The
# exit status is none that a test expects. An allocation that is too large fails, as without the sanitizer. Time limits are
# longer, as CHECK_SLOW says in tests/boundary/c/check.h.
set(asan_options allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:exitcode=99)
set(EVENTSOURCE_SANITIZE_TEST LABELS sanitize
    ENVIRONMENT "ASAN_OPTIONS=${asan_options}\\;UBSAN_OPTIONS=print_stacktrace=1\\;CHECK_SLOW=3")
