#!/usr/bin/env python3
"""Records scripts/demo_client.py against the test server, into the recordings/ that is part of
the repository. The server's ids and dates follow from a seed, so only times change from run to run.
test_demo.py compares; needs the build, openssl(1) and Python's standard library.

    python3 tests/e2e/record_demo.py
"""

import pathlib
import sys
import tempfile

from harness import lab as labs
from harness import paths, pki

RECORDINGS = paths.SOURCE / "recordings"
# As README has it, from the checkout's root.
COMMAND = ["python3", "scripts/demo_client.py"]


def record(lab):
    """The program's run, recorded into lab.dir."""
    lab.seed = "demo"
    for host in ("api.openai.com", "weather.example.test"):
        lab.serve(host, arguments=["--chunk-delay", "0.03"])
    recorded = lab.launch("record", COMMAND, cwd=paths.SOURCE, options=["--strict"]).ok()
    lab.stop_servers()
    return recorded


def main():
    with tempfile.TemporaryDirectory() as folder:
        lab = labs.Lab(pathlib.Path(folder) / "lab", pki.ensure())
        try:
            record(lab)
        finally:
            lab.stop_servers()
        lab.assert_no_secret()
        for old in RECORDINGS.glob("*.json"):
            old.unlink()
        for new in lab.recordings():
            (RECORDINGS / new.relative_to(lab.dir)).write_bytes(new.read_bytes())
        print(f"{len(lab.recordings())} recordings are in {RECORDINGS}.")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    main()
