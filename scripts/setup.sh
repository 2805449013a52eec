#!/usr/bin/env bash
# Installs what is missing and builds build/librecshim.so and build/recshim.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
  echo "usage: scripts/setup.sh"
  echo "Installs missing Debian packages (as root or by passwordless sudo) and builds into build/."
  echo "JOBS=N sets how many compilers run at once."
  [ "$1" = --help ] || [ "$1" = -h ] && exit 0
  exit 2
fi

. scripts/packages.sh
build_time
build_for_use
echo "Built build/librecshim.so and build/recshim."
