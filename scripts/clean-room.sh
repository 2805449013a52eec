#!/usr/bin/env bash
# Runs README's commands on the current commit in an empty Debian, where nothing is installed that
# they do not install themselves. See usage().
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/apart.sh

PATH=$PATH:/usr/sbin:/sbin
default_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/recshim/clean-room

usage() {
  cat <<END
usage: scripts/clean-room.sh [OPTION…] [bookworm|trixie|bullseye]
Makes an empty root (debootstrap: the minimal system, git and CA certificates), clones the current
commit into it, and runs README's commands there: scripts/demo.sh and scripts/test.sh. Needs root.

  --quick       scripts/demo.sh alone
  --deb         then also scripts/package.sh; the package is installed in another empty root, where
                scripts/demo.sh --installed runs
  --cache DIR   keeps downloaded packages there ('' for nowhere; default:
                $default_cache)
  --mirror URL  Debian's archive (default: the one of this system's package sources)
  --keep        keeps the roots, and says where; by default nothing is left, also when interrupted

bullseye lacks packages that building needs: scripts/demo.sh must say so there, and nothing else is run.

The roots lie below TMPDIR (default: /var/tmp). They reach their package sources as this system does: proxies,
CA certificates, and the settings of apt, pip, npm, cargo, go and maven are taken over.
Status: 0 all passed, 1 something failed, 2 usage, 77 this machine can't run it (and why).
END
}
wrong_usage() {
  usage >&2
  exit 2
}
cannot() {
  echo "clean-room.sh can't run here: $*" >&2
  exit 77
}

suite=bookworm quick=false deb=false keep=false cache=$default_cache mirror=
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit 0 ;;
    --quick) quick=true ;;
    --deb) deb=true ;;
    --keep) keep=true ;;
    --cache) [ $# -ge 2 ] || wrong_usage; cache=$2; shift ;;
    --mirror) [ $# -ge 2 ] || wrong_usage; mirror=$2; shift ;;
    bookworm | trixie | bullseye) suite=$1 ;;
    *) wrong_usage ;;
  esac
  shift
done

# --- Whether it can run here ----------------------------------------------------------

[ "$(id -u)" -eq 0 ] || cannot "it needs root, to make a root folder of another system: sudo $0"
for command in debootstrap git unshare setpriv flock; do
  command -v "$command" >/dev/null ||
    cannot "$command is missing; on Debian: apt-get install debootstrap git util-linux"
done
[ -e "/usr/share/debootstrap/scripts/$suite" ] || cannot "this debootstrap does not know $suite"
base=${TMPDIR:-/var/tmp}
unshare --mount --pid --fork mount -t tmpfs none "$base" 2>/dev/null ||
  cannot "this system allows no mounts in a namespace of their own (a container needs --privileged for that)"

for command in demo test; do
  if ! grep -q "scripts/$command\.sh" README.md; then
    echo "README no longer names scripts/$command.sh, which is run here as its command." >&2
    exit 1
  fi
done

# --- The room, and its end ------------------------------------------------------------

umask 022
# What a killed run could not remove: nobody holds its lock.
for old in "$base"/recshim-clean-room-*; do
  if [ -e "$old/lock" ] && [ ! -e "$old/kept" ] && flock -n "$old/lock" true; then
    rm -rf --one-file-system "$old"
  fi
done

room=$(mktemp -d "$base/recshim-clean-room-XXXXXX")
exec 9>"$room/lock"
flock 9
leave() {
  trap '' INT TERM HUP
  stop_apart
  if $keep; then
    touch "$room/kept"
    echo "Kept: $room"
  else
    rm -rf --one-file-system "$room"
  fi
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# inside ROOT COMMAND…: runs it in that root.
inside() {
  local root=$1
  shift
  # shellcheck disable=SC2016 # for the shell within
  apart bash -euc '
    root=$1 debs=$2
    shift 2
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    if [ -n "$debs" ]; then mount --bind "$debs" "$root/var/cache/apt/archives"; fi
    # Not exec: this shell takes in the processes that lose their parents.
    setsid --wait chroot "$root" "$@" && exit 0 || exit $?' "in $root" "$root" "$debs" \
    env -i "${room_environment[@]}" "$@"
}

step() { printf '\n== clean room, %s: %s\n' "$suite" "$*"; }

# run ROOT COMMAND: runs a line of shell in the clone there, and tells how long it took.
run() {
  local root=$1 command=$2 started=$SECONDS
  step "$command"
  if ! inside "$root" bash -c "cd /root/recshim && $command"; then
    step "FAILED: $command"
    exit 1
  fi
  step "passed after $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s: $command"
}

# --- How this system reaches the package sources ----------------------------------------

# This system's source of Debian's RELEASE (bookworm, bookworm-security …), of which the codename
# is put in place of its own.
source_of() {
  local own
  own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="${1/#$suite/$own}" '
      $2 == "main" && $3 == release && $4 ~ /^https?:/ { if ($1 == "Debian") { print $4; exit } other = $4 }
      END { if (other) print other }' | head -n 1
}
if [ -z "$mirror" ] && [ "$(. /etc/os-release && echo "$ID")" = debian ]; then mirror=$(source_of "$suite"); fi

# apt's own settings, for debootstrap and for apt in the room.
http_proxy_of_apt=$(apt-config dump Acquire::http::Proxy 2>/dev/null | sed -nE 's/^Acquire::http::Proxy "(.*)";/\1/p')
https_proxy_of_apt=$(apt-config dump Acquire::https::Proxy 2>/dev/null | sed -nE 's/^Acquire::https::Proxy "(.*)";/\1/p')

# The variables by which pip, npm, cargo, go and others are told where to go. Those that name CA
# certificates name the room's own, which has this system's.
room_bundle=/etc/ssl/certs/ca-certificates.crt
room_environment=(HOME=/root USER=root LANG=C.UTF-8
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
bundles=()
[ ! -r "$room_bundle" ] || bundles+=("$room_bundle")
for name in $(compgen -e); do
  case "$name" in
    SSL_CERT_FILE | CURL_CA_BUNDLE | REQUESTS_CA_BUNDLE | NODE_EXTRA_CA_CERTS | GIT_SSL_CAINFO | PIP_CERT | CARGO_HTTP_CAINFO)
      [ ! -r "${!name}" ] || bundles+=("${!name}")
      room_environment+=("$name=$room_bundle")
      ;;
    CI | JOBS | TERM) room_environment+=("$name=${!name}") ;;
    [hH][tT][tT][pP]_[pP]* | [hH][tT][tT][pP][sS]_[pP]* | [aA][lL][lL]_[pP][rR]* | [nN][oO]_[pP][rR][oO]* | \
      PIP_* | [nN][pP][mM]_[cC][oO][nN][fF][iI][gG]_* | CARGO_HTTP_* | CARGO_NET_* | CARGO_REGISTR* | CARGO_SOURCE_* | \
      GOPROXY | GOSUMDB | GONOSUMDB | GONOSUMCHECK | GONOPROXY | GOPRIVATE | GOINSECURE | GOAUTH | MAVEN_ARGS)
      room_environment+=("$name=${!name}")
      ;;
  esac
done

# take_over ROOT: copies there what this system knows of names, proxies, CAs and package sources.
take_over() {
  local root=$1 file release uri
  cp -L /etc/hosts /etc/resolv.conf "$root/etc/"
  for file in /etc/pip.conf /etc/npmrc /etc/apt/auth.conf; do
    [ ! -r "$file" ] || cp "$file" "$root$file"
  done
  [ ! -d /etc/apt/auth.conf.d ] || cp -r /etc/apt/auth.conf.d "$root/etc/apt/"
  for file in .netrc .npmrc .pip/pip.conf .config/pip/pip.conf .cargo/config .cargo/config.toml \
    .cargo/credentials .cargo/credentials.toml .config/go/env .m2/settings.xml; do
    if [ -r "$HOME/$file" ]; then install -D -m 600 "$HOME/$file" "$root/root/$file"; fi
  done

  apt-config dump Acquire 2>/dev/null |
    grep -E '^Acquire::(https?|ftp|Retries|ForceIPv|Check-|Allow|Max-ValidTime|Min-ValidTime|Queue)' \
      >"$root/etc/apt/apt.conf.d/90host" || true
  # Nothing here outlives a crash.
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/clean-room"
  if [ -n "$mirror" ]; then
    for release in "$suite" "$suite-updates" "$suite-security"; do
      uri=$(source_of "$release")
      [ "$release" != "$suite" ] || uri=$mirror
      [ -z "$uri" ] || echo "deb $uri $release main"
    done >"$root/etc/apt/sources.list"
  fi

  # The CA certificates that are trusted here and would not be in the room.
  awk -v folder="$root/usr/local/share/ca-certificates" '
    /BEGIN CERTIFICATE/ { text = ""; reading = 1 }
    reading { text = text $0 "\n" }
    /END CERTIFICATE/ {
      reading = 0
      if (FILENAME != ARGV[1] && !(text in known)) {
        path = folder "/host-" ++count ".crt"
        printf "%s", text >path
        close(path)
      }
      known[text] = 1
    }' "$root$room_bundle" "${bundles[@]}"
  inside "$root" update-ca-certificates >/dev/null 2>&1
}

# --- The steps --------------------------------------------------------------------------

# Downloaded packages, unless another run has them in use.
debs=
if [ -n "$cache" ]; then
  mkdir -p "$cache/$suite/partial"
  cache=$(cd "$cache/$suite" && pwd)
  exec 8>"$cache/.lock"
  if flock -n 8; then debs=$cache; else echo "Another run uses $cache; this one does without."; fi
fi

# progress LOG: copies debootstrap's output there, and prints its stages only.
progress() {
  tee "$1" | grep --line-buffered -E '^(I: (Checking|Resolving|Unpacking the|Installing|Configuring the|Base)|[EW]:)' || true
}

step "an empty root by debootstrap"
started=$SECONDS
root=$room/root
# debootstrap's wget reads the passwords that apt has in the same form.
mkdir -p "$room/home" "$root"
cat /etc/apt/auth.conf /etc/apt/auth.conf.d/*.conf "$HOME/.netrc" >"$room/home/.netrc" 2>/dev/null || true
chmod 600 "$room/home/.netrc"
bootstrap_environment=(HOME="$room/home")
[ -z "$http_proxy_of_apt" ] || bootstrap_environment+=(http_proxy="$http_proxy_of_apt")
[ -z "$https_proxy_of_apt" ] || bootstrap_environment+=(https_proxy="$https_proxy_of_apt")
if ! apart env "${bootstrap_environment[@]}" debootstrap --variant=minbase --include=git,ca-certificates \
  ${debs:+--cache-dir="$debs"} "$suite" "$root" ${mirror:+"$mirror"} > >(progress "$room/debootstrap.log") 2>&1; then
  tail -n 20 "$room/debootstrap.log" "$root/debootstrap/debootstrap.log" 2>/dev/null >&2 || true
  echo "debootstrap failed." >&2
  exit 1
fi
take_over "$root"
if $deb; then cp -a "$root" "$room/second"; fi
if [ -n "$(git status --porcelain 2>/dev/null)" ]; then
  echo "What is not committed here is not in the clone."
fi
git clone -q --depth 1 "file://$PWD" "$root/root/recshim"
echo "made in $((SECONDS - started)) s; commit $(git -C "$root/root/recshim" log -1 --format='%h %s')"

if [ "$suite" = bullseye ]; then
  step "scripts/demo.sh, which can't build here"
  status=0
  inside "$root" bash -c 'cd /root/recshim && scripts/demo.sh' >"$room/demo.log" 2>&1 || status=$?
  cat "$room/demo.log"
  if [ "$status" -ne 3 ] || ! grep -q scripts/wheel.sh "$room/demo.log"; then
    step "FAILED: it ended with status $status, and should have with 3 and a word of scripts/wheel.sh"
    exit 1
  fi
  step "passed: it says so"
  exit 0
fi
run "$root" scripts/demo.sh
if $deb; then
  run "$root" scripts/package.sh
  mkdir "$room/second/root/recshim"
  git -C "$root/root/recshim" archive HEAD scripts tests/e2e/servers | tar -x -C "$room/second/root/recshim"
  cp "$root"/root/recshim/build/recshim_*.deb "$room/second/root/recshim/"
  run "$room/second" 'apt-get update -qq && apt-get install -y -qq --no-install-recommends ./recshim_*.deb >/dev/null'
  run "$room/second" 'scripts/demo.sh --installed'
fi
$quick || run "$root" scripts/test.sh

# Of the cache what the archive no longer has.
if [ -n "$debs" ]; then inside "$root" apt-get autoclean -qq >/dev/null; fi
step "all passed"
