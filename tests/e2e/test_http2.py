"""HTTP/2 and gRPC: recorded against real servers, and replayed without them."""

import json
import pathlib
import shutil
import sys

import pytest

from harness import lab as labs
from harness import servers

PROGRAMS = pathlib.Path(__file__).parent / "http2"
HOST = "api.example.test"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
doors = pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])


def serve(lab, command, tls):
    folder = lab.fresh("server-http2")
    folder.mkdir(parents=True)
    identity = [str(lab.pki.cert), str(lab.pki.key)] if tls else []
    server = servers.Process(["timeout", "600", *command, str(folder / "port"), *identity], folder,
                             port_file=folder / "port")
    lab.stand_in(HOST, 443 if tls else 80, server)


def url(tls):
    return ("https://" if tls else "http://") + HOST


def grpc_client(lab, tls, *calls):
    door = ["default"] if tls else []
    return [sys.executable, PROGRAMS / "grpc_client.py", f"{HOST}:{443 if tls else 80}", *door, *calls]


def serve_grpc(lab, tls):
    serve(lab, [sys.executable, PROGRAMS / "grpc_server.py"], tls)


def serve_node(lab, tls):
    serve(lab, [NODE, PROGRAMS / "http2_server.js"], tls)


def roundtrip(lab, program, env=None):
    recorded = lab.record(program, env=env).ok()
    lab.stop_servers()
    replayed = lab.replay(program, env=env).ok()
    labs.assert_same(recorded, replayed)
    return recorded, replayed


def versions(lab):
    """Of HTTP, in which the recorded answers came."""
    return {json.loads(path.read_text())["recshim"]["response"].get("http_version", "1.1")
            for path in lab.recordings()}


def curl_each(urls, *options):
    """A process for each: curl 7.88 can't use a connection of prior knowledge again."""
    words = ["curl", "-q", "-sS", "--max-time", "30", "-w", "(HTTP/%{http_version} %{http_code})\\n", *options]
    each = " && ".join(" ".join(f"'{word}'" for word in [*words, url]) for url in urls)
    return ["bash", "-c", each]


@doors
def test_grpc(lab, tls):
    serve_grpc(lab, tls)
    env = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(lab.pki.ca)}
    recorded, replayed = roundtrip(lab, grpc_client(lab, tls), env)
    assert b"failed RESOURCE_EXHAUSTED" in recorded.stdout and b"both ways" in recorded.stdout
    assert set(labs.outcomes(replayed.journal)) == {"hit"}
    assert versions(lab) == {"2"}
    missed = lab.replay(grpc_client(lab, tls, "new"), env=env)
    assert b"new FAILED_PRECONDITION True" in missed.stdout, missed.account()
    assert labs.outcomes(missed.journal) == ["miss"]


@doors
@needs_node
def test_nodes_http2(lab, tls):
    serve_node(lab, tls)
    recorded, replayed = roundtrip(lab, [NODE, PROGRAMS / "http2_client.js", url(tls)])
    assert recorded.stdout.count(b"3000000 bytes") == 3
    assert set(labs.outcomes(replayed.journal)) == {"hit"}


@needs_node
def test_what_a_program_cancels_is_counted(lab):
    serve_node(lab, tls=False)
    recorded = lab.record([NODE, PROGRAMS / "http2_client.js", url(False), "cancel"]).ok()
    assert labs.outcomes(recorded.journal).count("unrecorded") == 1


@doors
@needs_node
def test_hyper_h2(lab, tls):
    """Inside of a TLS session that the library serves, and without TLS."""
    serve_node(lab, tls)
    recorded, _ = roundtrip(lab, [sys.executable, PROGRAMS / "httpx_client.py", url(tls)])
    assert recorded.stdout.startswith(b"HTTP/2 200")


@needs_node
def test_either_version_answers_the_other(lab):
    serve_node(lab, tls=False)
    urls = [url(False) + path for path in ("/json", "/big", "/events")]
    over2 = lab.record(curl_each(urls, "--http2-prior-knowledge")).ok()
    assert over2.stdout.count(b"(HTTP/2 200)") == 3 and versions(lab) == {"2"}
    lab.stop_servers()
    over1 = lab.replay(curl_each(urls, "--http1.1")).ok()
    assert over1.stdout == over2.stdout.replace(b"(HTTP/2 ", b"(HTTP/1.1 ")
    assert labs.outcomes(over1.journal) == ["hit"] * 3


def test_recorded_over_http1_asked_over_http2(lab):
    lab.serve(host=HOST, tls=False)
    urls = [url(False) + path for path in ("/gzip", "/chunked?n=5&size=20", "/until-close")]
    over1 = lab.record(curl_each(urls)).ok()
    assert over1.stdout.count(b"(HTTP/1.1 200)") == 3 and versions(lab) == {"1.1"}
    lab.stop_servers()
    over2 = lab.replay(curl_each(urls, "--http2-prior-knowledge")).ok()
    assert over2.stdout == over1.stdout.replace(b"(HTTP/1.1 ", b"(HTTP/2 ")
    assert labs.outcomes(over2.journal) == ["hit"] * 3
