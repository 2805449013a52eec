#!/usr/bin/env bash
# Records curl and a Python program against a test server, stops the server, and replays
# both without a network.
set -euo pipefail
cd "$(dirname "$0")/.."

recshim=build/recshim
case "$*" in
  '') ;;
  --installed) recshim=recshim ;;
  *)
    echo "usage: scripts/demo.sh [--installed]"
    echo "Builds recshim first, unless --installed: then it is the one on PATH."
    [ "$*" = --help ] || [ "$*" = -h ] && exit 0
    exit 2
    ;;
esac

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

. scripts/packages.sh
if [ "$recshim" = build/recshim ]; then
  say "Building"
  build_time
  echo "Then it records and replays two programs, which takes seconds."
  build_for_use
fi
install_packages "${demo_packages[@]}"

work=$(mktemp -d "${TMPDIR:-/tmp}/recshim-demo-XXXXXX")
server=
stop_server() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
  server=
}
trap 'stop_server; rm -rf "$work"' EXIT

say "Starting a server that speaks the OpenAI API over TLS on loopback"
# Its certificate is for the two hosts that are asked, from a CA made now; the programs verify it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
  -subj '/CN=recshim demo CA' -addext keyUsage=critical,keyCertSign \
  -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -subj '/CN=api.openai.com' -keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
printf '%s\n' subjectAltName=DNS:api.openai.com,DNS:weather.example.test authorityKeyIdentifier=keyid \
  subjectKeyIdentifier=hash extendedKeyUsage=serverAuth >"$work/server.ext"
openssl x509 -req -in "$work/server.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
  -CAcreateserial -days 1 -extfile "$work/server.ext" -out "$work/server.pem" 2>/dev/null
# It pauses between the pieces of a stream, as a model does.
python3 tests/e2e/servers/openai_server.py --tls-cert "$work/server.pem" \
  --tls-key "$work/server.key" --port 0 --port-file "$work/port" --exit-after 120 \
  --chunk-delay 0.1 2>"$work/server.log" &
server=$!
for _ in $(seq 100); do
  [ -s "$work/port" ] && break
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
  sleep 0.1
done
port=$(cat "$work/port")
echo "listening on 127.0.0.1:$port, in place of api.openai.com:443 and weather.example.test:443"

export OPENAI_API_KEY=sk-demo-key-that-is-never-written
export SSL_CERT_FILE=$work/ca.pem
export RECSHIM_CONFIG=/dev/null RECSHIM_DIR=$work/recordings
export RECSHIM_CONNECT_TO=api.openai.com:443=127.0.0.1:$port,weather.example.test:443=127.0.0.1:$port
unset HTTPS_PROXY https_proxy ALL_PROXY all_proxy

ask='{"model":"gpt-4o","messages":[{"role":"user","content":"Say hello."}],"stream":true}'
curl_program=(curl -sS --no-buffer --max-time 60 --cacert "$work/ca.pem"
  -H "Authorization: Bearer $OPENAI_API_KEY" -H 'Content-Type: application/json' -d "$ask"
  https://api.openai.com/v1/chat/completions)
python_program=(python3 scripts/demo_client.py)

# timed NAME COMMAND…: runs it, keeps its output as NAME.out and the time it took.
timed() {
  local name=$1 start=$EPOCHREALTIME
  shift
  "$@" >"$work/$name.out"
  awk -v a="${start/,/.}" -v b="${EPOCHREALTIME/,/.}" 'BEGIN { printf "%.3f\n", b - a }' \
    >"$work/$name.time"
}

say "Recording curl and a Python program, both unmodified"
timed curl-record "$recshim" run --mode record -- "${curl_program[@]}"
timed python-record "$recshim" run --mode record -- "${python_program[@]}"
cat "$work/python-record.out"

say "The recordings"
"$recshim" list
if grep -rqF "$OPENAI_API_KEY" "$RECSHIM_DIR"; then
  echo "the API key was written into a recording" >&2
  exit 1
fi
echo "The API key is in none of them. The start of one:"
head -n 24 "$(find "$RECSHIM_DIR" -name '*.json' | sort | head -n 1)"

say "Stopping the server and replaying"
stop_server
if unshare -n true 2>/dev/null; then
  isolated=(unshare -n)
elif unshare -rn true 2>/dev/null; then
  isolated=(unshare -rn)
else
  isolated=()
fi
if [ ${#isolated[@]} -gt 0 ]; then
  echo "in a network namespace of its own, where even loopback is down"
else
  echo "the system does not allow a network namespace here; the server is gone, though"
fi
timed curl-replay "${isolated[@]}" "$recshim" run --strict -- "${curl_program[@]}"
timed python-replay "${isolated[@]}" "$recshim" run --strict -- "${python_program[@]}"

say "Comparing"
for program in curl python; do
  if ! cmp "$work/$program-record.out" "$work/$program-replay.out"; then
    echo "$program printed something else in replay" >&2
    exit 1
  fi
  awk -v name="$program" -v a="$(cat "$work/$program-record.time")" \
    -v b="$(cat "$work/$program-replay.time")" \
    'BEGIN { printf "%-7s the same %s   live %6.3f s   replayed %6.3f s   %5.1f times as fast\n",
             name, "output", a, b, a / b }'
done
