#!/usr/bin/env bash
# Every tracked C and C++ source is laid out as .clang-format says.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -d '' files < <(git ls-files -z -- '*.h' '*.hpp' '*.c' '*.cpp')
if [ ${#files[@]} -eq 0 ]; then exit 0; fi
clang-format --dry-run -Werror -- "${files[@]}"
echo "${#files[@]} sources are formatted."
