"""What `cmake --install` and the Debian package put on a system works from where it lies."""

import os
import shutil
import subprocess

import pytest

from harness import lab as labs
from harness import paths


def installed(folder):
    subprocess.run(["cmake", "--install", paths.BUILD, "--prefix", folder], check=True, capture_output=True, timeout=60)
    return folder


def unpacked(folder):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    subprocess.run(["cpack", "-G", "DEB", "--config", paths.BUILD / "CPackConfig.cmake", "-B", folder / "made"],
                   check=True, capture_output=True, timeout=120, cwd=folder)
    (package,) = (folder / "made").glob("recshim_*.deb")
    depends = subprocess.run(["dpkg-deb", "--field", package, "Depends"], check=True, capture_output=True, text=True,
                             timeout=60).stdout
    assert all(name in depends for name in ("libc6", "libcurl4", "libssl3")), depends
    subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True, timeout=60)
    return folder / "root" / "usr"


@pytest.mark.parametrize("put", [installed, unpacked])
def test_installed(lab, tmp_path, put):
    prefix = put(tmp_path)
    lab.serve()
    curl = ["curl", "-q", "-sS", "https://api.openai.com/random"]
    env = lab.shim_env("record", LD_PRELOAD=None, RECSHIM_MODE=None, PATH=f"{prefix}/bin:{os.environ['PATH']}")
    recorded = lab.run(["recshim", "run", "-q", "--mode", "record", "--", *curl], env, "record").ok()
    fetched = lab.run(["recshim", "run", "-q", "--mode", "record-if-missing", "--", *curl[:-1],
                       "https://api.openai.com/random?other"], env, "record-if-missing").ok()
    assert fetched.stdout != recorded.stdout
    lab.stop_servers()
    labs.assert_same(recorded, lab.run(["recshim", "run", "-q", "--", *curl], env, "replay").ok())
    labs.assert_same(recorded, lab.run(["run-with-replay.sh", *curl], env, "run-with-replay.sh").ok())
    env["LD_PRELOAD"] = str(prefix / "lib" / "librecshim.so")
    labs.assert_same(recorded, lab.run(curl, env, "the library alone").ok())
    version = lab.run(["recshim", "--version"], env, "recshim --version").ok().text().split()[-1]
    assert f"recshim {version} in curl " in (lab.folder / "recshim.log").read_text()
