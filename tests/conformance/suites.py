"""The suites: which tests of which project, how they are fetched, and how a part of them is run.
A part runs in a process of its own and writes JUnit XML. Nothing here knows of the library."""

import dataclasses
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PART_S = 600

# CPython's own tests of what the library stands in front of.
CPYTHON = """
    asyncio.test_base_events asyncio.test_buffered_proto asyncio.test_events asyncio.test_sendfile
    asyncio.test_server asyncio.test_sock_lowlevel asyncio.test_ssl asyncio.test_sslproto
    asyncio.test_streams asyncio.test_subprocess asyncio.test_unix_events
    asynchat asyncore concurrent_futures docxmlrpc epoll faulthandler fcntl fileio fork1 ftplib
    httplib http_cookiejar httpservers imaplib io largefile logging multiprocessing_spawn nntplib
    openpty os poll poplib popen posix pty robotparser select selectors shutil signal smtpd smtplib
    socket socketserver ssl subprocess telnetlib tempfile threading threadsignals urllib urllib2
    urllib2_localnet wait3 wait4 wsgiref xmlrpc
""".split()
# Pinned sources from PyPI; the tests' folder, and what pytest is told besides.
PYPI = {
    "requests": ("requests==2.32.3", ["tests"]),
    "httpx": ("httpx==0.28.1", ["tests"]),
    "httpcore": ("httpcore==1.0.9", ["-o", "addopts=", "tests"]),
    # pyOpenSSL brings an OpenSSL of its own, so that its TLS ends in the gateway, whose
    # certificate is not the one that these tests look for.
    "urllib3": ("urllib3==2.4.0", ["--ignore=test/contrib/test_pyopenssl.py", "test"]),
    "aiohttp": ("aiohttp==3.11.18", ["-o", "addopts=", *(f"tests/test_{name}.py" for name in (
        "client_functional", "client_ws_functional", "connector", "proxy_functional", "run_app",
        "web_functional", "web_sendfile_functional", "web_websocket_functional"))]),
    "anyio": ("anyio==4.9.0", ["tests"]),
}
# unittest suites that come with the installed package.
INSTALLED = {"tornado": "tornado.test"}
# The standard library's own tests of these packages.
GO = ["net", "net/http", "net/http/httptest", "net/http/httputil", "net/http/internal", "net/rpc", "net/smtp",
      "net/textproto", "crypto/tls"]
NAMES = ["cpython", *PYPI, *INSTALLED, "go"]
# Programs that make their system calls themselves have no library to notice.
MODES = {"go": ["sealed"]}


@dataclasses.dataclass(frozen=True)
class Part:
    """suite:name. REQUIRES: command writes JUnit XML to the file that replaces RESULTS in it."""

    suite: str
    name: str
    command: tuple
    cwd: pathlib.Path = None  # default: an empty folder
    variables: tuple = ()

    RESULTS = "{results}"


def has_tests(python):
    code = "import importlib.util as u, sys; sys.exit(not (u.find_spec('test') and u.find_spec('test.test_socket')))"
    return subprocess.run([python, "-c", code], timeout=60).returncode == 0


def cpython_tests(work):
    """The folder that holds CPython's package `test`, or None where the interpreter has it.
    Debian has most of it in a package of its own, which is unpacked, not installed."""
    if has_tests(sys.executable):
        return None
    folder = work / "cpython"
    if not (folder / "test" / "test_socket.py").exists():
        package = f"libpython{sys.version_info.major}.{sys.version_info.minor}-testsuite"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        download = ["apt-get", "download", "-qq", package]
        if subprocess.run(download, cwd=folder, timeout=300).returncode != 0:
            # The package lists may be old or absent.
            as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
            subprocess.run([*as_root, "apt-get", "update", "-qq"], check=True, timeout=300)
            subprocess.run(download, check=True, cwd=folder, timeout=300)
        archive, = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, folder / "unpacked"], check=True, timeout=300)
        installed = pathlib.Path(importlib.util.find_spec("test").origin).parent
        shutil.copytree(installed, folder / "test")
        shutil.copytree(next(folder.glob("unpacked/usr/lib/python3*/test")), folder / "test", dirs_exist_ok=True)
    return folder


def cpython(work, names):
    tests = cpython_tests(work)
    folder = tests or pathlib.Path(importlib.util.find_spec("test").origin).parent.parent
    variables = (("PYTHONPATH", str(tests)),) if tests else ()
    for name in names or CPYTHON:
        module = name.replace("asyncio.", "test.test_asyncio.") if "." in name else f"test.test_{name}"
        if not names and not any(folder.glob(module.replace(".", "/") + ".py")):
            print(f"cpython:{name} is no part of {sys.executable}")
            continue
        # test_socketserver calls loopback a network. Sockets of virtual machines block on some hosts.
        words = {"socketserver": ["-u", "network"], "socket": ["--ignore", "*VSOCK*"]}.get(name, [])
        yield Part("cpython", name, (sys.executable, "-m", "test", "-v", *words, "--timeout", str(PART_S - 20),
                                     "--junit-xml", Part.RESULTS, module), variables=variables)


def venv(work):
    """The interpreter of a virtual environment with what the suites need."""
    folder, requirements = work / "venv", HERE / "requirements.txt"
    stamp = folder / "made-for"
    wanted = requirements.read_text() + sys.version
    if not (stamp.exists() and stamp.read_text() == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=120)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "-r", requirements], check=True, timeout=600)
        stamp.write_text(wanted)
    return folder / "bin" / "python"


def sources(work, requirement):
    """The unpacked source archive of a pinned package, in which its tests are."""
    folder = work / "sources" / requirement.replace("==", "-")
    if not folder.exists():
        archives = work / "archives"
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--no-binary", ":all:", "-d", archives, requirement], check=True, timeout=300)
        shutil.unpack_archive(archives / f"{folder.name}.tar.gz", folder.parent)
    return folder


def pytest(work, suite, *arguments, cwd=None):
    """Warnings are no failures: they come with the versions of what the suites are run with."""
    return Part(suite, "all", (str(venv(work)), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "60",
                               "-o", "filterwarnings=", "--junit-xml", Part.RESULTS, *arguments),
                cwd=cwd, variables=(("PYTHONDONTWRITEBYTECODE", "1"),))


def pypi(work, suite):
    requirement, arguments = PYPI[suite]
    return pytest(work, suite, *arguments, cwd=sources(work, requirement))


def installed(work, suite):
    return pytest(work, suite, "--pyargs", INSTALLED[suite], "-o", "python_files=*_test.py")


def go(work, names):
    root = subprocess.run(["go", "env", "GOROOT"], check=True, timeout=60, capture_output=True, text=True).stdout.strip()
    for name in names:
        folder = pathlib.Path(root, "src", name)
        binary = work / "go" / f"{name.replace('/', '_')}.test"
        subprocess.run(["go", "test", "-c", "-o", binary, name], check=True, timeout=900, cwd=pathlib.Path(root, "src"))
        yield Part("go", name, (sys.executable, str(HERE / "go_test.py"), Part.RESULTS, str(PART_S - 20), str(binary)),
                   cwd=folder)


def parts(word, work):
    """The parts that a word of the command line names: a suite, cpython:module or go:package."""
    suite, _, name = word.partition(":")
    if suite == "cpython":
        return list(cpython(work, [name] if name else None))
    if suite == "go":
        return list(go(work, [name] if name else GO))
    if name or suite not in NAMES:
        raise ValueError(f"no such suite: {word}")
    return [pypi(work, suite) if suite in PYPI else installed(work, suite)]
