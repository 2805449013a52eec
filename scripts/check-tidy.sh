#!/usr/bin/env bash
# clang-tidy, as .clang-tidy has it, on what has changed in shim/ and tools/.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: check-tidy.sh [BASE | --staged | --all]

Checks the sources that differ from BASE, changes that are not committed among them. Without BASE,
from where the branch left main, or on main itself from the commit before; in a clone without history
only what is not committed. --staged: those that are staged. --all: every source, which takes long.
A header is checked with the source of its name.

Needs the build: RECSHIM_BUILD_DIR [build] holds compile_commands.json. JOBS=N sets how many run at once.
TEXT
}

if [ $# -gt 1 ]; then usage >&2; exit 2; fi
build=${RECSHIM_BUILD_DIR:-build}
sources=('shim/*.cpp' 'shim/*.h' 'tools/*.cpp' 'tools/*.h')

# The commit to compare with, or nothing: on the first commit, and in a clone without history.
default_base() {
  local main base
  for main in main origin/main; do
    base=$(git merge-base "$main" HEAD 2>/dev/null) || continue
    if [ "$base" != "$(git rev-parse HEAD)" ]; then
      echo "$base"
      return
    fi
  done
  git rev-parse --verify --quiet HEAD^ || true
}

case "${1:-}" in
  -h | --help) usage; exit 0 ;;
  --all)
    mapfile -t files < <(git ls-files -- "${sources[@]}")
    what="of all" ;;
  --staged)
    mapfile -t files < <(git diff --cached --name-only --diff-filter=d -- "${sources[@]}")
    what="of those staged" ;;
  -*) usage >&2; exit 2 ;;
  *)
    base=${1:-$(default_base)}
    if [ -z "$base" ]; then
      echo "clang-tidy: there is no earlier commit to compare with: of HEAD nothing is checked; --all checks it."
      base=HEAD
    fi
    base=$(git rev-parse --verify --quiet "$base^{commit}") || { echo "$1 is no commit here" >&2; exit 2; }
    mapfile -t files < <(
      git diff --name-only --diff-filter=d "$base" -- "${sources[@]}"
      git ls-files --others --exclude-standard -- "${sources[@]}")
    what="of those changed since $(git rev-parse --short "$base")" ;;
esac

mapfile -t units < <(for file in "${files[@]}"; do
  source=${file%.h}.cpp
  if [[ $file == *.h && -e $source ]]; then echo "$source"; else echo "$file"; fi
done | sort -u)
if [ ${#units[@]} -eq 0 ]; then
  echo "clang-tidy: no source $what."
  exit 0
fi
if [ ! -e "$build/compile_commands.json" ]; then
  echo "clang-tidy needs $build/compile_commands.json, which scripts/setup.sh makes" >&2
  exit 2
fi

# What GCC is told and Clang does not know is no finding. On stderr it counts the warnings in system headers.
if ! printf '%s\0' "${units[@]}" | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" \
    clang-tidy -quiet -p "$build" --extra-arg=-Wno-unknown-warning-option 2> >(
      grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? (generated|treated)' >&2); then
  echo "clang-tidy has found the above." >&2
  exit 1
fi
echo "clang-tidy: ${#units[@]} sources $what are well."
