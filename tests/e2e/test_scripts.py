"""The contributors' scripts, on a repository of their own: what they find, and what they check."""

import json
import shutil
import subprocess

import pytest

from harness import paths

SCRIPTS = ["check-tidy.sh", "check-layers.sh", "pre-commit"]
WELL = "int twice(int value) {\n  return 2 * value;\n}\n"
# Both branches are the same, which compiles.
ILL = "int twice(int value) {\n  if (value > 0) {\n    return 2 * value;\n  } else {\n    return 2 * value;\n  }\n}\n"
UNFORMATTED = "int twice(int value)\n{ return 2*value; }\n"


class Repository:
    def __init__(self, folder):
        self.folder = folder
        (folder / "scripts").mkdir(parents=True)
        (folder / "shim" / "base").mkdir(parents=True)
        (folder / "tools").mkdir()
        (folder / "build").mkdir()
        for name in SCRIPTS:
            shutil.copy(paths.SOURCE / "scripts" / name, folder / "scripts")
        for name in (".clang-tidy", ".clang-format"):
            shutil.copy(paths.SOURCE / name, folder)
        (folder / ".gitignore").write_text("/build/\n")
        files = [folder / "shim/base" / name for name in ("one.cpp", "two.cpp")]
        (folder / "build/compile_commands.json").write_text(json.dumps(
            [{"directory": str(folder), "file": str(file), "command": f"c++ -std=c++20 -c {file}"} for file in files]))
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments, check=True):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
        return subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=check, capture_output=True,
                              text=True, timeout=120)

    def write(self, name, text):
        (self.folder / "shim" / "base" / name).write_text(text)

    def commit(self):
        self.git("add", ".")
        self.git("commit", "-q", "-m", "change")

    def tidy(self, *arguments):
        return subprocess.run(["scripts/check-tidy.sh", *arguments], cwd=self.folder, capture_output=True, text=True,
                              timeout=120)


@pytest.fixture
def repository(tmp_path):
    for program in ("git", "clang-tidy", "clang-format"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    return Repository(tmp_path / "repository")


def test_tidy_checks_what_has_changed(repository):
    repository.write("one.cpp", ILL)
    repository.commit()
    first = repository.tidy()
    assert (first.returncode, "of HEAD nothing is checked" in first.stdout) == (0, True), first.stdout + first.stderr
    assert repository.tidy("--all").returncode == 1

    # What was there before is nobody's change.
    repository.write("two.cpp", WELL)
    repository.commit()
    later = repository.tidy()
    assert (later.returncode, "1 sources of those changed" in later.stdout) == (0, True), later.stdout + later.stderr

    # On a branch: all of it, and what is not committed.
    repository.git("checkout", "-q", "-b", "branch")
    repository.write("two.cpp", ILL)
    for name in ("a", "b", "c"):
        found = repository.tidy()
        assert found.returncode == 1 and "two.cpp:" in found.stdout and "one.cpp" not in found.stdout, found.stdout
        repository.write(name, "")
        repository.commit()
    assert repository.tidy("HEAD").returncode == 0
    assert repository.tidy("no-such-commit").returncode == 2


def test_tidy_sees_headers(repository):
    repository.write("one.cpp", '#include "one.h"\n' + WELL)
    repository.write("one.h", "#pragma once\n")
    repository.commit()
    repository.write("one.h", "#pragma once\ninline " + ILL.replace("twice", "double_of"))
    found = repository.tidy()
    assert found.returncode == 1 and "one.h:" in found.stdout, found.stdout + found.stderr


def test_pre_commit(repository):
    repository.commit()
    repository.git("config", "core.hooksPath", "scripts")
    for text, word in [(UNFORMATTED, "clang-format"), (ILL, "two.cpp:")]:
        repository.write("two.cpp", text)
        repository.git("add", ".")
        refused = repository.git("commit", "-q", "-m", "change", check=False)
        assert refused.returncode != 0 and word in refused.stdout + refused.stderr, refused.stdout + refused.stderr
    # What counts is what is staged.
    repository.write("two.cpp", WELL)
    repository.git("add", ".")
    done = repository.git("commit", "-q", "-m", "change", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
