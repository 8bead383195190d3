# Packages, by CPack: a tarball of everything, and for Debian libeventsource0 and libeventsource-dev. The presets `tarball`
# and `deb` make them: the two differ in their folders, so each has a build tree.
set(CPACK_PACKAGE_NAME "lib${PROJECT_NAME}")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
# The folder in the tarball has this name, too.
set(EVENTSOURCE_TARBALL "${CPACK_PACKAGE_NAME}-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_PACKAGE_FILE_NAME "${EVENTSOURCE_TARBALL}")
set(CPACK_GENERATOR TGZ)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
# Whatever the umask of who makes them.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# ---- Debian -------------------------------------------------------------------------------------------------------

# Who hands packages on puts a name and an address here.
set(CPACK_PACKAGE_CONTACT "The maintainers of libeventsource <libeventsource@example.org>" CACHE STRING
    "Maintainer, as packages name them: a name and an address")
mark_as_advanced(CPACK_PACKAGE_CONTACT)

set(CPACK_DEB_COMPONENT_INSTALL ON)
# Without `licence`, for which Debian has a form of its own.
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS runtime)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE "${CPACK_PACKAGE_NAME}")

# The first has the SONAME's number, so that several can be installed.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "${CPACK_PACKAGE_NAME}${EVENTSOURCE_ABI}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "Keeps streams of events alive: connects, parses, notices when the connection\n\
is lost, waits, reconnects and continues where it was.\n\n\
This package has the shared library.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# Programs that are linked with this version run with every later one of this name.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# What it trusts by default.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS ca-certificates)
set(control "${EVENTSOURCE_PACKAGE}/debian")
execute_process(COMMAND ${CMAKE_COMMAND} -D "HEADER=${PROJECT_SOURCE_DIR}/include/eventsource.h"
        -D "EXPORTS=${PROJECT_SOURCE_DIR}/cmake/exports.txt" -D "SONAME=libeventsource.so.${EVENTSOURCE_ABI}"
        -D "PACKAGE=${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME}" -D "OUTPUT=${control}/symbols"
        -P "${PROJECT_SOURCE_DIR}/cmake/Symbols.cmake"
    COMMAND_ERROR_IS_FATAL ANY)
file(WRITE "${control}/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${control}/symbols" "${control}/triggers")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME "${CPACK_PACKAGE_NAME}-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Keeps streams of events alive: connects, parses, notices when the connection\n\
is lost, waits, reconnects and continues where it was.\n\n\
This package has what it takes to build programs with it: headers for C and\n\
C++, the archive, files for CMake and pkg-config, examples.")

# ---- licences -----------------------------------------------------------------------------------------------------

# After cargo has built the library, all sources are there to be asked.
set(licences "${EVENTSOURCE_PACKAGE}/third-parties.txt" "${EVENTSOURCE_PACKAGE}/copyright")
add_custom_command(OUTPUT ${licences}
    COMMAND ${CMAKE_COMMAND} -D "CARGO=${CARGO_EXECUTABLE}" -D "TARGET=${EVENTSOURCE_LISTED_TARGET}"
        -D "DEBIAN=${PROJECT_SOURCE_DIR}/cmake/copyright.in" -D "OUTPUT=${EVENTSOURCE_PACKAGE}"
        -P "${PROJECT_SOURCE_DIR}/cmake/Licences.cmake"
    DEPENDS Cargo.lock cmake/Licences.cmake cmake/copyright.in
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Collecting the licences of what is linked into libeventsource"
    VERBATIM)
add_custom_target(eventsource-licences ALL DEPENDS ${licences})
add_dependencies(eventsource-licences eventsource-library)

install(FILES "${EVENTSOURCE_PACKAGE}/third-parties.txt" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licence)
# Debian wants both in one, and a list of changes in its own form, under the name of each package.
string(TIMESTAMP time "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE "${EVENTSOURCE_PACKAGE}/changelog" "${CPACK_PACKAGE_NAME} (${PROJECT_VERSION}) unstable; urgency=medium

  * New release; CHANGELOG.md in ${CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME} says what changed.

 -- ${CPACK_PACKAGE_CONTACT}  ${time}
")
find_program(EVENTSOURCE_GZIP gzip DOC "Packs the list of changes in Debian's packages")
mark_as_advanced(EVENTSOURCE_GZIP)
if(EVENTSOURCE_GZIP)
    execute_process(COMMAND "${EVENTSOURCE_GZIP}" -9 --no-name --force "${EVENTSOURCE_PACKAGE}/changelog"
        COMMAND_ERROR_IS_FATAL ANY)
endif()
foreach(component runtime development)
    string(TOUPPER "${component}" name)
    install(FILES "${EVENTSOURCE_PACKAGE}/copyright" "${EVENTSOURCE_PACKAGE}/changelog.gz"
        DESTINATION "share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME}" COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

# Beside the licences: what is linked, for programs that look for known faults.
option(EVENTSOURCE_PACKAGE_SBOM "Put the software bill of materials into packages" OFF)
if(EVENTSOURCE_PACKAGE_SBOM)
    set_target_properties(sbom PROPERTIES EXCLUDE_FROM_ALL FALSE)
    # Before, cargo may not have fetched all crates.
    add_dependencies(sbom eventsource-library)
    set(sbom "${PROJECT_BINARY_DIR}/eventsource.cdx.json")
    install(FILES "${sbom}" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licence)
    foreach(component runtime development)
        string(TOUPPER "${component}" name)
        install(FILES "${sbom}" DESTINATION "share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME}" COMPONENT ${component} EXCLUDE_FROM_ALL)
    endforeach()
endif()

include(CPack)
