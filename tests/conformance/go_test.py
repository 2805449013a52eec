#!/usr/bin/env python3
"""Runs a test binary that `go test -c` made, and writes what became of each test as JUnit XML."""

import re
import subprocess
import sys
import xml.etree.ElementTree

ENDED = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+) \(", re.M)
TAGS = {"FAIL": "failure", "SKIP": "skipped"}


def main():
    results, seconds, *command = sys.argv[1:]
    command += ["-test.v", "-test.short", f"-test.timeout={seconds}s"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf-8", "replace")
    print(text)
    suite = xml.etree.ElementTree.Element("testsuite")
    for outcome, name in ENDED.findall(text):
        case = xml.etree.ElementTree.SubElement(suite, "testcase", name=name)
        if outcome in TAGS:
            xml.etree.ElementTree.SubElement(case, TAGS[outcome])
    xml.etree.ElementTree.ElementTree(suite).write(results)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
