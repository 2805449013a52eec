#!/usr/bin/env bash
# usage: check-exports.sh BUILD-DIR
# librecshim.so exports the hooks of its tables and nothing else, and needs libc alone.
set -euo pipefail

build=$1
library=$build/librecshim.so
failed=0

exported=$(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' | sort -u)
expected=$(sort -u "$build/exports.txt")
if [ "$exported" != "$expected" ]; then
  echo "$library exports other names than its hook tables (< tables, > library):"
  diff <(echo "$expected") <(echo "$exported") || true
  failed=1
fi

# Before glibc 2.34 libpthread and libdl were libraries of their own. The loader's name depends on the machine.
strange=$(LC_ALL=C readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -vE '^(lib(c\.so\.6|pthread\.so\.0|dl\.so\.2)|ld-linux[^/]*\.so\.[0-9]+)$' || true)
if [ -n "$strange" ]; then
  echo "$library needs more than libc:"
  echo "$strange" | sed 's/^/    /'
  failed=1
fi

if [ "$failed" -eq 0 ]; then
  echo "$(echo "$exported" | wc -l) hooks exported, libc alone needed."
fi
exit "$failed"
