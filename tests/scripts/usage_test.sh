#!/usr/bin/env bash
# usage_test.sh SCRIPT: it tells its use when asked (0), and for an argument that it does not know (2),
# without doing anything.
set -euo pipefail
script=$1

for asked in --help -h; do
  grep -q "usage: scripts/${script##*/}" <<<"$("$script" "$asked")"
done
status=0
output=$("$script" --no-such-option 2>&1) || status=$?
if [ "$status" -ne 2 ] || ! grep -q usage: <<<"$output"; then
  echo "status $status, not 2, for an option that is none: $output"
  exit 1
fi
