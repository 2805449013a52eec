"""What record does and leaves alone: series, re-recording, durability, timing, failures,
large bodies, other protocols, programs without network."""

import ast
import json
import pathlib
import re
import ssl
import sys

import pytest

from harness import lab as labs
from harness import paths, servers

PYTHON = pathlib.Path(__file__).parent / "python"
CURL = ["curl", "-q", "-sS", "--max-time", "30"]
URL = "https://api.openai.com"
CHAT = '{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}'


def chat(lab, body=CHAT):
    return [*CURL, "-H", f"Authorization: Bearer {lab.secret}", "-H", "Content-Type: application/json",
            "-d", body, URL + "/v1/chat/completions"]


def load(path):
    return json.loads(path.read_text())


def test_repeats_replay_in_order_and_the_last_one_stays(lab):
    lab.serve()
    url = URL + "/sequence"
    lab.record([*CURL, url, url, url]).ok()
    names = sorted(path.name for path in lab.recordings())
    stem = min(names, key=len).removesuffix(".json")
    assert names == sorted([f"{stem}.json", f"{stem}-2.json", f"{stem}-3.json"])
    lab.stop_servers()
    assert lab.replay([*CURL, url, url, url, url, url]).ok().text() == "1\n2\n3\n3\n3\n"
    assert lab.replay([*CURL, url]).ok().text() == "1\n"


def test_a_series_runs_across_the_processes_of_a_session(lab):
    lab.serve()
    one = [*CURL, URL + "/sequence"]
    for expected in "1\n", "2\n", "3\n":
        assert lab.record(one, env={"RECSHIM_SESSION": "first"}).ok().text() == expected
    assert len(lab.recordings()) == 3
    for expected in "1\n", "2\n", "3\n", "3\n":
        assert lab.replay(one, env={"RECSHIM_SESSION": "second"}).ok().text() == expected


def test_a_new_session_replaces_the_series(lab):
    lab.serve()
    url = URL + "/sequence"
    lab.record([*CURL, url, url, url]).ok()
    lab.record([*CURL, url]).ok()
    assert len(lab.recordings()) == 1
    assert lab.replay([*CURL, url, url]).ok().text() == "4\n4\n"


def test_a_retried_429_and_its_answer_replay_in_order(lab):
    lab.serve()
    program = [*CURL, "-w", "%{http_code}\n", URL + "/flaky", URL + "/flaky"]
    recorded = lab.record(program).ok()
    assert recorded.text().count("429") == 1
    plain = [path for path in lab.recordings() if re.fullmatch(r"[0-9a-f]{64}\.json", path.name)]
    assert len(lab.recordings()) == 2 and len(plain) == 1
    assert load(plain[0])["response"].get("status", 200) == 200
    lab.stop_servers()
    assert lab.replay(program).ok().stdout == recorded.stdout


def test_a_bare_503_replays(lab):
    lab.serve()
    recorded = lab.record([*CURL, "-i", URL + "/status/503"]).ok()
    lab.stop_servers()
    assert lab.replay([*CURL, "-i", URL + "/status/503"]).ok().stdout == recorded.stdout


@pytest.mark.parametrize("what", ["chat", "stream", "ollama", "ollama stream", "models", "echo"])
def test_recording_the_same_again_touches_no_file(lab, what):
    """Only ids, times, padding and headers such as Date differ: the recordings stay as they are."""
    streamed = CHAT[:-1] + ',"stream":true}'
    program = {
        "chat": lambda: chat(lab), "stream": lambda: chat(lab, streamed),
        "ollama": lambda: [*CURL, "-d", CHAT[:-1] + ',"stream":false}', URL + "/api/chat"],
        "ollama stream": lambda: [*CURL, "-d", CHAT, URL + "/api/chat"],
        "models": lambda: [*CURL, "-H", "Authorization: Bearer x", URL + "/v1/models"],
        "echo": lambda: [*CURL, "-d", "same", URL + "/echo"]}[what]()
    lab.serve()
    first = lab.record(program).ok()
    before = lab.snapshot()
    assert before
    lab.stop_servers()
    lab.seed += "another"
    lab.serve()
    second = lab.record(program).ok()
    if what not in ("models", "echo"):
        assert second.stdout != first.stdout
    after = lab.snapshot()
    assert after.keys() == before.keys()
    changed = [name for name in before if after[name][:2] != before[name][:2]]
    assert not changed, "rewritten:\n" + labs.difference(
        before[changed[0]][2], after[changed[0]][2], ("before", "after"))
    assert labs.outcomes(second.journal) == ["unchanged"]


def git(lab, *arguments):
    """On the recordings, with git's own files elsewhere."""
    command = ["git", f"--git-dir={lab.folder / 'git'}", f"--work-tree={lab.dir}", "-c", "user.name=e2e",
               "-c", "user.email=e2e@example.test", *arguments]
    return lab.run(command, lab.base_env(), "git", cwd=lab.dir).ok().text()


def test_a_conversation_recorded_again_leaves_no_diff(lab):
    """A tool loop, streamed and not, and a chain of responses: each request names an id that the
    server drew anew, and is filed under the one that replay gives."""
    program = [sys.executable, PYTHON / "use_conversations.py"]
    lab.serve()
    first = lab.record(program).ok()
    before = lab.snapshot()
    lab.stop_servers()
    lab.seed += "another"
    lab.serve()
    second = lab.record(program).ok()
    assert second.stdout != first.stdout
    assert set(labs.outcomes(second.journal)) == {"unchanged"}
    assert lab.snapshot() == before
    lab.stop_servers()
    replayed = lab.replay(program).ok()
    assert replayed.stdout == first.stdout
    assert set(labs.outcomes(replayed.journal)) == {"hit"}


@pytest.mark.parametrize("layout", ["flat", "by-test"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_what_differs_is_a_small_diff(lab, layout, streamed):
    """Of three recordings the answer of one changes in one place."""
    config = lab.folder / "layout.json"
    config.write_text(json.dumps({"layout": layout}))
    env = {"RECSHIM_CONFIG": str(config), "RECSHIM_TEST_ID": "tests/chat/test_it.py::test_it"}
    suffix = ',"stream":true}' if streamed else "}"
    program = []
    for text in "one", "same", "other":
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}]})[:-1] + suffix
        request = chat(lab, body)
        program += ["--next", *request[2:]] if program else request
    lab.serve()
    lab.record(program, env=env).ok()
    before = lab.snapshot()
    assert len(before) == 3
    git(lab, "init", "-q")
    git(lab, "add", "-A")
    git(lab, "commit", "-q", "-m", "as recorded")
    lab.stop_servers()
    lab.seed += "another"
    lab.serve(arguments=["--instead", "“same”=“alike”"])
    recorded = lab.record(program, env=env).ok()
    assert sorted(labs.outcomes(recorded.journal)) == ["recorded", "unchanged", "unchanged"]
    after = lab.snapshot()
    assert after.keys() == before.keys()
    if layout == "by-test":
        assert all(name.startswith("tests/chat/recordings/") for name in after)
    (name,) = [name for name in after if after[name] != before[name]]
    added, removed, path = git(lab, "diff", "--numstat").split()
    assert path == name
    diff = git(lab, "diff", "-U0")
    lines = [line for line in diff.splitlines() if re.match(r"[+-](?![+-]{2} )", line)]
    said = [line for line in lines if re.search(r'"content":', line)]
    assert len(said) == 2 and "same" in said[0] and "alike" in said[1], diff
    # Beside it, when it was recorded, the ids that come with an answer, and the size of the chunk.
    others = [line for line in lines if line not in said]
    volatile = r'"(recorded_at|/id|/created|Date|x-request-id|x-ratelimit-[a-z-]+|openai-processing-ms|Content-Length)"|originals|\[\d+, \d+\],'
    strange = [line for line in others if not re.search(volatile, line, re.I)]
    assert not strange, "\n".join(strange)
    assert added == removed and int(added) <= 6, diff


def test_a_different_answer_rewrites_the_file(lab):
    lab.serve()
    lab.record([*CURL, URL + "/random"]).ok()
    before = lab.snapshot()
    recorded = lab.record([*CURL, URL + "/random"]).ok()
    after = lab.snapshot()
    assert after.keys() == before.keys() and after != before
    assert lab.replay([*CURL, URL + "/random"]).ok().stdout == recorded.stdout


def test_the_shape_of_a_chat_recording(lab):
    lab.serve()
    lab.record(chat(lab, CHAT[:-1] + ',"stream":true}'), env={"RECSHIM_TEST_ID": "tests/a.py::b[c]"}).ok()
    (path,) = lab.recordings()
    text = path.read_text()
    recording = json.loads(text)
    # Under the last key, recshim, the layout is freer (recordings/README.md).
    outside = json.dumps({key: value for key, value in recording.items() if key != "recshim"}, indent=2)
    assert text.startswith(outside.removesuffix("\n}") + ',\n  "recshim": {\n') and text.endswith("\n}\n")
    assert list(recording)[:3] == ["test_id", "request", "response"]
    assert recording["test_id"] == "tests/a.py::b[c]"
    request = recording["request"]
    assert request["method"] == "POST" and request["url"] == URL + "/v1/v1/chat/completions"
    assert request["endpoint"] == "/v1/chat/completions" and request["model"] == "gpt-4o"
    assert request["body"] == json.loads(CHAT[:-1] + ',"stream":true}')
    response = recording["response"]
    assert response["is_streaming"] is True and len(response["body"]) > 10
    for chunk in response["body"]:
        assert chunk["__type__"] == "openai.types.chat.chat_completion_chunk.ChatCompletionChunk"
        assert chunk["__data__"]["id"] == f"rec-{path.stem[:12]}" and chunk["__data__"]["created"] == 0
    assert recording["recshim"]["version"] == 1


@pytest.mark.parametrize("how", ["close", "_exit"])
def test_a_client_that_stops_at_done_leaves_a_complete_recording(lab, how):
    lab.serve()
    lab.record([sys.executable, PYTHON / "leave_early.py", how, "[DONE]"]).ok()
    assert len(lab.recordings()) == 1
    lab.stop_servers()
    replayed = lab.replay([sys.executable, PYTHON / "leave_early.py", "read-all", ""]).ok()
    assert replayed.text().endswith("data: [DONE]\n\n")
    assert labs.outcomes(replayed.journal) == ["hit"]


def test_a_client_that_leaves_within_a_stream_is_told_apart(lab):
    lab.serve(arguments=["--chunk-delay", "0.02"])
    lab.record([sys.executable, PYTHON / "leave_early.py", "close", "chat.completion.chunk"]).ok()
    (path,) = lab.recordings()
    assert "client" in json.dumps(load(path)["recshim"])


def test_exit_right_after_the_last_byte_leaves_a_recording(lab):
    lab.serve()
    recorded = lab.record([sys.executable, PYTHON / "last_byte.py"]).ok()
    lab.stop_servers()
    assert lab.replay([sys.executable, PYTHON / "last_byte.py"]).ok().stdout == recorded.stdout


def test_a_stream_arrives_undelayed(lab):
    server = lab.serve()
    path = "/chunked?n=5&size=200&delay=0.3"
    recorded = lab.record([sys.executable, PYTHON / "stream_times.py", path]).ok()
    arrived = [float(line) for line in recorded.text().split()]
    (entry,) = [json.loads(line) for line in (server.folder / "log").read_text().splitlines()]
    assert len(arrived) == len(entry["sent"]) == 5
    for sent, came in zip(entry["sent"], arrived):
        assert came - sent < 0.2, (entry["sent"], arrived)


def test_pace(lab):
    lab.serve()
    path = "/chunked?n=5&size=200&delay=0.25"
    program = [sys.executable, PYTHON / "stream_times.py", path]
    lab.record(program).ok()
    lab.stop_servers()

    def span(**env):
        times = [float(line) for line in lab.replay(program, env=env).ok().text().split()]
        assert len(times) == 5
        return times[-1] - times[0]

    assert span() < 0.3
    assert 0.9 < span(RECSHIM_PACE="recorded") < 3
    assert 0.15 < span(RECSHIM_PACE="x4") < 0.8


def test_a_recording_that_can_not_be_written_is_reported_and_the_program_unaffected(lab):
    lab.serve()
    file = lab.folder / "file"
    file.write_text("in the way")
    result = lab.record([*CURL, URL + "/sequence"], env={"RECSHIM_DIR": str(file / "below")})
    assert (result.status, result.text()) == (0, "1\n")
    assert re.fullmatch(r"recshim: [^\n]+\n", result.stderr.decode()), result.stderr
    assert labs.outcomes(result.journal) == ["lost"]


def test_a_journal_that_can_not_be_written_is_a_wrong_setting(lab):
    lab.serve()
    env = lab.shim_env("record", RECSHIM_JOURNAL=str(lab.folder / "none" / "j"))
    result = lab.run([*CURL, URL + "/sequence"], env, "record")
    assert result.status != 0 and result.text() == "", result.account()
    assert "recshim: RECSHIM_JOURNAL: cannot write" in result.stderr.decode(), result.account()
    assert not lab.recordings()


@pytest.mark.parametrize("dir", ["relative", "absolute"])
def test_a_working_directory_that_was_removed(lab, dir):
    """Without one there is no folder `recordings`, unless RECSHIM_DIR tells where it is."""
    lab.serve()
    script = 'mkdir gone && cd gone && rmdir ../gone && LD_PRELOAD="$LIBRARY" exec "$@"'
    env = {"LD_PRELOAD": None, "LIBRARY": str(paths.LIBRARY)} | ({"RECSHIM_DIR": None} if dir == "relative" else {})
    result = lab.record(["sh", "-c", script, "sh", *CURL, URL + "/sequence"], env=env)
    if dir == "absolute":
        assert result.ok().text() == "1\n" and len(lab.recordings()) == 1
        return
    assert result.status != 0 and result.text() == "", result.account()
    assert "recshim: RECSHIM_DIR: recordings is relative" in result.stderr.decode(), result.account()
    assert not pathlib.Path("/recordings").exists()


def test_a_session_s_folder_that_was_made_anew_says_whose_it_is(lab):
    """When `recshim run` was killed, another run removed its folder, and its program goes on:
    without an owner it would never be removed."""
    lab.serve(tls=False)
    script = ("import http.client, os, shutil, signal, sys\n"
              "folder = os.environ['XDG_RUNTIME_DIR'] + '/recshim/' + os.environ['RECSHIM_SESSION']\n"
              "owner = os.getppid()\n"
              "c = http.client.HTTPConnection('api.openai.com', timeout=30)\n"
              "c.request('GET', '/random'); c.getresponse().read()\n"
              "os.kill(owner, signal.SIGKILL); shutil.rmtree(folder)\n"
              # A body that is kept in a file meanwhile.
              "c.request('POST', '/echo', b'x' * 20_000_000); c.getresponse().read()\n"
              "print(owner, open(folder + '/owner').read().split()[0])\n")
    result = lab.launch("record", [sys.executable, "-c", script])
    owner, noted = result.text().split()
    assert owner == noted, result.account()
    assert len(lab.recordings()) == 2


PLAIN = "http://api.openai.com"
DEV_TCP = ('exec 3<>/dev/tcp/api.openai.com/80; printf "GET /%s HTTP/1.1\\r\\nHost: api.openai.com\\r\\n\\r\\n" x >&3; '
           "cat <&3")
UPGRADE = ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket"]
UNRECORDED = {
    "cancelled": ("silent", [*CURL, "--max-time", "0.3", PLAIN + "/x?key=k"],
                  "GET", PLAIN + "/x?key=REDACTED", "closed before an answer"),
    "upgraded": ("upgrade", [*CURL, *UPGRADE, PLAIN + "/x"], "GET", PLAIN + "/x", "switched protocols"),
    "by stdio": ("hasty", ["bash", "-c", DEV_TCP], "", PLAIN, "stdio"),
}


@pytest.mark.parametrize("what, mode", [*((what, "record") for what in UNRECORDED),
                                        ("cancelled", "record-if-missing")])
def test_what_is_seen_and_not_recorded_is_told_and_strict_minds(lab, what, mode):
    kind, program, method, url, why = UNRECORDED[what]
    lab.stand_in("api.openai.com", 80, servers.start_script("fake_protocols.py", lab.fresh("server"), ["--kind", kind]))
    journal = lab.fresh("journal")
    env = lab.shim_env(mode, LD_PRELOAD=None, RECSHIM_JOURNAL=str(journal), RECSHIM_TEST_ID="t")
    result = lab.run([paths.LAUNCHER, "run", "--json", "--strict", "--", *program], env, what)
    assert result.status == 86, result.account()
    (line,) = labs.read_journal(journal)
    assert (line["outcome"], line["method"], line["url"]) == ("unrecorded", method, url), line
    assert why in line["detail"] and line["test_id"] == "t", line
    summary = json.loads(result.stderr.decode().splitlines()[-1])
    assert summary["unrecorded"] == 1 and summary["problems"][0]["detail"] == line["detail"], summary
    assert not lab.recordings()
    loose = lab.run([paths.LAUNCHER, "run", "--", *program], env, what)
    assert loose.status != 86, loose.account()
    told = loose.stderr.decode().splitlines()
    assert len(told) >= 3 and told[-3].startswith("recshim: 1 not recorded ("), loose.account()
    assert told[-2] == f"  not recorded: {method} {url}  [t]".replace(":  ", ": ") and why in told[-1], told


def test_tls_begun_before_its_host_was_known_is_told(lab):
    """By an address nobody looked up: the second piece of the ClientHello names a configured host."""
    server = lab.serve()
    hello = ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="api.openai.com")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    (lab.folder / "hello").write_bytes(hello.read())
    program = ("import socket, sys; hello = open(sys.argv[2], 'rb').read(); "
               "s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); "
               "s.sendall(hello[:40]); s.sendall(hello[40:]); print(s.recv(1))")
    env = {"RECSHIM_CONNECT_TO": None, "RECSHIM_HOSTS": "api.openai.com"}
    result = lab.record([sys.executable, "-c", program, server.port, lab.folder / "hello"], env=env).ok()
    assert result.text() == "b'\\x16'\n"
    (line,) = result.journal
    assert (line["outcome"], line["detail"]) == ("unrecorded", "its TLS is out of reach"), line
    assert "api.openai.com" in line["url"], line


def test_an_unused_connection_is_no_loss(lab):
    lab.serve(tls=False)
    idle = "import socket; socket.create_connection(('api.openai.com', 80)).close()"
    result = lab.run([paths.LAUNCHER, "run", "--strict", "--", sys.executable, "-c", idle],
                     lab.shim_env("record", LD_PRELOAD=None), "idle")
    assert result.status == 0 and b"no request to a configured host was seen" in result.stderr, result.account()


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["down", "up"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_gigabyte_in_bounded_memory(lab, scheme, direction):
    size = 1 << 30
    lab.serve(tls=scheme == "https")
    program = [sys.executable, PYTHON / "peak_memory.py", scheme, direction, size]

    def peak_kib(result):
        assert result.status == 0, result.account()
        return int(re.fullmatch(rb"VmHWM:\s+(\d+) kB\n", result.stderr).group(1))

    alone = peak_kib(lab.record(program[:-1] + [1 << 20], mode="live", what="live"))
    recorded = lab.record(program, timeout=120)
    assert peak_kib(recorded) - alone < 64 * 1024
    lab.stop_servers()
    replayed = lab.replay(program, timeout=120)
    assert replayed.stdout == recorded.stdout
    assert peak_kib(replayed) - alone < 64 * 1024


@pytest.mark.parametrize("kind", ["redis", "smtp", "postgres"])
def test_other_protocols_pass_live_and_are_refused_in_replay(lab, kind):
    port = {"redis": 6379, "smtp": 25, "postgres": 5432}[kind]
    server = servers.start_script("fake_protocols.py", lab.fresh("server"), ["--kind", kind])
    lab.stand_in("redis.example.test", port, server)
    program = [sys.executable, PYTHON / "other_protocol.py", kind, "redis.example.test", port]
    for mode in "live", "record":
        result = lab.record(program, mode=mode, what=mode)
        assert result.status == 0 and "ended by" not in result.text(), result.account()
    assert not lab.recordings()
    replayed = lab.replay(program)
    assert "ended by: ECONNRESET" in replayed.text(), replayed.account()
    assert labs.outcomes(replayed.journal) == ["refused"] and replayed.journal[0]["detail"]


@pytest.mark.parametrize("mode", ["live", "record", "replay"])
def test_a_program_without_network_is_unaffected(lab, mode):
    script = ("import os, threading; print(len(os.listdir('/proc/self/task')), "
              "sorted(os.listdir('/proc/self/fd')))")
    program = [sys.executable, "-c", script]
    alone = lab.run(program, lab.base_env(), "alone").ok()
    before = sorted(lab.folder.rglob("*"))
    result = lab.run(program, lab.shim_env(mode, RECSHIM_CONNECT_TO=None, RECSHIM_LOG=None,
                                           RECSHIM_LOG_LEVEL=None), mode).ok()
    # The session's memory is open, out of the way, for what the program may execute.
    threads, descriptors = result.text().split(" ", 1)
    ours = [fd for fd in ast.literal_eval(descriptors) if int(fd) >= 500]
    assert len(ours) == 1
    assert f"{threads} {sorted(set(ast.literal_eval(descriptors)) - set(ours))}\n" == alone.text()
    assert sorted(lab.folder.rglob("*")) == before


@pytest.mark.parametrize("mode", ["live", "record", "replay"])
def test_hosts_not_configured_are_left_alone(lab, mode):
    server = lab.serve(tls=False)
    lab.connect_to.clear()
    url = f"http://127.0.0.1:{server.port}/sequence"
    assert lab.record([*CURL, url], mode=mode, env={"RECSHIM_CONNECT_TO": None}).ok().text() == "1\n"
    assert not lab.recordings()


def test_live_mode_writes_nothing(lab):
    lab.serve()
    assert lab.record([*CURL, URL + "/sequence"], mode="live").ok().text() == "1\n"
    assert not lab.dir.exists()


def test_client_certificates_stay_the_programs_own(lab):
    lab.serve(arguments=["--client-ca", str(lab.pki.ca)])
    program = [*CURL, "--cert", lab.pki.client_cert, "--key", lab.pki.client_key, URL + "/random"]
    lab.check(program)


def test_certificate_verification_is_the_programs_own_in_record(lab):
    lab.serve()
    result = lab.record([*CURL, "--cacert", "/dev/null", URL + "/random"])
    assert result.status in (35, 60, 77), result.account()
    assert not lab.recordings()


def test_tls_to_a_configured_address_under_a_name_that_is_not(lab):
    port = lab.serve().port
    nobodys = dict.fromkeys(["RECSHIM_CONNECT_TO", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    program = [sys.executable, PYTHON / "by_address.py", port]
    result = lab.record(program, env={**nobodys, "RECSHIM_HOSTS": "127.0.0.1"}).ok()
    assert "200 OK" in result.text(), result.account()
    recording, = lab.recordings()
    assert load(recording)["request"]["url"] == f"https://api.openai.com:{port}/random"


def test_secret_cookies_are_not_written(lab):
    lab.serve()
    program = [*CURL, "-i", "-b", f"session={lab.secret}", f"{URL}/cookies"]
    recorded = lab.record(program).ok()
    values = re.findall(r"(?:session|tracking)=([0-9a-f]+);", recorded.text())
    assert len(values) == 2
    lab.stop_servers()
    replayed = lab.replay(program).ok()
    mask = re.compile(r"(session|tracking)=[^;]*;")
    assert mask.sub(r"\1=…;", replayed.text()) == mask.sub(r"\1=…;", recorded.text())
    lab.assert_no_secret(*values)


def test_a_limit_of_file_sizes_loses_the_recording_and_not_the_program(lab):
    """Our own write beyond RLIMIT_FSIZE raises SIGXFSZ in the program's thread."""
    lab.serve()
    url = URL + "/big?bytes=300000"
    unlimited = lab.record([*CURL, url]).ok()
    for path in lab.recordings():
        path.unlink()
    recorded = lab.record(["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *CURL, url])
    assert recorded.status == 0, recorded.account()
    assert recorded.stdout == unlimited.stdout
    assert b"lost" in recorded.stderr and b"File too large" in recorded.stderr
    assert not lab.recordings()
