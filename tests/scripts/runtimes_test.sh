#!/usr/bin/env bash
# When scripts/runtimes.sh fetches a newer runtime, with stand-ins for those that are here.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# shellcheck source=scripts/runtimes.sh
. scripts/runtimes.sh
cd "$folder"
mkdir here
PATH=$folder/here:$PATH
bring_node() { fetched+=' node'; }
bring_go() { fetched+=' go'; }

# expect FETCHED "WHAT NODE SAYS" "WHAT GO SAYS"
expect() {
  local name
  printf '#!/bin/sh\n%s\n' "$2" >here/node
  printf '#!/bin/sh\n%s\n' "$3" >here/go
  chmod +x here/node here/go
  fetched=
  (
    bring_runtimes >told
    echo "$fetched" >fetched
  )
  if [ "$(cat fetched)" != "$1" ]; then
    echo "node: $2; go: $3; fetched:$(cat fetched), expected:$1"
    exit 1
  fi
}
expect ' node' 'echo 20.18.0 own' 'echo go1.26.8'
expect '' 'echo 20.20.2 own' 'echo go1.26.8'
expect '' 'echo 24.1.0 own' 'echo go1.30'
expect ' node go' 'echo 18.20.4' 'echo go1.19.8'
expect ' node' 'echo 20.19.2' 'echo go1.26'
expect ' node' 'echo 9.11.1 own' 'echo go1.26.0'
expect ' go' 'echo 22.0.0 own' 'echo go1.9'
expect ' node' 'exit 127' 'exit 127' # without any Go there is none to fetch one
grep -q 'this system has none' told
