#!/usr/bin/env bash
# Cross-builds recshim for arm64, and runs its tests and the demo under user emulation. See usage().
set -euo pipefail
cd "$(dirname "$0")/.."

default_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/recshim/arm64
usage() {
  cat <<END
usage: scripts/arm64.sh [--build|--quick] [--cache DIR]
Builds recshim for arm64 into build-arm64/, and runs there, by qemu's user emulation: the unit tests, the
interpose tests, and the demo, which records and replays.

  --build      only builds
  --quick      only the demo, and of the unit tests those of base, http and supervisor
  --cache DIR  keeps Debian's packages for arm64 there, unpacked (default: $default_cache)

Debian's cross compiler and qemu-user-static are installed where they are missing; the packages for arm64 are
unpacked into the cache and not installed: this system's architectures, packages and binary formats stay as
they are, and what runs does so in namespaces that end with it. It needs Linux 6.7 and user namespaces, and no
root once the packages are there.
JOBS=N sets how many compilers or tests run at once.
Status: 0 all passed, 1 something failed, 2 usage, 77 this machine can't run it (and why).
END
}
cannot() {
  echo "arm64.sh can't run here: $*" >&2
  exit 77
}

what=all cache=$default_cache
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --build | --quick) what=${1#--} ;;
    --cache) [ $# -ge 2 ] || { usage >&2; exit 2; }; cache=$2; shift ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

. scripts/packages.sh
. scripts/own-apt.sh
. scripts/apart.sh
require_debian || exit 77
if [ "$(dpkg --print-architecture)" = arm64 ]; then cannot "this is arm64; nothing is to be emulated: scripts/test.sh"; fi
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
if [ "$(. /etc/os-release && echo "$ID")" != debian ]; then cannot "it is made for Debian"; fi
unshare --user --map-root-user --mount mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null ||
  cannot "it needs user namespaces with binary formats of their own: Linux 6.7 with CONFIG_BINFMT_MISC, and not in a chroot"
status=0
install_packages crossbuild-essential-arm64 qemu-user-static debian-archive-keyring "${build_packages[@]}" \
  "${test_build_packages[@]}" || status=$?
if [ "$status" -ne 0 ]; then
  # Where it may install packages, that they can't be had is a failure.
  if [ "$status" -eq 3 ] || [ "$(id -u)" -ne 0 ]; then cannot "packages are missing"; fi
  exit 1
fi
qemu=$(command -v qemu-aarch64-static)

build=$PWD/build-arm64
step() { printf '\n== arm64: %s\n' "$*"; }

# --- The root: Debian's packages for arm64, unpacked --------------------------------------

# What is compiled against, what the demo runs, and a system around it.
wanted=("${build_packages[@]}" "${test_build_packages[@]}" "${demo_packages[@]}" base-files base-passwd bash
  coreutils dash debianutils diffutils dpkg findutils grep hostname libc-bin mawk netbase procps sed tar)
# What comes along and is not used, as the cross compiler is.
unused='^(binutils|cpp|g[+][+]|gcc|gcc-12|lib(node|gprofng|ctf)|node-(acorn|busboy)|nodejs|perl|python3-doc)'

make_root() {
  local made=$1 deb name
  rm -rf "$made"
  mkdir -p "$made"/{bin,sbin,lib,usr/bin,usr/sbin,usr/lib}
  rmdir "$made"/{bin,sbin,lib}
  for name in bin sbin lib; do ln -s "usr/$name" "$made/$name"; done
  own_apt "$cache" arm64 "$suite"
  choose "${wanted[@]}"
  if [ ${#absent[@]} -gt 0 ]; then cannot "Debian $suite has no ${absent[*]} for arm64"; fi
  apt-get -qq -y --no-install-recommends --download-only install "${chosen[@]}" >/dev/null
  unset APT_CONFIG
  local debs=() status=$made/var/lib/dpkg/status
  for deb in "$cache"/apt/archives/*.deb; do
    name=${deb##*/}
    if ! [[ $name =~ $unused ]]; then debs+=("$deb"); fi
  done
  unpack_packages "$made" "${debs[@]}"
  # As after an installation, of which no script has run.
  mkdir -p "${status%/*}" "$made"/{dev,proc,sys,tmp,root,run}
  for deb in "${debs[@]}"; do
    dpkg-deb --field "$deb" | sed 's/^Package: .*/&\nStatus: install ok installed/'
    echo
  done >"$status"
  cp "$made/usr/share/base-passwd/passwd.master" "$made/etc/passwd"
  cp "$made/usr/share/base-passwd/group.master" "$made/etc/group"
  cp "$made/usr/share/libc-bin/nsswitch.conf" "$made/etc/"
  echo '127.0.0.1 localhost' >"$made/etc/hosts"
  echo arm64 >"$made/etc/hostname"
  ln -sf mawk "$made/usr/bin/awk"
}

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
exec 9>"$cache/lock"
flock 9
stamp="$suite ${wanted[*]} $unused $({ declare -f make_root; cat scripts/own-apt.sh; } | sha256sum)"
root=$cache/root
if [ "$(cat "$root.made-for" 2>/dev/null)" != "$stamp" ]; then
  step "Debian's packages, unpacked in $root"
  rm -f "$root.made-for"
  trap 'rm -rf "$cache/new"' EXIT
  make_root "$cache/new"
  rm -rf "$root"
  mv "$cache/new" "$root"
  echo "$stamp" >"$root.made-for"
  rm -rf "$cache/apt"
fi
exec 9>&-

# --- The build ------------------------------------------------------------------------------

arch=arm64 sysroot=$root
. scripts/wheel/target.sh
mapfile -t units < <(find tests/unit -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
if [ "$what" = quick ]; then units=(base http supervisor); fi
step "Build"
# -O0: half the time to compile. Debian's python3, as it is in the root.
configure "$build" -DCMAKE_TOOLCHAIN_FILE="$PWD/scripts/arm64.cmake" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_FLAGS_RELEASE='-O0 -DNDEBUG' -DRECSHIM_BUILD_TESTS=ON -DRECSHIM_WERROR=ON \
  -DPython3_EXECUTABLE=/usr/bin/python3 -DCMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE=PRE_TEST
targets=("${units[@]/#/unit_}" recshim recshim_preload interpose_test interpose_execute interpose_show_args
  interpose_show_args_{static,go,musl})
cmake --build "$build" -j "$jobs" --target "${targets[@]}"
scripts/check-exports.sh "$build"
if [ "$what" = build ]; then exit 0; fi

# --- The tests, under emulation ----------------------------------------------------------------

# emulated COMMAND…: runs it in the root, where this source tree lies at its own place. Mounts, processes and
# the kernel's knowledge of qemu are of namespaces of their own, and end with them.
emulated() {
  # shellcheck disable=SC2016 # for the shells within
  apart --user --map-root-user bash -euc '
    root=$1 tree=$2 qemu=$3
    shift 3
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    # How a program for arm64 begins, and which bits of that count. F: qemu is opened now, and found in every
    # root; P: programs keep the name they were started by.
    begins="\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    counts="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    echo ":qemu-aarch64:M::$begins:$counts:$qemu:PF" >/proc/sys/fs/binfmt_misc/register
    mount --rbind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=1777 tmpfs tmp
    mount -t tmpfs -o mode=700 tmpfs root
    mkdir -p "./$tree"
    mount --bind "$tree" "./$tree"
    # Not exec: this shell takes in the processes that lose their parents.
    setsid --wait chroot . /usr/bin/env -i HOME=/root USER=root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin \
      sh -c "cd \"\$1\" && shift && exec \"\$@\"" sh "$tree" "$@" && exit 0 || exit $?' \
    arm64 "$root" "$PWD" "$qemu" "$@"
}
trap stop_apart EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

failed=()
# try NAME COMMAND…: runs it under emulation, and keeps its output unless it fails.
try() {
  local name=$1 started=$SECONDS log
  shift
  log=$build/emulated-${name// /-}.log
  if emulated "$@" >"$log" 2>&1; then
    echo "$name: passed, $((SECONDS - started)) s"
  else
    cat "$log"
    echo "$name: FAILED, $((SECONDS - started)) s"
    failed+=("$name")
  fi
}

step "Demo"
try demo env "PATH=$build:/usr/sbin:/usr/bin" scripts/demo.sh --installed
step "Unit tests"
# User emulation has no process_vm_readv(2), by which the supervisor reads a program's addresses.
unseen='*CallOf.Reads*:*CallOf.TellsX32*'
echo "not run, as emulation has no process_vm_readv: $unseen"
for unit in "${units[@]}"; do
  try "unit $unit" "$build/tests/unit/$unit/unit_$unit" --gtest_brief=1 --gtest_filter="-$unseen"
done
if [ "$what" = all ]; then
  step "Interpose tests"
  try interpose ctest --test-dir "$build/tests/interpose" -j "$jobs" --output-on-failure --no-tests=error
fi
if [ ${#failed[@]} -gt 0 ]; then
  step "FAILED: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
  exit 1
fi
step "all passed after $((SECONDS / 60)) min $((SECONDS % 60)) s"
