# The target docs: the reference of the headers as HTML, in reference/c and reference/cpp of the build tree.
find_program(EVENTSOURCE_DOXYGEN doxygen DOC "Writes the reference")
mark_as_advanced(EVENTSOURCE_DOXYGEN)
find_package(Python3 COMPONENTS Interpreter QUIET)
if(EVENTSOURCE_DOXYGEN AND Python3_FOUND)
    # -B: nothing is written beside the sources.
    set(EVENTSOURCE_REFERENCE ${Python3_EXECUTABLE} -B "${CMAKE_CURRENT_LIST_DIR}/reference/write.py"
        --doxygen "${EVENTSOURCE_DOXYGEN}" --version ${PROJECT_VERSION})
    set(header "${PROJECT_SOURCE_DIR}/include/eventsource.h")
    set(output "${PROJECT_BINARY_DIR}/reference")
    add_custom_target(docs
        COMMAND ${EVENTSOURCE_REFERENCE} --header "${header}" --output "${output}/c"
        COMMAND ${EVENTSOURCE_REFERENCE} --header "${header}pp" --names "${header}" --output "${output}/cpp"
        COMMENT "Writing the reference to ${output}/c/html/index.html and ${output}/cpp/html/index.html" VERBATIM)
endif()
