"""What the processes of a session share: counted, whatever they do to their folders, their
descriptors and each other; and told, where that is out of reach."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from harness import lab as labs
from harness import paths

CURL = ["curl", "-q", "-sS", "--max-time", "30"]
HOST = "api.openai.com"
URL = f"http://{HOST}"


def run(lab, mode, argv, options=(), prefix=(), **env):
    """`recshim run --strict --json` of argv; the result has its summary."""
    command = [*prefix, paths.LAUNCHER, "run", "--strict", "--json", *options, "--", *argv]
    result = lab.run(command, lab.shim_env(mode, LD_PRELOAD=None, **env), f"recshim run, {mode}")
    lines = result.stderr.decode().splitlines()
    assert lines and lines[-1].startswith("{"), result.account()
    result.summary = json.loads(lines[-1])
    return result


def counts(result, *names):
    return tuple(result.summary[name] for name in names)


def own_tmp(lab):
    """The prefix of a program that sees an empty folder where the session's lies."""
    folder = lab.folder / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    return [*labs.unshare("--mount"), "sh", "-c", f"mount -t tmpfs none '{folder}' && exec \"$@\"", "-"]


def test_a_program_with_another_tmp_counts_like_any_other(lab):
    """As under bwrap, PrivateTmp= or Bazel."""
    lab.serve(tls=False)
    one = [*own_tmp(lab), *CURL, URL + "/sequence"]
    both = ["sh", "-c", '"$@"; "$@"; ' + " ".join([*CURL, URL + "/sequence"]), "-", *one]
    recorded = run(lab, "record", both)
    assert (recorded.status, recorded.text()) == (0, "1\n2\n3\n"), recorded.account()
    assert counts(recorded, "recorded", "lost") == (3, 0) and len(lab.recordings()) == 3
    lab.stop_servers()
    replayed = run(lab, "replay", both)
    assert (replayed.status, replayed.text()) == (0, "1\n2\n3\n"), replayed.account()
    assert counts(replayed, "replayed") == (3,)
    missed = run(lab, "replay", [*own_tmp(lab), *CURL, "-o", os.devnull, URL + "/never"])
    assert missed.status == 86 and counts(missed, "missed") == (1,), missed.account()


def test_a_loss_in_another_mount_namespace_is_counted(lab):
    lab.serve(tls=False)
    lab.dir.mkdir()
    read_only = [*labs.unshare("--mount"), "sh", "-c",
                 f"mount --bind '{lab.dir}' '{lab.dir}' && mount -o remount,bind,ro '{lab.dir}' && exec \"$@\"", "-"]
    result = run(lab, "record", [*own_tmp(lab), *read_only, *CURL, URL + "/sequence"])
    assert result.status == 86 and result.text() == "1\n", result.account()
    assert counts(result, "lost") == (1,) and not lab.recordings()


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_a_program_that_jails_itself(lab, mode):
    """After chroot(2) the folder's name leads elsewhere: told, and nothing is made in there."""
    lab.serve(tls=False)
    jail = lab.folder / "jail"
    jail.mkdir()
    script = ("import encodings.idna, http.client, os, sys\n"
              "os.chroot(sys.argv[1]); os.chdir('/')\n"
              f"c = http.client.HTTPConnection('{HOST}', timeout=10); c.request('GET', '/sequence')\n"
              "print(c.getresponse().status)\n")
    result = run(lab, mode, [*labs.unshare("--mount"), sys.executable, "-c", script, jail])
    assert result.status == 86, result.account()
    count = "lost" if mode == "record" else "refused"
    assert counts(result, count) == (1,), result.account()
    assert "chroot" in result.summary["problems"][0]["detail"], result.account()
    assert not list(jail.rglob("*"))


@pytest.mark.parametrize("mode, count", [("record", "lost"), ("replay", "missed")])
def test_a_full_disk_does_not_keep_it_from_being_counted(lab, mode, count):
    """The file system of the session's folder and of the recordings."""
    lab.serve(tls=False)
    folder = lab.folder / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    script = (f"mount -t tmpfs -o size=1m,mode=700 none '{folder}' && exec \"$@\"")
    fill = f"dd if=/dev/zero of='{folder}/fill' bs=1k 2>/dev/null; " + " ".join([*CURL, "-o", os.devnull, URL + "/random"])
    result = run(lab, mode, ["sh", "-c", fill], prefix=[*labs.unshare("--mount"), "sh", "-c", script, "-"],
                 RECSHIM_DIR=str(folder / "rec"))
    assert result.status == 86 and counts(result, count) == (1,), result.account()


def test_descriptors_run_out(lab):
    """What is there is not overwritten unread, and what can't be written is lost."""
    lab.serve(tls=False)
    assert run(lab, "record", [*CURL, URL + "/sequence", URL + "/random"]).status == 0
    before = lab.snapshot()
    script = ("import http.client, os, resource\n"
              f"c = http.client.HTTPConnection('{HOST}', timeout=10); c.connect()\n"
              "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
              "taken = []\n"
              "try:\n"
              "    while True: taken.append(os.dup(0))\n"
              "except OSError: pass\n"
              "c.request('GET', '/sequence'); print(c.getresponse().read())\n")
    result = run(lab, "record", [sys.executable, "-c", script])
    assert result.status == 86 and counts(result, "lost") == (1,), result.account()
    assert lab.snapshot() == before


def test_whose_descriptor_was_closed_finds_the_memory_again(lab):
    """By raw system calls, which no hook sees, before another program is executed."""
    lab.serve(tls=False)
    script = ("import ctypes, os, sys\n"
              "libc = ctypes.CDLL(None)\n"
              "for fd in range(3, 2000): libc.syscall(3, fd)\n"  # x86-64's close(2)
              "os.execvp(sys.argv[1], sys.argv[1:])\n")
    if os.uname().machine != "x86_64":
        script = script.replace("syscall(3,", "syscall(57,")
    result = run(lab, "record", [sys.executable, "-c", script, *CURL, URL + "/sequence"])
    assert (result.status, result.text()) == (0, "1\n"), result.account()
    assert counts(result, "recorded") == (1,)


def test_who_can_not_reach_the_memory_says_so_and_counts_as_lost(lab):
    lab.serve(tls=False)
    env = ["env", "-u", "RECSHIM_SESSION_MEMORY", "-u", "LD_PRELOAD"]
    argv = [*env, "sh", "-c", f"LD_PRELOAD='{paths.LIBRARY}' exec \"$@\"", "-", *CURL, URL + "/sequence"]
    result = run(lab, "record", argv)
    assert result.status == 86 and result.text() == "1\n", result.account()
    assert counts(result, "lost") == (1,)
    assert "memory" in result.summary["problems"][0]["detail"]
    assert "recshim: recording of GET" in result.stderr.decode(), result.account()


def test_identical_requests_at_once_keep_their_answers(lab):
    """The first to be sent is answered last."""
    lab.serve(tls=False)
    script = ("import http.client, threading\n"
              "answers = [None] * 6\n"
              "turns = [threading.Event() for _ in range(7)]; turns[0].set()\n"
              "def ask(k):\n"
              "    turns[k].wait()\n"
              f"    c = http.client.HTTPConnection('{HOST}', timeout=30)\n"
              "    c.request('POST', '/overtaken', '{}', {'content-type': 'application/json', 'x-turn': str(k + 1)})\n"
              "    turns[k + 1].set()\n"
              "    answers[k] = c.getresponse().read().decode()\n"
              "threads = [threading.Thread(target=ask, args=(k,)) for k in range(6)]\n"
              "[t.start() for t in threads]; [t.join() for t in threads]; print(answers)\n")
    recorded = lab.record([sys.executable, "-c", script]).ok()
    assert recorded.text() == str([f"{k + 1}\n" for k in range(6)]) + "\n"
    lab.stop_servers()
    assert lab.replay([sys.executable, "-c", script]).ok().text() == recorded.text()
    assert sorted(json.loads(path.read_text())["recshim"].get("repeat", 1) for path in lab.recordings()) == [*range(1, 7)]


def test_two_runs_record_into_one_folder_at_once(lab):
    """As `make -j2` or two terminals do: the later one has the series, the other is told."""
    lab.serve(tls=False)
    ask = 'for i in $(seq $1); do ' + " ".join([*CURL, URL + "/sequence"]) + '; sleep 0.2; done'
    command = [paths.LAUNCHER, "run", "--strict", "--json", "--", "sh", "-c", ask, "-"]
    env = lab.shim_env("record", LD_PRELOAD=None)
    first = subprocess.Popen([str(word) for word in [*command, 12]], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.8)
    second = lab.run([*command, 2], env, "the second run")
    _, told = first.communicate(timeout=60)
    assert second.status == 0, second.account()
    assert first.returncode == 86, told
    summary = json.loads(told.decode().splitlines()[-1])
    assert summary["lost"] > 0 and "another run records the same request" in summary["problems"][0]["detail"]
    lab.stop_servers()
    replayed = lab.replay(["sh", "-c", ask, "-", "2"]).ok()
    assert replayed.text() == second.text()


STREAM = f"https://{HOST}/chunked?n=200&size=100&delay=0.1"
READERS = {
    "record-if-missing": [sys.executable, "-c",
                          "import sys, urllib.request\n"
                          "with urllib.request.urlopen(sys.argv[1]) as answer:\n"
                          "    while answer.read1(100): print('some', flush=True)\n", STREAM],
    # Its TLS is the gateway's in record.
    "record": ["node", "--input-type=module", "-e",
               f"for await (const _ of (await fetch('{STREAM}')).body) console.log('some')"],
}


@pytest.mark.parametrize("mode", READERS)
def test_what_a_killed_gateway_had_is_counted(lab, mode):
    """In the middle of an answer."""
    if shutil.which(READERS[mode][0]) is None:
        pytest.skip(f"{READERS[mode][0]} is not installed")
    lab.serve()
    killer = ("import os, pathlib, signal, subprocess, sys\n"
              "reader = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)\n"
              "reader.stdout.readline()\n"
              "session = ('RECSHIM_SESSION=' + os.environ['RECSHIM_SESSION']).encode()\n"
              "def is_ours(process):\n"
              "    try: words, environ = [(process / name).read_bytes().split(b'\\0') for name in ('cmdline', 'environ')]\n"
              "    except OSError: return False\n"
              "    return b'gateway' in words and session in environ\n"
              "gateways = [p for p in pathlib.Path('/proc').glob('[0-9]*') if is_ours(p)]\n"
              "for process in gateways: os.kill(int(process.name), signal.SIGKILL)\n"
              "reader.wait(); print('killed', len(gateways))\n")
    result = run(lab, mode, [sys.executable, "-c", killer, *READERS[mode]])
    assert result.text() == "killed 1\n" and result.status == 86, result.account()
    details = " ".join(problem["detail"] for problem in result.summary["problems"])
    assert "killed by signal 9" in details and "was not over when the run ended" in details, result.account()
    assert not lab.recordings()


def test_what_a_killed_program_had_taken_up_is_counted(lab):
    lab.serve(tls=False)
    argv = ["timeout", "-s", "KILL", "1", *CURL, "-o", os.devnull, URL + "/slow?seconds=20"]
    result = run(lab, "record", argv)
    assert result.status == 86 and counts(result, "unrecorded") == (1,), result.account()


def test_a_body_that_can_not_be_read_to_its_end_is_refused(lab):
    """Its file loses its second half while it is replayed."""
    lab.serve(tls=False)
    path = "/big?bytes=8000000"
    assert run(lab, "record", [*CURL, "-o", os.devnull, URL + path]).status == 0
    lab.stop_servers()
    (body,) = lab.dir.rglob("*.body")
    script = ("import http.client, os, sys\n"
              f"c = http.client.HTTPConnection('{HOST}', timeout=10); c.request('GET', '{path}')\n"
              "r = c.getresponse(); r.read(1000); os.truncate(sys.argv[1], 4000000)\n"
              "try: r.read(); print('whole')\n"
              "except (OSError, http.client.HTTPException): print('broken')\n")
    result = run(lab, "replay", [sys.executable, "-c", script, body])
    assert result.text() == "broken\n" and result.status == 86, result.account()
    assert counts(result, "refused") == (1,), result.account()
    assert "shorter than it says" in result.summary["problems"][0]["detail"]


def test_a_configuration_that_became_invalid_is_counted(lab):
    lab.serve(tls=False)
    config = lab.folder / "recshim.json"
    config.write_text("{}")
    script = f"echo '{{' >'{config}'; " + " ".join([*CURL, URL + "/sequence"]) + "; exit 0"
    result = run(lab, "record", ["sh", "-c", script], RECSHIM_CONFIG=str(config))
    assert result.status == 86 and counts(result, "refused") == (1,), result.account()
    assert str(config) in result.summary["problems"][0]["detail"]


def test_pytest_lets_a_miss_be_read_when_it_is_over(lab):
    """While a test runs, pytest has put a file in the place of stderr."""
    suite = lab.folder / "cwd" / "test_missed.py"
    suite.write_text("import http.client\n"
                     "def test_missed():\n"
                     f"    c = http.client.HTTPConnection('{HOST}', timeout=10); c.request('GET', '/never')\n"
                     "    assert c.getresponse().status == 424\n")
    lab.connect_to[f"{HOST}:80"] = "127.0.0.1:1"
    for options in ((), ("-s",)):
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, suite]
        result = lab.replay(argv, offline=False)
        assert result.status == 0, result.account()
        told = [line for line in result.stderr.decode().splitlines() if line.startswith("recshim: ")]
        assert len(told) == 1 and "/never" in told[0], result.account()


def test_without_a_journal_asked_for_there_is_none(lab):
    lab.serve(tls=False)
    env = {"RECSHIM_SESSION": "named-session", "RECSHIM_JOURNAL": None}
    lab.run([*CURL, URL + "/sequence"], lab.shim_env("record", **env), "record").ok()
    folder = lab.folder / "run" / "recshim" / "named-session"
    assert [path.name for path in folder.iterdir()] == ["memory"]


def test_a_static_program_with_another_tmp_is_served(lab, clients):
    lab.serve(tls=False)
    program = [clients["glibc"], HOST, "80", "/sequence"]
    recorded = run(lab, "record", [*own_tmp(lab), *program])
    assert recorded.status == 0 and counts(recorded, "recorded") == (1,), recorded.account()
    lab.stop_servers()
    replayed = run(lab, "replay", [*own_tmp(lab), *program])
    assert replayed.status == 0 and replayed.stdout == recorded.stdout, replayed.account()
