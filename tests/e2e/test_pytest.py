"""pytest itself under the preload: each exchange belongs to the test that made it."""

import json
import pathlib
import re
import sys

import pytest

from harness import lab as labs

SUITE = pathlib.Path(__file__).parent / "pytest_suite"
TESTS = ["test_answer", "test_stream", "test_same_question", "test_changes_folder", "test_parameter[red]",
         "test_parameter[gr\\xfcn]", "test_parameter[blue green]", "test_models"]


def suite(*options):
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", SUITE, *options,
            SUITE / "test_chat.py"]


def without_times(text):
    return re.sub(r" in [0-9.]+s", "", text)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_suite(lab, options):
    lab.serve()
    recorded = lab.record(suite(*options)).ok()
    assert "9 passed" in recorded.text()
    lab.stop_servers()
    ids = {json.loads(path.read_text())["test_id"] for path in lab.recordings()}
    names = {test_id.split("::", 1)[1] for test_id in ids if test_id}
    for name in TESTS[:-1]:
        assert name in names or name.encode().decode("unicode_escape") in names, (name, ids)
    assert not any("(call)" in test_id for test_id in ids if test_id)
    for run in range(2):
        replayed = lab.replay(suite(*options), what=f"replay {run}").ok()
        assert without_times(replayed.text()) == without_times(recorded.text())
        assert set(labs.outcomes(replayed.journal)) == {"hit"}
    lab.assert_no_secret()


def test_one_test_of_a_recorded_suite(lab):
    """Run alone, a test whose session fixture ran in another test's setup finds it too."""
    lab.serve()
    lab.record(suite()).ok()
    lab.stop_servers()
    replayed = lab.replay(suite("-k", "models_again")).ok()
    assert set(labs.outcomes(replayed.journal)) == {"hit"}


def test_recorded_by_xdist_and_replayed_by_one_process(lab):
    lab.serve()
    lab.record(suite("-n", "2")).ok()
    lab.stop_servers()
    assert set(labs.outcomes(lab.replay(suite()).ok().journal)) == {"hit"}
