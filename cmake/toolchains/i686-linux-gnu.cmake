# Linux on 32-bit x86. Debian: gcc-i686-linux-gnu. A 64-bit processor runs its programs itself, with that system's libraries;
# qemu-i386 7.2 never came to the end of one that has threads.
set(CMAKE_SYSTEM_PROCESSOR i686)
set(triplet i686-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR /usr/${triplet}/lib/ld-linux.so.2 --library-path /usr/${triplet}/lib)
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
