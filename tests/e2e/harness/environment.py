#!/usr/bin/env python3
"""Makes what every end-to-end test needs: a virtual environment with requirements.txt,
requirements-bare.txt beside it and the test certificates, below the build directory. Quick when both are there.

    environment.py REQUIREMENTS VENV      (run by ctest as the fixture e2e.environment)
"""

import hashlib
import pathlib
import subprocess
import sys
import venv


def main():
    requirements, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    stamp = folder / "made-for"
    bare = requirements.with_name("requirements-bare.txt")
    wanted = hashlib.sha256(requirements.read_bytes() + bare.read_bytes() + sys.version.encode()).hexdigest()
    python = folder / "bin" / "python"
    if not (stamp.exists() and stamp.read_text() == wanted):
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                   "--only-binary", ":all:"]
        subprocess.run([*install, "-r", requirements], check=True, timeout=600)
        subprocess.run([*install, "--no-deps", "--ignore-requires-python", "-r", bare], check=True, timeout=300)
        stamp.write_text(wanted)
    here = pathlib.Path(__file__).resolve().parent.parent
    subprocess.run([python, "-c", "from harness import pki; pki.ensure()"], check=True, cwd=here, timeout=120)


if __name__ == "__main__":
    main()
