# Packages, by CPack. The presets `tarball`, `deb` and `rpm` make them: they differ in their folders, so each has a build tree.
set(CPACK_PACKAGE_NAME "lib${PROJECT_NAME}")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_VENDOR "The maintainers of libeventsource")
# The folder in the tarball has this name, too. It tells what the library runs on.
set(EVENTSOURCE_TARBALL "${CPACK_PACKAGE_NAME}-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}")
if(EVENTSOURCE_UNWINDER)
    string(APPEND EVENTSOURCE_TARBALL "-musl")
endif()
set(CPACK_PACKAGE_FILE_NAME "${EVENTSOURCE_TARBALL}")
set(packages_by_default TGZ)
if(WIN32)
    set(packages_by_default ZIP)
endif()
set(EVENTSOURCE_PACKAGES ${packages_by_default} CACHE STRING
    "CPack's kind of package that this build tree is for: TGZ, TXZ, ZIP, DEB or RPM")
set(CPACK_GENERATOR "${EVENTSOURCE_PACKAGES}")
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
# Whatever the umask of who makes them.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Who hands packages on puts a name and an address here.
set(CPACK_PACKAGE_CONTACT "The maintainers of libeventsource <libeventsource@example.org>" CACHE STRING
    "Maintainer, as packages name them: a name and an address")
mark_as_advanced(CPACK_PACKAGE_CONTACT)

# ---- components, a package each, but in tarballs -------------------------------------------------------------------

# Without `licence`: packages of a system have a form of their own for it.
set(CPACK_COMPONENTS_ALL runtime development)
if(EVENTSOURCE_BUILD_TOOL)
    list(APPEND CPACK_COMPONENTS_ALL tool)
endif()
if(EVENTSOURCE_BUILD_DOCS)
    list(APPEND CPACK_COMPONENTS_ALL documentation)
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS runtime)
set(CPACK_COMPONENT_TOOL_DEPENDS runtime)
set(purpose
    "Keeps streams of events alive: connects, parses, notices when the connection\n\
is lost, waits, reconnects and continues where it was.\n\n")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "${purpose}This package has the shared library.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "${purpose}\
This package has what it takes to build programs with it: headers for C and\n\
C++, the archive, files for CMake and pkg-config, examples.")
set(CPACK_COMPONENT_TOOL_DESCRIPTION
    "Follows a stream of events and prints it, resumes where it was, and runs a\n\
command for each event; tells what is wrong with a server; serves scripted\n\
streams to test programs with.\n\n\
This package has the command eventsource, its manual pages, and completions\n\
for bash, zsh and fish.")
set(CPACK_COMPONENT_DOCUMENTATION_DESCRIPTION "${purpose}\
This package has the documents and the reference as HTML, and a manual page\n\
for each function.")

# ---- Debian -------------------------------------------------------------------------------------------------------

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SOURCE "${CPACK_PACKAGE_NAME}")

# The first has the SONAME's number, so that several can be installed.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "${CPACK_PACKAGE_NAME}${EVENTSOURCE_ABI}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# What it trusts by default.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS ca-certificates)
set(control "${EVENTSOURCE_PACKAGE}/debian")
execute_process(COMMAND ${CMAKE_COMMAND} -D "HEADER=${PROJECT_SOURCE_DIR}/include/eventsource.h"
        -D "EXPORTS=${PROJECT_SOURCE_DIR}/cmake/exports.txt" -D "SONAME=libeventsource.so.${EVENTSOURCE_ABI}"
        -D "PACKAGE=${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME}" -D "OUTPUT=${control}/symbols"
        -P "${PROJECT_SOURCE_DIR}/cmake/Symbols.cmake"
    COMMAND_ERROR_IS_FATAL ANY)
# Programs that are linked with this version run with every later one of this name.
file(WRITE "${control}/shlibs"
    "lib${PROJECT_NAME} ${EVENTSOURCE_ABI} ${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (>= ${PROJECT_VERSION})\n")
file(WRITE "${control}/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${control}/symbols" "${control}/shlibs" "${control}/triggers")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME "${CPACK_PACKAGE_NAME}-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)

set(CPACK_DEBIAN_TOOL_PACKAGE_NAME "${PROJECT_NAME}-tool")
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION web)
set(CPACK_DEBIAN_TOOL_PACKAGE_SHLIBDEPS ON)
# The library that it asks for is in none of this system's packages; the dependency of the components names its package.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${EVENTSOURCE_STAGE}")

# What their programs and libraries are stripped of, where debuggers look for it. CPack can make such packages; Debian's judge finds
# fault with them.
#   add_symbols(<component> <file>)
function(add_symbols component file)
    string(TOUPPER "${component}" name)
    set(package "${CPACK_DEBIAN_${name}_PACKAGE_NAME}")
    install(CODE "
set(FILE \"${file}\")
set(READELF \"${CMAKE_READELF}\")
set(OBJCOPY \"${CMAKE_OBJCOPY}\")
set(FOLDER \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
set(PACKAGE ${package})
include(\"${PROJECT_SOURCE_DIR}/cmake/DebugSymbols.cmake\")"
        COMPONENT ${component}_symbols EXCLUDE_FROM_ALL)
    string(APPEND name _SYMBOLS)
    foreach(setting
            "COMPONENT_${name}_DESCRIPTION|What debuggers and profilers need to name the functions of ${package}."
            "COMPONENT_${name}_DEPENDS|${component}"
            "DEBIAN_${name}_PACKAGE_NAME|${package}-dbgsym" "DEBIAN_${name}_PACKAGE_SECTION|debug")
        string(REPLACE "|" ";" setting "${setting}")
        list(GET setting 0 variable)
        list(GET setting 1 value)
        set(CPACK_${variable} "${value}" PARENT_SCOPE)
    endforeach()
    set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${component}_symbols PARENT_SCOPE)
endfunction()
set(documented ${CPACK_COMPONENTS_ALL})
if(EVENTSOURCE_PACKAGES STREQUAL "DEB")
    add_symbols(runtime "${cargo_output}/libeventsource.so")
    if(EVENTSOURCE_BUILD_TOOL)
        add_symbols(tool "${EVENTSOURCE_TOOL}")
    endif()
endif()

set(CPACK_DEBIAN_DOCUMENTATION_PACKAGE_NAME "${PROJECT_NAME}-doc")
set(CPACK_DEBIAN_DOCUMENTATION_PACKAGE_SECTION doc)
set(CPACK_DEBIAN_DOCUMENTATION_PACKAGE_ARCHITECTURE all)

# ---- rpm ----------------------------------------------------------------------------------------------------------

set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Libraries")
set(CPACK_RPM_RUNTIME_PACKAGE_NAME "${CPACK_PACKAGE_NAME}")
set(CPACK_RPM_DEVELOPMENT_PACKAGE_NAME "${CPACK_PACKAGE_NAME}-devel")
set(CPACK_RPM_TOOL_PACKAGE_NAME "${PROJECT_NAME}-tool")
set(CPACK_RPM_DOCUMENTATION_PACKAGE_NAME "${PROJECT_NAME}-doc")
set(CPACK_RPM_DOCUMENTATION_PACKAGE_ARCHITECTURE noarch)
# rpm itself finds out which libraries each needs.
set(CPACK_RPM_DEVELOPMENT_PACKAGE_REQUIRES "${CPACK_RPM_RUNTIME_PACKAGE_NAME} = ${PROJECT_VERSION}")
# What it trusts by default. CPack knows no word that is stronger, and leaves it out with the rpm of Debian.
set(CPACK_RPM_RUNTIME_PACKAGE_SUGGESTS ca-certificates)
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
# Folders that other packages own.
set(system_folders "${CMAKE_INSTALL_LIBDIR}/cmake" "${CMAKE_INSTALL_LIBDIR}/pkgconfig" share/licenses share/man share/man/man1 share/man/man3
    share/bash-completion share/bash-completion/completions share/zsh share/zsh/site-functions
    share/fish share/fish/vendor_completions.d)
list(TRANSFORM system_folders PREPEND "/usr/" OUTPUT_VARIABLE CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION)

# ---- licences -----------------------------------------------------------------------------------------------------

# After cargo has built a program, all its sources are there to be asked.
#   add_licences(<component> <target> <crate> <suffix of the files' names> [<cargo's options for features>...])
function(add_licences component target crate suffix)
    list(JOIN ARGN " " features)
    set(licences "${EVENTSOURCE_PACKAGE}/third-parties${suffix}.txt" "${EVENTSOURCE_PACKAGE}/copyright${suffix}")
    add_custom_command(OUTPUT ${licences}
        COMMAND ${CMAKE_COMMAND} -D "CARGO=${CARGO_EXECUTABLE}" -D "TARGET=${EVENTSOURCE_LISTED_TARGET}"
            -D "CRATE=${crate}" -D "FEATURES=${features}" -D "SUFFIX=${suffix}"
            -D "DEBIAN=${PROJECT_SOURCE_DIR}/cmake/copyright.in" -D "OUTPUT=${EVENTSOURCE_PACKAGE}"
            -P "${PROJECT_SOURCE_DIR}/cmake/Licences.cmake"
        DEPENDS Cargo.lock cmake/Licences.cmake cmake/copyright.in
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMENT "Collecting the licences of what is linked into the ${component}"
        VERBATIM)
    add_custom_target(eventsource-licences${suffix} ALL DEPENDS ${licences})
    add_dependencies(eventsource-licences${suffix} ${target})
    install(FILES "${EVENTSOURCE_PACKAGE}/third-parties${suffix}.txt" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licence)
endfunction()
add_licences(library eventsource-library eventsource "" ${EVENTSOURCE_FEATURES})
if(EVENTSOURCE_BUILD_TOOL)
    add_licences(tool eventsource-tool eventsource-tool -tool --no-default-features)
endif()

# Beside the licences: what is linked, for programs that look for known faults.
option(EVENTSOURCE_PACKAGE_SBOM "Put the software bill of materials into packages" OFF)
set(sbom "")
if(EVENTSOURCE_PACKAGE_SBOM)
    set_target_properties(sbom PROPERTIES EXCLUDE_FROM_ALL FALSE)
    # Before, cargo may not have fetched all crates.
    add_dependencies(sbom eventsource-library)
    set(sbom "${PROJECT_BINARY_DIR}/eventsource.cdx.json")
    install(FILES "${sbom}" DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT licence)
endif()

# Debian wants all licences in one file, and a list of changes in its own form, under the name of each package. rpm knows
# from the folder that its file is a licence.
string(TIMESTAMP time "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE "${EVENTSOURCE_PACKAGE}/changelog" "${CPACK_PACKAGE_NAME} (${PROJECT_VERSION}) unstable; urgency=medium

  * New release; CHANGELOG.md in ${CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME} says what changed.

 -- ${CPACK_PACKAGE_CONTACT}  ${time}
")
if(EVENTSOURCE_GZIP)
    execute_process(COMMAND "${EVENTSOURCE_GZIP}" -9 --no-name --force "${EVENTSOURCE_PACKAGE}/changelog"
        COMMAND_ERROR_IS_FATAL ANY)
endif()
foreach(component IN LISTS documented)
    string(TOUPPER "${component}" name)
    set(suffix "")
    if(component STREQUAL "tool")
        set(suffix -tool)
    endif()
    if(EVENTSOURCE_PACKAGES STREQUAL "RPM")
        install(FILES LICENSE.txt "${EVENTSOURCE_PACKAGE}/third-parties${suffix}.txt" ${sbom}
            DESTINATION "share/licenses/${CPACK_RPM_${name}_PACKAGE_NAME}" COMPONENT ${component} EXCLUDE_FROM_ALL)
    else()
        install(FILES "${EVENTSOURCE_PACKAGE}/copyright${suffix}" RENAME copyright
            DESTINATION "share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME}" COMPONENT ${component} EXCLUDE_FROM_ALL)
        install(FILES "${EVENTSOURCE_PACKAGE}/changelog.gz" ${sbom}
            DESTINATION "share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME}" COMPONENT ${component} EXCLUDE_FROM_ALL)
    endif()
endforeach()

include(CPack)
