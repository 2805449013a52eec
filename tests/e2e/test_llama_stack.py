"""The same files for both: llama-stack's recorder, from the published package, replays what
recshim recorded, and recshim replays what that recorder wrote."""

import json
import pathlib
import sys

import pytest

from harness import lab as labs
from harness import paths

# The package by the name it has now, on the Python that it needs.
PYTHONS = {"llama-stack": sys.executable, "ogx": paths.WORK / "runtimes/python313/venv/bin/python"}
CALLS = pathlib.Path(__file__).parent / "python" / "llama_stack_calls.py"
TEST_ID = "tests/integration/inference/test_calls.py::test_every_call[txt=gpt-4o]"
DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
# What both write in the place of a value that differs from run to run, in the root of an object.
PLACEHOLDERS = {"created": 0, "created_at": "1970-01-01T00:00:00.000000Z", **dict.fromkeys(DURATIONS, 0)}


class Tree:
    """Folders as llama-stack's repository has them."""

    def __init__(self, lab):
        self.root = lab.folder / "tree"
        self.storage = self.root / "tests" / "integration" / "common"
        self.untested = self.storage / "recordings"
        self.untested.mkdir(parents=True)
        config = lab.folder / "by-test.json"
        config.write_text(json.dumps({"layout": "by-test"}))
        self.by_test = {"RECSHIM_DIR": str(self.root), "RECSHIM_CONFIG": str(config)}


def outcomes(result):
    return {line["call"]: line["got"] for line in map(json.loads, result.text().splitlines())}


def steady(value):
    """Without what both recorders replace; every other value stays."""
    if isinstance(value, list):
        return [steady(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("object") == "model":
        return {**value, "created": 0}  # ogx replaces it in models too
    # Durations that are null stay null; a date that the SDK left null is replaced all the same.
    out = {name: PLACEHOLDERS[name] if name in PLACEHOLDERS and (item is not None or name not in DURATIONS) else item
           for name, item in value.items()}
    if "id" in out:
        out["id"] = "rec-"
    return out


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert steady(first[name]) == steady(second[name]), name


@pytest.fixture(params=PYTHONS)
def python(request):
    python = PYTHONS[request.param]
    if not pathlib.Path(python).exists():
        pytest.skip(f"{python} has not been built")
    return python


@pytest.mark.parametrize("test_id", [None, TEST_ID], ids=["no test", "a test"])
def test_its_recorder_replays_our_files(lab, test_id, python):
    tree = Tree(lab)
    lab.serve()
    env = {"RECSHIM_TEST_ID": test_id} if test_id else {}
    folder = tree.by_test if test_id else {"RECSHIM_DIR": str(tree.untested)}
    recorded = outcomes(lab.record([python, CALLS], env={**env, **folder}).ok())
    lab.stop_servers()
    command = [*labs.unshare("--net"), python, CALLS, "replay", tree.storage]
    replayed = outcomes(lab.run(command, {**lab.base_env(), **env}, "its replay"))
    if test_id and python == PYTHONS["ogx"]:
        # Since ogx, lists of models belong to no test: it looks for another name (recordings/README.md).
        recorded.pop("models")
        assert "Recording not found" in str(replayed.pop("models")["body"])
    assert_equal(recorded, replayed)
    assert replayed["chat"]["id"].startswith("rec-"), "it was not its recorder that answered"


@pytest.mark.parametrize("sdk_only", [False, True], ids=["on the wire", "sdk only"])
@pytest.mark.parametrize("test_id", [None, TEST_ID], ids=["no test", "a test"])
def test_we_replay_its_recorders_files(lab, test_id, python, sdk_only):
    tree = Tree(lab)
    lab.serve()
    env = {"RECSHIM_TEST_ID": test_id} if test_id else {}
    which = ["--sdk-only"] if sdk_only else []
    recorded = lab.live([python, CALLS, "record", tree.storage, *which], env=env, what="its record")
    lab.stop_servers()
    replayed = lab.replay([python, CALLS, *which], env={**env, "RECSHIM_DIR": str(tree.root)}).ok()
    assert set(labs.outcomes(replayed.journal)) == {"hit"}
    assert_equal(outcomes(recorded), outcomes(replayed))
    for name, got in outcomes(replayed).items():
        if "chat" in name and isinstance(got, dict) and "refused" not in name and "ollama" not in name:
            assert got["id"].startswith("rec-"), "it was not its recorder that wrote the file"
