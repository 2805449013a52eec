"""llama-stack's own recordings, all of them, replayed to the clients that made them."""

import collections
import json
import pathlib
import subprocess
import sys
import urllib.parse

import pytest

from harness import lab as labs
from harness import paths

ASK = pathlib.Path(__file__).parent / "python" / "ask_again.py"
CLI = paths.BUILD / "recshim"


def corpus():
    folder = paths.shared()
    if not folder or not (folder / "corpus" / "tests").is_dir():
        pytest.skip("optional data: the folder of shared test data (RECSHIM_TEST_SHARED) has no corpus")
    return folder / "corpus"


def recordings():
    """Path and content of each file, sorted."""
    return {path: json.loads(path.read_text()) for path in sorted(corpus().rglob("*.json"))}


def families(request):
    """The clients that can make a recorded request; none for what is no HTTP exchange."""
    if "url" not in request:
        return []
    endpoint = request.get("endpoint")
    if request["url"].startswith("vertexai:"):
        return ["genai"]
    if endpoint and endpoint.startswith("/api/"):
        return ["ollama"]
    if endpoint:
        return ["openai"]
    if request["url"].endswith("/v1/messages"):
        return ["httpx", "aiohttp", "anthropic"]
    return ["httpx", "aiohttp"]


def hosts(files):
    """Each server that the files name, as RECSHIM_HOSTS; Vertex AI's files name none."""
    out = {"*.googleapis.com"}
    for recording in files.values():
        parts = urllib.parse.urlsplit(recording["request"].get("url", ""))
        if parts.hostname:
            out.add(f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname)
    return ",".join(sorted(out))


def unwrapped(entry):
    return entry["__data__"] if isinstance(entry, dict) and set(entry) == {"__type__", "__data__"} else entry


def differs(got, expected, where=""):
    """Where got is not what the file says, or None. An SDK of today may know more fields than the
    one that recorded: those are null then, and no difference."""
    if isinstance(got, dict) and isinstance(expected, dict):
        for name in sorted(set(got) | set(expected)):
            if name in got and name in expected:
                problem = differs(got[name], expected[name], f"{where}/{name}")
            elif got.get(name) is None and expected.get(name) is None:
                problem = None
            else:
                problem = f"{where}/{name}: {'missing' if name not in got else 'not in the file'}"
            if problem:
                return problem
        return None
    if isinstance(got, list) and isinstance(expected, list):
        for i, (mine, theirs) in enumerate(zip(got, expected)):
            if problem := differs(mine, theirs, f"{where}/{i}"):
                return problem
        return None if len(got) == len(expected) else f"{where}: {len(got)} entries, the file has {len(expected)}"
    if type(got) is type(expected) and got == expected or isinstance(got, float) and got == expected:
        return None
    return f"{where}: {got!r:.80}, the file has {expected!r:.80}"


def union_of_models(files, path):
    """The models of all files that answer the same request, by id: those in the test's own folder,
    or where it has none those of every folder."""
    key = path.name.rpartition("-")[0]
    test_id, url = files[path]["test_id"], files[path]["request"]["url"]
    same = [other for other, recording in files.items()
            if other.name.startswith(key) and recording["request"].get("url") == url]
    own = test_id and corpus() / pathlib.PurePosixPath(test_id.split("::")[0]).parent / "recordings"
    return {unwrapped(entry)["id"]: unwrapped(entry)
            for other in [other for other in same if other.parent == own] or same
            for entry in files[other]["response"]["body"]}


def events_of(lines):
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


def cause(client, got, path, files):
    """Why what the client got is not what the file says, or None."""
    request, response = files[path]["request"], files[path]["response"]
    if "raised" in got:
        return got["raised"]
    if response.get("is_exception"):
        # Not its message: that is the SDK's own wording, which has changed since.
        expected = {name: response["exception_data"][name] for name in ("type", "status_code", "body")}
        return differs(got.get("error"), expected, "error")
    if "error" in got:
        return f"error: {got['error']}"
    if response.get("status", 200) != got.get("status", 200):
        return f"status {got['status']}"
    body = response["body"]
    if not isinstance(body, list):
        return differs(got.get("object"), unwrapped(body))
    expected = [unwrapped(entry) for entry in body]
    if (request.get("endpoint") or "").endswith("/models"):
        merged = union_of_models(files, path)
        listed = {model["id"]: model for model in got["objects"]}
        return differs(listed, merged)
    if client == "anthropic":
        expected = events_of(expected)
    if client == "aiohttp" and got["objects"][-1:] == [""] and expected[-1:] != [""]:
        got["objects"].pop()
    return differs(got["objects"], expected)


def test_every_recording_replays_to_the_client_that_made_it(lab, capsys):
    files = recordings()
    asked = collections.defaultdict(list)
    for path, recording in files.items():
        for client in families(recording["request"]):
            asked[client].append(path)
    env = {"RECSHIM_DIR": str(corpus()), "RECSHIM_HOSTS": hosts(files)}
    identical, different = 0, []
    for client, paths_asked in asked.items():
        replayed = lab.replay([sys.executable, ASK, client], env=env, what=client,
                              stdin="\n".join(map(str, paths_asked)).encode(), timeout=120).ok()
        answers = {line["file"]: line for line in map(json.loads, replayed.text().splitlines())}
        assert len(answers) == len(paths_asked)
        assert set(labs.outcomes(replayed.journal)) == {"hit"}
        for path in paths_asked:
            reason = cause(client, answers[str(path)], path, files)
            identical += reason is None
            if reason:
                different.append(f"{path.relative_to(corpus())} to {client}: {reason}")
    total = identical + len(different)
    with capsys.disabled():
        print(f"\n{identical} of {total} identical", *different, sep="\n")
    assert total >= 117 and not different, "\n".join(different)


def test_verify_names_what_is_no_http_exchange():
    files = recordings()
    others = [path for path, recording in files.items() if not families(recording["request"])]
    assert others
    done = subprocess.run([CLI, "verify", "--json", corpus()], capture_output=True, text=True, timeout=60)
    findings = {line["file"]: line for line in map(json.loads, done.stdout.splitlines()) if "file" in line}
    print(done.stdout[-2000:])
    for path in others:
        finding = findings[str(path.relative_to(corpus()))]
        assert finding["kind"] == "note" and "HTTP" in finding["text"], finding
    assert done.returncode == 0
