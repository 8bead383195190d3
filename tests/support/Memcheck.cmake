# How the C tests run under valgrind: EVENTSOURCE_MEMCHECK_COMMAND goes before the program. Every error counts, and every
# block that is lost; not those that something still points at, which are the C library's and the Rust runtime's.
find_program(EVENTSOURCE_VALGRIND valgrind REQUIRED DOC "valgrind, for EVENTSOURCE_MEMCHECK")
mark_as_advanced(EVENTSOURCE_VALGRIND)
set(EVENTSOURCE_MEMCHECK_COMMAND "${EVENTSOURCE_VALGRIND}" --quiet --error-exitcode=99 --leak-check=full
    "--suppressions=${CMAKE_CURRENT_LIST_DIR}/memcheck.supp"
    --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible
    # valgrind runs one thread at a time; by turns, or callbacks starve.
    --fair-sched=yes)
