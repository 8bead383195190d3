# vcpkg port. It builds the source release, whose crates are in it, so cargo needs no network.
vcpkg_download_distfile(archive
    URLS "@EVENTSOURCE_RELEASES@/eventsource-${VERSION}.tar.xz"
    FILENAME "eventsource-${VERSION}.tar.xz"
    SHA512 @EVENTSOURCE_SHA512@)
vcpkg_extract_source_archive(source ARCHIVE "${archive}")

# vcpkg brings no Rust. Debug builds of programs take the optimized library, too: it does not depend on their C runtime.
set(VCPKG_BUILD_TYPE release)
vcpkg_cmake_configure(SOURCE_PATH "${source}"
    OPTIONS
        -DEVENTSOURCE_BUILD_EXAMPLES=OFF
        -DEVENTSOURCE_BUILD_TESTS=OFF
        -DEVENTSOURCE_BUILD_TOOL=OFF
        "-DCARGO_TARGET_DIR=${CURRENT_BUILDTREES_DIR}/cargo")
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME eventsource CONFIG_PATH lib/cmake/eventsource)

# CMake builds both forms. The triplet says which one the port has.
set(packages "${CURRENT_PACKAGES_DIR}")
if(VCPKG_LIBRARY_LINKAGE STREQUAL "static")
    file(GLOB other "${packages}/lib/*eventsource*.so*" "${packages}/lib/*eventsource*.dylib" "${packages}/lib/*eventsource*.dll*")
    file(REMOVE_RECURSE ${other} "${packages}/bin" "${packages}/lib/pkgconfig/eventsource.pc")
else()
    file(REMOVE "${packages}/lib/libeventsource.a" "${packages}/lib/eventsource.lib"
        "${packages}/lib/pkgconfig/eventsource-static.pc")
endif()
vcpkg_fixup_pkgconfig()

set(documents "${packages}/share/doc")
file(GLOB licences "${documents}/*eventsource*/LICENSE.txt" "${documents}/*eventsource*/third-parties.txt")
vcpkg_install_copyright(FILE_LIST ${licences})
file(REMOVE_RECURSE "${documents}")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${packages}/share/${PORT}")
