#!/usr/bin/env bash
# Runs other projects' test suites with and without the library; see tests/conformance/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

case " $* " in *" --help "* | *" -h "*) exec python3 tests/conformance/conformance.py --help ;; esac
. scripts/packages.sh
build_for_use
install_packages iproute2 openssl python3 python3-venv util-linux
exec python3 tests/conformance/conformance.py --jobs "$jobs" "$@"
