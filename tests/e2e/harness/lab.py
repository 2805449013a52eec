"""One program under test: its folder, its environment, its runs in each mode, and what must
hold for them. Knows the contract (variables, journal, files); knows no client or server."""

import base64
import dataclasses
import difflib
import functools
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import time

from . import paths, servers

RUN_S = 60
API_HOST = "api.openai.com"


@dataclasses.dataclass
class Result:
    status: int
    stdout: bytes
    stderr: bytes
    seconds: float
    what: str

    def ok(self, stderr=b""):
        assert self.status == 0, f"{self.what}: exit status {self.status}\n{self.account()}"
        assert self.stderr == stderr, f"{self.what}: unexpected stderr\n{self.account()}"
        return self

    def account(self):
        # What a sanitizer found stands at the start of stderr, and CI cuts the middle of a long account.
        return (f"--- stderr ({len(self.stderr)} bytes)\n{self.stderr[:6000].decode('utf-8', 'replace')}\n"
                f"--- stdout ({len(self.stdout)} bytes)\n{self.stdout[-2000:].decode('utf-8', 'replace')}")

    def text(self):
        return self.stdout.decode()


@functools.lru_cache(None)
def unshare(*flags):
    """The command prefix that gives a program namespaces of its own, or None if it can't."""
    binary = shutil.which("unshare")
    for extra in ((), ("--map-root-user",)):
        command = (binary, *extra, *flags) if binary else None
        if command and subprocess.run([*command, "true"], capture_output=True, timeout=20).returncode == 0:
            return list(command)
    return None


def difference(first, second, names):
    lines = difflib.unified_diff(first.decode("utf-8", "backslashreplace").splitlines(),
                                 second.decode("utf-8", "backslashreplace").splitlines(),
                                 *names, lineterm="", n=1)
    return "\n".join(line[:300] for line in list(lines)[:60])


def assert_same(first, second, with_stderr=False):
    """Same stdout byte for byte and same status."""
    assert first.stdout == second.stdout, (
        f"stdout differs between {first.what} and {second.what}\n"
        + difference(first.stdout, second.stdout, (first.what, second.what))
        + f"\n{second.what}'s " + second.account()[:6000])
    assert first.status == second.status, (
        f"{first.what} ended with {first.status}, {second.what} with {second.status}\n{second.account()}")
    if with_stderr:
        assert first.stderr == second.stderr, (
            f"stderr differs between {first.what} and {second.what}\n"
            + difference(first.stderr, second.stderr, (first.what, second.what)))


class Lab:
    def __init__(self, folder, pki):
        self.folder = pathlib.Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.pki = pki
        self.dir = self.folder / "recordings"
        self.secret = "sk-e2e-" + secrets.token_hex(16)
        self.seed = secrets.token_hex(8)
        self.connect_to = {}
        self._servers = []
        self._worlds = []
        self._hosts = {}
        self._counts = {}
        for name in ("home", "tmp", "cwd", "run", "cache"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "run").chmod(0o700)

    def fresh(self, name):
        """A new path name1, name2, … in the lab's folder."""
        self._counts[name] = self._counts.get(name, 0) + 1
        return self.folder / f"{name}{self._counts[name]}"

    # --- Servers --------------------------------------------------------------------

    def serve(self, host=API_HOST, tls=True, port=None, arguments=(), pki=None, script="openai_server.py"):
        """Starts one of our servers to stand for host:port (443 or 80 unless told)."""
        port = port or (443 if tls else 80)
        arguments = [*arguments, "--seed", self.seed]
        if tls:
            arguments += servers.tls_arguments(pki or self.pki)
        server = servers.start_script(script, self.fresh("server"), arguments)
        self.stand_in(host, port, server)

        address = self._hosts.setdefault(host, f"127.0.0.{len(self._hosts) + 2}")
        world = self.fresh("world-server")
        world.mkdir()
        command = servers.script_command(script, world, [*arguments, "--address", address], port=port)
        self._worlds.append({"command": command, "address": address, "port": port})
        return server

    def stand_in(self, host, port, server):
        """Lets server be reached as host:port, and stops it with the lab."""
        self._servers.append(server)
        self.connect_to[f"{host}:{port}"] = f"127.0.0.1:{server.port}"
        return server

    def also_named(self, name, host):
        """Where the hosts are real, name has the address of host."""
        self._hosts[name] = self._hosts[host]

    def stop_servers(self):
        for server in self._servers:
            server.stop()
        self._servers.clear()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Environments ---------------------------------------------------------------

    def base_env(self):
        """What every program gets: nothing of the caller's that could matter."""
        env = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "JAVA_HOME", "GOPATH")
               if name in os.environ}
        ca = str(self.pki.ca)
        env.update(HOME=str(self.folder / "home"), TMPDIR=str(self.folder / "tmp"), LANG="C.UTF-8",
                   XDG_RUNTIME_DIR=str(self.folder / "run"), XDG_CACHE_HOME=str(self.folder / "cache"),
                   PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", E2E_CA=ca, E2E_SECRET=self.secret,
                   SSL_CERT_FILE=ca, CURL_CA_BUNDLE=ca, REQUESTS_CA_BUNDLE=ca, GIT_SSL_CAINFO=ca,
                   OPENAI_API_KEY=self.secret)
        return env

    def shim_env(self, mode, **more):
        env = self.base_env()
        env.update(LD_PRELOAD=str(paths.LIBRARY), RECSHIM_MODE=mode, RECSHIM_DIR=str(self.dir),
                   RECSHIM_LOG=str(self.folder / "recshim.log"), RECSHIM_LOG_LEVEL="debug",
                   RECSHIM_CONNECT_TO=",".join(f"{a}={b}" for a, b in self.connect_to.items()))
        env.update(more)
        return {name: value for name, value in env.items() if value is not None}

    # --- Runs -----------------------------------------------------------------------

    def run(self, argv, env, what, stdin=b"", timeout=RUN_S, cwd=None):
        started = time.monotonic()
        try:
            done = subprocess.run([str(part) for part in argv], env=env, input=stdin, capture_output=True,
                                  timeout=timeout, cwd=cwd or self.folder / "cwd")
        except subprocess.TimeoutExpired as expired:
            partial = Result(-1, expired.stdout or b"", expired.stderr or b"", timeout, what)
            raise AssertionError(f"{what}: still running after {timeout} s\n{partial.account()}\n"
                                 + self.log_tail()) from None
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - started, what)

    def live(self, argv, env=None, what="live without recshim", **options):
        """The program alone, in a network where the hosts are real; same seed, so same answers."""
        task = self.fresh("world")
        task.write_text(json.dumps({
            "hosts": self._hosts, "servers": self._worlds, "program": [str(part) for part in argv],
            "env": {**self.base_env(), **(env or {})}, "cwd": str(self.folder / "cwd")}))
        world = [sys.executable, str(paths.E2E / "harness" / "world.py"), str(task)]
        return self.run([*unshare("--net", "--mount"), *world], dict(os.environ), what, **options)

    def record(self, argv, env=None, what="record", mode="record", **options):
        journal = self.fresh("record.journal")
        result = self.run(argv, self.shim_env(mode, RECSHIM_JOURNAL=str(journal), **(env or {})), what,
                          **options)
        result.journal = read_journal(journal)
        return result

    def replay(self, argv, env=None, what="replay", offline=True, **options):
        """In an empty network namespace, loopback down."""
        journal = self.fresh("replay.journal")
        prefix = unshare("--net") if offline else []
        inner = self.shim_env("replay", RECSHIM_JOURNAL=str(journal), **(env or {}))
        # The program is to be the session's first process, so unshare(1) is not preloaded.
        preload = inner.pop("LD_PRELOAD")
        command = [*prefix, "env", f"LD_PRELOAD={preload}", *argv]
        result = self.run(command, inner, what, **options)
        result.journal = read_journal(journal)
        return result

    def launch(self, mode, argv, env=None, what=None, offline=False, options=(), **more):
        """By `recshim run --mode MODE -- CMD`; offline as replay() is."""
        journal = self.fresh(f"{mode}.journal")
        inner = self.shim_env(mode, LD_PRELOAD=None, RECSHIM_MODE=None, RECSHIM_JOURNAL=str(journal), **(env or {}))
        command = [*(unshare("--net") if offline else []), paths.LAUNCHER, "run", "--quiet", "--mode", mode,
                   *options, "--", *argv]
        result = self.run(command, inner, what or f"recshim run --mode {mode}", **more)
        result.journal = read_journal(journal)
        return result

    def requests(self):
        """What the stand-in servers have been asked, as far as they have finished: "METHOD target"."""
        logs = [path for path in sorted(self.folder.glob("server*/log"))]
        entries = [json.loads(line) for path in logs for line in path.read_text().splitlines()]
        return [f"{entry['method']} {entry['target']}" for entry in sorted(entries, key=lambda entry: entry["time"])]

    # --- What must hold -------------------------------------------------------------

    def recordings(self):
        return sorted(self.dir.rglob("*.json")) if self.dir.exists() else []

    def log_tail(self):
        log = self.folder / "recshim.log"
        return "--- recshim.log\n" + (log.read_text(errors="replace")[-3000:] if log.exists() else "(none)")

    def snapshot(self):
        """Every recording's name, content and identity, to see what a run changed."""
        return {str(path.relative_to(self.dir)): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
                for path in sorted(self.dir.rglob("*")) if path.is_file()} if self.dir.exists() else {}

    def assert_no_secret(self, *more):
        """No file of the lab but the servers' and the tests' own holds a secret of the test."""
        needles = [secret.encode() for secret in (self.secret, *more)]
        needles.append(base64.b64encode(f"user:{self.secret}".encode()))
        own = ("server", "world", "home", "cwd")
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.relative_to(self.folder).parts[0].startswith(own):
                content = path.read_bytes()
                for needle in needles:
                    assert needle not in content, f"a secret stands in {path.relative_to(self.folder)}"

    def check(self, argv, live=True, compare_live=True, env=None, stdin=b"", stderr=b"", status=0,
              recordings=True, timeout=RUN_S):
        """The whole way: live, record, stop the servers, replay offline, compare. With status
        None the program may fail, but in all three runs alike, with the same stderr."""

        def sound(result):
            if status == 0:
                result.ok(stderr)
            return result

        alone = sound(self.live(argv, env=env, stdin=stdin, timeout=timeout)) if live else None
        recorded = sound(self.record(argv, env=env, stdin=stdin, timeout=timeout))
        if alone is not None and compare_live:
            assert_same(alone, recorded, with_stderr=status is None)
        self.stop_servers()
        if recordings:
            assert self.recordings(), f"nothing was recorded\n{recorded.account()}\n{self.log_tail()}"
        before = self.snapshot()
        replayed = self.replay(argv, env=env, stdin=stdin, timeout=timeout)
        try:
            assert_same(recorded, replayed, with_stderr=status is None)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.log_tail()}") from None
        sound(replayed)
        assert self.snapshot() == before, "replay changed the recordings"
        self.assert_no_secret()
        if recordings:
            assert_journals(recorded.journal, replayed.journal)
        return recorded, replayed


def read_journal(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def outcomes(journal):
    return [line["outcome"] for line in journal]


def assert_journals(recorded, replayed):
    """As many hits as recordings, and nothing else."""
    assert set(outcomes(recorded)) <= {"recorded", "unchanged"}, recorded
    assert outcomes(replayed) == ["hit"] * len(recorded), (outcomes(recorded), replayed)
