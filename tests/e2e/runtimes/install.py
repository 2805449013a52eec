#!/usr/bin/env python3
"""Builds or installs the client programs of one runtime below the build directory, each as its
users do: npm ci, go build, cargo build, javac, cc. Every dependency's version is pinned by a
lock file beside the sources. Quick when nothing changed.

    install.py NAME...        (run by ctest as the fixtures e2e.runtimes.install.*)
"""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import paths  # noqa: E402

PROGRAMS = paths.WORK / "runtimes"
INSTALL_S = 900


def run(*command, cwd, **variables):
    subprocess.run([str(word) for word in command], check=True, cwd=cwd, timeout=INSTALL_S,
                   stdin=subprocess.DEVNULL, env={**os.environ, **variables})


def install_node(sources, target):
    """The packages are installed without their scripts, which would download more."""
    shutil.copytree(sources, target, dirs_exist_ok=True)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", cwd=target)


def install_go(sources, target):
    """Without cgo a program is static and makes its own system calls; with it libc is asked
    for names. The SDK takes long to build and is built once."""
    for cgo, programs in (("0", ["./net_http", "./openai"]), ("1", ["./net_http"])):
        run("go", "build", "-trimpath", "-o", f"{target / ('cgo' + cgo)}/", *programs, cwd=sources,
            CGO_ENABLED=cgo, GOFLAGS="-mod=readonly")


def install_rust(sources, target):
    for package in ("with_native_tls", "with_rustls"):
        run("cargo", "build", "--quiet", "--locked", "-p", package, cwd=sources, CARGO_TARGET_DIR=str(target))


def install_java(sources, target):
    run("javac", "-Xlint:all", "-Werror", "--release", "17", "-d", target, *sorted(sources.glob("*.java")), cwd=sources)


OPENSSL_1_1 = "mysql-connector-python==8.0.31"  # brings the last OpenSSL of that line, 1.1.1q
OPENSSL_3_5 = "psycopg2-binary==2.9.13"  # brings 3.5.8


def download_wheel(package, target, python, platform):
    """The files in a wheel that need not be for this Python."""
    folder = target / package.replace("==", "-")
    folder.mkdir(exist_ok=True)
    run(paths.WORK / "venv/bin/python", "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--only-binary", ":all:", "--python-version", python, "--platform", platform,
        "--dest", folder, package, cwd=target)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


def install_c(sources, target):
    strict = ["-O1", "-Wall", "-Wextra", "-Werror"]
    run("cc", *strict, "-o", target / "static_openssl_client", sources / "openssl_client.c",
        "-l:libssl.a", "-l:libcrypto.a", "-l:libz.a", "-l:libzstd.a", cwd=sources)
    with download_wheel(OPENSSL_1_1, target, "3.10", "manylinux1_x86_64") as archive:
        for name in ("libssl.so.1.1", "libcrypto.so.1.1"):
            (target / name).write_bytes(archive.read(f"mysql/vendor/{name}"))
    with download_wheel(OPENSSL_3_5, target, "3.11", "manylinux2014_x86_64") as archive:
        (target / "openssl_3_5").mkdir(exist_ok=True)
        for name in archive.namelist():
            if re.fullmatch(r".*\.libs/lib(ssl|crypto)-.*", name):
                (target / "openssl_3_5" / pathlib.Path(name).name).write_bytes(archive.read(name))
    run("cc", *strict, "-DOPENSSL_1_1", "-o", target / "openssl_1_1_client", sources / "openssl_client.c",
        f"-L{target}", "-l:libssl.so.1.1", "-l:libcrypto.so.1.1", "-Wl,-rpath,$ORIGIN", cwd=sources)
    run("musl-gcc", "-static", *strict, "-o", target / "musl_client", sources / "musl_client.c", cwd=sources)


# A CPython whose _ssl has OpenSSL linked into it, as python-build-standalone's has.
CPYTHON = "org.bytedeco:cpython:3.13.5-1.5.12:jar:linux-x86_64"
CPYTHON_SHA256 = "50ad91aa0baa57f0235bb666b87d8bf2a44e215d28c250de1030502906af143b"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"


def install_python313(sources, target):
    run("mvn", "-q", "-B", COPY, f"-Dartifact={CPYTHON}", f"-DoutputDirectory={target}", cwd=target)
    (jar,) = target.glob("*.jar")
    if hashlib.sha256(jar.read_bytes()).hexdigest() != CPYTHON_SHA256:
        raise SystemExit(f"{jar} is not what it was")
    with zipfile.ZipFile(jar) as archive:
        archive.extractall(target)
    python = target / "org/bytedeco/cpython/linux-x86_64/bin/python3.13"
    python.chmod(0o755)
    run(python, "-m", "venv", "--clear", target / "venv", cwd=target)
    run(target / "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--only-binary", ":all:", "--no-deps", "-r", sources / "requirements.txt", cwd=target)


INSTALLERS = {"node": install_node, "go": install_go, "rust": install_rust, "java": install_java, "c": install_c,
              "python313": install_python313}
# What each needs: how to ask for its version, and the oldest that builds what the lock files pin.
TOOLS = {"node": (["node", "--version"], (20,)), "go": (["go", "version"], (1, 26)),
         "rust": (["cargo", "--version"], (1, 88)), "java": (["javac", "-version"], (17,)),
         "c": (["musl-gcc", "--version"], (0,)), "python313": (["mvn", "-B", "--version"], (3,))}


def why_not(name):
    """Why this machine can't build the programs, or None."""
    command, oldest = TOOLS[name]
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    told = re.sub(r"\x1b\[[0-9;]*m", "", told)  # Maven's colours
    version = tuple(map(int, re.search(r"\d+(?:\.\d+)*", told).group().split(".")))
    if version < oldest:
        return f"{command[0]} is of version {'.'.join(map(str, version))}, and {'.'.join(map(str, oldest))} is needed"
    return None


def fingerprint(sources):
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    for path in sorted(sources.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def install(name):
    sources, target = HERE / name, PROGRAMS / name
    stamp = PROGRAMS / f"{name}.made-for"
    wanted = fingerprint(sources)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if problem := why_not(name):
        # The tests that need them say so and are skipped.
        print(f"no programs for {name}: {problem}")
        return
    target.mkdir(parents=True, exist_ok=True)
    INSTALLERS[name](sources, target)
    stamp.write_text(wanted)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        install(argument)
