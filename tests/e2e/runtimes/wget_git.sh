# wget and git, whose GnuTLS the library serves by itself. $1: half for the first half.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wget -q -O - --save-headers --ca-certificate="$E2E_CA" https://api.openai.com/echo?wget
wget -q -O - --ca-certificate="$E2E_CA" https://api.openai.com/big?bytes=1000000 | sha256sum
[ "${1:-}" != half ] || exit 0
wget -q -O - --ca-certificate="$E2E_CA" https://api.openai.com/chunked?n=3 | sha256sum
git clone -q https://git.example.test/project.git "$work/clone"
git -C "$work/clone" log --format='%h %an %s' main
