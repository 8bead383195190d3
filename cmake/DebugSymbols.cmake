# Part of an install rule: writes what FILE has for debuggers to FOLDER/lib/debug, under its build's name, and a link to the
# documents of PACKAGE, by READELF and OBJCOPY.
execute_process(COMMAND "${READELF}" --notes "${FILE}" OUTPUT_VARIABLE notes ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
if(NOT notes MATCHES "Build ID: ([0-9a-f][0-9a-f])([0-9a-f]+)")
    message(FATAL_ERROR "${FILE} has no build id, by which debuggers find its symbols (the linker's option --build-id)")
endif()
set(symbols "${FOLDER}/lib/debug/.build-id/${CMAKE_MATCH_1}/${CMAKE_MATCH_2}.debug")
cmake_path(GET symbols PARENT_PATH folder)
file(MAKE_DIRECTORY "${folder}" "${FOLDER}/share/doc")
execute_process(COMMAND "${OBJCOPY}" --only-keep-debug --compress-debug-sections "${FILE}" "${symbols}" COMMAND_ERROR_IS_FATAL ANY)
file(CHMOD "${symbols}" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
file(CREATE_LINK "${PACKAGE}" "${FOLDER}/share/doc/${PACKAGE}-dbgsym" SYMBOLIC)
