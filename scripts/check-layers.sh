#!/usr/bin/env bash
# Every folder of shim/ includes only from itself and the folders before it; tools/ never
# from runtime, ops and hooks. The hook tables (*.def) are data, from which the layers
# before hooks make their pointers and declarations.
set -euo pipefail
cd "$(dirname "$0")/.."

layers=(base http match store flow control runtime ops hooks)
failed=0

# check FOLDER FORBIDDEN-LAYER…
check() {
  local folder=$1 layer found
  shift
  for layer in "$@"; do
    found=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]shim/$layer/" "$folder" \
        --include='*.h' --include='*.cpp' --include='*.def' --include='*.c' |
      grep -vE 'shim/hooks/[a-z_]+\.def[">]' || true)
    if [ -n "$found" ]; then
      echo "$folder must not include from shim/$layer:"
      echo "$found" | sed 's/^/    /'
      failed=1
    fi
  done
}

for i in "${!layers[@]}"; do
  folder=shim/${layers[i]}
  if [ ! -d "$folder" ]; then continue; fi
  later=("${layers[@]:i+1}")
  if [ ${#later[@]} -gt 0 ]; then check "$folder" "${later[@]}"; fi
  found=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<](tools|tests)/' "$folder" || true)
  if [ -n "$found" ]; then
    echo "$folder must not include from tools or tests:"
    echo "$found" | sed 's/^/    /'
    failed=1
  fi
done
check tools runtime ops hooks

if [ "$failed" -eq 0 ]; then echo "Includes follow the layers."; fi
exit "$failed"
