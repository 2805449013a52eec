#!/usr/bin/env bash
# Lets everything go wrong once, one run for each; see tests/sweep/sweep.py.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  echo "usage: scripts/sweep.sh [faults|kills|damage]… [--every N] [--seed N]"
  echo "faults: each file operation of a run fails once, with four errors; kills: the process is killed at"
  echo "each of them; damage: each value of each recording is replaced by others, and each file is cut."
  echo "Default: all three, every place, which takes an hour; --every 20 takes a few minutes. The status is"
  echo "1 when a run hung, died, said 0 without all being well, or left a recording that can't be read."
}
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    faults | kills | damage | --every | --every=* | --seed | --seed=* | [0-9]*) ;;
    *) usage >&2; exit 2 ;;
  esac
done

. scripts/packages.sh
install_build_packages
install_packages "${test_build_packages[@]}" "${demo_packages[@]}" python3-venv
configure build -DCMAKE_BUILD_TYPE=Release -DRECSHIM_BUILD_TESTS=ON
cmake --build build -j "$jobs" --target recshim recshim_preload sweep_inject
RECSHIM_BUILD_DIR=$PWD/build PYTHONDONTWRITEBYTECODE=1 \
  python3 tests/sweep/sweep.py --inject build/tests/sweep/sweep_inject "$@"
