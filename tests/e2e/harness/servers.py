"""Starts servers on ephemeral ports of 127.0.0.1, each ending by itself in bounded time."""

import pathlib
import shutil
import socket
import subprocess
import sys
import time

from . import paths

START_S = 20
LIFE_S = 240
SCRIPTS = paths.E2E / "servers"


class StartFailed(Exception):
    pass


class Process:
    """A server process and where it listens."""

    def __init__(self, command, folder, port_file=None, port=None, env=None, stop_signal="terminate"):
        self.folder = pathlib.Path(folder)
        self.port = port
        self._errors = open(self.folder / "stderr", "wb")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._errors,
                                         stderr=self._errors, cwd=self.folder, env=env)
        self._wait(port_file)

    def await_log(self, text):
        """A server logs an exchange when it is over, which may be after the program has ended."""
        deadline = time.monotonic() + 20
        log = self.folder / "log"
        while not (log.exists() and text in log.read_text()):
            assert time.monotonic() < deadline, f"{text} is not in {log}"
            time.sleep(0.02)

    def _wait(self, port_file):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if port_file and port_file.exists():
                self.port = int(port_file.read_text())
                return
            if not port_file:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        return
            time.sleep(0.01)
        self.stop()
        raise StartFailed(f"{self._process.args}: " + (self.folder / "stderr").read_text())

    @property
    def running(self):
        return self._process.poll() is None

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
        self._errors.close()


def _fresh(folder):
    folder.mkdir(parents=True, exist_ok=False)
    return folder


def script_command(name, folder, arguments=(), port=0):
    """The command of one of our own servers, writing its port and log into folder."""
    return [sys.executable, str(SCRIPTS / name), "--port", str(port), "--port-file", str(folder / "port"),
            "--log", str(folder / "log"), "--exit-after", str(LIFE_S), *map(str, arguments)]


def start_script(name, folder, arguments=()):
    folder = _fresh(folder)
    return Process(script_command(name, folder, arguments), folder, port_file=folder / "port")


def tls_arguments(pki):
    return ["--tls-cert", pki.cert, "--tls-key", pki.key]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start_on_free_port(make):
    """For servers that can't say which port they took: try again if it was lost to another."""
    for attempt in range(3):
        try:
            return make(_free_port(), attempt)
        except StartFailed:
            if attempt == 2:
                raise


NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type application/octet-stream;
  types {{ text/html html; text/plain txt; application/json json; }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen 127.0.0.1:{port} {tls}; server_name _; root {root}; keepalive_requests 1000;
    {certificates}
    gzip on; gzip_min_length 100; gzip_types text/plain application/json;
    location /proxied/ {{ proxy_pass {upstream}; proxy_http_version 1.1; proxy_buffering off; }}
  }}
}}
"""


def start_nginx(folder, root, pki=None, upstream="http://127.0.0.1:9/", http2=False):
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not binary:
        raise FileNotFoundError("nginx is not installed")

    def make(port, attempt):
        inner = _fresh(folder / f"nginx{attempt}")
        certificates = f"ssl_certificate {pki.cert}; ssl_certificate_key {pki.key};" if pki else ""
        (inner / "nginx.conf").write_text(NGINX.format(
            folder=inner, port=port, tls=("ssl http2" if http2 else "ssl") if pki else "", root=root, certificates=certificates,
            upstream=upstream))
        command = ["timeout", str(LIFE_S), binary, "-p", str(inner), "-e", str(inner / "error.log"),
                   "-c", str(inner / "nginx.conf")]
        return Process(command, inner, port=port)

    return _start_on_free_port(make)


def start_httpbin(folder, pki=None):
    """httpbin under gunicorn, threaded, with TLS when a pki is given."""

    def make(port, attempt):
        inner = _fresh(folder / f"httpbin{attempt}")
        command = ["timeout", str(LIFE_S), sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}",
                   "--worker-class", "gthread", "--threads", "8", "--workers", "1", "--keep-alive", "30",
                   "--graceful-timeout", "1", "--worker-tmp-dir", str(inner), "--log-level", "error",
                   "--no-control-socket"]
        if pki:
            command += ["--certfile", str(pki.cert), "--keyfile", str(pki.key)]
        command.append("httpbin:app")
        return Process(command, inner, port=port)

    return _start_on_free_port(make)
