#!/usr/bin/env bash
# Builds and runs every test of the CI tier. CI=true turns skipped tests into failures.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
  echo "usage: scripts/test.sh"
  echo "Installs what is missing, builds, and runs the checks, the unit tests and fuzz targets with the"
  echo "address and undefined-behaviour sanitizers, and every other test. JOBS=N sets how many run at once."
  echo "With CI=true a test that cannot run is a failure."
  [ "$1" = --help ] || [ "$1" = -h ] && exit 0
  exit 2
fi

. scripts/packages.sh
. scripts/runtimes.sh
install_build_packages
install_packages "${test_packages[@]}"
bring_runtimes
started=$SECONDS

step() { printf '\n== %s\n' "$*"; }

step "Build"
# Most unit tests are built once only, with the sanitizers below. Not so the gateway's, which
# measure memory, and the command line's, which start programs and preload the library.
configure build -DCMAKE_BUILD_TYPE=Release -DRECSHIM_BUILD_TESTS=ON -DRECSHIM_WERROR=ON \
  -DRECSHIM_UNIT_TESTS='gateway;tools'
cmake --build build -j "$jobs"

step "Checks"
# What README says of builds on Debian 12. Elsewhere it is what the compiler's libraries need.
glibc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)
if [ "$glibc" = 2.36 ]; then glibc=2.35; fi
scripts/check-format.sh
scripts/check-layers.sh
scripts/check-exports.sh build
JOBS=$jobs scripts/check-tidy.sh
scripts/check-symbol-versions.sh "$glibc" build/librecshim.so build/recshim
scripts/check-fork-safety.sh build

step "Unit tests and fuzz targets with sanitizers"
# -O0: half the time to compile, which is more than the tests need.
configure build-asan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O0 -g1' \
  -DRECSHIM_SANITIZE=address,undefined -DRECSHIM_BUILD_TESTS=ON -DRECSHIM_WERROR=ON \
  -DRECSHIM_UNIT_TESTS="$(find tests/unit -mindepth 1 -maxdepth 1 ! -name tools -printf '%f;')"
units=$(cmake --build build-asan --target help | sed -nE 's/^(unit_[a-z0-9_]+): phony.*/\1/p')
# shellcheck disable=SC2086 # one word a target
cmake --build build-asan -j "$jobs" --target $units fuzz_targets
ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  ctest --test-dir build-asan -L "unit|fuzz" -j "$jobs" --output-on-failure --no-tests=error |
  grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test +#[0-9]+:.*Passed)'

step "All tests"
# What was skipped is told before the summary, which stays last.
failed=0
ctest --test-dir build -j "$jobs" --output-on-failure --no-tests=error \
  --output-junit "$PWD/build/tests.xml" --test-output-size-passed 100000 \
  >build/tests.txt 2>&1 || failed=$?
scripts/check-skips.py build/tests.xml || failed=1
if [ "$failed" -ne 0 ]; then echo "FAILED; every test's result is in build/tests.txt"; fi
echo "It took $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s."
grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test +#[0-9]+:.*Passed)' build/tests.txt || true
exit "$failed"
