#!/usr/bin/env bash
# Builds the wheel and the source distribution into dist/.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  echo "usage: scripts/wheel.sh [--arch amd64|arm64]"
  echo "Builds dist/recshim-VERSION-py3-none-manylinux_2_31_*.whl, for this machine's architecture or that one,"
  echo "and dist/recshim-VERSION.tar.gz, from whose content the wheel is made. Everything but libc is linked"
  echo "into it, and libc is Debian 11's: it runs on glibc 2.31 and later. Made for Debian 12; installs"
  echo "missing packages, and fetches others into build-wheel/ without installing them (DEBIAN_MIRROR=URL)."
  echo "JOBS=N sets how many compilers run at once."
}
arch=$(dpkg --print-architecture)
while [ $# -gt 0 ]; do
  case $1 in
    --arch) arch=${2:-}; shift ;;
    --arch=*) arch=${1#*=} ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

work=$PWD/build-wheel/$arch
tools=$PWD/build-wheel/tools
sysroot=$work/sysroot
. scripts/wheel/target.sh
floor=2.31
machine=${RECSHIM_TRIPLET%%-*}

. scripts/packages.sh
compiler=(gcc-12 g++-12)
if [ -n "$RECSHIM_CROSS" ]; then compiler=("${compiler[@]/%/-${RECSHIM_TRIPLET/_/-}}"); fi
install_packages "${compiler[@]}" binutils ca-certificates cmake debian-archive-keyring dpkg-dev \
  ninja-build python3 python3-venv
started=$SECONDS
step() { printf '\n== %s\n' "$*"; }

step "Headers and static libraries ($arch)"
scripts/wheel/sysroot.sh "$arch" "$sysroot"

step "Source distribution"
if ! cmp -s scripts/wheel/requirements.txt "$tools/made-for"; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r scripts/wheel/requirements.txt
  cp scripts/wheel/requirements.txt "$tools/made-for"
fi
rm -rf "$work/sdist" "$work/source" "$work/build" "$work/wheel"
mkdir -p "$work/source" dist
"$tools/bin/python" -m build --sdist --no-isolation --outdir "$work/sdist" . >"$work/sdist.log" || {
  cat "$work/sdist.log" >&2
  exit 1
}
tar -xzf "$work"/sdist/recshim-*.tar.gz -C "$work/source" --strip-components=1

step "Wheel"
export _PYTHON_HOST_PLATFORM=linux-$machine
export PATH=$tools/bin:$PATH CMAKE_GENERATOR=Ninja CMAKE_BUILD_PARALLEL_LEVEL=$jobs
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}
definitions="-DCMAKE_TOOLCHAIN_FILE=$PWD/scripts/wheel/toolchain.cmake"
if command -v ccache >/dev/null; then definitions+=" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"; fi
CMAKE_ARGS=$definitions python -m build --wheel --no-isolation --outdir "$work/wheel" \
  -C build-dir="$work/build" "$work/source"

step "Checks"
scripts/check-exports.sh "$work/build"
scripts/check-symbol-versions.sh "$floor" "$work/build/librecshim.so" "$work/build/recshim"
# Says which glibc the wheel fits, and names it so. Nothing is left to be copied into it.
wheel=$(echo "$work"/wheel/recshim-*.whl)
auditwheel show "$wheel"
tag=manylinux_${floor/./_}_$machine
auditwheel repair --plat "$tag" --only-plat --wheel-dir "$work/tagged" "$wheel"
made=$(cd "$work/tagged" && echo recshim-*-py3-none-"$tag".whl)
if [ ! -f "$work/tagged/$made" ]; then
  echo "auditwheel made no $tag" >&2
  exit 1
fi
mv "$work/tagged/$made" "$work"/sdist/recshim-*.tar.gz dist/
rmdir "$work/tagged"
echo "Built dist/$made in $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s."
