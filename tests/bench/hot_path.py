"""Counts the instructions (callgrind) and system calls (strace) of replay's hot paths, which do not depend on
the machine's load, and compares them with what they may be.

    tests/bench/hot_path.py --client BUILD/tests/bench/hot_path [--check]

With --check the status is 1 when a count is above its ceiling. Instructions are those of an x86-64 without
SHA extensions, which valgrind does not have, built by GCC 12 for release.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from harness import lab as labs  # noqa: E402
from harness import pki  # noqa: E402

# A path's instructions and system calls, those of the program itself included. A change that
# makes one of them cheaper lowers its ceiling; one that has a good reason to cost more says so in its commit.
CEILINGS = {"exchange": (304_000, 16), "connection": (362_000, 67), "foreign": (166, 2)}
FEW, MANY = 20, 60


class Counter:
    def __init__(self, lab, client):
        self.lab, self.client = lab, client

    def run(self, prefix, path, count):
        env = self.lab.shim_env("replay", RECSHIM_LOG=None)
        preload = env.pop("LD_PRELOAD")
        return self.lab.run([*prefix, "env", f"LD_PRELOAD={preload}", self.client, path, str(count)], env,
                            f"{path} {count}", timeout=300)

    def instructions(self, path, count):
        out = self.lab.fresh("callgrind")
        self.run(["valgrind", "--quiet", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={out}.%p"], path, count)
        totals = [int(re.search(r"^(?:totals|summary): (\d+)", file.read_text(errors="replace"), re.M).group(1))
                  for file in out.parent.glob(out.name + ".*")]
        return max(totals)

    def system_calls(self, path, count):
        out = self.lab.fresh("strace")
        self.run(["strace", "-f", "-qq", "-e", "signal=none", "-o", out], path, count)
        return len(out.read_text(errors="replace").splitlines())

    def each(self, count_all, path):
        """What one more costs, once all is warm."""
        return (count_all(path, MANY) - count_all(path, FEW)) / (MANY - FEW)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", required=True, type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    above = []
    with tempfile.TemporaryDirectory(prefix="recshim-bench-") as folder:
        lab = labs.Lab(pathlib.Path(folder) / "lab", pki.ensure())
        lab.serve()
        lab.record([options.client.resolve(), "exchange", "1"]).ok()
        lab.stop_servers()
        counter = Counter(lab, options.client.resolve())
        print(f"{'each':12} {'instructions':>14} {'ceiling':>10} {'system calls':>14} {'ceiling':>8}")
        for path, (most_instructions, most_calls) in CEILINGS.items():
            instructions, calls = counter.each(counter.instructions, path), counter.each(counter.system_calls, path)
            print(f"{path:12} {instructions:14,.0f} {most_instructions:10,} {calls:14.1f} {most_calls:8}", flush=True)
            if instructions > most_instructions or calls > most_calls:
                above.append(path)
    if above:
        print("above the ceiling: " + ", ".join(above))
    return 1 if above and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
