#!/usr/bin/env python3
"""usage: check-skips.py CTEST-JUNIT.xml

Names the tests that were skipped, and why. With CI=true a skip is a failure, except where
the reason says that data which is no part of the repository is absent ("optional data",
RECSHIM_TEST_SHARED)."""

import os
import re
import sys
import xml.etree.ElementTree

ABSENT_DATA = re.compile(r"optional data|RECSHIM_TEST_SHARED", re.IGNORECASE)
REASON = re.compile(r"skip", re.IGNORECASE)


def main(path):
    unexcused = 0
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("skipped") is None:
            continue
        output = case.findtext("system-out") or ""
        lines = output.splitlines()
        # GoogleTest writes "file:line: Skipped" and the reason on the next line.
        reasons = [line if ABSENT_DATA.search(line) or number + 1 >= len(lines)
                   else f"{line} {lines[number + 1]}"
                   for number, line in enumerate(lines) if REASON.search(line)]
        print(f"skipped: {case.get('name')}: {reasons[0].strip() if reasons else 'no reason given'}")
        if not ABSENT_DATA.search(output):
            unexcused += 1
    if unexcused and os.environ.get("CI") == "true":
        sys.exit(f"{unexcused} tests that must run with CI=true were skipped.")


if len(sys.argv) != 2:
    sys.exit(__doc__)
main(sys.argv[1])
