# The target `source`: a source release of what is committed, with its crates. docs/packaging.md says how it is built.
add_custom_target(source
    COMMAND ${CMAKE_COMMAND} -D "CARGO=${CARGO_EXECUTABLE}" -D "VERSION=${PROJECT_VERSION}" -D "OUTPUT=${PROJECT_BINARY_DIR}"
        -P "${PROJECT_SOURCE_DIR}/cmake/SourceRelease.cmake"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Packing the sources and their crates"
    USES_TERMINAL VERBATIM)

# The target `sbom`: what is linked into the library, as a software bill of materials.
list(JOIN EVENTSOURCE_FEATURES " " features)
add_custom_target(sbom
    COMMAND ${CMAKE_COMMAND} -D "CARGO=${CARGO_EXECUTABLE}" -D "TARGET=${EVENTSOURCE_LISTED_TARGET}" -D "FEATURES=${features}"
        -D "OUTPUT=${PROJECT_BINARY_DIR}/eventsource.cdx.json" -P "${PROJECT_SOURCE_DIR}/cmake/Sbom.cmake"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Writing the software bill of materials"
    USES_TERMINAL VERBATIM)
