# Writes the reference of a header as HTML, with Doxygen. What that has to complain about, as a parameter that is not
# described, is an error.
#   cmake -D DOXYGEN=<program> -D HEADER=<file> -D OUTPUT=<folder> -P Reference.cmake
cmake_minimum_required(VERSION 3.25)

cmake_path(GET HEADER EXTENSION language)
if(language STREQUAL ".h")
    # The header is C, but says the enumerations' type to C++ alone.
    set(settings "OPTIMIZE_OUTPUT_FOR_C = YES\nPREDEFINED = __cplusplus\nWARN_NO_PARAMDOC = YES\n")
else()
    # It describes only what differs from C.
    set(settings "EXTRACT_ALL = YES\nEXCLUDE_SYMBOLS = *::detail*\n")
endif()
file(MAKE_DIRECTORY "${OUTPUT}")
file(WRITE "${OUTPUT}/Doxyfile" "PROJECT_NAME = libeventsource
INPUT = \"${HEADER}\"
OUTPUT_DIRECTORY = \"${OUTPUT}\"
FULL_PATH_NAMES = NO
GENERATE_LATEX = NO
HAVE_DOT = NO
MACRO_EXPANSION = YES
QUIET = YES
SHOW_INCLUDE_FILES = NO
WARN_AS_ERROR = FAIL_ON_WARNINGS
${settings}")
execute_process(COMMAND "${DOXYGEN}" "${OUTPUT}/Doxyfile" COMMAND_ERROR_IS_FATAL ANY)
