# shellcheck shell=bash
# Sourced by clean-room.sh and arm64.sh: runs commands in namespaces of their own, with which all mounts and
# processes go. Needs util-linux.

running=

# apart [OPTION OF unshare…] COMMAND…
apart() {
  # A job of its own: others of a script are started deaf to interrupts.
  set -m
  setpriv --pdeathsig KILL unshare --mount --pid --ipc --fork --kill-child "$@" </dev/null 8>&- 9>&- &
  running=$!
  set +m
  local status=0
  wait "$running" || status=$?
  running=
  return "$status"
}

# stop_apart: ends what runs there, for a trap: the first process of its namespace, and every other with it.
stop_apart() {
  [ -n "$running" ] || return 0
  local first
  for first in $(cat "/proc/$running/task/$running/children" 2>/dev/null); do kill -KILL "$first" || true; done
  kill -KILL "$running" 2>/dev/null || true
  wait "$running" 2>/dev/null || true
  running=
}
