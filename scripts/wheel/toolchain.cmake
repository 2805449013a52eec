# Compiles a wheel's programs against the sysroot that sysroot.sh has made, with everything but libc
# linked statically.
set(compiler_version -12)
include(${CMAKE_CURRENT_LIST_DIR}/../sysroot.cmake)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-libstdc++ -static-libgcc -Wl,-z,relro,-z,now")
set(OPENSSL_USE_STATIC_LIBS ON)
