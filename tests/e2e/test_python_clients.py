"""Each program of python/use_*.py: live, recorded, replayed offline; the same output."""

import pathlib
import sys

import pytest

PROGRAMS = sorted(path.stem for path in (pathlib.Path(__file__).parent / "python").glob("use_*.py"))
# These ask over plain HTTP too.
PLAIN_TOO = {"use_asyncio_streams", "use_uvloop"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_python_client(lab, program):
    lab.serve()
    if program in PLAIN_TOO:
        lab.serve(tls=False)
    script = pathlib.Path(__file__).parent / "python" / f"{program}.py"
    recorded, replayed = lab.check([sys.executable, script])
    assert recorded.stdout
