#!/usr/bin/env bash
# usage: sysroot.sh ARCH DIR
# Makes DIR, the headers and static libraries that a wheel for ARCH (amd64 or arm64) is built
# against: libc of Debian 11 (glibc 2.31), and everything else of Debian 12, where the compiler is
# from. Nothing is installed; the packages are unpacked into DIR. DIR/sources has curl's source.
set -euo pipefail

arch=$1
here=$(cd "$(dirname "$0")" && pwd)
case $arch in
  amd64) triplet=x86_64-linux-gnu cc=gcc-12 ;;
  arm64) triplet=aarch64-linux-gnu cc=aarch64-linux-gnu-gcc-12 ;;
  *) echo "sysroot.sh: no such architecture: $arch (amd64 or arm64)" >&2; exit 2 ;;
esac
libc_packages=(libc6 libc6-dev libgcc-10-dev)
packages=(linux-libc-dev zlib1g-dev libzstd-dev libbrotli-dev libmd-dev libssl-dev
  nlohmann-json3-dev libspdlog-dev libfmt-dev libcli11-dev node-llhttp)

mkdir -p "$2"
dir=$(cd "$2" && pwd)
stamp="$(cat "$0" "$here/older_glibc.c" | sha256sum) $arch"
if [ "$(cat "$dir/made-for" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
rm -rf "$dir"
mkdir -p "$dir"/{apt/lists/partial,debs,sources}

# The mirror that this machine uses, or DEBIAN_MIRROR.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m1 '/debian/$' || true)}
if [ -z "$mirror" ]; then
  echo "sysroot.sh: this system's apt names no mirror of Debian; set DEBIAN_MIRROR to one" >&2
  exit 1
fi
from="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror"
printf '%s\n' "deb $from bullseye main" "deb $from bookworm main" "deb-src $from bookworm main" \
  >"$dir/apt/sources.list"
# An apt of its own: neither this system's packages nor its lists are touched.
cat >"$dir/apt/apt.conf" <<END
Dir::State "$dir/apt";
Dir::State::status "/dev/null";
Dir::Cache "$dir/apt";
Dir::Etc::sourcelist "$dir/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
END
export APT_CONFIG=$dir/apt/apt.conf

apt-get -qq update
(cd "$dir/debs" && apt-get -qq download "${libc_packages[@]/%//bullseye}" "${packages[@]/%//bookworm}")
(cd "$dir/sources" && apt-get -qq source --download-only curl/bookworm)
for package in "$dir"/debs/*.deb; do dpkg-deb -x "$package" "$dir"; done
rm -rf "$dir/debs" "$dir/apt"

libraries=$dir/usr/lib/$triplet
# Links stay within. Those that then lead nowhere are of shared libraries: but for libc, all are static.
find "$dir" -type l -lname '/*' -printf '%p %l\n' | while read -r link target; do
  ln -sfn "$(realpath -m --relative-to "$(dirname "$link")" "$dir$target")" "$link"
done
find "$dir" -xtype l -delete
# How to unwind without glibc 2.35's _dl_find_object.
cp "$dir"/usr/lib/gcc/"$triplet"/10/libgcc_eh.a "$libraries/"
rm -rf "$dir/usr/lib/gcc"
# As in newer glibc, what threads and dlsym need is in libc.
"$cc" -O2 -fPIC -Wall -Wextra -Werror --sysroot="$dir" -c "$here/older_glibc.c" -o "$dir/older_glibc.o"
"${cc/gcc-12/ar}" r "$libraries/libc_nonshared.a" "$dir/older_glibc.o"
rm "$dir/older_glibc.o"
sed -i 's|^GROUP (|GROUP ( AS_NEEDED ( libpthread.so libdl.so )|' "$libraries/libc.so"

echo "$stamp" >"$dir/made-for"
