"""The wheel, installed as users install it: into a virtual environment of this system's Python, and of that of a
Debian 11 without compilers, whose programs have glibc 2.31 and OpenSSL 1.1."""

import pathlib
import re
import tarfile

import pytest

from harness import lab as labs
from harness import paths
import install

SUITE = pathlib.Path(__file__).parent / "suite"
HOST = "static.example.test"
# As a program says on what it runs.
SYSTEM = "import os, ssl, sys; print(sys.version_info[:2], os.confstr('CS_GNU_LIBC_VERSION'), ssl.OPENSSL_VERSION)"


class Place:
    """One of the environments, with a lab whose programs run there."""

    def __init__(self, name, lab):
        self.name, self.lab = name, lab
        self.bin = install.venv(name) / "bin"
        self.packages = sorted((install.venv(name) / "lib").glob("python3*/site-packages"))[0]

    def run(self, argv, what, offline=False, authorities=None, **variables):
        # Nothing but the environment's bin leads to recshim's parts.
        env = self.lab.shim_env(None, LD_PRELOAD=None, RECSHIM_LIBRARY=None, PATH=f"{self.bin}:/usr/bin:/bin", **variables)
        command = [*install.entered(self.name, *(["--net"] if offline else [])), *argv]
        if authorities:
            command = [*labs.unshare("--mount"), "sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "mount",
                       authorities, str(install.DEBIAN_11) + install.BUNDLE, *command]
        return self.lab.run(command, env, what)

    def text(self, *argv):
        return self.run(argv, " ".join(map(str, argv))).ok().text().strip()


@pytest.fixture(params=["here", "debian11"])
def place(request, lab):
    if request.param == "debian11" and (why := install.why_no_debian_11()):
        pytest.skip(why)
    return Place(request.param, lab)


@pytest.fixture
def debian11(lab):
    if why := install.why_no_debian_11():
        pytest.skip(why)
    return Place("debian11", lab)


def without_times(result):
    return re.sub(r" in [0-9.]+s", "", result.text())


def test_parts(place):
    """Each of the ways to the parts leads to the same ones."""
    system = place.text("python", "-c", SYSTEM)
    if place.name == "debian11":
        assert "glibc 2.31" in system and "OpenSSL 1.1.1" in system, system
        assert place.text("sh", "-c", "command -v cc gcc c++ g++ clang || echo none") == "none"
    library = place.text("recshim", "library")
    assert library == str(install.venv(place.name) / "libexec" / "recshim" / "librecshim.so")
    assert place.text("python", "-c", "import recshim; print(recshim.library())") == library
    assert place.text("python", "-c", "import recshim; print(recshim.program())") == str(place.bin / "recshim")
    version = place.text("recshim", "--version")
    assert place.text("python", "-m", "recshim", "--version") == version
    assert version == "recshim " + place.text("python", "-c",
                                              "from importlib.metadata import version; print(version('recshim'))")
    # No Python starts with the command.
    assert (place.bin / "recshim").read_bytes().startswith(b"\x7fELF")
    assert place.run(["python", "-m", "recshim", "run", "--", "sh", "-c", "exit 7"], "status").status == 7


def test_suite(place):
    place.lab.serve()
    suite = ["pytest", "-q", "-s", "-p", "no:cacheprovider", SUITE]
    recorded = place.run(["recshim", "run", "-q", "--strict", "--mode", "record", "--", *suite], "record").ok()
    assert "4 passed" in recorded.text()
    place.lab.stop_servers()
    assert len(place.lab.recordings()) == 5
    ways = {"recshim run": ["recshim", "run", "-q", "--strict", "--", *suite],
            "python -m recshim run": ["python", "-m", "recshim", "run", "-q", "--strict", "--", *suite],
            "LD_PRELOAD": ["sh", "-c", 'LD_PRELOAD=$(recshim library) "$@"', "sh", *suite]}
    for name, argv in ways.items():
        replayed = place.run(argv, name, offline=True, RECSHIM_JOURNAL=str(journal := place.lab.fresh("journal"))).ok()
        assert without_times(replayed) == without_times(recorded), name
        assert labs.outcomes(labs.read_journal(journal)) == ["hit"] * 5, name
    place.lab.assert_no_secret()


def test_fetching(debian11):
    """By the libcurl and the OpenSSL in the wheel, which find the authorities of a system that is none of Debian's."""
    lab = debian11.lab
    server = lab.serve()
    fetch = ["recshim", "run", "-q", "--mode", "record-if-missing", "--", "python", "-c",
             "import requests; print(requests.get('https://api.openai.com/random', timeout=30).text)"]
    unset = dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"))
    others = debian11.packages / "certifi" / "cacert.pem"
    refused = debian11.run(fetch, "other authorities", authorities=others, **unset)
    assert refused.status != 0 and b"unable to get local issuer certificate" in refused.stderr, refused.account()
    assert not lab.recordings()
    fetched = debian11.run(fetch, "fetch", authorities=lab.pki.ca, **unset).ok()
    server.await_log("/random")
    lab.stop_servers()
    again = debian11.run(fetch, "fetch again", offline=True, **unset).ok()
    labs.assert_same(fetched, again)


def test_static_program(debian11, clients):
    """Which no library reaches: by the supervisor."""
    lab = debian11.lab
    lab.serve(HOST, tls=False)
    argv = ["--", clients["glibc"], HOST, "80", "/random?1", "/random?2"]
    recorded = debian11.run(["recshim", "run", "-q", "--mode", "record", *argv], "record").ok()
    lab.stop_servers()
    assert len(lab.recordings()) == 2
    labs.assert_same(recorded, debian11.run(["recshim", "run", "-q", *argv], "replay", offline=True).ok())


def test_other_places(debian11):
    """`pip install --target` and `--prefix`: the parts find each other there too."""
    (wheel,) = install.wheels()
    home = debian11.lab.folder / "home"
    pip = [debian11.bin / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
           "--ignore-installed", install.WHEEL / "packages" / wheel.name]
    for option, modules in (("--target", ""), ("--prefix", "lib/python3.9/site-packages")):
        folder = home / option.strip("-")
        debian11.run([*pip, option, folder], option).ok()
        library = str(folder / "libexec" / "recshim" / "librecshim.so")
        assert debian11.text(folder / "bin" / "recshim", "library") == library
        found = debian11.run(["python", "-c", "import recshim; print(recshim.library())"], option,
                             PYTHONPATH=str(folder / modules)).ok()
        assert found.text().strip() == library


def test_source_distribution():
    """The wheel was built from it. It has the sources, and no tests."""
    (path,) = (paths.SOURCE / "dist").glob("recshim-*.tar.gz")
    with tarfile.open(path) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"shim", "tools", "scripts"}, folders
    assert [name for name in names if name.startswith("scripts/")] == ["scripts/packaging.cmake"]
    assert path.stat().st_size < 1_000_000
