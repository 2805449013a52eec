#!/usr/bin/env bash
# usage: sysroot.sh ARCH DIR
# Makes DIR, the headers and static libraries that a wheel for ARCH (amd64 or arm64) is built
# against: libc of Debian 11 (glibc 2.31), and everything else of Debian 12, where the compiler is
# from. Nothing is installed: packages are unpacked into DIR, and libcurl is compiled there from
# Debian's source, as Debian's own static one has more protocols than can be linked.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
arch=$1 sysroot=$(cd "$2" && pwd)
. "$here/target.sh"
libc_packages=(libc6 libc6-dev libgcc-10-dev)
packages=(linux-libc-dev gcc-12-base zlib1g-dev libzstd-dev libbrotli-dev libmd-dev libpcre2-dev libssl-dev
  libnghttp2-dev nlohmann-json3-dev libspdlog-dev libfmt-dev libcli11-dev node-llhttp)

dir=$sysroot
stamp="$arch $(cat "$0" "$here"/{older_glibc.c,target.sh,toolchain.cmake} "$here"/../{own-apt.sh,sysroot.cmake} | sha256sum)"
if [ "$(cat "$dir/made-for" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
rm -rf "$dir"
mkdir -p "$dir"/{debs,curl}

. "$here/../packages.sh"
. "$here/../own-apt.sh"
echo "Fetching Debian's packages for $arch"
own_apt "$dir" "$arch" bullseye bookworm
(cd "$dir/debs" && apt-get -qq download "${libc_packages[@]/%//bullseye}" "${packages[@]/%//bookworm}")
(cd "$dir/curl" && apt-get -qq source curl/bookworm >/dev/null)
unpack_packages "$dir" "$dir"/debs/*.deb
rm -rf "$dir/debs" "$dir/apt"
unset APT_CONFIG

# Links that lead nowhere are of shared libraries: but for libc, all are static.
find "$dir" -xtype l -delete
libraries=$dir/usr/lib/$RECSHIM_TRIPLET
# The numbers of the calls that the kernel's headers know and the older libc's do not.
(cd "$dir/usr/include" && grep -hoE '__NR_[a-z0-9_]+' asm-generic/unistd.h "$RECSHIM_TRIPLET"/asm/unistd*.h) | sort -u |
  sed -E 's/__NR_(.*)/#if defined __NR_\1 \&\& !defined SYS_\1\n#define SYS_\1 __NR_\1\n#endif/' \
    >>"$dir/usr/include/$RECSHIM_TRIPLET/bits/syscall.h"
# How to unwind without glibc 2.35's _dl_find_object.
cp "$dir/usr/lib/gcc/$RECSHIM_TRIPLET/10/libgcc_eh.a" "$libraries/"
rm -rf "$dir/usr/lib/gcc"
# As in newer glibc, what threads and dlsym need is in libc.
"${RECSHIM_CROSS}gcc-12" -O2 -fPIC -Wall -Wextra -Werror --sysroot="$dir" -c "$here/older_glibc.c" -o "$dir/older_glibc.o"
"${RECSHIM_CROSS}ar" r "$libraries/libc_nonshared.a" "$dir/older_glibc.o"
rm "$dir/older_glibc.o"
sed -i 's|^GROUP (|GROUP ( AS_NEEDED ( libpthread.so libdl.so )|' "$libraries/libc.so"

echo "Building libcurl for $arch"
source=$(echo "$dir"/curl/curl-*/)
mkdir -p "$dir/usr/share/doc/curl"
cp "$source/debian/copyright" "$dir/usr/share/doc/curl/"
# Where authorities are is told at run time.
cmake -S "$source" -B "$dir/curl/build" -G Ninja \
  -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_PREFIX="$dir/usr" \
  -DBUILD_SHARED_LIBS=OFF -DBUILD_CURL_EXE=OFF -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON \
  -DCURL_ZLIB=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_USE_LIBPSL=OFF -DUSE_LIBIDN2=OFF \
  -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none >/dev/null
cmake --build "$dir/curl/build" --target install >/dev/null
rm -rf "$dir/curl"

echo "$stamp" >"$dir/made-for"
