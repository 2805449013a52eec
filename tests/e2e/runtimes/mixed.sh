# One session of many doors: OpenSSL, GnuTLS, Node, Java, Go, Rust and musl, one after another.
# $1: where the programs are; $2: half for the first half of each.
set -eu
programs=$1
half=${2:-}
url=https://api.openai.com
say() { printf '\n== %s\n' "$1"; }

say curl
curl -sS -i "$url/echo?curl" | grep -v '^Set-Cookie:'
say wget
wget -q -O - --ca-certificate="$E2E_CA" "$url/chunked?n=3" | sha256sum
say node
node "$programs/node/https_client.mjs" $half
say java
java $E2E_JAVA_TRUST -XX:TieredStopAtLevel=1 -cp "$programs/java" UrlConnectionClient $half
say go
"$programs/go/cgo0/net_http" $half
say rust
"$programs/rust/debug/ureq" $half
say musl
"$programs/c/musl_client" $half
