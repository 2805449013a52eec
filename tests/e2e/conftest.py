"""Fixtures of the end-to-end tests, and what a skip means."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import lab as lab_module  # noqa: E402
from harness import paths, pki  # noqa: E402

# Programs with a suite of their own, which are run by tests and are not tests here.
collect_ignore = ["pytest_suite"]

STATIC_CLIENTS = paths.WORK / "supervised"
STATIC_COMPILERS = {"glibc": "cc", "musl": "musl-gcc"}

STRICT = os.environ.get("CI") == "true" or os.environ.get("RECSHIM_NO_SKIP") == "1"
# A reason with this prefix may skip everywhere: the data is not part of the repository.
OPTIONAL_DATA = "optional data: "


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: moves a gigabyte")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and STRICT and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if OPTIONAL_DATA not in reason:
            report.outcome = "failed"
            report.longrepr = f"skips are failures here (CI=true or RECSHIM_NO_SKIP=1): {reason}"
    return report


def pytest_sessionfinish(session, exitstatus):
    """77 tells ctest that everything was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        session.exitstatus = 77


@pytest.fixture(scope="session")
def certificates():
    return pki.ensure()


@pytest.fixture(scope="session")
def clients():
    """static_client by each libc."""
    STATIC_CLIENTS.mkdir(parents=True, exist_ok=True)
    for libc, compiler in STATIC_COMPILERS.items():
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed")
        # Tests run beside each other, and may be executing it.
        made = STATIC_CLIENTS / f"{libc}.{os.getpid()}"
        subprocess.run([compiler, "-static", "-O1", "-w", "-o", made, HERE / "supervised" / "static_client.c"], check=True, timeout=120)
        made.replace(STATIC_CLIENTS / libc)
    return {libc: STATIC_CLIENTS / libc for libc in STATIC_COMPILERS}


@pytest.fixture
def lab(request, certificates):
    """A fresh lab whose folder stays for inspection when the test fails."""
    if not paths.LIBRARY.exists():
        pytest.skip(f"{paths.LIBRARY} has not been built")
    if not lab_module.unshare("--net", "--mount"):
        pytest.skip("namespaces need root or unprivileged user namespaces (unshare --net --mount)")
    name = re.sub(r"[^A-Za-z0-9_.=-]+", "_", request.node.nodeid)
    lab = lab_module.Lab(paths.WORK / "runs" / name, certificates)
    try:
        yield lab
    finally:
        lab.stop_servers()
    if not getattr(request.node, "failed", False):
        lab.remove()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except BaseException:
        item.failed = True
        raise
