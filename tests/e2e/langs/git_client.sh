#!/bin/sh
# Clones in full, shallow and partly, lists and fetches from $1, and prints what arrived.
set -eu
GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_ADVICE=0
export GIT_CONFIG_NOSYSTEM GIT_TERMINAL_PROMPT GIT_ADVICE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
show() {
  git -C "$1" log --format='%H %an %s'
  git -C "$1" ls-files -s
}
git ls-remote "$1"
git clone -q "$1" "$work/full"
show "$work/full"
cat "$work/full/README"
sha256sum <"$work/full/data.bin"
git clone -q --depth 1 "$1" "$work/shallow"
show "$work/shallow"
git clone -q --no-checkout --branch side --single-branch "$1" "$work/side"
show "$work/side"
git -C "$work/side" fetch -q origin main:main
git -C "$work/side" rev-parse main
git -c protocol.version=0 ls-remote "$1" refs/heads/main
if git ls-remote "$1-missing" 2>/dev/null; then exit 1; fi
echo "a missing repository is missing"
