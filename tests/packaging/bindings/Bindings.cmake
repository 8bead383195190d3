# Steps of the consumers in other languages, beside those of Steps.cmake.

# Lets pkg-config and the loader find the installed library.
function(use_installed_library)
    set(ENV{PKG_CONFIG_PATH} "${PREFIX}/${LIBDIR}/pkgconfig")
    set(ENV{LD_LIBRARY_PATH} "${PREFIX}/${LIBDIR}")
endfunction()

# Ends the script, and CTest counts its test as skipped. CI takes that for a failure.
macro(skip reason)
    message("skipped: ${reason}")
    return()
endmacro()

# Runs a command that needs the network; where there is none, the test is skipped.
macro(fetch)
    execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
        skip("that needs the network, or another tool: ${ARGN}")
    endif()
endmacro()

# Writes the program that a README shows, its first block of that language, to a file.
function(readme_program readme language output)
    file(READ "${readme}" text)
    set(fence "\n```${language}\n")
    string(FIND "${text}" "${fence}" begin)
    if(begin EQUAL -1)
        message(FATAL_ERROR "${readme} shows no ${language}")
    endif()
    string(LENGTH "${fence}" length)
    math(EXPR begin "${begin} + ${length}")
    string(SUBSTRING "${text}" ${begin} -1 text)
    string(FIND "${text}" "```\n" end)
    string(SUBSTRING "${text}" 0 ${end} text)
    file(WRITE "${output}" "${text}")
endfunction()

# Runs a program that prints a line for each event of a stream, `TYPE: DATA`, and looks whether it prints so many. In its
# arguments, {url} is the test server's.
function(expect_events count)
    execute_process(COMMAND "${SERVER}" --for 300 --run -- ${ARGN}
        OUTPUT_VARIABLE output COMMAND_ECHO STDOUT ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "message: event [0-9]+\n" events "${output}")
    list(LENGTH events printed)
    if(NOT printed EQUAL count)
        message(FATAL_ERROR "The program printed ${printed} events, not ${count}")
    endif()
endfunction()

# Runs a program that takes a URL, over a reconnect and until the server asks for the end.
function(run_program)
    expect_events(4 ${ARGN} "{url}/events?count=4&per_connection=2&retry=1&then=204")
endfunction()

# The same, and with a number of events after which it stops by itself, and with an answer that is an error.
function(run_tail)
    run_program(${ARGN})
    expect_events(3 ${ARGN} "{url}/events?count=1000000" 3)
    execute_process(COMMAND "${SERVER}" --for 300 --run -- ${ARGN} "{url}/status/404"
        ERROR_VARIABLE error RESULT_VARIABLE result COMMAND_ECHO STDOUT ECHO_ERROR_VARIABLE)
    if(result EQUAL 0 OR NOT error MATCHES "the server answered 404")
        message(FATAL_ERROR "The program did not say that the server answered 404")
    endif()
endfunction()

# Runs a program that asks a language model: for an answer that is complete, for one that is cut, and for those that are errors.
function(run_chat)
    set(ENV{OPENAI_API_KEY} test-key)
    foreach(case "hello|0|You said: .hello" "end|1|without its end marker" "break|1|before the response was complete"
            "fail|1|The model is overloaded" "error|1|The server had an error" "busy|1|retry-after-ms: 20" "overloaded|1|529")
        string(REPLACE "|" ";" case "${case}")
        list(GET case 0 prompt)
        list(GET case 1 status)
        list(GET case 2 said)
        execute_process(COMMAND "${SERVER}" --for 60 --run -- ${ARGN} "{url}/v1" "${prompt}"
            OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE result COMMAND_ECHO STDOUT)
        if(NOT result EQUAL status OR NOT "${output}${error}" MATCHES "${said}")
            message(FATAL_ERROR "${prompt}: ${result}, not ${status}, or without \"${said}\": ${output}${error}")
        endif()
    endforeach()
endfunction()

# Looks whether a binding has all that the library can do: each function of the installed header is called in the binding's
# sources, but for those whose names match a regular expression after WITHOUT, which have no place there.
function(expect_all_functions)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "SOURCES;WITHOUT")
    file(READ "${PREFIX}/include/eventsource.h" header)
    string(REGEX MATCHALL "eventsource_[a-z0-9_]+\\([a-z]" functions "${header}")
    list(TRANSFORM functions REPLACE "\\(.$" "")
    # What only one system has is for programs that are written for that.
    foreach(names IN LISTS arg_WITHOUT ITEMS "android_.*")
        list(FILTER functions EXCLUDE REGEX "^eventsource_${names}$")
    endforeach()
    foreach(source IN LISTS arg_SOURCES)
        file(READ "${source}" text)
        string(APPEND binding "${text}")
    endforeach()
    foreach(function IN LISTS functions)
        if(NOT binding MATCHES "${function}[^a-z0-9_]")
            message(FATAL_ERROR "The binding lacks a function that the header has, ${function}")
        endif()
    endforeach()
endfunction()

# Looks whether each setting of a binding has a test: what the regular expression finds in the source is used in one of the
# tests, by its last word.
function(expect_all_settings source expression)
    file(READ "${source}" text)
    string(REGEX MATCHALL "${expression}" settings "${text}")
    if(NOT settings)
        message(FATAL_ERROR "${source} has no settings that look like ${expression}")
    endif()
    set(tests "")
    foreach(file IN LISTS ARGN)
        file(READ "${file}" text)
        string(APPEND tests "${text}")
    endforeach()
    foreach(setting IN LISTS settings)
        string(STRIP "${setting}" setting)
        string(REGEX REPLACE ".*[^A-Za-z0-9]([A-Za-z0-9]+)\\(?$" "\\1" setting "${setting}")
        if(NOT tests MATCHES "\\.${setting}[^A-Za-z0-9]")
            message(FATAL_ERROR "${source} has a setting without a test, ${setting}")
        endif()
    endforeach()
endfunction()
