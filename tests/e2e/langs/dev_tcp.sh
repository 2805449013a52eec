#!/bin/bash
# Asks for each path by plain HTTP with nothing but bash: its own socket, which becomes the
# standard output of a builtin.
set -eu
for path in "$@"; do
  exec 3<>/dev/tcp/api.openai.com/80
  printf 'GET %s HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n' "$path" >&3
  echo "== $path"
  if [[ $path == /big* ]]; then
    sha256sum <&3 # a child process reads the inherited socket
  else
    while IFS= read -r line <&3 || [[ -n $line ]]; do # byte by byte
      printf '%s\n' "$line"
    done
  fi
  exec 3<&- 3>&-
done
