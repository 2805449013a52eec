# Included by toolchain files, which set compiler_version ("-12", or empty for the distribution's own):
# compiles against a folder that has headers and libraries. Which, and for what machine, is told by the
# environment (wheel/target.sh), as CMake's checks read toolchain files too.
set(triplet $ENV{RECSHIM_TRIPLET})
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${triplet})
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSROOT $ENV{RECSHIM_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_C_COMPILER $ENV{RECSHIM_CROSS}gcc${compiler_version})
set(CMAKE_CXX_COMPILER $ENV{RECSHIM_CROSS}g++${compiler_version})

# Debian's compilers prefer the libc they came with to the sysroot's. So its libraries are searched
# before theirs, and of their headers only those of C++ and of the compiler itself are used.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -x c++ -E -v /dev/null OUTPUT_QUIET
  ERROR_VARIABLE searched)
string(REGEX MATCHALL "\n /[^\n]*(/c\\+\\+/[0-9]+[^\n]*|/gcc[^\n]*/[0-9]+/include)" folders "${searched}")
set(cxx_headers "")
set(c_headers "")
foreach(folder IN LISTS folders)
  string(STRIP "${folder}" folder)
  get_filename_component(folder "${folder}" ABSOLUTE)
  string(APPEND cxx_headers " -isystem ${folder}")
  if(NOT folder MATCHES "/c\\+\\+/")
    string(APPEND c_headers " -isystem ${folder}")
  endif()
endforeach()
set(libc_headers "-isystem ${CMAKE_SYSROOT}/usr/include/${triplet} -isystem ${CMAKE_SYSROOT}/usr/include")
set(libraries -B${CMAKE_SYSROOT}/usr/lib/${triplet})
set(CMAKE_C_FLAGS_INIT "${libraries} -nostdinc${c_headers} ${libc_headers}")
set(CMAKE_CXX_FLAGS_INIT "${libraries} -nostdinc${cxx_headers} ${libc_headers}")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
