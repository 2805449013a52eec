"""`recshim index`, and the content index as programs use it."""

import json
import os
import subprocess
import sys
import time

from harness import lab as labs
from harness import paths

sys.path.insert(0, str(paths.SOURCE / "tests" / "bench"))
import scale  # noqa: E402

CLI = paths.BUILD / "recshim"
FILES = 60


def folder_of(lab):
    """Recordings whose names say nothing, in a few folders, old enough to be believed."""
    past = time.time() - 60
    for index in range(FILES):
        folder = lab.dir / f"{index % 3}" / "recordings"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"some-{index}.json"
        path.write_text(scale.recording(index)[1])
        os.utime(path, (past, past))
    return lab.dir


def index(lab, *options):
    return subprocess.run([CLI, "index", *options, lab.dir], env=lab.base_env(), capture_output=True, text=True,
                          check=True, timeout=60)


def ask(number):
    return [sys.executable, "-c", "import http.client, json, sys\n"
            "connection = http.client.HTTPConnection('api.example', timeout=30)\n"
            f"body = {{'model': 'm', 'messages': [{{'role': 'user', 'content': 'Question {number}'}}]}}\n"
            "connection.request('POST', '/v1/chat/completions', json.dumps(body))\n"
            "answer = connection.getresponse()\n"
            "print(answer.status, answer.read().decode().count(' word'))"]


def test_only_what_changed_is_read_anew(lab):
    folder = folder_of(lab)
    before = sorted(folder.rglob("*"))
    done = json.loads(index(lab, "--json").stdout)
    assert done["files"] == done["files_read"] == FILES and done["bytes_read"] > FILES * 1000
    assert sorted(folder.rglob("*")) == before, "the index belongs outside the recordings"
    assert list((lab.folder / "cache").rglob("index-*"))
    assert json.loads(index(lab, "--json").stdout)["files_read"] == 0
    (folder / "1" / "recordings" / "some-1.json").write_text("{}")
    (folder / "2" / "recordings" / "some-2.json").unlink()
    done = json.loads(index(lab, "--json").stdout)
    assert (done["files"], done["files_read"]) == (FILES - 1, 1)
    shown = index(lab, "--progress")
    assert "indexing: 1 files, " in shown.stderr and shown.stdout.startswith(f"{FILES - 1} files, ")


def test_a_stale_index_is_not_believed(lab):
    """A file edited in place holds another request: found by that, and no longer by the old one."""
    folder = folder_of(lab)
    index(lab)
    env = {"RECSHIM_HOSTS": "api.example"}
    assert lab.replay(ask(4), env=env).ok().text() == "200 12\n"
    path = folder / "1" / "recordings" / "some-4.json"
    path.write_text(path.read_text().replace("Question 4", "Question 9999"))
    assert lab.replay(ask(9999), env=env).ok().text() == "200 12\n"
    missed = lab.replay(ask(4), env=env)
    assert labs.outcomes(missed.journal) == ["miss"] and missed.text().startswith("424 ")
