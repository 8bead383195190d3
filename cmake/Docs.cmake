# The target docs: the reference of the headers as HTML, in docs/c and docs/cpp of the build tree.
find_program(EVENTSOURCE_DOXYGEN doxygen DOC "Writes the reference")
mark_as_advanced(EVENTSOURCE_DOXYGEN)
if(EVENTSOURCE_DOXYGEN)
    foreach(form IN ITEMS "c h" "cpp hpp")
        separate_arguments(form)
        list(GET form 0 folder)
        list(GET form 1 extension)
        list(APPEND commands COMMAND ${CMAKE_COMMAND} "-DDOXYGEN=${EVENTSOURCE_DOXYGEN}"
            "-DHEADER=${PROJECT_SOURCE_DIR}/include/eventsource.${extension}"
            "-DOUTPUT=${PROJECT_BINARY_DIR}/docs/${folder}" -P "${CMAKE_CURRENT_LIST_DIR}/Reference.cmake")
    endforeach()
    add_custom_target(docs ${commands} VERBATIM COMMENT "Writing the reference to docs/c/html and docs/cpp/html")
endif()
