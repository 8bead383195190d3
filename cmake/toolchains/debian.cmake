# What the toolchain files of Debian's cross compilers share. `triplet` is what Debian calls the system.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triplet}-gcc)
find_program(EVENTSOURCE_CXX_COMPILER ${triplet}-g++)
if(EVENTSOURCE_CXX_COMPILER)
    set(CMAKE_CXX_COMPILER ${EVENTSOURCE_CXX_COMPILER})
endif()
# Libraries that are installed for this machine are no use.
set(CMAKE_FIND_ROOT_PATH /usr/${triplet})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} /usr/${triplet}/lib/pkgconfig)
