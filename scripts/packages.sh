# Sourced by setup.sh and test.sh: installs Debian packages that are missing.

# What building needs.
build_packages=(cmake ninja-build g++ pkg-config node-llhttp nlohmann-json3-dev libspdlog-dev
  libfmt-dev libcli11-dev libmd-dev zlib1g-dev libbrotli-dev libzstd-dev libssl-dev
  libcurl4-openssl-dev libgnutls28-dev libgtest-dev libgmock-dev openssl)
# What the tests need besides: the programs that are recorded, and the servers.
test_packages=(binutils chromium clang-format curl file git iproute2 libboost-dev liblwp-protocol-https-perl
  libnss3-tools libwww-perl musl-tools nginx-light php-cli php-curl python3 python3-venv ruby util-linux wget wget2)
# Runtimes that are often here from elsewhere: Debian's where there is none.
command -v npm >/dev/null || test_packages+=(nodejs npm)
command -v javac >/dev/null || test_packages+=(openjdk-17-jdk-headless)
command -v mvn >/dev/null || test_packages+=(maven)
command -v go >/dev/null || test_packages+=(golang-go)
command -v cargo >/dev/null || test_packages+=(cargo)

# install_packages NAME…: installs those that are missing, or says which and stops.
install_packages() {
  local missing=() package
  for package in "$@"; do
    if ! dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi

  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "These packages are missing, and installing them needs root:" >&2
      echo "    sudo apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo -n)
  fi
  echo "Installing ${missing[*]}"
  # The package lists may be old or absent: refresh them only if the first try fails.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return 0
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# require_debian: stops with the list of packages where there is no dpkg.
require_debian() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then return 0; fi
  echo "This script installs packages on Debian and Ubuntu only. Elsewhere, install what" >&2
  echo "stands for these and build with cmake --preset release:" >&2
  echo "    ${build_packages[*]}" >&2
  return 1
}

# configure DIR [CMAKE ARGUMENT…]: CMake with Ninja, and ccache where there is one.
configure() {
  local dir=$1
  shift
  if command -v ccache >/dev/null; then set -- -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"; fi
  cmake -S . -B "$dir" -G Ninja "$@" >/dev/null
}

jobs=${JOBS:-$(nproc)}
