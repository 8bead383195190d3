# Linux on arm64. Debian: gcc-aarch64-linux-gnu; programs run here by qemu, qemu-user-static.
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(triplet aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/${triplet})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
