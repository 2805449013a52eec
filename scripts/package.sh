#!/usr/bin/env bash
# Builds recshim's Debian package, with what it depends on.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
  echo "usage: scripts/package.sh"
  echo "Installs what is missing, builds, and writes build/recshim_VERSION_ARCHITECTURE.deb."
  [ "$1" = --help ] || [ "$1" = -h ] && exit 0
  exit 2
fi

. scripts/packages.sh
build_time
build_for_use
install_packages "${deb_packages[@]}"
cd build
rm -f recshim_*.deb
cpack -G DEB
dpkg-deb --field recshim_*.deb
