"""Conan 2 recipe. It builds the source release, whose crates are in it, so cargo needs no network."""

import os
import shlex

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, get, load, rm, rmdir, save

required_conan_version = ">=2.4"


class LibeventsourceRecipe(ConanFile):
    name = "libeventsource"
    version = "@EVENTSOURCE_VERSION@"
    description = "Server-Sent Events (EventSource) client with a C ABI"
    license = "Apache-2.0"
    topics = ("sse", "eventsource", "server-sent-events", "http")
    package_type = "library"
    # The C++ header has no code in the library, so the package does not depend on the C++ standard or its library.
    languages = "C"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": True}
    # cargo builds outside of them.
    no_copy_source = True

    def layout(self):
        cmake_layout(self, src_folder="src")

    def source(self):
        get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "TOOL"):
            toolchain.cache_variables[f"EVENTSOURCE_BUILD_{part}"] = False
        toolchain.cache_variables["CARGO_TARGET_DIR"] = os.path.join(self.build_folder, "cargo")
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        library = os.path.join(self.package_folder, "lib")
        licences = os.path.join(self.package_folder, "licenses")
        # CMake builds both forms. A Conan package has one.
        if self.options.shared:
            for name in ("libeventsource.a", "eventsource.lib"):
                rm(self, name, library)
        else:
            for name in ("*.so*", "*.dylib", "*.dll.a", "*.dll.lib"):
                rm(self, name, library)
            rmdir(self, os.path.join(self.package_folder, "bin"))
            # What the archive needs of the system. rustc says it, and it differs between systems.
            needed = load(self, os.path.join(self.build_folder, "lib", "native-libraries"))
            save(self, os.path.join(library, "native-libraries"), needed)
        for name in ("LICENSE.txt", "third-parties.txt"):
            copy(self, name, os.path.join(self.package_folder, "share", "doc", "eventsource"), licences)
        # Conan writes its own files for CMake and pkg-config.
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(library, folder))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.libs = ["eventsource"]
        self.cpp_info.set_property("cmake_file_name", "eventsource")
        self.cpp_info.set_property("pkg_config_name", "eventsource")
        self.cpp_info.set_property("cmake_target_name", "eventsource::eventsource")
        if self.options.shared:
            if self.settings.os == "Windows":
                self.cpp_info.libs = ["eventsource.dll"]
            return
        # The documents call the archive's target by this name.
        self.cpp_info.set_property("cmake_target_aliases", ["eventsource::static"])
        words = iter(shlex.split(load(self, os.path.join(self.package_folder, "lib", "native-libraries"))))
        for word in words:
            if word == "-framework":
                self.cpp_info.frameworks.append(next(words))
            else:
                self.cpp_info.system_libs.append(word.removeprefix("-l").removesuffix(".lib"))
