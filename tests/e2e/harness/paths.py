"""Where things are. All output goes below the build directory."""

import os
import pathlib

E2E = pathlib.Path(__file__).resolve().parent.parent
SOURCE = E2E.parent.parent
BUILD = pathlib.Path(os.environ.get("RECSHIM_BUILD_DIR") or SOURCE / "build").resolve()
LIBRARY = BUILD / "librecshim.so"
LAUNCHER = BUILD / "recshim"
WORK = BUILD / "e2e"


def shared():
    """The folder of shared test data (seeds, corpus), or None."""
    folder = pathlib.Path(os.environ.get("RECSHIM_TEST_SHARED") or SOURCE.parent / "shared")
    return folder if folder.is_dir() else None
