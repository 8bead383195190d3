# Linux on 32-bit ARM with hardware floating point (Debian's armhf). Debian: gcc-arm-linux-gnueabihf; programs run here by qemu, qemu-user-static.
set(CMAKE_SYSTEM_PROCESSOR armv7)
set(triplet arm-linux-gnueabihf)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm-static -L /usr/${triplet})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
