# shellcheck shell=bash
# Sourced by wheel/sysroot.sh and arm64.sh, after packages.sh: an apt that only fetches. Neither this
# system's packages and lists nor its architectures are touched, and it needs no root.

# own_apt DIR ARCH SUITE…: keeps an apt in DIR/apt for Debian's packages of ARCH and for its sources, and
# uses it from now on. `unset APT_CONFIG` ends that.
own_apt() {
  local dir=$1 arch=$2 suite mirror from
  shift 2
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
  mirror=$(debian_mirror)
  from="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror"
  for suite in "$@"; do printf '%s\n' "deb $from $suite main" "deb-src $from $suite main"; done \
    >"$dir/apt/sources.list"
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
}

# unpack_packages ROOT DEB…: unpacks them there, and runs nothing of them. Links stay within, wherever
# ROOT lies.
unpack_packages() {
  local root=$1 package link target
  shift
  for package in "$@"; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$root"
  done
  find "$root" -type l -lname '/*' -printf '%p %l\n' | while read -r link target; do
    ln -sfn "$(realpath -m --relative-to "$(dirname "$link")" "$root$target")" "$link"
  done
}
