# CPack runs this on what it has installed, before it makes the Debian package of it.

cmake_minimum_required(VERSION 3.22)
if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()

# Without them CPack would leave the package's dependencies out.
find_program(dpkg_shlibdeps dpkg-shlibdeps)
find_program(file_program file)
if(NOT dpkg_shlibdeps OR NOT file_program)
  message(FATAL_ERROR "A package that names its dependencies needs dpkg-shlibdeps and file: "
    "apt-get install dpkg-dev file, or run scripts/package.sh, which does")
endif()

# The licence where Debian's packages have it, in Debian's form.
set(folder ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/recshim)
file(READ ${folder}/LICENSE licence)
string(REGEX MATCH "Copyright[^\n]*" copyright "${licence}")
string(REGEX REPLACE "^Copyright (\\(c\\) )?" "" copyright "${copyright}")
string(REGEX REPLACE "^.*(Permission is hereby)" "\\1" text "${licence}")
string(STRIP "${text}" text)
string(REGEX REPLACE "\n\n" "\n.\n" text "${text}")
string(REGEX REPLACE "\n" "\n " text "${text}")
file(WRITE ${folder}/copyright
  "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
  "Upstream-Name: recshim\n\n"
  "Files: *\nCopyright: ${copyright}\nLicense: Expat\n ${text}\n")
file(REMOVE ${folder}/LICENSE)
