#!/usr/bin/env bash
# What the supervisor's filter adds to a system call that it does not ask about:
#     tests/bench/filter_cost.sh [BUILD-DIR]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cc -O2 -static -o "$folder/filter_cost" tests/bench/filter_cost.c

plain=$("$folder/filter_cost")
filtered=$("$build/recshim" run -q --dir "$folder" -- "$folder/filter_cost")
whole=$("$build/recshim" run -q --sealed --dir "$folder" -- "$folder/filter_cost")
printf 'getppid: %s ns alone, %s ns supervised, %s ns sealed\n' "$plain" "$filtered" "$whole"
awk -v a="$plain" -v b="$filtered" -v c="$whole" \
  'BEGIN { printf "ratio: %.2f supervised, %.2f sealed\n", b / a, c / a }'
