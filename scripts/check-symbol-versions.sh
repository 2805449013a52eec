#!/usr/bin/env bash
# usage: check-symbol-versions.sh FLOOR FILE…
# Fails if a FILE (program or library) takes a symbol from a glibc newer than FLOOR ("2.31").
set -euo pipefail
if [ $# -lt 2 ]; then
  sed -n 's/^# //p' "$0" >&2
  exit 2
fi
floor=$1
shift
failed=0
for file; do
  # NAME@GLIBC_2.34 (7)
  needed=$(readelf -W --dyn-syms "$file" | awk '$7 == "UND" && $8 ~ /@GLIBC_[0-9]/ {
    name = $8; version = $8; sub(/@.*/, "", name); sub(/.*@GLIBC_/, "", version); print version, name }' | sort -V)
  if [ -z "$needed" ]; then
    echo "$file takes nothing from glibc, or is no dynamically linked file" >&2
    exit 1
  fi
  newest=$(tail -n 1 <<<"$needed" | cut -d' ' -f1)
  echo "$file needs glibc $newest."
  [ "$(printf '%s\n' "$newest" "$floor" | sort -V | tail -n 1)" = "$floor" ] && continue
  failed=1
  echo "That is more than $floor:"
  while read -r version name; do
    [ "$(printf '%s\n' "$version" "$floor" | sort -V | tail -n 1)" = "$floor" ] || echo "    $name  $version"
  done <<<"$needed"
done
exit "$failed"
