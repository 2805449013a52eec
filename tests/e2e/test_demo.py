"""The recordings that are part of the repository: what scripts/demo_client.py asks today, and
enough for it to run from a fresh checkout with nothing set and nothing running."""

import json
import os
import shutil
import subprocess

import pytest

import record_demo
from harness import lab as labs
from harness import paths

# What is a matter of time: when pieces came, and how many of them at once.
TIMES = ("recorded_at", "timing", "boundaries")


def meaning(folder):
    """Every recording by its name, without what differs at each run."""
    files = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    for file in files.values():
        for part in (file["recshim"], file["recshim"]["response"]):
            for name in TIMES:
                part.pop(name, None)
    return files


def test_recordings_are_current(lab):
    record_demo.record(lab)
    kept, made = meaning(record_demo.RECORDINGS), meaning(lab.dir)
    assert kept == made, "recordings/ is not what scripts/demo_client.py asks and tests/e2e/servers answer: " \
                         "python3 tests/e2e/record_demo.py records it anew"
    lab.assert_no_secret()


@pytest.mark.parametrize("command", [
    [paths.LAUNCHER, "run", "--strict", "--"],
    [paths.SOURCE / "scripts" / "run-with-replay.sh"],
], ids=["recshim run", "run-with-replay.sh"])
def test_replays_from_a_checkout(lab, tmp_path, command):
    """No variable but the system's, no network, and none of the test's certificates."""
    checkout = tmp_path / "checkout"
    shutil.copytree(record_demo.RECORDINGS, checkout / "recordings")
    (checkout / "scripts").mkdir()
    shutil.copy(paths.SOURCE / "scripts" / "demo_client.py", checkout / "scripts")
    env = {"PATH": os.environ["PATH"], "HOME": str(lab.folder / "home"), "RECSHIM_LIBRARY": str(paths.LIBRARY)}
    before = {path.name: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    replayed = lab.run([*labs.unshare("--net"), *command, *record_demo.COMMAND], env, "replay", cwd=checkout)
    assert replayed.status == 0, replayed.account()
    assert {path.name: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before
    recorded = record_demo.record(lab)
    labs.assert_same(recorded, replayed)


def test_recordings_are_sound(lab):
    subprocess.run([paths.LAUNCHER, "verify", record_demo.RECORDINGS], check=True, timeout=60)
    listed = lab.run([paths.LAUNCHER, "list", "--dir", record_demo.RECORDINGS], lab.base_env(), "list").ok().text()
    assert "weather.example.test" in listed and "chat/completions" in listed


def test_readme_shows_the_command():
    readme = (paths.SOURCE / "README.md").read_text()
    assert "    build/recshim run -- " + " ".join(record_demo.COMMAND) in readme
