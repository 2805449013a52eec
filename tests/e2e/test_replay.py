"""What replay refuses and how it says so: misses, bad settings, other tests' recordings."""

import json
import os
import pathlib
import re
import sys

import pytest

from harness import lab as labs
from harness import paths, servers

RAW = pathlib.Path(__file__).parent / "python" / "raw_client.py"
CURL = ["curl", "-q", "-sS", "--max-time", "30"]
URL = "https://api.openai.com"
CHAT = '{"model":"gpt-4o","messages":[{"role":"user","content":"%s"}]}'


def chat(lab, text, *more):
    return [*CURL, *more, "-H", f"Authorization: Bearer {lab.secret}", "-H",
            "Content-Type: application/json", "-d", CHAT % text, URL + "/v1/chat/completions"]


def test_a_miss_is_a_424_that_explains(lab):
    server = lab.serve()
    lab.record(chat(lab, "known")).ok()
    asked = (server.folder / "log").read_text()
    missed = lab.replay(chat(lab, "knowing", "-i"), offline=False)
    assert missed.status == 0
    head, body = missed.text().split("\r\n\r\n", 1)
    assert head.startswith("HTTP/1.1 424 ")
    key = re.search(r"(?im)^x-recshim-miss: ([0-9a-f]{64})\r?$", head).group(1)
    assert re.search(r"(?im)^x-should-retry: false\r?$", head)
    message = json.loads(body)["error"]["message"]
    (recording,) = lab.recordings()
    for part in ("POST", URL, key, recording.name[:12], "RECSHIM_MODE=record"):
        assert part in message, message
    lines = missed.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("recshim: "), lines
    assert labs.outcomes(missed.journal) == ["miss"] and missed.journal[0]["key"] == key
    assert (server.folder / "log").read_text() == asked, "replay asked the server"
    lab.assert_no_secret()
    assert lab.secret not in missed.text() and lab.secret.encode() not in missed.stderr


def test_a_miss_without_any_recording(lab):
    missed = lab.replay([*CURL, "-w", "%{http_code}", "-o", "/dev/null", URL + "/nothing"])
    assert (missed.status, missed.text()) == (0, "424"), missed.account()


def test_a_miss_may_be_refused(lab):
    task = {"scheme": "https", "host": "api.openai.com", "steps": [
        ["send", "GET /nothing HTTP/1.1\r\nHost: api.openai.com\r\n\r\n"], ["end"]]}
    env = {"RECSHIM_ON_MISS": "refuse"}
    missed = lab.replay([*CURL, "http://api.openai.com/nothing"], env=env)
    assert missed.status == 56 and b"reset by peer" in missed.stderr, missed.account()
    missed = lab.replay([sys.executable, RAW, json.dumps({**task, "scheme": "http"})], env=env)
    assert "ConnectionResetError ECONNRESET" in missed.text()
    assert labs.outcomes(missed.journal) == ["miss"]
    missed = lab.replay([*CURL, URL + "/nothing"], env=env)
    assert missed.status in (35, 52, 56), missed.account()


def test_the_sdk_does_not_retry_a_miss(lab):
    program = [sys.executable, "-c", (
        "import os, openai\n"
        "client = openai.OpenAI(base_url='https://api.openai.com/v1', max_retries=3)\n"
        "try: client.models.list()\n"
        "except openai.APIStatusError as error: print(error.status_code, 'recshim' in str(error).lower())\n")]
    missed = lab.replay(program)
    assert (missed.status, missed.text()) == (0, "424 True\n"), missed.account()
    assert labs.outcomes(missed.journal) == ["miss"]


def test_a_connection_lives_on_after_a_miss(lab):
    lab.serve()
    lab.record([*CURL, URL + "/sequence"]).ok()
    lab.stop_servers()
    replayed = lab.replay([*CURL, "-w", "%{http_code} %{num_connects}\n", URL + "/nothing", "-o", "/dev/null",
                           URL + "/sequence"])
    assert replayed.text().endswith("1\n200 0\n"), replayed.account()


BAD = {"RECSHIM_MODE": "banana", "RECSHIM_HOSTS": "a:b:c", "RECSHIM_CONNECT_TO": "api.openai.com=nowhere",
       "RECSHIM_ON_MISS": "explode", "RECSHIM_PACE": "fast", "RECSHIM_LOG_LEVEL": "loud",
       "RECSHIM_CONFIG": "/nonexistent/recshim.json", "RECSHIM_SESSION": "a/../b"}


@pytest.mark.parametrize("mode", ["record", "replay"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named_and_nothing_goes_out(lab, name, mode):
    server = lab.serve()
    env = {name: BAD[name]}
    if name == "RECSHIM_CONNECT_TO":
        env[name] += f",api.openai.com:443=127.0.0.1:{server.port}"
    result = lab.record([*CURL, URL + "/sequence"], mode=mode, env=env)
    assert result.status != 0 or result.text() != "1\n", result.account()
    assert f"{name}" in result.stderr.decode(), result.account()
    log = server.folder / "log"
    assert not log.exists() or not log.read_text(), "a request reached the server"
    assert not lab.recordings()


@pytest.mark.parametrize("text, where", [('{"hosts": "api"}', "/hosts"), ('{"moed": "replay"}', "/moed"),
                                         ("{broken", "recshim.json")])
def test_a_bad_config_is_named_and_nothing_goes_out(lab, text, where):
    server = lab.serve()
    (lab.folder / "cwd" / "recshim.json").write_text(text)
    result = lab.record([*CURL, URL + "/sequence"])
    assert result.text() != "1\n" and where in result.stderr.decode(), result.account()
    assert not (server.folder / "log").read_text()


def test_a_broken_recording_is_named(lab):
    lab.serve()
    lab.record([*CURL, URL + "/sequence"]).ok()
    lab.stop_servers()
    (path,) = lab.recordings()
    path.write_text(path.read_text()[:-100])
    result = lab.replay([*CURL, "-w", "%{http_code}", URL + "/sequence"])
    assert path.name[:12] in result.stdout.decode() + result.stderr.decode(), result.account()
    assert "200" not in result.text()


def test_each_test_has_its_own_series_and_may_borrow_from_no_test(lab):
    lab.serve()
    one = [*CURL, URL + "/sequence"]
    lab.record(one).ok()
    lab.record(one, env={"RECSHIM_TEST_ID": "a.py::one"}).ok()
    lab.record(one, env={"PYTEST_CURRENT_TEST": "a.py::two (call)"}).ok()
    lab.stop_servers()
    assert sorted(json.loads(path.read_text())["test_id"] or "" for path in lab.recordings()) == [
        "", "a.py::one", "a.py::two"]
    assert lab.replay(one, env={"RECSHIM_TEST_ID": "a.py::two"}).ok().text() == "3\n"
    assert lab.replay(one, env={"PYTEST_CURRENT_TEST": "a.py::one (call)"}).ok().text() == "2\n"
    borrowed = lab.replay(one, env={"RECSHIM_TEST_ID": "a.py::three"}).ok()
    assert borrowed.text() == "1\n" and borrowed.journal[0]["borrowed"] is True


def test_the_host_decides_between_equal_keys(lab):
    first = lab.serve(host="api.openai.com")
    lab.serve(host="other.example.test")
    models = lambda host: [*CURL, "-H", "Authorization: Bearer x", "-d", CHAT % "same",  # noqa: E731
                           f"https://{host}/v1/chat/completions"]
    here = lab.record(models("api.openai.com")).ok()
    there = lab.record(models("other.example.test")).ok()
    assert len(lab.recordings()) == 2 and first.running
    lab.stop_servers()
    assert lab.replay(models("api.openai.com")).ok().stdout == here.stdout
    assert lab.replay(models("other.example.test")).ok().stdout == there.stdout
    missed = lab.replay([*CURL, "-o", "/dev/null", "-w", "%{http_code}", "-d", CHAT % "same",
                         "https://api.example.test/v1/chat/completions"])
    assert missed.text() == "424"


def test_excluded_hosts_go_live(lab):
    server = lab.serve(tls=False)
    lab.connect_to.clear()
    url = f"http://127.0.0.1:{server.port}/sequence"
    for number, (hosts, recorded) in enumerate([
            ("127.0.0.1", 1), ("*,!127.0.0.1", 0), ("127.0.0.0/8", 1), (f"127.0.0.1:{server.port}", 1),
            ("127.0.0.1:1", 0)]):
        before = len(lab.recordings())
        lab.record([*CURL, f"{url}?{number}"], env={"RECSHIM_HOSTS": hosts, "RECSHIM_CONNECT_TO": None}).ok()
        assert len(lab.recordings()) - before == recorded, hosts


def test_a_configured_host_is_not_asked_live_by_any_road(lab):
    """Nothing was recorded: connecting, by name or by a synthetic address, reaches nobody."""
    server = lab.serve()
    program = [sys.executable, "-c", (
        "import socket\n"
        "addresses = {a[4][0] for a in socket.getaddrinfo('api.openai.com', 443, type=socket.SOCK_STREAM)}\n"
        "print(all(a.startswith(('198.18.', '198.19.')) for a in addresses))\n"
        "try: socket.create_connection(('198.18.255.254', 443), 5); print('connected')\n"
        "except OSError as error: print(error.errno)\n")]
    result = lab.replay(program, offline=False)
    assert result.text() == "True\n101\n", result.account()
    assert not (server.folder / "log").read_text()


def test_a_user_namespace_leaves_nothing(lab):
    """Its folder is for the session alone, since other users' namespaces get the same number; it goes
    with the run, and that of a run that was killed with the next one."""
    prefix = labs.unshare("--user", "--map-root-user")
    if prefix is None:
        pytest.skip("user namespaces are not allowed here")
    show = "ls -d /tmp/recshim-0-*-$RECSHIM_SESSION"

    def folder(script, status=0, launcher=(paths.LAUNCHER, "run", "-q", "--"), **env):
        """The folder that the script shows, while it runs."""
        variables = lab.shim_env("replay", XDG_RUNTIME_DIR=None, **env)
        result = lab.run([*prefix, *launcher, "sh", "-c", script], variables, "in a user namespace")
        assert result.status == status, result.account()
        return pathlib.Path(result.stdout.decode().strip())

    assert not folder(show, LD_PRELOAD=None).exists()
    # Also where nothing but the library is there to do it.
    assert not folder(f"curl -q -s -o /dev/null {URL}; {show}", launcher=()).exists()
    killed = folder(f"{show}; kill -KILL $PPID", status=-9, LD_PRELOAD=None)
    assert killed.is_dir()
    folder(show, LD_PRELOAD=None)
    assert not killed.exists()


UPGRADE = ["-i", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("mode", ["record", "record-if-missing"])
def test_a_declined_upgrade_is_replayed(lab, mode, scheme):
    """A WebSocket that a server refuses is answered by HTTP, and that answer is recorded."""
    lab.serve(tls=scheme == "https")
    ask = [*CURL, *UPGRADE, f"{scheme}://api.openai.com/nothing/here"]
    recorded = lab.record(ask, mode=mode).ok()
    assert recorded.text().startswith("HTTP/1.1 404 "), recorded.account()
    replayed = lab.replay(ask).ok()
    labs.assert_same(recorded, replayed)
    assert labs.outcomes(replayed.journal) == ["hit"]


def test_an_accepted_upgrade_is_refused_with_its_reason(lab):
    lab.stand_in("api.openai.com", 80, servers.start_script("fake_protocols.py", lab.fresh("server"), ["--kind", "upgrade"]))
    ask = [*CURL, *UPGRADE, "http://api.openai.com/x"]
    replayed = lab.replay(ask)
    assert replayed.status in (52, 56), replayed.account()
    assert labs.outcomes(replayed.journal) == ["refused"] and "upgrade to websocket" in replayed.journal[0]["detail"]
    fetched = lab.record(ask, mode="record-if-missing")
    assert fetched.status != 0 and b"101" not in fetched.stdout, fetched.account()
    assert labs.outcomes(fetched.journal) == ["unrecorded"] and "switched protocols" in fetched.journal[0]["detail"]
    assert not lab.recordings()


@pytest.mark.parametrize("what", ["fifo", "endless", "elsewhere", "loops"])
def test_what_is_no_ordinary_file_keeps_nobody_waiting(lab, what):
    """Beside a recording and in its place, in replay and in record."""
    lab.serve()
    lab.record([*CURL, URL + "/nothing"]).ok()
    (recording,) = lab.recordings()
    outside = lab.folder / "outside.json"
    outside.write_bytes(recording.read_bytes())

    def put(path):
        if what == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to({"endless": "/dev/zero", "elsewhere": outside, "loops": "."}[what])

    put(lab.dir / ("again" if what == "loops" else "beside.json"))
    missed = lab.replay([*CURL, URL + "/other"], timeout=30)
    assert labs.outcomes(missed.journal) == ["miss"], missed.account()
    assert ("passed over" in missed.stderr.decode()) == (what != "loops"), missed.account()
    recording.unlink()
    put(recording)
    for run in (lab.replay, lab.record):
        result = run([*CURL, URL + "/nothing"], timeout=30)
        outcome = "refused" if run == lab.replay else "lost"
        assert labs.outcomes(result.journal) == [outcome], result.account()
        assert recording.name in result.journal[0]["detail"], result.journal
        assert recording.is_symlink() or recording.is_fifo(), "it was not ours to replace"


def test_the_whole_disk_is_an_error(lab):
    refused = lab.launch("replay", [*CURL, URL + "/nothing"], {"RECSHIM_DIR": "/"}, timeout=30)
    assert refused.status == 2 and b"whole disk" in refused.stderr, refused.account()
