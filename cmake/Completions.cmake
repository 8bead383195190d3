# Has the command eventsource write its completions, each under the name that its shell looks for, and mends its manual pages, for
# packages: cmake -D TOOL=<eventsource> -D OUTPUT=<folder, with pages in man> -P Completions.cmake
foreach(shell_and_file bash:bash/eventsource zsh:zsh/_eventsource fish:fish/eventsource.fish)
    string(REPLACE ":" ";" shell_and_file "${shell_and_file}")
    list(GET shell_and_file 0 shell)
    list(GET shell_and_file 1 file)
    execute_process(COMMAND "${TOOL}" completions ${shell} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    file(WRITE "${OUTPUT}/${file}" "${text}")
endforeach()

# The routes that `serve` lists are long words: lines with them cannot be of one length, of which the formatter complains.
file(GLOB pages "${OUTPUT}/man/*.1")
foreach(page IN LISTS pages)
    file(READ "${page}" text)
    if(NOT text MATCHES "\n\\.ad l\n")
        string(REPLACE "\n.SH NAME\n" "\n.ad l\n.SH NAME\n" text "${text}")
        file(WRITE "${page}" "${text}")
    endif()
endforeach()
