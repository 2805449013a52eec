#!/usr/bin/env python3
"""Builds the wheel and installs it into virtual environments below the build directory: one of this system's
Python, and one of Debian 11's (Python 3.9, glibc 2.31, OpenSSL 1.1), a system without compilers that
debootstrap makes. Only that takes root; where it can't be made, test_wheel.py says so.

    install.py build | environments        (run by ctest as the fixtures e2e.wheel.*)
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import lab, paths  # noqa: E402

WHEEL = paths.WORK / "wheel"
DEBIAN_11 = WHEEL / "debian11"
REQUIREMENTS = HERE / "requirements.txt"
MACHINE = os.uname().machine
BUNDLE = "/etc/pki/tls/certs/ca-bundle.crt"


def wheels():
    return sorted((paths.SOURCE / "dist").glob(f"recshim-*-manylinux_2_31_{MACHINE}.whl"))


def venv(place):
    return WHEEL / f"venv-{place}"


def why_no_debian_11():
    """Why that system can't be made here, or None."""
    if os.geteuid() != 0:
        return "only root can make a Debian 11 in a folder"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed"
    if lab.unshare("--mount") is None:
        return "mount namespaces are not allowed here"
    return None


def entered(place, *flags):
    """The command prefix by which a program runs there; with flags of unshare(1)."""
    if place != "debian11":
        return lab.unshare(*flags) if flags else []
    # The build directory, the tests and the kernel's file systems are where they are here. The
    # mounts end with the namespace.
    script = ('set -e; root=$1; shift; for folder in /proc /dev "$1" "$2"; do mkdir -p "$root$folder"; '
              'mount --rbind "$folder" "$root$folder"; done; shift 2; exec unshare --root="$root" --wd="$PWD" -- "$@"')
    return [*lab.unshare("--mount", *flags), "sh", "-c", script, "enter", str(DEBIAN_11), str(paths.BUILD), str(HERE)]


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, timeout=900, stdin=subprocess.DEVNULL, **options)


def make_debian_11():
    stamp = DEBIAN_11 / "made-for"
    wanted = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if DEBIAN_11.exists():
        run("rm", "-rf", "--one-file-system", DEBIAN_11)
    DEBIAN_11.mkdir(parents=True)
    mirror = subprocess.run(["bash", "-c", ". scripts/packages.sh && debian_mirror"], check=True, cwd=paths.SOURCE,
                            stdout=subprocess.PIPE, text=True, timeout=60).stdout.strip()
    run(*lab.unshare("--mount"), "debootstrap", "--variant=minbase", "--include=openssl,python3,python3-venv", "bullseye",
        DEBIAN_11, mirror)
    # Its authorities are where Fedora has them: what a test mounts on the bundle.
    run("rm", "-rf", DEBIAN_11 / "etc/ssl/certs")
    bundle = DEBIAN_11 / BUNDLE[1:]
    bundle.parent.mkdir(parents=True)
    bundle.touch()
    stamp.write_text(wanted)


def make_venv(place, python, packages):
    """A fresh one, without a network."""
    shutil.rmtree(venv(place), ignore_errors=True)
    enter = entered(place, "--net")
    run(*enter, python, "-m", "venv", venv(place), cwd=WHEEL)
    run(*enter, venv(place) / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index",
        "--find-links", packages, "--no-deps", "-r", packages / "requirements.txt", *packages.glob("recshim-*.whl"),
        cwd=WHEEL, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(WHEEL)})


def make_environments():
    packages = WHEEL / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    run(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--platform", "any",
        "--only-binary", ":all:", "--dest", packages, "-r", REQUIREMENTS)
    shutil.copy(REQUIREMENTS, packages)
    (wheel,) = wheels()
    shutil.copy(wheel, packages)
    make_venv("here", sys.executable, packages)
    if why_no_debian_11() is None:
        make_debian_11()
        make_venv("debian11", "/usr/bin/python3", packages)


if __name__ == "__main__":
    if sys.argv[1] == "build":
        for old in wheels():
            old.unlink()
        run(paths.SOURCE / "scripts" / "wheel.sh")
    else:
        make_environments()
