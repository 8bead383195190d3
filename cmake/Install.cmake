# Install rules: library, headers, licence, and the package's description for CMake and pkg-config. Both find the library
# relative to themselves, so that the prefix can be moved.
#
# The components are `runtime`, what programs need to run, `development`, what else it takes to build them, `tool` (Tool.cmake),
# `documentation` (Docs.cmake), and `licence`.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Completed in two steps: here with what is known now, by Stage.cmake with the system's libraries, for which a
# placeholder has to survive this step.
set(EVENTSOURCE_NATIVE_LIBRARIES "@EVENTSOURCE_NATIVE_LIBRARIES@")

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/eventsource")
set(runtime_dir "${CMAKE_INSTALL_LIBDIR}")
if(WIN32)
    set(runtime_dir "${CMAKE_INSTALL_BINDIR}")
endif()
configure_package_config_file(cmake/eventsourceConfig.cmake.in "${EVENTSOURCE_PACKAGE}/eventsourceConfig.cmake.in"
    INSTALL_DESTINATION "${config_dir}"
    PATH_VARS runtime_dir CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
# As the SONAME says: what works with one 0.x works with every later one.
write_basic_package_version_file("${EVENTSOURCE_PACKAGE}/eventsourceConfigVersion.cmake"
    COMPATIBILITY SameMajorVersion)

set(pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${pkgconfig_dir}")
    set(pkgconfig_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH up "/${pkgconfig_dir}" /)
    cmake_path(APPEND pkgconfig_prefix "\${pcfiledir}" "${up}")
    string(REGEX REPLACE "/$" "" pkgconfig_prefix "${pkgconfig_prefix}")
endif()
# An absolute folder takes the prefix's place.
cmake_path(APPEND pkgconfig_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND pkgconfig_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
foreach(name eventsource eventsource-static)
    configure_file(cmake/${name}.pc.in "${EVENTSOURCE_PACKAGE}/${name}.pc.in" @ONLY)
endforeach()

# The last name is for the linker, but for a DLL, which has one name only.
set(runtime_names ${shared_names})
set(development_names "${static}" ${import_library})
if(NOT WIN32)
    list(POP_BACK runtime_names link)
    list(APPEND development_names "${link}")
endif()
list(TRANSFORM runtime_names PREPEND "${EVENTSOURCE_STAGE}/" OUTPUT_VARIABLE runtime_paths)
list(TRANSFORM development_names PREPEND "${EVENTSOURCE_STAGE}/" OUTPUT_VARIABLE development_paths)
install(FILES ${runtime_paths} DESTINATION "${runtime_dir}" COMPONENT runtime)
install(FILES ${development_paths} DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
if(CMAKE_STRIP AND UNIX AND NOT APPLE)
    # `cmake --install --strip`, and packages: as CMake does it with libraries that it has built itself.
    cmake_path(APPEND installed "\${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_LIBDIR}" "${shared_file}")
    install(CODE "if(CMAKE_INSTALL_DO_STRIP)
    execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-unneeded \"\$ENV{DESTDIR}${installed}\" COMMAND_ERROR_IS_FATAL ANY)
endif()" COMPONENT runtime)
endif()
install(FILES include/eventsource.h include/eventsource.hpp DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    COMPONENT development)
# In a folder of its own, where Swift and clang look a module of that name up: in a folder that all packages share, there
# can be only one file called module.modulemap.
file(READ include/module.modulemap module_map)
string(REPLACE "\"eventsource.h\"" "\"../eventsource.h\"" module_map "${module_map}")
file(WRITE "${EVENTSOURCE_PACKAGE}/module.modulemap" "${module_map}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS include/module.modulemap)
install(FILES "${EVENTSOURCE_PACKAGE}/module.modulemap" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/CEventSource"
    COMPONENT development)
install(FILES
    "${EVENTSOURCE_PACKAGE}/eventsourceConfig.cmake"
    "${EVENTSOURCE_PACKAGE}/eventsourceConfigVersion.cmake"
    DESTINATION "${config_dir}" COMPONENT development)
install(FILES "${EVENTSOURCE_PACKAGE}/eventsource.pc" "${EVENTSOURCE_PACKAGE}/eventsource-static.pc"
    DESTINATION "${pkgconfig_dir}" COMPONENT development)
# To build and to start from, with a CMakeLists.txt that finds the package.
install(DIRECTORY examples-c/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples" COMPONENT development
    FILES_MATCHING PATTERN "*.c" PATTERN "*.cpp" PATTERN "*.h" PATTERN CMakeLists.txt)
install(FILES LICENSE.txt DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licence)

# ---- packages of a system -------------------------------------------------------------------------------------------

# Their prefix, and that of a root which is made, is the system's own.
set(EVENTSOURCE_FOR_SYSTEM "CMAKE_INSTALL_PREFIX MATCHES \"(^|/)usr$\"")
find_program(EVENTSOURCE_GZIP gzip DOC "Packs manual pages and the list of changes in packages of a system")
mark_as_advanced(EVENTSOURCE_GZIP)

# Installs manual pages, packed in packages of a system, where all others are, too.
#   eventsource_install_pages(<folder that has them> <section> <component>)
function(eventsource_install_pages folder section component)
    set(destination "${CMAKE_INSTALL_MANDIR}/man${section}")
    install(DIRECTORY "${folder}/" DESTINATION "${destination}" COMPONENT ${component})
    if(EVENTSOURCE_GZIP)
        install(CODE "if(${EVENTSOURCE_FOR_SYSTEM})
    file(GLOB pages \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${destination}/*eventsource*.${section}\")
    execute_process(COMMAND \"${EVENTSOURCE_GZIP}\" -9 --no-name --force \${pages} COMMAND_ERROR_IS_FATAL ANY)
endif()" COMPONENT ${component})
    endif()
endfunction()
