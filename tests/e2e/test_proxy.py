"""Programs that go through the proxy of HTTPS_PROXY and HTTP_PROXY."""

import sys

import pytest

from harness import lab as labs
from harness import paths, servers

HOST = "api.openai.com"
PROGRAMS = {
    "curl": lambda url: ["curl", "-q", "-sS", "--suppress-connect-headers", "-i", "--max-time", "30", url],
    "requests": lambda url: [sys.executable, "-c", (
        f"import requests; r = requests.get('{url}', timeout=30); print(r.headers, r.text)")],
    "httpx": lambda url: [sys.executable, "-c", (
        f"import httpx; r = httpx.get('{url}', timeout=30); print(r.headers.raw, r.text)")],
    "urllib": lambda url: [sys.executable, "-c", (
        f"import urllib.request as u; r = u.urlopen('{url}', timeout=30); print(r.getheaders(), r.read())")],
}


@pytest.mark.parametrize("credentials", [False, True], ids=["open", "credentials"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("client", PROGRAMS)
def test_proxy(lab, client, scheme, credentials):
    origin = lab.serve(tls=scheme == "https")
    lab.connect_to.clear()
    port = 443 if scheme == "https" else 80
    arguments = ["--map", f"{HOST}:{port}=127.0.0.1:{origin.port}"]
    if credentials:
        arguments += ["--credentials", f"user:{lab.secret}"]
    proxy = servers.start_script("proxy.py", lab.fresh("server"), arguments)
    login = f"user:{lab.secret}@" if credentials else ""
    try:
        address = f"http://{login}127.0.0.1:{proxy.port}"
        env = {"RECSHIM_CONNECT_TO": None, "http_proxy": address, "https_proxy": address,
               "HTTPS_PROXY": address, "RECSHIM_HOSTS": HOST}
        program = PROGRAMS[client](f"{scheme}://{HOST}/random")
        recorded = lab.record(program, env=env).ok()
        proxy.await_log(HOST)
    finally:
        proxy.stop()
    lab.stop_servers()
    assert len(lab.recordings()) == 1, lab.log_tail()
    assert f'"{scheme}://{HOST}/random"' in lab.recordings()[0].read_text()
    replayed = lab.replay(program, env=env).ok()
    labs.assert_same(recorded, replayed)
    labs.assert_journals(recorded.journal, replayed.journal)
    lab.assert_no_secret()


RUNTIMES = {
    "go": [paths.WORK / "runtimes/go/cgo0/net_http"],
    "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", paths.WORK / "runtimes/java", "UrlConnectionClient"],
}


@pytest.mark.parametrize("mode", ["record", "record-if-missing"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_proxy_of_a_runtime(lab, runtime, mode):
    """Their TLS in the tunnel ends in the gateway, which goes through the same proxy."""
    argv = RUNTIMES[runtime]
    if not (paths.WORK / "runtimes" / runtime).exists():
        pytest.skip(f"the programs for {runtime} have not been built")
    secure, plain = lab.serve(), lab.serve(tls=False)
    lab.connect_to.clear()
    proxy = servers.start_script("proxy.py", lab.fresh("server"), [
        "--map", f"{HOST}:443=127.0.0.1:{secure.port}", "--map", f"{HOST}:80=127.0.0.1:{plain.port}"])
    address = f"http://127.0.0.1:{proxy.port}"
    env = {"RECSHIM_CONNECT_TO": None, "RECSHIM_HOSTS": HOST, "http_proxy": address, "https_proxy": address,
           "HTTPS_PROXY": address}
    if runtime == "java":
        argv = [argv[0], *(f"-D{scheme}.proxy{name}={value}" for scheme in ("http", "https")
                           for name, value in (("Host", "127.0.0.1"), ("Port", proxy.port))), *argv[1:]]
    try:
        recorded = lab.launch(mode, argv, env=env).ok()
        proxy.await_log("CONNECT")
    finally:
        proxy.stop()
    lab.stop_servers()
    replayed = lab.launch("replay", argv, env=env, offline=True).ok()
    labs.assert_same(recorded, replayed)
    assert set(labs.outcomes(replayed.journal)) == {"hit"}
    lab.assert_no_secret()


def by_hand(port):
    """A request by way of a proxy that the program alone knows."""
    return [sys.executable, "-c", (
        "import socket\n"
        f"s = socket.create_connection(('127.0.0.1', {port}), 20)\n"
        f"s.sendall(b'CONNECT {HOST}:80 HTTP/1.1\\r\\nHost: {HOST}:80\\r\\n\\r\\n')\n"
        "print(s.recv(4096).split(b'\\r\\n')[0])\n"
        f"s.sendall(b'GET /random HTTP/1.1\\r\\nHost: {HOST}\\r\\nConnection: close\\r\\n\\r\\n')\n"
        "while data := s.recv(65536): print(data)\n")]


def test_a_proxy_that_nobody_named(lab):
    origin = lab.serve(tls=False)
    lab.connect_to.clear()
    proxy = servers.start_script("proxy.py", lab.fresh("server"), ["--map", f"{HOST}:80=127.0.0.1:{origin.port}"])
    env = {"RECSHIM_CONNECT_TO": None, "RECSHIM_HOSTS": HOST}
    try:
        lab.record(by_hand(proxy.port), env=env).ok()
        assert len(lab.recordings()) == 1
        proxy.await_log("CONNECT")
        (proxy.folder / "log").unlink()
        replayed = lab.replay(by_hand(proxy.port), env=env, offline=False)
        assert replayed.status != 0 and "https_proxy" in replayed.stderr.decode(), replayed.account()
        assert not (proxy.folder / "log").exists() or (proxy.folder / "log").read_text() == ""
    finally:
        proxy.stop()


def test_a_proxy_of_a_childs_own_environment(lab):
    """Set in a script, so that only the program that makes its own system calls knows it."""
    program = paths.WORK / "runtimes/go/cgo0/net_http"
    if not program.exists():
        pytest.skip("the programs for go have not been built")
    secure, plain = lab.serve(), lab.serve(tls=False)
    lab.connect_to.clear()
    proxy = servers.start_script("proxy.py", lab.fresh("server"), [
        "--map", f"{HOST}:443=127.0.0.1:{secure.port}", "--map", f"{HOST}:80=127.0.0.1:{plain.port}"])
    env = {"RECSHIM_CONNECT_TO": None, "RECSHIM_HOSTS": HOST}
    address = f"http://127.0.0.1:{proxy.port}"
    argv = ["sh", "-c", f"http_proxy={address} https_proxy={address} {program}"]
    try:
        recorded = lab.launch("record", argv, env=env).ok()
        proxy.await_log("CONNECT")
        (proxy.folder / "log").unlink()
        replayed = lab.launch("replay", argv, env=env, options=["--strict"]).ok()
        assert not (proxy.folder / "log").exists() or (proxy.folder / "log").read_text() == ""
    finally:
        proxy.stop()
    labs.assert_same(recorded, replayed)
    assert set(labs.outcomes(replayed.journal)) == {"hit"}


@pytest.mark.parametrize("hosts", [None, HOST], ids=["default hosts", "named hosts"])
@pytest.mark.parametrize("resolves", ["the proxy", "the program"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_socks_proxy(lab, scheme, resolves, hosts):
    """Recorded by what goes through it; in replay nothing is asked of it."""
    origin = lab.serve(tls=scheme == "https")
    port = 443 if scheme == "https" else 80
    lab.connect_to.clear()
    proxy = servers.start_script("socks.py", lab.fresh("server"), ["--map", f"{HOST}:{port}=127.0.0.1:{origin.port}"])
    log = proxy.folder / "log"
    kind = "socks5h" if resolves == "the proxy" else "socks5"
    argv = ["curl", "-q", "-sS", "--max-time", "20", f"{scheme}://{HOST}/random"]
    env = {"RECSHIM_CONNECT_TO": None, "RECSHIM_HOSTS": hosts, "ALL_PROXY": f"{kind}://127.0.0.1:{proxy.port}"}
    try:
        if resolves == "the proxy":
            lab.record(argv, env=env).ok()
            assert log.read_text() == f"{HOST}:{port}\n"
            (recording,) = lab.recordings()
            assert f'"{scheme}://{HOST}/random"' in recording.read_text()
            log.unlink()
        replayed = lab.replay(argv, env=env, offline=False)
        assert replayed.status != 0 and "SOCKS" in replayed.stderr.decode(), replayed.account()
        assert labs.outcomes(replayed.journal) == ["refused"]
        assert not log.exists()
    finally:
        proxy.stop()
    # Without it, the recording answers.
    if resolves == "the proxy":
        assert labs.outcomes(lab.replay(argv, env={**env, "ALL_PROXY": ""}).ok().journal) == ["hit"]


def test_a_proxy_on_this_machine_with_the_default_hosts(lab):
    origin = lab.serve(tls=False)
    lab.connect_to.clear()
    proxy = servers.start_script("proxy.py", lab.fresh("server"), ["--map", f"{HOST}:80=127.0.0.1:{origin.port}"])
    try:
        replayed = lab.replay(by_hand(proxy.port), env={"RECSHIM_CONNECT_TO": None}, offline=False)
        assert replayed.status != 0 and "https_proxy" in replayed.stderr.decode(), replayed.account()
        assert not (proxy.folder / "log").exists() or (proxy.folder / "log").read_text() == ""
    finally:
        proxy.stop()
