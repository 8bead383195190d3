# Has the command eventsource write its completions, each under the name that its shell looks for.
foreach(shell_and_file bash:bash/eventsource zsh:zsh/_eventsource fish:fish/eventsource.fish)
    string(REPLACE ":" ";" shell_and_file "${shell_and_file}")
    list(GET shell_and_file 0 shell)
    list(GET shell_and_file 1 file)
    execute_process(COMMAND "${TOOL}" completions ${shell} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    file(WRITE "${OUTPUT}/${file}" "${text}")
endforeach()
