#!/usr/bin/env bash
# Which packages scripts/packages.sh asks for, with stand-ins for Debian's programs.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
stand_in() {
  { echo '#!/bin/sh'; cat; } >"$folder/$1"
  chmod +x "$folder/$1"
}
# Installed: what the file installed names. In the package lists: what the file listed names, once
# they have been fetched.
stand_in dpkg-query <<'END'
for name; do :; done
grep -qx "$name" "$(dirname "$0")/installed" && echo installed
END
stand_in apt-cache <<'END'
shift
cd "$(dirname "$0")"
[ ! -e fetched ] || for name; do grep -x "$name" listed | sed 's/$/ | 1.0 | an archive/'; done
END
stand_in apt-get <<'END'
cd "$(dirname "$0")"
echo "$*" >>asked
case "$1" in update) touch fetched ;; esac
END
stand_in id <<'END'
echo 0
END
PATH=$folder:$PATH
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

# expect NAME STATUS "WHAT APT-GET IS ASKED" PACKAGE…
expect() {
  local name=$1 expected_status=$2 expected=$3 status=0
  shift 3
  rm -f "$folder/asked" "$folder/fetched"
  touch "$folder/asked"
  output=$(install_packages "$@" 2>&1) || status=$?
  local asked
  asked=$(tr '\n' ';' <"$folder/asked")
  if [ "$status" -ne "$expected_status" ] || [ "$asked" != "$expected" ]; then
    printf '%s: status %s, asked: %s\nexpected %s: %s\n%s\n' "$name" "$status" "$asked" "$expected_status" "$expected" "$output"
    exit 1
  fi
}
install='install -y -qq --no-install-recommends'

printf '%s\n' bare newer other >"$folder/listed"
echo older >"$folder/installed"
expect 'nothing is missing' 0 '' older
expect 'one of two is there' 0 '' 'newer|older'
expect 'lists are fetched first' 0 "update -qq;$install bare;" older bare
expect 'the first that there is' 0 "update -qq;$install newer;" 'newer|other'
expect 'the second, where there is no first' 0 "update -qq;$install bare other;" bare 'none|other'
expect 'one that is nowhere' 3 'update -qq;' bare 'none|neither'
grep -q 'has no package none or neither\.$' <<<"$output"

# Only then does setup.sh send its user to the wheel.
build_packages=(bare none)
status=0
output=$(install_build_packages 2>&1) || status=$?
[ "$status" -eq 3 ] && grep -q scripts/wheel.sh <<<"$output"
echo "exit 100" >>"$folder/apt-get"
build_packages=(bare)
status=0
output=$(install_build_packages 2>&1) || status=$?
[ "$status" -ne 0 ] && [ "$status" -ne 3 ] && ! grep -q scripts/wheel.sh <<<"$output"
