"""Each program of python/use_*.py: live, recorded, replayed offline; the same output."""

import pathlib
import sys

import pytest

from harness import lab as labs

PROGRAMS = sorted(path.stem for path in (pathlib.Path(__file__).parent / "python").glob("use_*.py"))
# These ask over plain HTTP too.
PLAIN_TOO = {"use_asyncio_mixed", "use_asyncio_streams", "use_uvloop"}
# One for each way to carry TLS and to share connections; none meets an error, which is not kept.
FETCHING = ["use_asyncio_mixed", "use_asyncio_streams", "use_httpx_async", "use_pycurl", "use_subprocesses",
            "use_threads", "use_urllib", "use_uvloop"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_python_client(lab, program):
    lab.serve()
    if program in PLAIN_TOO:
        lab.serve(tls=False)
    script = pathlib.Path(__file__).parent / "python" / f"{program}.py"
    recorded, replayed = lab.check([sys.executable, script])
    assert recorded.stdout


@pytest.mark.parametrize("program", FETCHING)
def test_python_client_fetching(lab, program):
    """record-if-missing: all of it fetched by the gateway, then none."""
    lab.serve()
    if program in PLAIN_TOO:
        lab.serve(tls=False)
    argv = [sys.executable, pathlib.Path(__file__).parent / "python" / f"{program}.py"]
    alone = lab.live(argv).ok()
    fetched = lab.record(argv, mode="record-if-missing", what="record-if-missing").ok()
    outcomes = labs.outcomes(fetched.journal)
    assert set(outcomes) <= {"recorded", "hit"}, fetched.journal
    assert alone.stdout.count(b"\n") == fetched.stdout.count(b"\n")
    if "hit" not in outcomes:  # a request that the program repeats has been recorded by then
        labs.assert_same(alone, fetched)
    lab.stop_servers()
    again = lab.record(argv, mode="record-if-missing", what="again, without a server").ok()
    labs.assert_same(fetched, again)
    assert labs.outcomes(again.journal) == ["hit"] * len(outcomes)
