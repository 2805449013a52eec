# shellcheck shell=bash
# Sourced by setup.sh, test.sh and others: installs Debian packages that are missing, and configures.

# What building needs. A|B is either of them: the first one that the distribution has.
build_packages=(cmake ninja-build g++ 'libllhttp-dev|node-llhttp' nlohmann-json3-dev libspdlog-dev libfmt-dev
  libcli11-dev libmd-dev libpcre2-dev zlib1g-dev libbrotli-dev libzstd-dev libssl-dev
  libcurl4-openssl-dev libnghttp2-dev)
# What the demo runs.
demo_packages=(curl openssl python3 util-linux)
# What makes a Debian package of the build.
deb_packages=(dpkg-dev file)
# What building the tests needs besides.
test_build_packages=(libboost-dev libgmock-dev libgnutls28-dev libgtest-dev python3)
# What running them needs: the programs that are recorded, and the servers.
test_packages=("${test_build_packages[@]}" "${demo_packages[@]}" "${deb_packages[@]}" binutils chromium
  clang-format clang-tidy debootstrap g++-12 git iproute2 liblwp-protocol-https-perl libnss3-tools libwww-perl make
  musl-tools
  nginx-light php-cli php-curl python3-venv ruby strace valgrind wget wget2)
# Runtimes that are often here from elsewhere: Debian's where there is none. cargo-web is a newer cargo.
command -v npm >/dev/null || test_packages+=(nodejs npm)
command -v javac >/dev/null || test_packages+=(default-jdk-headless)
command -v mvn >/dev/null || test_packages+=(maven)
command -v go >/dev/null || test_packages+=(golang-go)
command -v cargo >/dev/null || test_packages+=('cargo-web|cargo')

# any_installed A|B…
any_installed() {
  local name
  for name in ${1//|/ }; do
    if dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed; then return 0; fi
  done
  return 1
}

# choose A|B…: of each argument the first that the package lists have, as chosen; as absent what they
# have none of.
choose() {
  local known wanted name
  # shellcheck disable=SC2048,SC2086 # a word a name
  known=$(apt-cache madison ${*//|/ } 2>/dev/null | awk '{ print $1 }' || true)
  chosen=() absent=()
  for wanted in "$@"; do
    for name in ${wanted//|/ }; do
      if grep -qxF -- "$name" <<<"$known"; then
        chosen+=("$name")
        continue 2
      fi
    done
    absent+=("${wanted//|/ or }")
  done
}

# install_packages NAME…: installs those that are missing, or says which and stops. The status is 3
# where the distribution does not have one of them.
install_packages() {
  local missing=() as_root=() chosen absent wanted
  for wanted in "$@"; do any_installed "$wanted" || missing+=("$wanted"); done
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi

  choose "${missing[@]}"
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "These packages are missing, and installing them needs root:" >&2
      echo "    sudo apt-get install ${chosen[*]} ${absent[*]}" >&2
      return 1
    fi
    as_root=(sudo -n)
  fi
  echo "Installing ${missing[*]//|/ or }"
  # The package lists may be old or absent: they are refreshed only if the first try fails.
  if [ ${#absent[@]} -eq 0 ] && apt_install >/dev/null 2>&1; then return 0; fi
  "${as_root[@]}" apt-get update -qq || return 1
  choose "${missing[@]}"
  if [ ${#absent[@]} -gt 0 ]; then
    echo "$(. /etc/os-release && echo "$PRETTY_NAME") has no package $(printf '%s, ' "${absent[@]}" | sed 's/, $//')." >&2
    return 3
  fi
  apt_install >/dev/null
}

# For install_packages, whose variables it uses.
apt_install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${chosen[@]}"
}

# install_build_packages: what setup.sh and every script that builds begin with.
install_build_packages() {
  require_debian || return 1
  local status=0
  install_packages "${build_packages[@]}" || status=$?
  if [ "$status" -eq 3 ]; then
    echo "recshim can't be built here. Its wheel needs nothing of that: build it on a newer system" >&2
    echo "with scripts/wheel.sh, and install it here with pip install recshim-*.whl." >&2
  fi
  return "$status"
}

# require_debian: stops with the list of packages where there is no dpkg.
require_debian() {
  if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then return 0; fi
  echo "This script installs packages on Debian and Ubuntu only. Elsewhere, install what" >&2
  echo "stands for these and build with" >&2
  echo "    cmake -B build -DRECSHIM_BUILD_TESTS=OFF && cmake --build build" >&2
  echo "    ${build_packages[*]//|/ or }" >&2
  return 1
}

# configure DIR [CMAKE ARGUMENT…]: CMake with Ninja, and ccache where there is one.
configure() {
  local dir=$1
  shift
  if command -v ccache >/dev/null; then set -- -DCMAKE_CXX_COMPILER_LAUNCHER=ccache "$@"; fi
  cmake -S . -B "$dir" -G Ninja "$@" >/dev/null
}

# build_time: says how long build_for_use will take, where there is nothing of it yet.
build_time() {
  if [ -e build/recshim ]; then return 0; fi
  local cores minutes
  cores=$(nproc)
  if [ "$jobs" -lt "$cores" ]; then cores=$jobs; fi
  minutes=$(((8 + cores - 1) / cores))
  echo "This installs what is missing and compiles for about $minutes min on $cores cores."
}

# build_for_use: installs what is missing and makes build/librecshim.so and build/recshim.
build_for_use() {
  install_build_packages
  # A folder that has the tests keeps them, for ctest.
  if grep -qs '^build [^:]*interpose_test' build/build.ninja; then
    configure build -DCMAKE_BUILD_TYPE=Release
  else
    configure build -DCMAKE_BUILD_TYPE=Release -DRECSHIM_BUILD_TESTS=OFF
  fi
  cmake --build build -j "$jobs" --target recshim recshim_preload
}

jobs=${JOBS:-$(nproc)}

# debian_mirror: the mirror of Debian's archive that this machine uses, or DEBIAN_MIRROR.
debian_mirror() {
  local mirror=${DEBIAN_MIRROR:-}
  if [ -z "$mirror" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$' || true)
  fi
  if [ -z "$mirror" ]; then
    echo "this system's apt names no mirror of Debian; set DEBIAN_MIRROR to one" >&2
    return 1
  fi
  echo "$mirror"
}
