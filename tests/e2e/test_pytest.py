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


PLACES = ["test_child", "test_child_of_a_shell", "test_threads", "test_async", "test_setup"]


def suite(*options, file="test_chat.py", root=SUITE):
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", root, *options,
            SUITE / file]


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
    assert [line["borrowed"] for line in replayed.journal] == [True]


def test_recorded_by_xdist_and_replayed_by_one_process(lab):
    lab.serve()
    lab.record(suite("-n", "2")).ok()
    lab.stop_servers()
    assert set(labs.outcomes(lab.replay(suite()).ok().journal)) == {"hit"}


def test_each_place_belongs_to_its_test(lab):
    """Children, threads, coroutines and setup; the header goes before them all."""
    lab.serve()
    recorded = lab.record(suite(file="test_places.py")).ok()
    lab.stop_servers()
    files = [json.loads(path.read_text()) for path in lab.recordings()]
    asked = {}
    for file in files:
        asked.setdefault(file["test_id"], []).append(file["recshim"].get("phase"))
    expected = {f"test_places.py::{name}": 1 for name in PLACES}
    expected.update({"test_places.py::test_threads": 3, "test_places.py::test_async": 3,
                     "test_places.py::test_setup": 2})
    expected.update({f"tests/other.py::test_of_X-{name}-Provider-Data": 1 for name in ("LlamaStack", "OGX")})
    assert {test_id: len(phases) for test_id, phases in asked.items()} == expected
    assert sorted(asked["test_places.py::test_setup"]) == ["call", "setup"]
    # All at once, in another order, and by several processes.
    options = ["-n", "2"], ["--deselect", "test_places.py::test_child"]
    for option in options:
        replayed = lab.replay(suite(*option, file="test_places.py")).ok()
        assert set(labs.outcomes(replayed.journal)) == {"hit"}
        assert not any(line["borrowed"] for line in replayed.journal)
    assert "7 passed" in recorded.text()


@pytest.mark.parametrize("layout", ["flat", "by-test"])
def test_layout(lab, layout):
    """Where new files go; both are found whatever the layout is when they are replayed."""
    config = lab.folder / "layout.json"
    config.write_text(json.dumps({"layout": layout}))
    lab.serve()
    lab.record(suite(root=SUITE.parent), env={"RECSHIM_CONFIG": str(config)}).ok()
    lab.stop_servers()
    folders = {str(path.parent.relative_to(lab.dir)) for path in lab.recordings()}
    assert folders == ({"."} if layout == "flat" else {"pytest_suite/recordings"})
    replayed = lab.replay(suite(root=SUITE.parent)).ok()
    assert set(labs.outcomes(replayed.journal)) == {"hit"}
