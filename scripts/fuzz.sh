#!/usr/bin/env bash
# Fuzzes a target, or each in turn, under libFuzzer; see tests/fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  echo "usage: scripts/fuzz.sh [TARGET|all] [SECONDS]"
  echo "Builds the fuzz targets with clang, and runs TARGET (default: each in turn) for SECONDS"
  echo "(default: 60). What was found before is kept in build-fuzz/corpus/TARGET and built on; an input"
  echo "that fails is kept in build-fuzz/found, and the status is 1."
  echo "targets: $(sed -nE 's/^RECSHIM_FUZZ_TARGET\((.*)\)/\1/p' tests/fuzz/targets.def | tr '\n' ' ')"
}
case "${1:-}" in -h | --help) usage; exit 0 ;; esac
targets=$(sed -nE 's/^RECSHIM_FUZZ_TARGET\((.*)\)/\1/p' tests/fuzz/targets.def)
target=${1:-all} seconds=${2:-60}
if [ "$target" != all ]; then
  if ! grep -qx -- "$target" <<<"$targets"; then usage >&2; exit 2; fi
  targets=$target
fi

. scripts/packages.sh
install_build_packages
install_packages "${test_build_packages[@]}" clang
install_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
configure build-fuzz -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g1 -fsanitize=fuzzer-no-link' -DRECSHIM_SANITIZE=address,undefined \
  -DRECSHIM_WERROR=OFF -DRECSHIM_BUILD_TESTS=ON -DRECSHIM_UNIT_TESTS= -DRECSHIM_LIBFUZZER=ON
cmake --build build-fuzz -j "$jobs" --target fuzz_targets

failed=0
for target in $targets; do
  corpus=build-fuzz/corpus/$target
  mkdir -p "$corpus" build-fuzz/found
  echo "== $target"
  RECSHIM_FUZZ_TARGET=$target RECSHIM_FUZZ_SEEDS=$corpus \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    build-fuzz/tests/fuzz/fuzz_targets "$corpus" -max_total_time="$seconds" -max_len=8192 -timeout=20 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="build-fuzz/found/$target-" ||
    failed=1
done
exit "$failed"
