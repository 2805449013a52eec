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

# The loader's own name depends on the machine; the kernel's vdso is no file.
strange=$(LC_ALL=C ldd "$library" | awk '{print $1}' |
  grep -vE '^(linux-(vdso|gate)\.so\.[0-9]+|(/lib.*/)?ld-(linux[^/]*|[0-9.]+)\.so(\.[0-9]+)?|libc\.so\.6)$' ||
  true)
if [ -n "$strange" ]; then
  echo "$library needs more than libc:"
  echo "$strange" | sed 's/^/    /'
  failed=1
fi

if [ "$failed" -eq 0 ]; then
  echo "$(echo "$exported" | wc -l) hooks exported, libc alone needed."
fi
exit "$failed"
