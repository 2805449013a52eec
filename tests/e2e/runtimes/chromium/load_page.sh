# Chromium loads a page whose script asks the server more, and prints the page that results.
set -eu
# Its socket's path has to be short.
profile=$(TMPDIR=/tmp mktemp -d)
export TMPDIR="$profile"
trap 'rm -rf "$profile"' EXIT
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync \
  --user-data-dir="$profile" --dump-dom "https://api.openai.com/page#${1:-all}" 2>"$profile/log" ||
  cat "$profile/log"
