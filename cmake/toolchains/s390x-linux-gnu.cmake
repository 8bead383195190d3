# Linux on s390x, whose bytes are in the other order. Debian: gcc-s390x-linux-gnu; programs run here by qemu, qemu-user-static.
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(triplet s390x-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-s390x-static -L /usr/${triplet})
include("${CMAKE_CURRENT_LIST_DIR}/debian.cmake")
