#!/usr/bin/env python3
"""Programs that the library can't reach are executed through `recshim supervised` where there
is a supervisor; all others, and all where there is none, as they are. In place of recshim a
program prints what it was given."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

FUNCTIONS = ["execl", "execlp", "execle", "execv", "execvp", "execve", "execvpe", "fexecve", "posix_spawn",
             "posix_spawnp", "vfork"]


class Execution:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.problems = []

    def check(self, function, program, expected, supervised=True, stderr="", **more):
        command = [self.arguments.execute, function, program, "name", "an argument", ""]
        env = {"PATH": f"/nonexistent:{self.folder}:/usr/bin:/bin", "LD_PRELOAD": self.arguments.shim,
               "RECSHIM_GATEWAY": self.arguments.dynamic, "XDG_RUNTIME_DIR": str(self.folder),
               "RECSHIM_MODE": "replay", **more}
        if supervised:
            env["RECSHIM_SUPERVISOR"] = str(self.folder / "supervisor")
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, cwd=self.folder)
        if (done.stdout, done.stderr) != (expected + "\n", stderr):
            self.problems.append(f"{function} {program} (supervisor: {supervised}): got {done.stdout!r}, "
                                 f"{done.stderr!r}, expected {expected!r}, {stderr!r}")

    def wrapped(self, path):
        return f"recshim supervised --argv0 name -- {path} an argument "


def run(arguments, folder):
    test = Execution(arguments, folder)
    plain = "name an argument "
    unreached = {"static": arguments.static, "go": arguments.go}
    for name, path in unreached.items():
        (folder / name).symlink_to(path)
    script = folder / "script"
    script.write_text(f"#!{arguments.static} option\n")
    script.chmod(0o755)
    dynamic_script = folder / "dynamic_script"
    dynamic_script.write_text(f"#! {arguments.dynamic}\n")
    dynamic_script.chmod(0o755)
    musl_script = folder / "musl_script"
    musl_script.write_text(f"#!{arguments.musl}\n")
    musl_script.chmod(0o755)
    (folder / "no_program").write_text("not to be executed\n")

    for function in FUNCTIONS:
        for path in unreached.values():
            test.check(function, path, test.wrapped(path))
            test.check(function, path, plain, supervised=False)
        test.check(function, arguments.dynamic, plain)
        test.check(function, str(script), test.wrapped(script))
        if function != "fexecve":  # which closes the script before its interpreter reads it: its man page
            test.check(function, str(dynamic_script), f"{arguments.dynamic} {dynamic_script} an argument ")
    for function in "execlp", "execvp", "execvpe", "posix_spawnp":
        test.check(function, "static", test.wrapped(folder / "static"))
    test.check("execv", "./static", test.wrapped("./static"))
    test.check("execv", "no_program", "execv: Permission denied")
    test.check("execvp", "absent", "execvp: No such file or directory")
    test.check("execv", str(folder), "execv: Permission denied")
    test.check("execve", arguments.static, plain, RECSHIM_MODE="live")

    # A program that the library would keep from starting is executed without it, and nothing else changes.
    musl = arguments.musl
    lost = f"recshim: {musl} is linked to musl, which can't load librecshim.so, so recshim does not see its connections\n"
    other = "libm.so.6"
    for preload, rest in [(arguments.shim, None), (f"{other}:{arguments.shim}", other),
                          (f"{arguments.shim} {other}", other), (f":{other} {arguments.shim}:{other}", f"{other}:{other}")]:
        for function in FUNCTIONS if rest is None else ["execv", "execve"]:
            shown = f"{plain} LD_PRELOAD={rest or 'unset'}"
            test.check(function, musl, test.wrapped(musl), LD_PRELOAD=preload)
            test.check(function, musl, shown, False, lost, LD_PRELOAD=preload)
            test.check(function, musl, shown, False, RECSHIM_MODE="live", LD_PRELOAD=preload)
    test.check("execv", "./musl_script", f"{musl} ./musl_script an argument  LD_PRELOAD=unset", False,
               lost.replace(musl, "./musl_script"))

    # Without LD_PRELOAD a program is lost, and the user is told; not in live, where none is needed.
    lost = "recshim: {} is executed without LD_PRELOAD, so recshim does not see its connections\n"
    for supervised in False, True:
        test.check("bare_execve", arguments.dynamic, plain, supervised, lost.format(arguments.dynamic))
    test.check("bare_execve", arguments.dynamic, plain, RECSHIM_MODE="live")
    test.check("bare_execve", "absent", "bare_execve: No such file or directory")
    return test.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in "shim", "execute", "dynamic", "static", "go", "musl":
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="execution-") as folder:
        problems = run(arguments, pathlib.Path(os.path.realpath(folder)))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
