# Compiles against the sysroot that sysroot.sh has made. What for is told by the environment (target.sh), as
# CMake's checks read this file too.
set(triplet $ENV{RECSHIM_TRIPLET})
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${triplet})
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSROOT $ENV{RECSHIM_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_C_COMPILER $ENV{RECSHIM_CROSS}gcc-12)
set(CMAKE_CXX_COMPILER $ENV{RECSHIM_CROSS}g++-12)

# Debian's compilers prefer the libc they came with to the sysroot's. So its libraries are searched
# before theirs, and of their headers only those of C++ and of the compiler itself are used.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -x c++ -E -v /dev/null OUTPUT_QUIET
  ERROR_VARIABLE searched)
string(REGEX MATCHALL "\n /[^\n]*(/c\\+\\+/12[^\n]*|/gcc[^\n]*/12/include)" folders "${searched}")
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
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-libstdc++ -static-libgcc -Wl,-z,relro,-z,now")

set(OPENSSL_USE_STATIC_LIBS ON)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
