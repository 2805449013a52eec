# Compiles for arm64 against the root that arm64.sh has made of Debian's packages.
set(compiler_version "")
include(${CMAKE_CURRENT_LIST_DIR}/sysroot.cmake)
