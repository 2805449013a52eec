"""`recshim doctor` on programs as they are installed here: what it says of each is what the
other tests show to be so."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import paths

PROGRAMS = paths.WORK / "runtimes"
NODE = PROGRAMS / "node/node_modules"


def doctor(*words, status=0, run=False, env=None):
    """The report on a command, and the bytes that came on stderr."""
    options = ["--run"] if run else []
    result = subprocess.run([paths.BUILD / "recshim", "doctor", "--json", *options, "--", *map(str, words)],
                            capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
                            env={**os.environ, "RECSHIM_CONFIG": "/dev/null", **(env or {})})
    assert status in (None, result.returncode), result.stdout.decode() + result.stderr.decode()
    return json.loads(result.stdout), result.stderr


def need(program):
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def served(report):
    """(name of the program, kind of TLS, door) for all TLS of all programs."""
    return {(pathlib.Path(program["real_path"]).name.rstrip("0123456789."), tls["kind"], tls["door"])
            for program in report["programs"] for tls in program["tls"]}


def test_installed_programs():
    for command, expected in [
        (["curl"], ("curl", "openssl-3", 1)),
        (["wget", "-q"], ("wget", "gnutls", 1)),
        (["git", "clone"], ("git-remote-http", "gnutls", 1)),
        ([sys.executable, "-c", ""], ("python", "openssl-3", 1)),
        (["ruby"], ("ruby", "openssl-3", 1)),
        (["perl"], ("perl", "openssl-3", 1)),
        (["php"], ("php", "openssl-3", 1)),
    ]:
        need(command[0])
        report, _ = doctor(*command)
        assert expected in served(report), command
        assert all(program["served"] and program["linkage"] == "dynamic-glibc" for program in report["programs"])


def test_runtimes():
    """Programs that the tests of runtimes build, and the runtimes themselves."""
    for command, linkage, expected in [
        (["node"], "dynamic-glibc", ("openssl-static", 2)),
        (["npm", "test"], "dynamic-glibc", ("openssl-static", 2)),
        (["java", "-version"], "dynamic-glibc", ("jsse", 2)),
        ([NODE / "@deno/linux-x64-glibc/deno"], "dynamic-glibc", ("rustls", 2)),
        ([NODE / "@oven/bun-linux-x64/bin/bun"], "dynamic-glibc", ("boringssl-static", 2)),
        ([PROGRAMS / "rust/debug/reqwest_native_tls"], "dynamic-glibc", ("openssl-3", 1)),
        ([PROGRAMS / "rust/debug/reqwest_rustls"], "dynamic-glibc", ("rustls", 2)),
        ([PROGRAMS / "c/static_openssl_client"], "dynamic-glibc", ("openssl-static", 2)),
        ([PROGRAMS / "go/cgo0/net_http"], "go-static", ("go", 3)),
        ([PROGRAMS / "go/cgo1/net_http"], "go-cgo", ("go", 3)),
        ([PROGRAMS / "c/musl_client"], "static", None),
    ]:
        need(str(command[0]))
        # Whether the supervisor can work depends on the system.
        report, _ = doctor(*command, status=0 if expected and expected[1] != 3 else None)
        program = report["programs"][-1]
        assert program["linkage"] == linkage, command
        found = {(tls["kind"], tls["door"]) for tls in program["tls"]}
        assert expected in found if expected else not found and program["door"] == 3, (command, found)
        assert all(tls["trust"] for tls in program["tls"])


def test_chromium():
    """A shell script executes a binary of hundreds of megabytes, whose TLS is in it and whose CAs
    are in a database of NSS."""
    report, _ = doctor(need("chromium"))
    assert ("chromium", "boringssl-static", 2) in served(report)
    assert any("NSS database" in tls["trust"] for program in report["programs"] for tls in program["tls"])


def test_shell_script(tmp_path):
    script = tmp_path / "suite.sh"
    script.write_text("#!/bin/sh\n# wget\nset -e\ncurl --version | head -n 1\n[ -z \"$X\" ] || exec wget --version\n")
    script.chmod(0o755)
    report, _ = doctor(script)
    assert [step["path"] for step in report["scripts"]] == [str(script)]
    assert report["may_start_more"]
    assert {("curl", "openssl-3", 1), ("wget", "gnutls", 1)} <= served(report)


def test_run(tmp_path):
    """Children of children, what they load while they run, and one without the library."""
    script = f"{sys.executable} -c 'import ssl; print(1)'; sh -c 'curl --version >{tmp_path}/out'; exit 5"
    report, output = doctor("sh", "-c", script, run=True)
    assert output == b"1\n"
    assert report["exit_code"] == 5
    assert {("python", "openssl-3", 1), ("curl", "openssl-3", 1)} <= served(report)
    assert "curl" in (tmp_path / "out").read_text()

    report, _ = doctor("sh", "-c", "env -i $(command -v wget) --version >/dev/null", run=True, status=1)
    lost = [program for program in report["programs"] if not program["served"]]
    assert [pathlib.Path(program["path"]).name for program in lost] == ["wget"]
    assert lost[0]["executed_without_library"] == 1


def test_what_is_missing(tmp_path):
    """A library for another machine, settings that can't be, a runtime folder that is not ours."""
    elf = bytearray((paths.BUILD / "recshim").read_bytes()[:4096])
    elf[18:20] = (183).to_bytes(2, "little")
    foreign = tmp_path / "librecshim.so"
    foreign.write_bytes(elf)
    open_folder = tmp_path / "recshim"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    for env, name, text in [({"RECSHIM_LIBRARY": str(foreign)}, "librecshim.so", "AArch64"),
                            ({"RECSHIM_LIBRARY": "/dev/null"}, "librecshim.so", "no library"),
                            ({"RECSHIM_HOSTS": "a b"}, "settings", "RECSHIM_HOSTS"),
                            ({"XDG_RUNTIME_DIR": str(tmp_path)}, "runtime folder", str(open_folder))]:
        report, _ = doctor("curl", status=1, env=env)
        check = next(check for check in report["system"] if check["name"] == name)
        assert check["state"] == "missing" and check["matters"] and check["advice"], check
        assert text in check["detail"], check
        assert not report["ok"]
