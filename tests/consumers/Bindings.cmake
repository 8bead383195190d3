# Steps of the consumers in other languages, beside those of Steps.cmake.

# Lets pkg-config and the loader find the library that was installed there.
function(use_prefix prefix)
    set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIBDIR}/pkgconfig")
    set(ENV{LD_LIBRARY_PATH} "${prefix}/${LIBDIR}")
endfunction()

# Writes the program that a README shows, its first block of that language, to a file.
function(readme_program readme language output)
    file(READ "${readme}" text)
    string(FIND "${text}" "\n```${language}\n" begin)
    if(begin EQUAL -1)
        message(FATAL_ERROR "${readme} shows no ${language}")
    endif()
    string(LENGTH "\n```${language}\n" fence)
    math(EXPR begin "${begin} + ${fence}")
    string(SUBSTRING "${text}" ${begin} -1 text)
    string(FIND "${text}" "```\n" end)
    string(SUBSTRING "${text}" 0 ${end} text)
    file(WRITE "${output}" "${text}")
endfunction()

# Runs a README's program, whose argument is a URL, and looks whether it prints the events. Further arguments: what is to
# precede it on the command line.
function(run_program program)
    execute_process(
        COMMAND "${SERVER}" --for 60 --run -- ${ARGN} "${program}" "{url}/events?count=4&per_connection=2&retry=1&then=204"
        OUTPUT_VARIABLE output COMMAND_ECHO STDOUT ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "message: [^\n]+" events "${output}")
    list(LENGTH events count)
    if(NOT count EQUAL 4)
        message(FATAL_ERROR "The program printed ${count} events, not 4")
    endif()
endfunction()
