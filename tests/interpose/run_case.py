#!/usr/bin/env python3
"""Runs one case of interpose_test bare, live, recording, recording what is missing, replaying
with the server stopped, and replaying in a network namespace of its own, and compares what each
printed with the bare run. Owns the comparison and what must and must not be left on disk."""

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from fixture_server import FixtureServer

RUN_TIMEOUT_S = 60

# What a program trusts; no certificate is decoded here.
BUNDLE = "# one CA\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

# Cases of hosts that are not configured, by rules that exclude them: the real server answers in
# every mode.
EXCLUDING = {"excluded_name": "127.0.0.0/8:{port},!localhost"}

TEST_IDS = {  # of case setenv_test_id: query of the exchange, its test
    "none": None,
    "by-setenv": "by-setenv",
    "kept": "by-setenv",
    "by-putenv": "by-putenv",
    "by-pytest": "tests/test_a.py::test_one[x y]",
    "wins": "wins",
    "none-again": None,
    "cleared": None,
}


def isolated_network():
    """The command that starts a program without any network, or None."""
    for command in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        if shutil.which("unshare") and subprocess.run(command + ["true"], capture_output=True).returncode == 0:
            return command
    return None


class Runs:
    def __init__(self, arguments, folder, port):
        self.arguments = arguments
        self.folder = folder
        self.port = port
        self.hosts = EXCLUDING.get(arguments.case, "127.0.0.1:{port},localhost:{port}")
        self.recordings = os.path.join(folder, "recordings")
        self.home = os.path.join(folder, "home")
        os.mkdir(self.home)
        self.bundle = os.path.join(folder, "bundle.pem")
        with open(self.bundle, "w", encoding="ascii") as file:
            file.write(BUNDLE)
        os.utime(self.bundle, (1_000_000_000, 1_000_000_000))

    def environment(self, mode):
        variables = {"PATH": os.environ["PATH"], "HOME": self.home, "TMPDIR": self.home,
                     "XDG_RUNTIME_DIR": self.home, "XDG_CACHE_HOME": self.home,
                     "INTERPOSE_MODE": mode, "SSL_CERT_FILE": self.bundle}
        if mode != "bare":
            variables.update(
                LD_PRELOAD=self.arguments.shim,
                RECSHIM_MODE=mode.removesuffix("-offline"),
                RECSHIM_DIR=self.recordings,
                RECSHIM_HOSTS=self.hosts.format(port=self.port))
        return variables

    def run(self, mode, prefix=()):
        """(what came out, what is wrong or None)"""
        command = [*prefix, self.arguments.program, str(self.port), self.arguments.situation,
                   self.arguments.case]
        process = subprocess.Popen(command, env=self.environment(mode), cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors="backslashreplace")
        try:
            out, err = process.communicate(timeout=RUN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return out, f"still running after {RUN_TIMEOUT_S} s; stderr: {err!r}"
        if process.returncode != 0 or err:
            return out, f"exit status {process.returncode}, stderr: {err!r}"
        return out, None

    def check(self, mode, expected, prefix=()):
        out, problem = self.run(mode, prefix)
        if out == expected and problem is None:
            return []
        diff = "\n".join(difflib.unified_diff(expected.splitlines(), out.splitlines(), "bare",
                                              mode, lineterm=""))
        return [f"{mode}: {problem or 'output differs'}\n{diff}"]


def files_under(folder):
    return [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]


def check_left_alone(runs, when):
    left = files_under(runs.home)
    if os.path.exists(runs.recordings):
        left.append(runs.recordings)
    return [f"{when}: no configured traffic, yet there is {left}"] if left else []


def check_test_ids(runs):
    found = {}
    for path in files_under(runs.recordings):
        if path.endswith(".json"):
            with open(path, encoding="utf-8") as file:
                recording = json.load(file)
            found[recording["request"]["url"].rpartition("?")[2]] = recording["request"]["test_id"]
    return [] if found == TEST_IDS else [f"test ids filed: {found}, expected: {TEST_IDS}"]


def run_all(arguments, folder):
    problems = []
    foreign = arguments.case.startswith("foreign.") or arguments.case == "quiet"
    with FixtureServer() as port:
        runs = Runs(arguments, folder, port)
        expected, problem = runs.run("bare")
        if problem is not None:
            return [f"bare: {problem}\n{expected}"]
        if not arguments.shim:
            print(expected, end="")
            return []
        problems += runs.check("live", expected)
        problems += check_left_alone(runs, "live")
        if arguments.case in EXCLUDING:
            for mode in ("record", "replay", "record-if-missing"):
                problems += runs.check(mode, expected)
                if os.path.exists(runs.recordings):
                    problems.append(f"{mode}: an excluded host has been recorded")
            return problems
        if arguments.situation == "main" and not foreign:
            problems += runs.check("record-if-missing", expected)
            shutil.rmtree(runs.recordings, ignore_errors=True)
        problems += runs.check("record", expected)
        if foreign:
            problems += check_left_alone(runs, "record")
        if arguments.case == "setenv_test_id":
            problems += check_test_ids(runs)
    problems += runs.check("replay", expected)
    if foreign:
        problems += check_left_alone(runs, "replay")
    prefix = isolated_network()
    if prefix is not None and not foreign and not arguments.needs_loopback:
        problems += runs.check("replay-offline", expected, prefix)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="path of interpose_test")
    parser.add_argument("--shim", default="", help="path of librecshim.so; without it only bare")
    parser.add_argument("--needs-loopback", action="store_true")
    parser.add_argument("situation", choices=["main", "constructor", "thread", "fork"])
    parser.add_argument("case")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interpose-") as folder:
        problems = run_all(arguments, folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
