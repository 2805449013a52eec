# One session of many doors: OpenSSL, GnuTLS, Node, Java, Go, Rust and musl, one after another.
# $1: where the programs are; $2: half for the first few.
set -eu
programs=$1
url=https://api.openai.com
# Each is a test of its own, since some ask the same as others.
say() {
  printf '\n== %s\n' "$1"
  export RECSHIM_TEST_ID="mixed::$1"
}

say curl
curl -sS -i "$url/echo?curl" | grep -v '^Set-Cookie:'
say wget
wget -q -O - --ca-certificate="$E2E_CA" "$url/chunked?n=3" | sha256sum
say node
node "$programs/node/https_client.mjs"
say java
java $E2E_JAVA_TRUST -XX:TieredStopAtLevel=1 -cp "$programs/java" UrlConnectionClient
[ "${2:-}" != half ] || exit 0
say go
"$programs/go/cgo0/net_http"
say rust
"$programs/rust/debug/ureq"
say musl
"$programs/c/musl_client"
