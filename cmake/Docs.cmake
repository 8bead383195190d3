# The target docs: the documents and the reference of both headers as a site, in site/index.html of the build tree, and a manual
# page for each function, in man/. With EVENTSOURCE_BUILD_DOCS they are built with all else, and installed.
find_program(EVENTSOURCE_DOXYGEN doxygen DOC "Writes the reference")
mark_as_advanced(EVENTSOURCE_DOXYGEN)
find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT EVENTSOURCE_DOXYGEN OR NOT Python3_FOUND)
    if(EVENTSOURCE_BUILD_DOCS)
        message(FATAL_ERROR "The documents need Doxygen and Python 3. Install them (Debian: apt install doxygen python3), or \
configure with -DEVENTSOURCE_BUILD_DOCS=OFF.")
    endif()
    return()
endif()

# -B: nothing is written beside the sources.
set(EVENTSOURCE_REFERENCE ${Python3_EXECUTABLE} -B "${CMAKE_CURRENT_LIST_DIR}/reference/write.py"
    --doxygen "${EVENTSOURCE_DOXYGEN}" --version ${PROJECT_VERSION})
set(header "${PROJECT_SOURCE_DIR}/include/eventsource.h")

# Sets <result> to the options of EVENTSOURCE_REFERENCE that write to a folder: for C and all documents, and then for C++.
function(eventsource_site_options c cpp folder)
    set(${c} --header "${header}" --output "${folder}/c" --html "${folder}/site" --pages "${PROJECT_SOURCE_DIR}"
        --man "${folder}/man" PARENT_SCOPE)
    set(${cpp} --header "${header}pp" --names "${header}" --output "${folder}/cpp" --html "${folder}/site/cpp" PARENT_SCOPE)
endfunction()
eventsource_site_options(c cpp "${PROJECT_BINARY_DIR}")
set(all "")
if(EVENTSOURCE_BUILD_DOCS)
    set(all ALL)
endif()
add_custom_target(docs ${all}
    COMMAND ${EVENTSOURCE_REFERENCE} ${c}
    COMMAND ${EVENTSOURCE_REFERENCE} ${cpp}
    COMMENT "Writing the documents to ${PROJECT_BINARY_DIR}/site/index.html" VERBATIM)

if(EVENTSOURCE_BUILD_DOCS AND EVENTSOURCE_INSTALL)
    # Without the sums that Doxygen keeps for itself.
    install(DIRECTORY "${PROJECT_BINARY_DIR}/site/" DESTINATION "${CMAKE_INSTALL_DOCDIR}/html" COMPONENT documentation
        PATTERN "*.md5" EXCLUDE PATTERN "*.map" EXCLUDE)
    eventsource_install_pages("${PROJECT_BINARY_DIR}/man" 3 documentation)
endif()
