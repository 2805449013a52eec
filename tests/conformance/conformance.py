#!/usr/bin/env python3
"""Runs other projects' test suites without recshim and with it, and compares what became of each
test. A test that passes without must pass with it. Status 1 when one does not, or when a mode did
not do what it is for. Standard library only."""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import suites

MODES = {
    # Nothing is configured that a test asks for: the hooks must not be noticed.
    "untouched": {"RECSHIM_MODE": "replay", "RECSHIM_HOSTS": "api.example"},
    # What the tests say to servers of their own is recorded: nor must that be noticed.
    "recorded": {"RECSHIM_MODE": "record", "RECSHIM_HOSTS": "127.0.0.1,localhost,[::1]"},
    # By `recshim run --sealed`, where nothing is configured: programs without the library are connected by
    # the supervisor, and what they say is looked at by the gateway.
    "sealed": {"RECSHIM_MODE": "replay", "RECSHIM_HOSTS": "api.example"},
}
NOT_RUN = "not run"
# test: why it does not pass with the library.
UNNAMED = ("a TLS session over memory BIOs whose name was looked up past libc, to an address that libc gave for "
           "another name: it goes to the gateway, whose certificate these tests don't trust")
RELAYED = ("the test's proxy is in the same process and passes on TLS that it can't read, as a program does whose TLS "
           "no hook reaches: it goes to the gateway")
KNOWN = {
    "tests.test_proxy_functional.test_secure_https_proxy_absolute_path[pyloop-https]": RELAYED,
    **{f"test.test_ssltransport.TlsInTlsTestCase.{test}": RELAYED for test in (
        "test_tls_in_tls_tunnel", "test_wrong_sni_hint", "test_tls_in_tls_makefile_raw_rw_binary[None]",
        "test_tls_in_tls_makefile_raw_rw_binary[0]", "test_tls_in_tls_makefile_rw_text",
        "test_tls_in_tls_recv_into_sendall")},
    "tests.test_client_functional.test_drop_auth_on_redirect_to_other_host[pyloop-http -> https]": UNNAMED,
    "tests.test_client_functional.test_drop_auth_on_redirect_to_other_host[pyloop-https -> http]": UNNAMED,
    "tests.test_connector.test_tcp_connector_do_not_raise_connector_ssl_error"
    "[pyloop-idna fully-qualified domain name]": UNNAMED,
}


def own_network():
    """The command that gives a program a network with nothing but a loopback interface, or []."""
    script = 'ip link set lo up && exec "$@"'
    for unshare in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        command = [*unshare, "sh", "-c", script, "sh"]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return []


def environment(part, home, temporary):
    variables = {name: value for name, value in os.environ.items()
                 if not name.startswith("RECSHIM_") and not name.lower().endswith("_proxy") and name != "LD_PRELOAD"}
    return {**variables, **dict(part.variables), "TMPDIR": temporary, "HOME": str(home)}


def with_recshim(mode, folder, build):
    """The command that starts a program with the library."""
    settings = {**MODES[mode], "RECSHIM_CONFIG": "/dev/null", "RECSHIM_DIR": folder / "recordings"}
    if mode != "sealed":
        settings["LD_PRELOAD"] = build / "librecshim.so"
    command = ["env", *(f"{name}={value}" for name, value in settings.items())]
    return command + ([str(build / "recshim"), "run", "--quiet", "--sealed", "--"] if mode == "sealed" else [])


def outcomes(results):
    """{test: outcome} of a file of JUnit XML; nothing where the run left none."""
    try:
        cases = xml.etree.ElementTree.parse(results).iter("testcase")
    except (OSError, xml.etree.ElementTree.ParseError):
        return {}
    found = {}
    for case in cases:
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        test = ".".join(filter(None, (case.get("classname"), case.get("name"))))
        if found.get(test) != "failed":  # a test may have several parts
            found[test] = outcome
    return found


def run(part, prefix, folder):
    """Runs a part of a suite; what it says and leaves is in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    home = folder / "home"
    home.mkdir(parents=True)
    results = folder / "results.xml"
    command = [str(results) if word == part.RESULTS else word for word in part.command]
    # A name of the same length in every run, and short: unix sockets are made in there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary, \
            open(folder / "output.txt", "wb") as output:
        process = subprocess.Popen([*prefix, *command], cwd=part.cwd or home, env=environment(part, home, temporary),
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        try:
            process.wait(timeout=suites.PART_S)
        except subprocess.TimeoutExpired:
            output.write(f"\nstill running after {suites.PART_S} s\n".encode())
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # with what its tests left behind
            except ProcessLookupError:
                pass
            process.wait()
    return outcomes(results)


def passed(found):
    return {test for test, outcome in found.items() if outcome == "passed"}


class Comparison:
    """What became of a part's tests alone and in each mode. A difference is one that shows twice."""

    def __init__(self, part, folder, build, modes, network):
        self.part, self.folder, self.build, self.network = part, folder / part.suite / part.name, build, network
        modes = [mode for mode in modes if mode in suites.MODES.get(part.suite, ["untouched", "recorded"])]
        self.alone = passed(self.run())
        self.found = {mode: self.run(mode) for mode in modes}
        self.differences = {mode: self.differing(mode) for mode in modes}
        self.recordings = {mode: sum(1 for _ in self.folder.glob(f"{mode}/recordings/**/*.json")) for mode in modes}

    def run(self, mode=None, again=""):
        folder = self.folder / ((mode or "alone") + again)
        return run(self.part, [*self.network, *(with_recshim(mode, folder, self.build) if mode else [])], folder)

    def differing(self, mode):
        lost = self.alone - passed(self.found[mode])
        if not lost:
            return {}
        again = self.run(mode, "-again")
        lost -= passed(again)
        if lost:
            lost &= passed(self.run(again="-again"))
        return {test: again.get(test, NOT_RUN) for test in sorted(lost)}


def compare(parts, folder, build, modes, jobs):
    network = own_network()
    if not network:
        print("No network of its own can be made here: the suites see this machine's.")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda part: Comparison(part, folder, build, modes, network), parts)


def report(comparisons, modes):
    """Prints the table as it grows; returns what is wrong."""
    wrong = []
    row = "{:<36}{:>7}" + "{:>11}" * len(modes) + "{:>12}"
    print(row.format("suite", "alone", *modes, "recordings"))
    total, recorded, records = [0] * (len(modes) + 1), 0, 0
    for one in comparisons:
        records += "recorded" in one.found
        name = f"{one.part.suite}:{one.part.name}"
        counts = [len(one.alone), *(len(passed(one.found[mode])) if mode in one.found else "" for mode in modes)]
        total = [a + (b or 0) for a, b in zip(total, counts)]
        recorded += one.recordings.get("recorded", 0)
        print(row.format(name, *counts, one.recordings.get("recorded", "")), flush=True)
        if not one.alone:
            wrong.append(f"{name}: no test passes without the library: see {one.folder / 'alone' / 'output.txt'}")
        if one.recordings.get("untouched") or one.recordings.get("sealed"):
            wrong.append(f"{name}: recorded what is not configured")
        for mode, tests in one.differences.items():
            for test, outcome in tests.items():
                if test in KNOWN:
                    print(f"    known: {test} ({mode}): {KNOWN[test]}")
                else:
                    wrong.append(f"{name}: {test}: passes without the library, {mode}: {outcome}")
    print(row.format("total", *total, recorded if "recorded" in modes else ""))
    if not recorded and records > 1:  # one part may speak no HTTP
        wrong.append("nothing was recorded")
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="scripts/conformance.sh", description=__doc__)
    parser.add_argument("--build-dir", default="build", type=pathlib.Path)
    parser.add_argument("--mode", action="append", choices=MODES, help="only in this mode")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many parts run at once")
    parser.add_argument("suite", nargs="*", default=suites.NAMES,
                        help=f"{', '.join(suites.NAMES)}; cpython:ssl or go:net/http for one part (default: all)")
    arguments = parser.parse_args()
    build = arguments.build_dir.resolve()
    work = build / "conformance"
    work.mkdir(exist_ok=True)
    modes = arguments.mode or list(MODES)
    try:
        parts = [part for word in arguments.suite for part in suites.parts(word, work)]
    except ValueError as problem:
        parser.error(problem)
    wrong = report(compare(parts, work / "runs", build, modes, arguments.jobs), modes)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
