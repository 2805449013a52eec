#!/usr/bin/env bash
# Runs a command with its HTTP exchanges answered from recordings. A thin wrapper over
# LD_PRELOAD; `recshim run` does the same and sums up what happened.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: run-with-replay.sh CMD [ARGUMENT...]

Runs CMD with librecshim.so preloaded. Without further settings what CMD asks of other
hosts on ports 80 and 443 is answered from ./recordings and nothing goes out.

    run-with-replay.sh ./legacy_test_binary
    RECSHIM_DIR=tests/tapes run-with-replay.sh pytest -q
    RECSHIM_MODE=record run-with-replay.sh ./legacy_test_binary

RECSHIM_LIBRARY names librecshim.so where it is not found; the other variables are those
of the library (recshim --help). The status is CMD's.
TEXT
}

find_library() {
  local here place
  here=$(dirname "$(readlink -f "$0")")
  for place in ${RECSHIM_LIBRARY:+"$RECSHIM_LIBRARY"} "$here/../build/librecshim.so" \
      "$here/../lib/recshim/librecshim.so" "$here/../lib/librecshim.so" \
      "$here"/../lib/*/librecshim.so; do
    if [ -e "$place" ]; then
      readlink -f "$place"
      return 0
    fi
  done
  echo "run-with-replay.sh: cannot find librecshim.so: build it with scripts/setup.sh, or set" \
    "RECSHIM_LIBRARY" >&2
  return 1
}

# The runtime of a program built with a sanitizer, which has to be the first library.
# `--list` of the loader runs nothing of the program.
sanitizer_runtime() {
  local program
  program=$(command -v -- "$1") || return 0
  LC_ALL=C ldd "$program" 2>/dev/null |
    sed -nE 's/^\s*(lib(asan|tsan|lsan|hwasan)\.so|libclang_rt\.(asan|tsan|lsan|hwasan))\S* => (\/\S+).*/\4/p' |
    head -n 1 || true
}

case "${1:-}" in
  "") usage >&2; exit 2 ;;
  -h | --help) usage; exit 0 ;;
  --) shift ;;
esac

library=$(find_library) || exit 2
case "$library" in
  *[[:space:]:]*)
    echo "run-with-replay.sh: LD_PRELOAD cannot hold the path $library: it has a space or a colon" >&2
    exit 2 ;;
esac
runtime=$(sanitizer_runtime "$1")
export LD_PRELOAD="${runtime:+$runtime:}$library${LD_PRELOAD:+:$LD_PRELOAD}"
exec "$@"
