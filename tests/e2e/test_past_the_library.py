"""What goes past the library, in programs that lost it and in programs that have it: recorded or
counted in record, answered or refused in replay, with --strict and without."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from harness import container, paths
from harness import lab as labs
from test_container import INSIDE
from test_supervisor import HOST, PROGRAMS, launch

CURL = [shutil.which("curl") or "curl", "-q", "-sS", "--max-time", "20"]
INLINE = ["inline", "fast-open", "clone", "namespace"]
WAYS = [*INLINE, "empty environment", "env -i"]
STRICT = pytest.mark.parametrize("strict", [[], ["--strict"]], ids=["plain", "strict"])


@pytest.fixture(scope="session")
def past():
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    made = PROGRAMS / f"past_the_library.{os.getpid()}"
    source = paths.E2E / "supervised" / "past_the_library.c"
    subprocess.run(["cc", "-O1", "-w", "-o", made, source, "-ldl"], check=True, timeout=120)
    made.replace(PROGRAMS / "past_the_library")
    return PROGRAMS / "past_the_library"


def ask(past, way, path="/random"):
    url = f"http://{HOST}{path}"
    if way == "env -i":
        return ["env", "-i", *CURL, url]
    if way == "empty environment":
        return [sys.executable, "-c", f"import subprocess; subprocess.run({[*CURL, url]!r}, env={{}}, check=True)"]
    return [past, way, HOST, "80", path]


def counts(result):
    return json.loads(result.stderr.decode().splitlines()[-1])


@STRICT
@pytest.mark.parametrize("way", WAYS)
def test_it_is_served(lab, past, way, strict):
    """/random gives another answer each time it is asked."""
    lab.serve(tls=False)
    argv = ask(past, way)
    recorded = launch(lab, "record", argv, ["-q", *strict]).ok()
    assert labs.outcomes(recorded.journal) == ["recorded"]
    if way not in INLINE and strict:
        # A sealed run stops what lost the library.
        stopped = launch(lab, "replay", argv, ["-q", *strict])
        assert stopped.status == 86 and labs.outcomes(stopped.journal) == ["refused"], stopped.account()
    else:
        replayed = launch(lab, "replay", argv, ["-q", *strict]).ok()
        labs.assert_same(recorded, replayed)
        assert labs.outcomes(replayed.journal) == ["hit"]
    fetched = launch(lab, "record-if-missing", ask(past, way, "/echo?n=2"), ["-q", *strict]).ok()
    assert labs.outcomes(fetched.journal) == ["recorded"]
    assert len(lab.requests()) == 2


@STRICT
@pytest.mark.parametrize("way", WAYS)
def test_nothing_goes_out_in_replay(lab, past, way, strict):
    lab.serve(tls=False)
    missed = launch(lab, "replay", ask(past, way), ["--json", *strict])
    assert lab.requests() == [] and (missed.status == 86 or not strict), missed.account()
    told = counts(missed)
    assert told["missed"] + told["refused"] == 1, told


@STRICT
@pytest.mark.parametrize("mode", ["record", "record-if-missing", "replay"])
def test_rings(lab, past, mode, strict):
    """Nobody could see into one, so there is none."""
    result = launch(lab, mode, ask(past, "ring"), ["-q", *strict])
    assert result.status == 1 and result.stdout == b"ring: Function not implemented\n", result.account()


@STRICT
@pytest.mark.parametrize("way", ["env -i", "empty environment"])
def test_tls_that_nobody_can_read_is_counted(lab, past, way, strict):
    """Record lets it go where it asked to; in replay it does not get there."""
    lab.serve()
    argv = [word.replace("http://", "https://") for word in map(str, ask(past, way))]
    argv = [word.replace("'-sS'", "'-ksS'") if word != "-sS" else "-ksS" for word in argv]
    recorded = launch(lab, "record", argv, ["--json", *strict])
    assert recorded.status == (86 if strict else 0), recorded.account()
    (line,) = recorded.journal
    assert (line["outcome"], line["url"]) == ("unrecorded", f"{HOST}:443") and "LD_PRELOAD" in line["detail"]
    assert counts(recorded)["unrecorded"] == 1 and len(lab.requests()) == 1 and recorded.stdout
    refused = launch(lab, "replay", argv, ["--json", *strict])
    assert len(lab.requests()) == 1 and counts(refused)["replayed"] == 0, refused.account()
    assert counts(refused)["missed"] + counts(refused)["refused"] == 1, refused.account()


@STRICT
@pytest.mark.parametrize("mode", ["record", "record-if-missing", "replay"])
@pytest.mark.parametrize("way", INLINE)
def test_what_is_not_configured_is_left_alone(lab, past, way, mode, strict):
    server = lab.serve(tls=False)
    argv = [past, way, "127.0.0.1", str(server.port), "/echo?n=1"]
    env = {"RECSHIM_HOSTS": "other.test", "RECSHIM_CONNECT_TO": None}
    passed = launch(lab, mode, argv, ["-q", *strict], **env)
    assert passed.status == 0 and passed.stdout.startswith(b"HTTP/1.1 200") and passed.journal == [], passed.account()


@pytest.mark.parametrize("way", ["inline", "env -i"])
def test_in_a_container(lab, past, way):
    if problem := container.why_not():
        pytest.skip(problem)
    lab.serve(tls=False)
    argv = ask(past, way)
    recorded = launch(lab, "record", argv, ["-q", "--strict"], INSIDE).ok()
    assert labs.outcomes(recorded.journal) == ["recorded"]
    labs.assert_same(recorded, launch(lab, "replay", argv, ["-q"], INSIDE).ok())
    assert len(lab.requests()) == 1


def test_a_run_of_its_own_inside_a_run(lab, past):
    """Its supervisor is asked in the outer one's place, and each has its own recordings."""
    lab.serve(tls=False)
    other = lab.fresh("other")
    inner = [paths.LAUNCHER, "run", "-q", "--mode", "record", "--dir", other, "--strict", "--", *ask(past, "inline")]
    recorded = launch(lab, "replay", inner, ["--json", "--strict"])
    assert recorded.status == 0 and len(list(other.glob("*.json"))) == 1, recorded.account()
    assert len(lab.requests()) == 1 and counts(recorded)["recorded"] == 0, recorded.account()


SYNTHETIC = """
import errno, socket
address = socket.getaddrinfo(%r, 443, socket.AF_INET)[0][4]
assert address[0].startswith("198.1"), address
def told(work):
    try:
        work(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        return "sent"
    except OSError as problem:
        return errno.errorcode[problem.errno]
print(told(lambda s: s.sendto(b"x", address)), told(lambda s: s.sendmsg([b"x"], [], 0, address)),
      told(lambda s: (s.connect(address), s.send(b"x"))))
""" % HOST


@pytest.mark.parametrize("mode", ["live", "record", "record-if-missing", "replay"])
def test_nothing_is_sent_to_a_synthetic_address(lab, mode):
    """They are reachable on some networks. Without a network the kernel would say ENETUNREACH."""
    script = [sys.executable, "-c", SYNTHETIC]
    lab.serve()
    for result in (launch(lab, mode, script, ["-q"]), lab.run(script, lab.shim_env(mode), "under LD_PRELOAD alone")):
        assert result.stdout.split() == [b"ECONNREFUSED"] * 3, result.account()
