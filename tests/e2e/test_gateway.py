"""record-if-missing, in which the gateway fetches what has no recording; and what becomes of
a program when the gateway, its folder or the real server is not as it should be."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import pytest

from harness import lab as labs
from harness import paths, servers
from harness import pki as test_pki

PYTHON = pathlib.Path(__file__).parent / "python"
CURL = ["curl", "-q", "-sS", "--max-time", "30"]
URL = "https://api.openai.com"
MODE = "record-if-missing"


def fetch(lab, argv, env=None, **options):
    return lab.record(argv, env=env, mode=MODE, what=MODE, **options)


def requests_of(server):
    log = server.folder / "log"
    return [json.loads(line)["target"] for line in log.read_text().splitlines()] if log.exists() else []


def gateways(lab):
    """The gateways of this lab's sessions."""
    run = str(lab.folder / "run").encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"gateway" in words and any(word.startswith(run) for word in words):
            found.append(int(entry.name))
    return found


def assert_nothing_left(lab):
    """No gateway, and no session's folder but the named ones: its owner removes its own."""
    deadline = time.monotonic() + 10
    while gateways(lab) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not gateways(lab)
    root = lab.folder / "run" / "recshim"
    left = [path for path in root.iterdir() if not path.name.startswith("named")] if root.exists() else []
    assert not left, [str(path) for folder in left for path in [folder, *folder.rglob("*")]]


@pytest.mark.parametrize("program", ["curl", "requests", "aiohttp"])
def test_half_hits_and_half_misses(lab, program):
    code = {
        "requests": "import requests, sys\ns = requests.Session()\n"
                    "for path in sys.argv[1:]: print(s.get('%s' + path, timeout=30).text)",
        "aiohttp": "import aiohttp, asyncio, ssl, sys\n"
                   "async def main():\n"
                   " context = ssl.create_default_context()\n"
                   " async with aiohttp.ClientSession() as s:\n"
                   "  for path in sys.argv[1:]:\n"
                   "   async with s.get('%s' + path, ssl=context) as r: print(await r.text())\n"
                   "asyncio.run(main())",
    }

    def command(*paths):
        if program == "curl":
            return [*CURL, *(URL + path for path in paths)]
        return [sys.executable, "-c", code[program] % URL, *paths]

    server = lab.serve()
    known = [f"/random?known={i}" for i in range(3)]
    unknown = [f"/random?new={i}" for i in range(3)]
    first = lab.record(command(*known)).ok()
    files = lab.snapshot()
    mixed = [path for pair in zip(known, unknown) for path in pair]
    second = fetch(lab, command(*mixed)).ok()
    assert requests_of(server) == known + unknown, "a hit caused a request"
    assert labs.outcomes(second.journal) == ["hit", "recorded"] * 3
    assert {name: file for name, file in lab.snapshot().items() if name in files} == files
    assert len(lab.recordings()) == 6
    assert_nothing_left(lab)

    lab.stop_servers()
    again = fetch(lab, command(*mixed)).ok()
    assert again.stdout == second.stdout and set(labs.outcomes(again.journal)) == {"hit"}
    offline = lab.replay(command(*mixed)).ok()
    assert offline.stdout == second.stdout
    assert lab.replay(command(*known)).ok().stdout == first.stdout
    lab.assert_no_secret()


@pytest.mark.parametrize("client", ["use_urllib", "use_httpx_sync", "use_openai", "use_openai_async"])
def test_what_was_fetched_replays_the_same(lab, client):
    """The whole account of a client library: every answer fetched, then every answer replayed."""
    lab.serve()
    program = [sys.executable, PYTHON / f"{client}.py"]
    fetched = fetch(lab, program, env={"RECSHIM_SESSION": "named"}).ok()
    assert_nothing_left(lab)  # an answer that the program left early is read to its end
    lab.stop_servers()
    replayed = lab.replay(program).ok()
    labs.assert_same(fetched, replayed)
    assert set(labs.outcomes(replayed.journal)) == {"hit"}
    lab.assert_no_secret()


def test_plain_http_and_uploads(lab):
    lab.serve(tls=False)
    upload = lab.folder / "upload"
    upload.write_bytes(os.urandom(3_000_000))
    url = "http://api.openai.com"
    program = [*CURL, "-T", str(upload), url + "/upload", "--next", *CURL[1:], "-T", "-", url + "/upload?chunked",
               "--next", *CURL[1:], "-I", url + "/head", "--next", *CURL[1:], "-i", url + "/204"]
    fetched = fetch(lab, program, stdin=upload.read_bytes()).ok()
    assert len(lab.recordings()) == 4, fetched.account()
    lab.stop_servers()
    labs.assert_same(fetched, lab.replay(program, stdin=upload.read_bytes()).ok())


def test_a_stream_arrives_undelayed(lab):
    server = lab.serve()
    fetched = fetch(lab, [sys.executable, PYTHON / "stream_times.py", "/chunked?n=5&size=200&delay=0.3"]).ok()
    arrived = [float(line) for line in fetched.text().split()]
    (entry,) = [json.loads(line) for line in (server.folder / "log").read_text().splitlines()]
    assert len(arrived) == len(entry["sent"]) == 5
    for sent, came in zip(entry["sent"], arrived):
        assert came - sent < 0.25, (entry["sent"], arrived)


def test_errors_reach_the_program_and_record_errors_decides(lab):
    lab.serve()
    program = [*CURL, "-i", URL + "/status/503", URL + "/status/429", URL + "/truncate", URL + "/reset?at=none"]
    config = lab.folder / "settings.json"
    config.write_text('{"record_errors": true}')
    without = fetch(lab, program)
    assert b"503" in without.stdout and b"429" in without.stdout
    assert without.status != 0 and not lab.recordings(), without.account()
    cut = fetch(lab, [*CURL, URL + "/truncate"])
    assert (cut.status, len(cut.stdout)) == (18, 300), cut.account()
    with_errors = fetch(lab, program, env={"RECSHIM_CONFIG": str(config)})
    assert with_errors.status == without.status
    assert len(lab.recordings()) >= 3, with_errors.account()
    assert all("-error" in path.name for path in lab.recordings())


def test_two_processes_missing_the_same_at_once(lab):
    server = lab.serve()
    journal = lab.folder / "journal"
    env = lab.shim_env(MODE, RECSHIM_JOURNAL=str(journal))
    # A session each, and its own gateway.
    programs = [subprocess.Popen([*CURL, URL + "/slow?seconds=1"], env=env, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE) for _ in range(2)]
    for program in programs:
        out, err = program.communicate(timeout=40)
        assert (program.returncode, out, err) == (0, b"slow but sure\n", b"")
    assert len(requests_of(server)) == 2
    (recording,) = lab.recordings()
    assert json.loads(recording.read_text())["response"]["body"]
    assert sorted(labs.outcomes(labs.read_journal(journal))) == ["recorded", "unchanged"]
    lab.stop_servers()
    assert lab.replay([*CURL, URL + "/slow?seconds=1"]).ok().text() == "slow but sure\n"


def test_the_gateway_is_killed_in_the_middle_of_a_stream(lab):
    lab.serve()
    program = [sys.executable, PYTHON / "gateway_killed.py", "/chunked?n=200&size=100&delay=0.1", "/random", "/random"]
    result = fetch(lab, program, env={"RECSHIM_SESSION": "named-killed"})
    result.ok()
    lines = result.text().splitlines()
    assert lines[:2] == ["first: True", "killed: 1"]
    assert lines[2] in ("then: a connection error", "then: it ended early") and lines[3] == "at once: True"
    assert len(lines) == 6 and all(line.startswith("again: b'") for line in lines[4:]), "the session has another gateway"
    assert len(lab.recordings()) == 2, "what is asked again in the session is fetched again"
    assert_nothing_left(lab)


def refusal(result, *words):
    """The program's connection failed, and stderr has one line that says why."""
    assert result.status in (35, 52, 55, 56), result.account()  # TLS, no reply, send, receive
    told = [line for line in result.stderr.decode().splitlines() if line.startswith("recshim: ")]
    assert len(told) == 1 and all(word in told[0] for word in words), result.account()


def test_without_the_gateways_program(lab):
    lab.serve()
    known = [*CURL, URL + "/random"]
    recorded = lab.record(known).ok()
    env = {"RECSHIM_GATEWAY": "/no/such/recshim"}
    refusal(fetch(lab, [*CURL, URL + "/other"], env=env), "/no/such/recshim", "RECSHIM_GATEWAY")
    assert fetch(lab, known, env=env).ok().stdout == recorded.stdout, "a hit needs no gateway"


def test_without_a_folder_for_the_session(lab):
    lab.serve()
    root = lab.folder / "readonly"
    root.mkdir(mode=0o500)
    # What nobody may write to, not even root.
    where = "/sys/kernel" if os.geteuid() == 0 else str(root)
    result = fetch(lab, [*CURL, URL + "/random"], env={"XDG_RUNTIME_DIR": where})
    assert result.status != 0 and not result.stdout, result.account()
    assert where + "/recshim" in result.stderr.decode(), result.account()


def test_a_server_whose_certificate_is_not_trusted(lab):
    stranger = test_pki.Pki(lab.folder / "stranger")
    stranger.generate()
    server = lab.serve(pki=stranger)
    refusal(fetch(lab, [*CURL, URL + "/random"]), "/random", "certificate")
    assert not lab.recordings() and not requests_of(server)
    config = lab.folder / "settings.json"
    config.write_text(json.dumps({"upstream": {"ca_file": str(stranger.ca)}}))
    fetch(lab, [*CURL, URL + "/random"], env={"RECSHIM_CONFIG": str(config)}).ok()
    assert len(lab.recordings()) == 1


def test_a_client_certificate_of_the_configuration(lab):
    lab.serve(arguments=["--client-ca", lab.pki.ca])
    refusal(fetch(lab, [*CURL, URL + "/random"]), "/random", "client certificate", "upstream.client_cert")
    config = lab.folder / "settings.json"
    config.write_text(json.dumps({"upstream": {"client_cert": str(lab.pki.client_cert),
                                               "client_key": str(lab.pki.client_key)}}))
    fetch(lab, [*CURL, URL + "/random"], env={"RECSHIM_CONFIG": str(config)}).ok()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_of_the_configuration(lab, scheme):
    server = lab.serve(tls=scheme == "https")
    lab.connect_to.clear()
    port = 443 if scheme == "https" else 80
    proxy = servers.start_script("proxy.py", lab.fresh("server"),
                                 ["--map", f"api.openai.com:{port}=127.0.0.1:{server.port}"])
    config = lab.folder / "settings.json"
    config.write_text(json.dumps({"hosts": ["api.openai.com"], "upstream": {"proxy": f"http://127.0.0.1:{proxy.port}"}}))
    try:
        fetch(lab, [*CURL, f"{scheme}://api.openai.com/random"],
              env={"RECSHIM_CONFIG": str(config), "RECSHIM_CONNECT_TO": None}).ok()
        proxy.await_log("CONNECT")
    finally:
        proxy.stop()
    assert len(lab.recordings()) == 1


def test_a_server_that_is_not_there(lab):
    lab.serve()
    lab.stop_servers()
    refusal(fetch(lab, [*CURL, URL + "/random"]), "/random", "api.openai.com:443")


def test_a_stale_socket_of_the_session(lab):
    lab.serve()
    folder = lab.folder / "run" / "recshim" / "named-stale"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    short = os.open(folder, os.O_RDONLY)  # sun_path holds 107 bytes
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(f"/proc/self/fd/{short}/gateway")
    os.close(short)
    fetch(lab, [*CURL, URL + "/random"], env={"RECSHIM_SESSION": "named-stale"}).ok()
    assert len(lab.recordings()) == 1


def test_a_kept_connection_serves_the_test_that_asks(lab):
    """One connection, handed over in the first test, asked by it and by another one."""
    lab.serve()
    code = ("import http.client, os, ssl\n"
            "connection = http.client.HTTPSConnection('api.openai.com', timeout=30)\n"
            "for test in 'one', 'two', 'one', 'two':\n"
            "    os.environ['PYTEST_CURRENT_TEST'] = f'tests/test_a.py::{test} (call)'\n"
            "    connection.request('GET', '/random')\n"
            "    print(test, connection.getresponse().read())\n")
    fetched = fetch(lab, [sys.executable, "-c", code]).ok()
    first, second, third, fourth = (line.split(maxsplit=1)[1] for line in fetched.text().splitlines())
    assert len({first, second, third, fourth}) == 4, "what is asked again in the session is fetched again"
    assert labs.outcomes(fetched.journal) == ["recorded"] * 4
    tests = sorted(json.loads(path.read_text())["test_id"] for path in lab.recordings())
    assert tests == ["tests/test_a.py::one"] * 2 + ["tests/test_a.py::two"] * 2
    lab.stop_servers()
    labs.assert_same(fetched, lab.replay([sys.executable, "-c", code]).ok())


@pytest.mark.parametrize("launched", [True, False], ids=["run", "library"])
def test_what_a_killed_session_leaves(lab, launched):
    """The owner of the session is killed with a program of it under way."""
    lab.serve()
    inner = ["sh", "-c", 'curl -q -sS --max-time 20 "$0"; echo done', URL + "/chunked?n=20&size=10&delay=0.1"]
    argv = [paths.LAUNCHER, "run", "-q", "--", *inner] if launched else inner
    env = lab.shim_env(MODE, **({"LD_PRELOAD": None} if launched else {}))
    owner = subprocess.Popen([str(word) for word in argv], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert owner.stdout.read(10)
    owner.kill()
    owner.communicate(timeout=30)  # what it started ends by itself
    deadline = time.monotonic() + 10
    while gateways(lab) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not gateways(lab)
    lab.replay([*CURL, URL + "/random"])
    assert_nothing_left(lab)


def test_large_answers_over_tls_of_the_gateway(lab):
    """Again and again what does not fit into the socket at once: whoever waits for room must go on."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    lab.serve()
    url = URL + "/big?bytes=3000000"
    lab.record([*CURL, "-o", os.devnull, url]).ok()
    lab.stop_servers()
    code = f"for (let i = 0; i < 60; i++) console.log((await (await fetch('{url}')).arrayBuffer()).byteLength)"
    replayed = lab.replay(["node", "--input-type=module", "-e", code]).ok()
    assert replayed.text().split() == ["3000000"] * 60


def test_a_secret_in_the_query_is_not_told(lab):
    """Neither on stderr nor in a file, when what has no recording can't be fetched either."""
    lab.serve()
    lab.stop_servers()
    result = fetch(lab, [*CURL, URL + f"/models?key={lab.secret}&page=2"])
    refusal(result, "/models?key=", "page=2")
    told = result.stderr.decode() + "".join(json.dumps(line) for line in result.journal)
    assert lab.secret not in told
    lab.assert_no_secret()


def test_a_silent_server_does_not_keep_the_gateway(lab):
    """A program that gave up is not waited for as long as its server is silent."""
    lab.serve()
    started = time.monotonic()
    result = fetch(lab, ["curl", "-q", "-sS", "--max-time", "1", URL + "/slow?seconds=60"])
    assert result.status == 28, result.account()
    assert time.monotonic() - started < 30
    assert_nothing_left(lab)
