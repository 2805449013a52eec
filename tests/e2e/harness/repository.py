"""A git repository that is the same at every run."""

import os
import shutil
import subprocess


def make(root):
    """Makes root/project.git: bare, two branches, thirty commits."""
    work = root.parent / "git-work"
    variables = {"PATH": os.environ["PATH"], "HOME": str(root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        variables.update({f"GIT_{role}_NAME": "E2E", f"GIT_{role}_EMAIL": "e2e@example.test",
                          f"GIT_{role}_DATE": "1700000000 +0000"})

    def git(*arguments, cwd=work):
        subprocess.run(["git", *arguments], check=True, cwd=cwd, env=variables, capture_output=True, timeout=60)

    work.mkdir()
    git("init", "-q", "-b", "main")
    for number in range(30):
        (work / "README").write_text(f"revision {number}\n")
        (work / f"file{number}.txt").write_text(f"content of file {number}\n" * 50)
        if number == 10:
            (work / "data.bin").write_bytes(bytes((i * i) % 251 for i in range(300000)))
        git("add", ".")
        git("commit", "-q", "-m", f"Commit {number}")
    git("branch", "side", "HEAD~5")
    git("clone", "-q", "--bare", str(work), str(root / "project.git"), cwd=root)
    shutil.rmtree(work)
