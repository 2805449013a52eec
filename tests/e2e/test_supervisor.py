"""Programs that no preloaded library reaches, served by the supervisor of `recshim run`; and
sealed runs, in which a program that lost the library is stopped at its connection."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness import lab as labs
from harness import paths

SOURCE = pathlib.Path(__file__).parent / "supervised" / "static_client.c"
PROGRAMS = paths.WORK / "supervised"
LIBCS = ["glibc", "musl"]
HOST = "api.openai.com"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture(scope="session")
def musl_programs():
    """Linked to musl dynamically: static_client, and a program that executes its arguments."""
    folder = PROGRAMS / "musl_dynamic"
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("musl-gcc") is None:
        pytest.skip("musl-gcc is not installed")
    for source, name in ((SOURCE, "client"), (SOURCE.with_name("execute_arguments.c"), "execute")):
        made = folder / f"{name}.{os.getpid()}"
        subprocess.run(["musl-gcc", "-O1", "-w", "-o", made, source], check=True, timeout=120)
        made.replace(folder / name)
    return {name: folder / name for name in ("client", "execute")}


def launch(lab, mode, argv, options=(), prefix=(), offline=False, launcher=paths.LAUNCHER, **env):
    """`recshim run` of argv; the result has its journal and, as `summary`, its JSON."""
    journal = lab.fresh("run.journal")
    variables = lab.shim_env(mode, LD_PRELOAD=None, RECSHIM_JOURNAL=str(journal), **env)
    command = [*(labs.unshare("--net") if offline else []), *prefix, launcher, "run", *options, "--", *argv]
    result = lab.run(command, variables, f"recshim run, {mode}")
    result.journal = labs.read_journal(journal)
    return result


def targets(*numbers):
    return [f"/echo?n={number}" for number in numbers]


@pytest.mark.parametrize("libc", LIBCS)
def test_static_programs(lab, clients, libc):
    argv = [clients[libc], HOST, "80", *targets(1, 2, 3)]
    server = lab.serve(tls=False)
    alone = lab.live(argv).ok()
    recorded = launch(lab, "record", argv, ["-q"]).ok()
    labs.assert_same(alone, recorded)
    assert labs.outcomes(recorded.journal) == ["recorded"] * 3
    assert {line["program"] for line in recorded.journal} == {libc}
    server.stop()
    for offline in (False, True):
        replayed = launch(lab, "replay", argv, ["-q"], offline=offline).ok()
        labs.assert_same(recorded, replayed)
        assert labs.outcomes(replayed.journal) == ["hit"] * 3


def test_half_of_it_is_fetched(lab, clients):
    server = lab.serve(tls=False)
    launch(lab, "record", [clients["musl"], HOST, "80", *targets(1)], ["-q"]).ok()
    whole = launch(lab, "record-if-missing", [clients["musl"], HOST, "80", *targets(1, 2)], ["-q"]).ok()
    assert sorted(labs.outcomes(whole.journal)) == ["hit", "recorded"]
    server.stop()
    again = launch(lab, "record-if-missing", [clients["glibc"], HOST, "80", *targets(1, 2)], ["-q"], offline=True)
    labs.assert_same(whole, again.ok())


def test_a_child_of_a_shell_is_served_without_being_asked_for(lab, clients):
    server = lab.serve(tls=False)
    script = ["sh", "-c", '"$@" | cat; curl -q -sS http://api.openai.com/echo?n=9', "sh",
              clients["glibc"], HOST, "80", *targets(1)]
    recorded = launch(lab, "record", script, ["-q"]).ok()
    assert labs.outcomes(recorded.journal) == ["recorded"] * 2
    server.stop()
    labs.assert_same(recorded, launch(lab, "replay", script, ["-q"], offline=True).ok())


def test_never_supervised(lab, clients):
    refused = launch(lab, "replay", [clients["musl"], HOST, "80", "/"], ["--supervise=never"])
    assert refused.status == 126 and b"statically linked" in refused.stderr, refused.account()
    assert not refused.stdout
    both = launch(lab, "replay", ["true"], ["--supervise=never", "--sealed"])
    assert both.status == 2 and b"--sealed" in both.stderr


@pytest.mark.parametrize("started_by", ["nothing", "sh", "nice", "make", "musl"])
def test_programs_linked_to_musl(lab, musl_programs, started_by):
    """musl's loader honours LD_PRELOAD, and would not start them with the library in there."""
    argv = [str(musl_programs["client"]), HOST, "80", *targets(1, 2)]
    makefile = lab.folder / "Makefile"
    makefile.write_text(f"all:\n\t@{' '.join(argv)}\n")
    argv = {"nothing": argv, "sh": ["sh", "-c", '"$@"; true', "sh", *argv], "nice": ["nice", *argv],
            "make": ["make", "-s", "-f", makefile], "musl": [musl_programs["execute"], *argv]}[started_by]
    server = lab.serve(tls=False)
    alone = lab.live(argv).ok()
    recorded = launch(lab, "record", argv, ["-q"]).ok()
    labs.assert_same(alone, recorded)
    assert labs.outcomes(recorded.journal) == ["recorded"] * 2
    server.stop()
    for options in (["-q"], ["-q", "--strict"], ["-q", "--supervise=always"]):
        replayed = launch(lab, "replay", argv, options, offline=True).ok()
        labs.assert_same(recorded, replayed)
        assert labs.outcomes(replayed.journal) == ["hit"] * 2


def test_what_programs_linked_to_musl_start(lab, musl_programs):
    """It has no library either: it is served as one that lost it, and stopped in a sealed run."""
    argv = [musl_programs["execute"], "curl", "-q", "-sS", "--max-time", "20", "https://api.openai.com/echo"]
    server = lab.serve()
    recorded = launch(lab, "record", argv, ["-q"]).ok()
    assert labs.outcomes(recorded.journal) == ["recorded"]
    server.stop()
    labs.assert_same(recorded, launch(lab, "replay", argv, ["-q"], offline=True).ok())
    stopped = launch(lab, "replay", argv, ["--strict"])
    assert stopped.status == 86 and b"was stopped" in stopped.stderr and not stopped.stdout, stopped.account()


def test_programs_linked_to_musl_without_a_supervisor(lab, musl_programs):
    """They run, and the user is told that nothing sees them."""
    ask = [musl_programs["client"], "127.0.0.1", "9", "/"]
    shell = ["sh", "-c", '"$@"; true', "sh", *ask]
    unseen = launch(lab, "replay", shell, ["-q", "--supervise=never"])
    preloaded = lab.run(shell, lab.shim_env("replay"), "under LD_PRELOAD alone")
    for result in (unseen, preloaded):
        assert result.stdout == b"connect: Connection refused\n", result.account()
        assert result.stderr.count(b"is linked to musl") == 1, result.account()
    live = launch(lab, "live", ask, ["-q", "--supervise=never"])
    assert live.stdout == b"connect: Connection refused\n" and not live.stderr, live.account()
    not_started = launch(lab, "replay", ask, ["--supervise=never"])
    assert not_started.status == 126 and b"linked to musl" in not_started.stderr, not_started.account()


@pytest.fixture
def nobodys_folder(clients):
    """A folder for the user nobody, with programs that they may execute."""
    if os.geteuid() != 0:
        pytest.skip("optional data: only root can become another user; the other tests ran without privileges")
    folder = pathlib.Path("/tmp") / f"recshim-e2e-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o777)
    try:
        for file in (paths.LAUNCHER, paths.LIBRARY, *clients.values()):
            shutil.copy(file, folder)
        (folder / "run").mkdir()
        for path in (folder, folder / "run"):
            shutil.chown(path, 65534, 65534)
        (folder / "run").chmod(0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_without_privileges(lab, nobodys_folder):
    """As a user who may nothing: user namespaces, no_new_privs, and files of their own."""
    folder = nobodys_folder
    env = {"XDG_RUNTIME_DIR": str(folder / "run"), "HOME": str(folder), "TMPDIR": str(folder),
           "XDG_CACHE_HOME": str(folder / "cache"), "RECSHIM_DIR": str(folder / "recordings"),
           "RECSHIM_LOG": str(folder / "log"), "RECSHIM_JOURNAL": str(folder / "journal")}
    server = lab.serve(tls=False)
    here = {"prefix": ["env", "-C", folder, *NOBODY], "launcher": folder / "recshim"}
    argv = [folder / "musl", HOST, "80", *targets(1, 2)]
    recorded = lab.run([*here["prefix"], here["launcher"], "run", "-q", "--", *argv],
                       lab.shim_env("record", LD_PRELOAD=None, **env), "record as nobody").ok()
    assert b"200 OK" in recorded.stdout
    server.stop()
    for program in ("musl", "glibc"):
        argv[0] = folder / program
        replayed = lab.run([*labs.unshare("--net"), *here["prefix"], here["launcher"], "run", "-q", "--", *argv],
                           lab.shim_env("replay", LD_PRELOAD=None, **env), "replay as nobody").ok()
        labs.assert_same(recorded, replayed)


def test_a_program_that_becomes_another_user(lab, nobodys_folder):
    """It keeps the library, has a folder of its own for the session, and is counted."""
    server = lab.serve(tls=False)
    lab.dir = nobodys_folder / "recordings"
    argv = [*NOBODY, "curl", "-q", "-sS", "--max-time", "20", "http://api.openai.com/echo"]

    def check(mode, count, *options):
        result = launch(lab, mode, argv, ["--json", *options], launcher=nobodys_folder / "recshim", RECSHIM_LOG=None)
        assert result.status == 0, result.account()
        assert json.loads(result.stderr.decode().splitlines()[-1])[count] == 1, result.account()
        shared = pathlib.Path("/tmp/recshim-65534")
        assert not shared.exists() or not list(shared.iterdir())
        return result

    recorded = check("record", "recorded", "--sealed")
    server.stop()
    for mode in ("replay", "record-if-missing"):
        labs.assert_same(recorded, check(mode, "replayed", "--sealed"))
    shutil.rmtree(lab.dir)
    lab.dir.mkdir(mode=0o755)
    lab.serve(tls=False)
    lost = check("record", "lost")
    assert lost.stdout == recorded.stdout
    assert f"{lab.dir}: Permission denied" in lost.stderr.decode(), lost.account()


CLEARED = ["env", "-i", shutil.which("curl") or "curl", "-q", "-sS", "--max-time", "10", "http://api.openai.com/echo"]
DROPPED = ["sh", "-c", "unset LD_PRELOAD; curl -q -sS --max-time 10 http://api.openai.com/echo"]


# Not by way of env(1), which nobody may not be allowed to load the library into.
OTHER_USER = ["sh", "-c", 'unset LD_PRELOAD; exec "$@"', "sh",
              *(NOBODY if os.geteuid() == 0 else ["setpriv", "--no-new-privs"]), *DROPPED]


@pytest.mark.parametrize("argv", [CLEARED, DROPPED, OTHER_USER], ids=["cleared", "dropped", "other_user"])
@pytest.mark.parametrize("mode", ["record", "replay"])
def test_sealed_stops_a_program_that_lost_the_library(lab, mode, argv):
    server = lab.serve(tls=False)
    stopped = launch(lab, mode, argv, ["--sealed", "--json"])
    assert stopped.status not in (0, 86), stopped.account()
    assert not stopped.stdout
    lines = [line for line in stopped.stderr.decode().splitlines() if line.startswith("recshim:")]
    told = [line for line in lines if "was stopped" in line]
    assert len(told) == 1, stopped.account()
    assert not any("does not see" in line for line in lines), stopped.account()
    for part in ("curl", "pid", "api.openai.com:80", "librecshim.so"):
        assert part in told[0], told
    (line,) = stopped.journal
    assert (line["outcome"], line["url"], line["program"]) == ("refused", "api.openai.com:80", "curl")
    summary = json.loads(stopped.stderr.decode().splitlines()[-1])
    assert summary["refused"] == 1
    log = server.folder / "log"
    assert not log.exists() or not log.read_text()


def test_no_wrapper_is_needed_for_what_is_under_the_supervisor(lab, nobodys_folder):
    """A static program of another user, and one in a chroot, where the wrapper is not."""
    program = nobodys_folder / "musl"
    for prefix in (NOBODY, ["chroot", nobodys_folder]):
        path = "/musl" if prefix[0] == "chroot" else program
        result = launch(lab, "replay", [*prefix, path, "127.0.0.1", "9", "/"], ["-q"],
                        launcher=nobodys_folder / "recshim", RECSHIM_LOG=None)
        assert b"Connection refused" in result.stdout and not result.stderr, result.account()


@pytest.mark.parametrize("options", [["-q", "--sealed"], ["-q", "--supervise=always"]], ids=["sealed", "always"])
def test_what_is_under_the_supervisor_from_the_start_is_seen(lab, nobodys_folder, options):
    """Another user's program and one without an environment, and nobody says that they are not."""
    lab.serve(tls=False)
    lab.dir = nobodys_folder / "recordings"
    lab.dir.mkdir(mode=0o755)
    ask = [nobodys_folder / "glibc", HOST, "80", *targets(1)]
    for prefix, outcome in ((NOBODY, "recorded"), (["env", "-i"], "unchanged")):
        seen = launch(lab, "record", [*prefix, *ask], options, launcher=nobodys_folder / "recshim", RECSHIM_LOG=None)
        assert seen.status == 0 and b"200 OK" in seen.stdout and not seen.stderr, seen.account()
        assert labs.outcomes(seen.journal) == [outcome]


def test_strict_seals_replay(lab):
    lab.serve(tls=False)
    curl = ["curl", "-q", "-sS", "http://api.openai.com/echo"]
    recorded = launch(lab, "record", curl, ["-q"]).ok()
    labs.assert_same(recorded, launch(lab, "replay", curl, ["--strict", "-q"]).ok())
    stopped = launch(lab, "replay", CLEARED, ["--strict"])
    assert stopped.status == 86 and b"was stopped" in stopped.stderr, stopped.account()


def test_sealed_serves_static_children_of_programs_without_the_library(lab, clients):
    """A shell without the library starts what needs none."""
    lab.serve(tls=False)
    argv = ["env", "-i", "/bin/sh", "-c", '"$@"', "sh", clients["glibc"], HOST, "80", *targets(1)]
    recorded = launch(lab, "record", argv, ["--sealed", "-q"])
    assert recorded.status == 0 and labs.outcomes(recorded.journal) == ["recorded"], recorded.account()
    lab.stop_servers()
    labs.assert_same(recorded, launch(lab, "replay", argv, ["--sealed", "-q"]))


# --- Sealed: connections to addresses that nobody looked up ---------------------------------

NAMED = {"RECSHIM_HOSTS": HOST, "RECSHIM_CONNECT_TO": None}


def by_address(kind, clients, port, name):
    """A program that no library is in, asking 127.0.0.1 for name."""
    if kind == "tls":
        return ["env", "-i", "openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}", "-servername", name]
    if kind == "without the library":
        return ["env", "-i", "curl", "-q", "-sS", "-H", f"Host: {name}", f"http://127.0.0.1:{port}/echo?n=1"]
    return [clients[kind], f"127.0.0.1={name}", str(port), *targets(1, 2)]


def undated(result):
    """What it printed without the hour, which the server counts on."""
    return [line for line in result.stdout.splitlines() if not line.startswith(b"Date:")]


@pytest.mark.parametrize("kind", [*LIBCS, "without the library", "tls"])
def test_sealed_stops_a_configured_host_by_its_address(lab, clients, kind):
    server = lab.serve(tls=kind == "tls")
    stopped = launch(lab, "replay", by_address(kind, clients, server.port, HOST), ["--strict"], **NAMED)
    assert stopped.status == 86 and b"without a lookup" in stopped.stderr, stopped.account()
    assert set(labs.outcomes(stopped.journal)) == {"refused"}
    assert lab.requests() == [] and b"200 OK" not in stopped.stdout


@pytest.mark.parametrize("kind", [*LIBCS, "without the library"])
def test_sealed_lets_other_hosts_pass(lab, clients, kind):
    server = lab.serve(tls=False)
    argv = by_address(kind, clients, server.port, "other.test")
    alone = lab.run(argv, lab.base_env(), "alone").ok()
    passed = launch(lab, "replay", argv, ["--sealed", "-q"], **NAMED)
    assert passed.status == 0 and passed.journal == [], passed.account()
    assert undated(alone) == undated(passed)
    server.stop()
    # What its connection meets is what the program is told, also one that does not wait for it.
    refused = lab.run(argv, lab.base_env(), "alone, without a server")
    assert refused.status != 0 and b"onnect" in refused.stdout + refused.stderr, refused.account()
    again = launch(lab, "replay", argv, ["--sealed", "-q"], **NAMED)
    labs.assert_same(refused, again)


def test_sealed_records_a_configured_host_by_its_address(lab, clients):
    server = lab.serve(tls=False)
    argv = by_address("musl", clients, server.port, HOST)
    alone = lab.run(argv, lab.base_env(), "alone").ok()
    recorded = launch(lab, "record", argv, ["--sealed", "-q"], **NAMED).ok()
    assert undated(alone) == undated(recorded)
    assert labs.outcomes(recorded.journal) == ["recorded"] * 2
    assert {json.loads(path.read_text())["request"]["url"] for path in lab.recordings()} == {
        f"http://{HOST}:{server.port}{target}" for target in targets(1, 2)}


def test_a_watched_connection_outlives_the_run(lab, clients):
    """A connection of a daemon is its own business, and nobody waits for its end."""
    script = ("import socket, sys, time\n"
              "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20)\n"
              "s.sendall(b'x'); s.recv(1)\n"  # the gateway has it
              "print('ready', flush=True)\n"
              "time.sleep(1.5)\n"
              "s.sendall(b'later'); open(sys.argv[2], 'wb').write(s.recv(5))\n")
    marker = lab.folder / "after"
    daemon = ["env", "-i", sys.executable, "-c", script]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        echo = threading.Thread(target=echo_one, args=(listener,))
        echo.start()
        shell = f'"$@" >{lab.folder}/ready 2>&1 </dev/null & until grep -qs ready {lab.folder}/ready; do sleep .1; done'
        argv = ["sh", "-c", shell, "sh", *daemon, str(listener.getsockname()[1]), str(marker)]
        ended = launch(lab, "replay", argv, ["--sealed", "-q"], **NAMED).ok()
        assert ended.seconds < 20 and not marker.exists()
        echo.join(20)
    for _ in range(100):
        if marker.exists() and marker.read_bytes() == b"later":
            break
        time.sleep(0.1)
    assert marker.read_bytes() == b"later"


def echo_one(listener):
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(20)
        while data := connection.recv(100):
            connection.sendall(data)


def test_a_library_that_cannot_be_used_is_an_error_before_the_start(lab):
    foreign = lab.folder / "librecshim.so"
    image = bytearray(paths.LIBRARY.read_bytes())
    image[18:20] = b"\xb7\x00" if image[18:20] == b"\x3e\x00" else b"\x3e\x00"  # e_machine
    foreign.write_bytes(image)
    for library, text in ((lab.folder / "absent.so", b"absent.so"), (foreign, b"for this machine")):
        result = launch(lab, "replay", ["touch", "started"], RECSHIM_LIBRARY=str(library))
        assert result.status == 2 and text in result.stderr, result.account()
    assert not (lab.folder / "cwd" / "started").exists()


def test_a_run_inside_a_run(lab, clients):
    """With the same settings it shares the session; with its own it has one of its own."""
    lab.serve(tls=False)
    ask = [str(clients["musl"]), HOST, "80", *targets(1)]
    recorded = launch(lab, "record", [paths.LAUNCHER, "run", "-q", "--", *ask], ["-q"]).ok()
    assert labs.outcomes(recorded.journal) == ["recorded"]
    lab.stop_servers()
    inner = [paths.LAUNCHER, "run", "-q", "--", *ask]
    for options in (["-q"], ["-q", "--sealed"], ["-q", "--supervise=always"]):
        labs.assert_same(recorded, launch(lab, "replay", inner, options, offline=True).ok())
    other = lab.fresh("other")
    apart = launch(lab, "replay", [paths.LAUNCHER, "run", "-q", "--dir", other, "--", *ask], ["-q"])
    assert b"424" in apart.stdout, apart.account()


def test_an_address_without_a_lookup(lab, clients):
    """Connected to by its number, a configured address is served under that name."""
    server = lab.serve(host="192.0.2.7", tls=False)
    argv = [clients["glibc"], "192.0.2.7", "80", *targets(1)]
    recorded = launch(lab, "record", argv, ["-q"]).ok()
    server.stop()
    labs.assert_same(recorded, launch(lab, "replay", argv, ["-q"], offline=True).ok())
    (recording,) = lab.recordings()
    assert "192.0.2.7" in recording.read_text()


@pytest.mark.parametrize("options", [["--supervise=always"], ["--sealed"], ["--strict"]], ids=lambda words: words[0])
def test_what_stays_behind_is_let_go(lab, clients, options):
    """A program that outlives the run is not left without an answer to its connect(2). Nobody looks at
    what it sends any more: sealed, it reaches no other machine."""
    marker = lab.folder / "after"
    sealed = options != ["--supervise=always"]
    address = "192.0.2.9 8080" if sealed else "192.0.2.9 80"
    script = f'( sleep 1; "$0" 127.0.0.1 9 /; "$0" {address} / ) >{marker} 2>&1 &'
    argv = ["env", "-i", "/bin/sh", "-c", script, clients["musl"]] if sealed else ["sh", "-c", script, clients["musl"]]
    assert launch(lab, "replay", argv, ["-q", *options]).status == 0
    for _ in range(100):
        if marker.exists() and marker.read_text().count("\n") >= 2:
            break
        subprocess.run(["sleep", "0.1"], check=True)
    assert marker.read_text().splitlines() == ["connect: Connection refused"] * 2
