"""Sweeps: every place where something can go wrong, one run each.

    sweep.py faults   each file operation of a recording and of a replaying run fails once
    sweep.py kills    the process is killed at each of them
    sweep.py damage   each value of each recording is replaced, and each file is cut

What must hold: no run hangs or dies, a status of 0 means that all was recorded or answered rightly, and
no recording is left that can't be read. scripts/sweep.sh builds what this needs and runs all three.
"""

import argparse
import collections
import copy
import errno
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

E2E = pathlib.Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))

from harness import lab as labs  # noqa: E402
from harness import paths, pki  # noqa: E402

MISSED = 86
LIMIT_S = 40
URL = "https://api.openai.com/"
# Three exchanges of a GET kind, two of them equal, a stream and a POST.
CLIENT = ["curl", "-q", "-sS", "-m", "15", URL + "sequence?name=a", URL + "sequence?name=a", URL + "chunked?n=3",
          "--next", "-q", "-sS", "-m", "15", "-d", '{"a": [1, "é"]}', "-H", "Content-Type: application/json", URL + "echo"]
ERRORS = [errno.EIO, errno.ENOSPC, errno.EMFILE, errno.EACCES]
VALUES = ["absent", None, True, 0, -1, 10**30, 1.5, "", "x" * 3000, "\x00\ud800", [], [[]], {}, {"a": {}}]


class Sweep:
    def __init__(self, lab, inject, every, seed):
        self.lab, self.inject, self.every = lab, inject, every
        self.random = random.Random(seed)
        self.runs = collections.Counter()
        self.failures = []
        # Recordings and the session's folder below one name, which the injector looks for.
        self.root = lab.folder / "sweptfiles"
        self.dir = self.root / "recordings"

    def chosen(self, items):
        """One of each `every` items, where in it by chance."""
        items = list(items)
        return [items[min(at + self.random.randrange(self.every), len(items) - 1)]
                for at in range(0, len(items), self.every)]

    def fail(self, what, why, result=None):
        self.failures.append(f"{what}: {why}" + ("" if result is None else "\n" + result.account()))
        print("FAILED", self.failures[-1], flush=True)

    def run(self, mode, prefix=(), what="run"):
        env = self.lab.shim_env(mode, LD_PRELOAD=None, RECSHIM_MODE=None, RECSHIM_LOG=None,
                                RECSHIM_DIR=str(self.dir), XDG_RUNTIME_DIR=str(self.root / "run"))
        command = [*prefix, paths.LAUNCHER, "run", "--strict", "--mode", mode, "--", *CLIENT]
        self.runs[what.split()[0] + " " + mode] += 1
        return self.lab.run(command, env, what, timeout=LIMIT_S)

    def prepare(self, recordings=None):
        """A folder with these recordings, or none, and a session's folder."""
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / "run").mkdir(parents=True, mode=0o700)
        if recordings is not None:
            shutil.copytree(recordings, self.dir)

    def record_reference(self):
        self.prepare()
        self.recorded = self.run("record", what="reference").ok(stderr=self.summary("4 recorded"))
        kept = self.lab.folder / "reference"
        shutil.copytree(self.dir, kept)
        return kept

    def summary(self, counts):
        return f"recshim: {counts} ({self.dir})\n".encode()

    def content(self):
        """What has been recorded, without what each run has anew."""
        found = []
        for path in sorted(self.dir.rglob("*.json")) if self.dir.exists() else []:
            file = json.loads(path.read_text())
            found.append((file["request"]["method"], file["request"]["url"], file["recshim"].get("repeat", 1)))
        return sorted(found)

    def verify(self, what):
        if not self.dir.exists():
            return
        done = subprocess.run([paths.LAUNCHER, "verify", self.dir], capture_output=True, timeout=LIMIT_S)
        if done.returncode != 0:
            self.fail(what, f"a recording is damaged: {(done.stdout + done.stderr).decode()[:800]}")

    def judge(self, mode, result, what, killed):
        """What must hold of a run in which something failed."""
        told = b"recshim: " in result.stderr
        if result.status >= 128 and not killed:
            self.fail(what, f"died with {result.status}", result)
        elif result.status == 0 and mode == "replay" and result.stdout != self.recorded.stdout:
            self.fail(what, "status 0, and another answer", result)
        elif result.status == 0 and mode == "record" and self.content() != self.reference_content:
            self.fail(what, f"status 0, and not all was recorded: {self.content()}", result)
        elif result.status != 0 and not told and not killed:
            self.fail(what, f"status {result.status}, and not a word", result)
        self.verify(what)

    def over_calls(self, name, reference, outcomes):
        """outcomes: what each call is to end with: errno, or "kill"."""
        self.prepare(reference)
        self.reference_content = self.content()
        for mode in ("record", "replay"):
            count_file = self.lab.folder / "count"
            before = reference if mode == "replay" else None
            self.prepare(before)
            self.run(mode, [self.inject, self.root.name, "0", "5", count_file, "--"], name + " counting")
            calls = int(count_file.read_text())
            print(f"{name}: {mode} makes {calls} file operations", flush=True)
            for number in self.chosen(range(1, calls + 1)):
                for outcome in outcomes if self.every == 1 else [self.random.choice(outcomes)]:
                    # Every second time over recordings that are there.
                    self.prepare(reference if number % 2 else before)
                    what = f"{name} {mode} call {number} {errno.errorcode.get(outcome, outcome)}"
                    prefix = [self.inject, self.root.name, str(number), str(outcome), count_file, "--"]
                    try:
                        result = self.run(mode, prefix, what)
                    except AssertionError as hang:
                        self.fail(what, str(hang)[:2000])
                        continue
                    self.judge(mode, result, what, killed=outcome == "kill")

    def over_values(self, reference):
        for path in sorted(reference.rglob("*.json")):
            text = path.read_text()
            damaged = [(f"cut at {size}", text[:size]) for size in range(0, len(text), max(1, len(text) // 40))]
            for pointer in pointers(json.loads(text)):
                for value in VALUES:
                    file = json.loads(text)
                    replace(file, pointer, value)
                    damaged.append((f"/{'/'.join(map(str, pointer))} = {str(value)[:12]!r}", json.dumps(file)))
            for what, content in self.chosen(damaged):
                what = f"damage {path.name[:8]} {what}"
                self.prepare(reference)
                (self.dir / path.name).write_text(content, errors="surrogatepass")
                try:
                    result = self.run("replay", what=what)
                except AssertionError as hang:
                    self.fail(what, str(hang)[:2000])
                    continue
                if result.status >= 128:
                    self.fail(what, f"died with {result.status}", result)
                elif result.status == 28 or b"timed out" in result.stderr:
                    self.fail(what, "curl waited in vain", result)
                elif result.status != 0 and b"recshim: " not in result.stderr:
                    self.fail(what, f"status {result.status}, and not a word", result)


def pointers(value, at=()):
    """Where every value of a JSON document is, but for itself."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*at, key)
        yield from pointers(child, (*at, key))


def replace(document, pointer, value):
    for key in pointer[:-1]:
        document = document[key]
    if value == "absent":
        del document[pointer[-1]]
    else:
        document[pointer[-1]] = copy.deepcopy(value)


def main():
    parser = argparse.ArgumentParser(description="What goes wrong once in each place: see the head of this file.")
    parser.add_argument("kinds", nargs="*", metavar="faults|kills|damage", help="default: all three")
    parser.add_argument("--inject", required=True, type=pathlib.Path, help="the program that lets system calls fail")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only one of N places, by chance")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of that chance; printed")
    options = parser.parse_args()
    kinds = options.kinds or ["faults", "kills", "damage"]
    if not set(kinds) <= {"faults", "kills", "damage"}:
        parser.error(f"no such sweep: {' '.join(kinds)}")
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="recshim-sweep-") as folder:
        lab = labs.Lab(pathlib.Path(folder) / "lab", pki.ensure())
        sweep = Sweep(lab, options.inject.resolve(), options.every, options.seed)
        try:
            lab.serve()
            reference = sweep.record_reference()
            if "faults" in kinds:
                sweep.over_calls("faults", reference, ERRORS)
            if "kills" in kinds:
                sweep.over_calls("kills", reference, ["kill"])
            if "damage" in kinds:
                sweep.over_values(reference)
        finally:
            lab.stop_servers()
    print("; ".join(f"{name}: {count} runs" for name, count in sorted(sweep.runs.items())))
    print(f"{sum(sweep.runs.values())} runs, {len(sweep.failures)} failed")
    return 1 if sweep.failures else 0


if __name__ == "__main__":
    sys.exit(main())
