"""The same files for both: llama-stack's recorder, from the published package, replays what
recshim recorded, and recshim replays what that recorder wrote."""

import json
import pathlib
import sys

import pytest

from harness import lab as labs

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
    if not isinstance(value, dict) or value.get("object") == "model":
        return value
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


@pytest.mark.parametrize("test_id", [None, TEST_ID], ids=["no test", "a test"])
def test_its_recorder_replays_our_files(lab, test_id):
    tree = Tree(lab)
    lab.serve()
    env = {"RECSHIM_TEST_ID": test_id} if test_id else {}
    folder = tree.by_test if test_id else {"RECSHIM_DIR": str(tree.untested)}
    recorded = outcomes(lab.record([sys.executable, CALLS], env={**env, **folder}).ok())
    lab.stop_servers()
    command = [*labs.unshare("--net"), sys.executable, CALLS, "replay", tree.storage]
    replayed = outcomes(lab.run(command, {**lab.base_env(), **env}, "llama-stack's replay"))
    assert_equal(recorded, replayed)
    assert replayed["chat"]["id"].startswith("rec-"), "it was not its recorder that answered"


@pytest.mark.parametrize("test_id", [None, TEST_ID], ids=["no test", "a test"])
def test_we_replay_its_recorders_files(lab, test_id):
    tree = Tree(lab)
    lab.serve()
    env = {"RECSHIM_TEST_ID": test_id} if test_id else {}
    recorded = lab.live([sys.executable, CALLS, "record", tree.storage], env=env, what="llama-stack's record")
    lab.stop_servers()
    replayed = lab.replay([sys.executable, CALLS], env={**env, "RECSHIM_DIR": str(tree.root)}).ok()
    assert set(labs.outcomes(replayed.journal)) == {"hit"}
    assert_equal(outcomes(recorded), outcomes(replayed))
    assert outcomes(replayed)["chat"]["id"].startswith("rec-")
