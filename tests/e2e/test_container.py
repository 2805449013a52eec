"""The supervisor under the limits that Docker sets by default: nobody may take another program's
descriptors (pidfd_getfd), read memory by process_vm_readv, or look into another user's programs."""

import shutil
import sys

import pytest

from harness import container, paths
from harness import lab as labs
from test_supervisor import HOST, NAMED, NOBODY, by_address, launch, nobodys_folder, targets, undated

__all__ = ["nobodys_folder"]  # a fixture

pytestmark = pytest.mark.skipif(container.why_not() is not None, reason=str(container.why_not()))
INSIDE = [sys.executable, paths.E2E / "harness" / "container.py"]


@pytest.mark.parametrize("user", ["root", "nobody", "of root's run"])
def test_static_programs_are_served(lab, nobodys_folder, user):
    """Also one that another user runs, whom root may not look into there. The program registers
    its socket with epoll(7) before it connects, and connects again."""
    argv = [nobodys_folder / "glibc", HOST, "80", *targets(1, 2, 3)]
    prefix, options, env = [*INSIDE, "env", "-C", nobodys_folder], ["-q"], {"RECSHIM_LOG": None}
    if user == "nobody":
        prefix += NOBODY
        env |= {"XDG_RUNTIME_DIR": str(nobodys_folder / "run"), "HOME": str(nobodys_folder)}
    if user == "of root's run":
        argv, options = [*NOBODY, *argv], ["-q", "--supervise=always"]
    lab.dir = nobodys_folder / "recordings"
    lab.dir.mkdir()
    shutil.chown(lab.dir, 65534, 65534)

    def inside(mode, *more):
        command = [*prefix, nobodys_folder / "recshim", "run", *options, *more, "--", *argv]
        return lab.run(command, lab.shim_env(mode, LD_PRELOAD=None, **env), f"recshim run, {mode}")

    lab.serve(tls=False)
    alone = lab.live(argv).ok()
    recorded = inside("record", "--strict").ok()
    labs.assert_same(alone, recorded)
    assert len(lab.recordings()) == 3
    lab.stop_servers()
    for more in ([], ["--strict"], ["--sealed"]):
        labs.assert_same(recorded, inside("replay", *more).ok())


@pytest.mark.parametrize("option", ["--strict", "--sealed"])
def test_a_sealed_run_stops_nothing_else(lab, clients, option):
    """Connections to this machine that are not configured, and su(1), which asks nobody."""
    server = lab.serve(tls=False)
    for kind in ("glibc", "without the library"):
        argv = by_address(kind, clients, server.port, "other.test")
        alone = lab.run(argv, lab.base_env(), "alone").ok()
        passed = launch(lab, "replay", argv, ["-q", option], INSIDE, **NAMED)
        assert passed.status == 0 and passed.journal == [] and not passed.stderr, passed.account()
        assert undated(alone) == undated(passed)
    switched = launch(lab, "replay", ["su", "-s", "/bin/sh", "nobody", "-c", "id -u"], ["-q", option], INSIDE,
                      RECSHIM_LOG=None)
    assert switched.status == 0 and switched.stdout == b"65534\n", switched.account()


def test_a_sealed_run_stops_what_is_configured(lab, clients):
    """A program that lost the library, and a configured host that is asked by its address."""
    server = lab.serve(tls=False)
    lost = ["env", "-i", shutil.which("curl"), "-q", "-sS", f"http://{HOST}/echo"]
    by_its_address = by_address("glibc", clients, server.port, HOST)
    for argv, names in ((lost, {}), (by_its_address, NAMED)):
        stopped = launch(lab, "replay", argv, ["--strict"], INSIDE, **names)
        assert stopped.status == 86 and set(labs.outcomes(stopped.journal)) == {"refused"}, stopped.account()
    assert lab.requests() == []


def test_where_no_supervisor_can_be(lab, clients):
    """Told before the program starts, as doctor tells it; --strict does without, --sealed does not."""
    blind = [*INSIDE, "--forbid-seccomp"]
    started = lab.folder / "started"
    sealed = launch(lab, "replay", ["touch", started], ["--sealed"], blind)
    strict = launch(lab, "replay", ["true"], ["--strict"], blind)
    doctor = lab.run([*blind, paths.LAUNCHER, "doctor"], lab.base_env(), "doctor")
    advice = b"--security-opt seccomp=unconfined"
    for told in (sealed, strict):
        assert advice in told.stderr and b"seccomp(2)" in told.stderr, told.account()
    assert sealed.status == 2 and not started.exists(), sealed.account()
    assert strict.status == 0, strict.account()
    assert advice in doctor.stdout, doctor.account()
    static = launch(lab, "replay", [clients["glibc"], HOST, "80", "/"], [], blind)
    assert static.status == 126 and advice in static.stderr and not static.stdout, static.account()
