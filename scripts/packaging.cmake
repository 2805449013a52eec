# What `cmake --install` puts where, and the Debian package that CPack makes of it.
# The library lies where the loader searches, so that LD_PRELOAD=librecshim.so is enough.

if(TARGET recshim)
  install(TARGETS recshim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET recshim_preload)
  install(TARGETS recshim_preload LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(PROGRAMS scripts/run-with-replay.sh DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(EXISTS ${CMAKE_SOURCE_DIR}/recordings/README.md)
  install(FILES recordings/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME recordings.md)
endif()

# What scripts/wheel.sh packs (scikit-build-core sets these folders): pip puts the executable into bin/ of
# the environment and the library into libexec/recshim/ beside it, wherever the Python package goes.
if(SKBUILD)
  install(TARGETS recshim RUNTIME DESTINATION ${SKBUILD_SCRIPTS_DIR} COMPONENT wheel)
  install(TARGETS recshim_preload COMPONENT wheel
    LIBRARY DESTINATION ${SKBUILD_DATA_DIR}/${CMAKE_INSTALL_LIBDIR})
  if(CMAKE_SYSROOT)  # the licences of what is linked in
    install(DIRECTORY ${CMAKE_SYSROOT}/usr/share/doc/ DESTINATION ${SKBUILD_METADATA_DIR}/licenses
      COMPONENT wheel FILES_MATCHING PATTERN copyright)
  endif()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME recshim)
set(CPACK_PACKAGE_VENDOR recshim)
set(CPACK_PACKAGE_CONTACT "The recshim authors <recshim@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
  "record and replay the HTTP exchanges of unmodified programs")
set(CPACK_PACKAGE_DESCRIPTION
"For tests of code that calls LLM and other HTTP APIs. A program is recorded
once, while the real servers answer. From then on it is replayed from files:
offline and byte for byte, in any language, without a proxy or a change to it.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
  GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/scripts/debian-package.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded when it is first needed (tools/gateway/curl_loader.cpp), so it is not among those.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 | libcurl4t64")
include(CPack)
