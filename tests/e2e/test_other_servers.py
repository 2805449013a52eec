"""Servers no one here wrote: nginx and httpbin."""

import pathlib
import sys

import pytest

from harness import lab as labs
from harness import servers

HTTPBIN = pathlib.Path(__file__).parent / "python" / "httpbin_client.py"
CURL = ["curl", "-q", "-sS", "-i", "--max-time", "30"]


def roundtrip(lab, program):
    recorded = lab.record(program).ok()
    lab.stop_servers()
    assert lab.recordings()
    replayed = lab.replay(program).ok()
    labs.assert_same(recorded, replayed)
    labs.assert_journals(recorded.journal, replayed.journal)
    return recorded


def test_httpbin(lab):
    lab.stand_in("httpbin.example.test", 443, servers.start_httpbin(lab.folder / "server", lab.pki))
    assert "httpbin.example.test" in roundtrip(lab, [sys.executable, HTTPBIN]).text()


NGINX = {
    "file": ["/page.html"], "compressed": ["--compressed", "/page.html", "/data.json"],
    "encoded": ["-H", "Accept-Encoding: gzip", "/page.html"], "range": ["-r", "100-199", "/blob"],
    "ranges": ["-r", "0-9,50-59", "/blob"], "head": ["-I", "/blob"], "missing": ["/missing"],
    "not modified": ["-H", "If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT", "/page.html"],
    "blob": ["/blob"], "several": ["/page.html", "/data.json", "/blob", "/page.html"],
    "not allowed": ["-d", "x=1", "/page.html"], "bad request": ["-H", "Host:", "/page.html"],
    "proxied stream": ["-N", "/proxied/chunked?n=20&size=50"],
    "offers http2": ["--http2", "/page.html"],
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("case", NGINX)
def test_nginx(lab, case, scheme):
    root = lab.folder / "server-root"
    root.mkdir()
    lab.folder.chmod(0o755)
    (root / "page.html").write_text("<html>" + "<p>paragraph of text, é</p>\n" * 200 + "</html>")
    (root / "data.json").write_text('{ "key" : [1, 2, 3.0] }\n' * 1)
    (root / "blob").write_bytes(bytes(range(256)) * 500)
    upstream = servers.start_script("openai_server.py", lab.fresh("server"))
    try:
        nginx = servers.start_nginx(lab.fresh("server-nginx"), root, lab.pki if scheme == "https" else None,
                                    f"http://127.0.0.1:{upstream.port}/")
        lab.stand_in("static.example.test", 443 if scheme == "https" else 80, nginx)
        words = [f"{scheme}://static.example.test{word}" if word.startswith("/") else word
                 for word in NGINX[case]]
        roundtrip(lab, [*CURL, *words])
    finally:
        upstream.stop()
