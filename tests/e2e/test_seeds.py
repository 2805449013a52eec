"""Recordings that llama-stack made, replayed to the official SDK."""

import json
import pathlib
import shutil
import sys

import pytest

from harness import lab as labs
from harness import paths

ASK = pathlib.Path(__file__).parent / "python" / "ask_seed.py"
SEEDS = ["42fc91568f646799065572381a62ffbe66be514138f194d9365148d95351bb78",
         "f2d3e4a2f61fb1192202670121ea15c9afc8f42112058fba4e65c1a40ef39770"]


def seed(name):
    folder = paths.shared()
    file = folder / "seeds" / f"{name}.json" if folder else None
    if not file or not file.exists():
        pytest.skip("optional data: the folder of shared test data (RECSHIM_TEST_SHARED) has no seeds")
    return file


def assert_chunks(result, recording):
    got = [json.loads(line) for line in result.text().splitlines()]
    expected = [chunk["__data__"] for chunk in recording["response"]["body"]]
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected):
        assert of_the_recorded_shape(mine, theirs) == theirs


def of_the_recorded_shape(value, like):
    """Without the null fields that the SDK has gained since the recording was made."""
    if isinstance(value, dict) and isinstance(like, dict):
        return {key: of_the_recorded_shape(item, like.get(key)) for key, item in value.items()
                if key in like or item is not None}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [of_the_recorded_shape(item, other) for item, other in zip(value, like)]
    return value


@pytest.mark.parametrize("name", SEEDS)
def test_seed(lab, name):
    file = seed(name)
    recording = json.loads(file.read_text())
    env = {"RECSHIM_DIR": str(file.parent), "RECSHIM_TEST_ID": recording["test_id"]}
    replayed = lab.replay([sys.executable, ASK, file], env=env).ok()
    assert_chunks(replayed, recording)
    assert labs.outcomes(replayed.journal) == ["hit"]


def test_another_test_id_does_not_find_it(lab):
    file = seed(SEEDS[0])
    result = lab.replay([sys.executable, ASK, file],
                        env={"RECSHIM_DIR": str(file.parent), "RECSHIM_TEST_ID": "another.py::test"})
    assert result.status != 0 and labs.outcomes(result.journal) == ["miss"]


def test_seed_beside_its_test_file_under_another_name(lab):
    """As in llama-stack's tree: below a folder of tests, and renamed."""
    file = seed(SEEDS[1])
    recording = json.loads(file.read_text())
    folder = lab.dir / "tests" / "integration" / "responses" / "recordings"
    folder.mkdir(parents=True)
    shutil.copy(file, folder / "renamed.json")
    replayed = lab.replay([sys.executable, ASK, file], env={"RECSHIM_TEST_ID": recording["test_id"]}).ok()
    assert_chunks(replayed, recording)
