# The command eventsource: the folder tool, built by cargo on the shared library that Library.cmake has built, and put into the
# build tree's bin/. Its man pages and completions are written by itself, so they are there where it can run.
set(EVENTSOURCE_TOOL "${PROJECT_BINARY_DIR}/bin/eventsource")
set(EVENTSOURCE_TOOL_PAGES "${PROJECT_BINARY_DIR}/package/tool")
set(tool_profile "")
set(tool_environment "")
set(tool_options "")
set(tool_library "${EVENTSOURCE_STAGE}")
if(profile STREQUAL "release")
    # Where cargo has put it: the same for all build trees. (In the profile of the tests, another one may be there.)
    set(tool_library "${cargo_output}")
    # The library's own flags and profile: what both have in common is compiled once.
    set(tool_profile --release)
    set(tool_environment ${EVENTSOURCE_RELEASE_ENVIRONMENT})
    set(tool_options ${EVENTSOURCE_RELEASE_OPTIONS})
endif()
# The folders are asked for here, too: a project that installs nothing has not asked for them.
include(GNUInstallDirs)
# Where the library is, from the program's folder: in the build tree, and where both are installed. All folders that systems have
# for it: the program is the same then, and is linked once, whatever it is packed for.
set(tool_folders lib lib64)
foreach(folder "lib/${CMAKE_LIBRARY_ARCHITECTURE}" "${CMAKE_INSTALL_LIBDIR}")
    if(NOT IS_ABSOLUTE "${folder}" AND NOT folder MATCHES "/$")
        list(APPEND tool_folders "${folder}")
    endif()
endforeach()
list(REMOVE_DUPLICATES tool_folders)
list(REMOVE_ITEM tool_folders "")
list(TRANSFORM tool_folders PREPEND "\$ORIGIN/../")
list(JOIN tool_folders ":" tool_rpath)
if(APPLE)
    string(REPLACE "\$ORIGIN" "@loader_path" tool_rpath "${tool_rpath}")
endif()
set(tool_join "")
if(EVENTSOURCE_CARGO_OUTPUTS)
    list(TRANSFORM EVENTSOURCE_CARGO_OUTPUTS APPEND "/${cargo_profile}/eventsource" OUTPUT_VARIABLE files)
    set(tool_join COMMAND "${EVENTSOURCE_LIPO}" -create ${files} -output "${cargo_output}/eventsource")
endif()

# With the whole workspace's features in the profile of the tests, which have most of it compiled already. It is copied, because
# cargo's tests make a program of that name, too, in which the library is a part.
set(tool_pages "")
if(NOT CMAKE_CROSSCOMPILING)
    set(tool_pages
        COMMAND ${EVENTSOURCE_TOOL} man "${EVENTSOURCE_TOOL_PAGES}/man"
        COMMAND ${CMAKE_COMMAND} -D "TOOL=${EVENTSOURCE_TOOL}" -D "OUTPUT=${EVENTSOURCE_TOOL_PAGES}"
            -P "${PROJECT_SOURCE_DIR}/cmake/Completions.cmake")
endif()
set(tool_package --workspace)
if(profile STREQUAL "release")
    set(tool_package --package eventsource-tool)
endif()
add_custom_target(eventsource-tool ALL
    COMMAND ${CMAKE_COMMAND} -E env ${tool_environment}
        "EVENTSOURCE_LIB_DIR=${tool_library}" "EVENTSOURCE_RPATH=${tool_rpath}"
        ${EVENTSOURCE_CARGO} build ${EVENTSOURCE_CARGO_OPTIONS} ${EVENTSOURCE_CARGO_TARGETS} ${tool_profile} ${tool_options}
        ${tool_package} --bin eventsource --no-default-features
    ${tool_join}
    COMMAND ${CMAKE_COMMAND} -E make_directory "${PROJECT_BINARY_DIR}/bin"
    COMMAND ${CMAKE_COMMAND} -E copy_if_different "${cargo_output}/eventsource" "${EVENTSOURCE_TOOL}"
    ${tool_pages}
    BYPRODUCTS "${EVENTSOURCE_TOOL}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Building the command eventsource with cargo (profile ${profile})"
    USES_TERMINAL VERBATIM)
add_dependencies(eventsource-tool eventsource-library)
add_executable(eventsource-command IMPORTED GLOBAL)
set_target_properties(eventsource-command PROPERTIES IMPORTED_LOCATION "${EVENTSOURCE_TOOL}")
add_dependencies(eventsource-command eventsource-tool)

if(EVENTSOURCE_INSTALL)
    install(PROGRAMS "${EVENTSOURCE_TOOL}" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tool)
    # Where the system's linker finds the library, packages want no other place named. And what packages strip.
    install(CODE "set(installed \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/eventsource\")
if(${EVENTSOURCE_FOR_SYSTEM})
    file(RPATH_REMOVE FILE \"\${installed}\")
endif()
if(CMAKE_INSTALL_DO_STRIP AND NOT \"${CMAKE_STRIP}\" STREQUAL \"\")
    execute_process(COMMAND \"${CMAKE_STRIP}\" \"\${installed}\" COMMAND_ERROR_IS_FATAL ANY)
endif()" COMPONENT tool)
    if(NOT CMAKE_CROSSCOMPILING)
        eventsource_install_pages("${EVENTSOURCE_TOOL_PAGES}/man" 1 tool)
        foreach(shell_and_folder bash:bash-completion/completions zsh:zsh/site-functions fish:fish/vendor_completions.d)
            string(REPLACE ":" ";" shell_and_folder "${shell_and_folder}")
            list(GET shell_and_folder 0 shell)
            list(GET shell_and_folder 1 folder)
            install(DIRECTORY "${EVENTSOURCE_TOOL_PAGES}/${shell}/" DESTINATION "${CMAKE_INSTALL_DATADIR}/${folder}" COMPONENT tool)
        endforeach()
    endif()
endif()
