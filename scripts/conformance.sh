#!/usr/bin/env bash
# Runs other projects' test suites with and without the library; see tests/conformance/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

case " $* " in *" --help "* | *" -h "*) exec python3 tests/conformance/conformance.py --help ;; esac
. scripts/packages.sh
require_debian
install_packages "${build_packages[@]}" iproute2 python3 python3-venv util-linux
configure build -DCMAKE_BUILD_TYPE=Release
cmake --build build -j "$jobs" --target recshim recshim_preload
exec python3 tests/conformance/conformance.py --jobs "$jobs" "$@"
