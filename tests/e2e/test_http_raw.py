"""HTTP/1.1 byte by byte: what a socket gives in replay is what it gave live, over plain HTTP
and over TLS, ends and errors included."""

import json
import pathlib
import sys

import pytest

RAW_CLIENT = pathlib.Path(__file__).parent / "python" / "raw_client.py"
HOST = "api.example.test"


def request(path, method="GET", headers=(), body="", close=True):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *headers]
    if close:
        lines.append("Connection: close")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines) + "\r\n\r\n" + body


def once(path, **options):
    return [["send", request(path, **options)], ["end"]]


ANSWERS = {path.strip("/"): once(path) for path in [
    "/empty", "/binary", "/headers", "/old", "/until-close", "/trailers", "/odd-chunks", "/informational",
    "/204", "/304", "/random", "/redirect", "/status/418", "/status/503", "/status/299",
    "/chunked?n=10&size=1000", "/chunked?n=300&size=7", "/gzip", "/br", "/zstd", "/deflate", "/raw-deflate",
    "/gzip?chunk=10", "/zstd?size=200000", "/big?bytes=3000000", "/big?bytes=2500000&chunked=1", "/slow",
    "/json?style=compact", "/json?style=spaced", "/json?style=indent2", "/json?style=indent4",
    "/json?style=tabs", "/json?style=slashes", "/json?style=odd", "/json?style=bom", "/json?style=invalid"]}
ANSWERS["HEAD"] = once("/head", method="HEAD")
ANSWERS["HEAD of chunked"] = once("/head?x=1", method="HEAD")

BROKEN = {path.strip("/"): once(path) for path in [
    "/truncate", "/truncate?bytes=0", "/truncate?chunked=1", "/truncate?head=1", "/lie",
    "/truncate?ragged=1", "/truncate?chunked=1&ragged=1", "/lie?ragged=1", "/until-close?ragged=1",
    "/reset?at=body", "/reset?at=chunk", "/reset?at=head", "/reset?at=none"]}

CHUNKED_BODY = "5\r\nhello\r\n6;note=\"x\"\r\n world\r\n0\r\nX-Trailer: yes\r\n\r\n"
REQUESTS = {
    "post": once("/echo", method="POST", headers=["Content-Type: application/json"], body='{"a": 1}'),
    "post without a body": once("/echo", method="POST", headers=["Content-Length: 0"]),
    "patch": once("/echo", method="PATCH", body="patch"),
    "options": once("/echo?options", method="OPTIONS"),
    "unknown method": once("/echo", method="BREW", body="coffee"),
    "form": once("/echo", method="POST", headers=["Content-Type: application/x-www-form-urlencoded"],
                 body="b=2&a=1+%C3%A9"),
    "chunked upload": [["send", request("/upload", "POST", ["Transfer-Encoding: chunked"]) + CHUNKED_BODY],
                       ["end"]],
    "chunked upload in pieces": [["send", request("/upload?slow", "POST", ["Transfer-Encoding: chunked"])],
                                 *(["send", byte] for byte in CHUNKED_BODY), ["end"]],
    "head in pieces": [*(["send", byte] for byte in request("/random", close=True)), ["end"]],
    "absolute form": [["send", request("/random").replace("/random", f"http://{HOST}/random", 1)], ["end"]],
    "kept alive": [["send", request("/sequence", close=False)], ["until", "1\n"],
                   ["send", request("/sequence", close=False)], ["until", "2\n"],
                   ["send", request("/chunked?n=3", close=False)], ["until", "0\r\n\r\n"],
                   ["send", request("/204", close=False)], ["until", "\r\n\r\n"],
                   ["send", request("/sequence")], ["end"]],
    "pipelined": [["send", request("/sequence", close=False) + request("/random", close=False)
                   + request("/echo", "POST", body="x" * 3000, close=False) + request("/sequence")], ["end"]],
    "expect": [["send", request("/expect", "PUT", ["Expect: 100-continue", "Content-Length: 5"])],
               ["until", "\r\n\r\n"], ["send", "hello"], ["end"]],
    "expect, not awaited": [["send", request("/expect", "PUT", ["Expect: 100-continue"], body="impatient")],
                            ["end"]],
    "expect refused 417": [["send", request("/expect?refuse=417", "PUT",
                                            ["Expect: 100-continue", "Content-Length: 5"])], ["end"]],
    "expect refused 401": [["send", request("/expect?refuse=401", "PUT",
                                            ["Expect: 100-continue", "Content-Length: 5"])], ["end"]],
    "early answer": [["send", request("/early", "POST", ["Content-Length: 100000"]) + "part"], ["end"]],
    "client leaves within the body": [["send", request("/big?bytes=5000000")], ["bytes", 10000]],
    "tiny reads": [["send", request("/chunked?n=4&size=50")], *([["bytes", 3]] * 100), ["end"]],
}


def check(lab, scheme, steps, status=0):
    lab.serve(host=HOST, tls=scheme == "https")
    task = json.dumps({"scheme": scheme, "host": HOST, "steps": steps})
    return lab.check([sys.executable, RAW_CLIENT, task], status=status)


def matrix(cases):
    def decorate(function):
        function = pytest.mark.parametrize("case", cases)(function)
        return pytest.mark.parametrize("scheme", ["http", "https"])(function)
    return decorate


@matrix(ANSWERS)
def test_answers(lab, scheme, case):
    check(lab, scheme, ANSWERS[case])


@matrix(BROKEN)
def test_broken_answers(lab, scheme, case):
    recorded, _ = check(lab, scheme, BROKEN[case])
    ends = recorded.text().rsplit("ended by: ", 1)[1].strip()
    if "reset" in case:
        # Python's ssl tells no errno here: OpenSSL's SSL_read_ex gives it 0 for any such end.
        assert ends == ("SSLEOFError None" if scheme == "https" else "ConnectionResetError ECONNRESET")
    elif scheme == "https" and "ragged" in case:
        assert "EOF" in ends and ends != "EOF"
    else:
        assert ends == "EOF"


@matrix(REQUESTS)
def test_requests(lab, scheme, case):
    check(lab, scheme, REQUESTS[case])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_read_ends_where_a_chunk_ended(lab, scheme):
    """In replay one read gives at most one boundary's bytes, however large the buffer."""
    lab.serve(host=HOST, tls=scheme == "https")
    task = json.dumps({"scheme": scheme, "host": HOST, "steps": [
        ["send", request("/chunked?n=5&size=100&delay=0.02")], ["until", "\r\n\r\n"],
        *([["read"]] * 5), ["end"]]})
    program = [sys.executable, RAW_CLIENT, task]
    lab.record(program).ok()
    lab.stop_servers()
    replayed = lab.replay(program).ok()
    chunks = [line for line in replayed.text().splitlines() if line.count("64\\r\\n") and "bytes " in line]
    assert len(chunks) == 5 and all(line.count("64\\r\\n") == 1 for line in chunks), replayed.text()
