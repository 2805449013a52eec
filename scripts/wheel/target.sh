# shellcheck shell=bash
# Sourced by wheel.sh and sysroot.sh: what is built for, from $arch and $sysroot, for toolchain.cmake.
case $arch in
  amd64) export RECSHIM_TRIPLET=x86_64-linux-gnu ;;
  arm64) export RECSHIM_TRIPLET=aarch64-linux-gnu ;;
  *)
    echo "no such architecture: $arch (amd64 or arm64)" >&2
    exit 2
    ;;
esac
export RECSHIM_SYSROOT=$sysroot
# Of the tools' names; empty for this machine's own.
export RECSHIM_CROSS=$RECSHIM_TRIPLET-
if [ "$arch" = "$(dpkg --print-architecture)" ]; then RECSHIM_CROSS=; fi
