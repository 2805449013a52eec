"""Children by fork, subprocess (vfork) and multiprocessing spawn ask the same question: the
series of a repeated request runs on across the processes of a session."""

import multiprocessing
import os
import subprocess
import sys
import urllib.request

from account import API, context, show


def ask(label):
    with urllib.request.urlopen(API + "/sequence?name=processes", timeout=30, context=context()) as response:
        show(label, response.read())
    sys.stdout.flush()


if __name__ == "__main__":
    ask("parent")
    pid = os.fork()
    if pid == 0:
        ask("forked child")
        os._exit(0)
    show("fork's status", os.waitpid(pid, 0)[1])
    sys.stdout.flush()
    if len(sys.argv) == 1:
        subprocess.run([sys.executable, __file__, "child"], check=True, timeout=60)
        process = multiprocessing.get_context("spawn").Process(target=ask, args=("spawned child",))
        process.start()
        process.join(60)
        ask("parent again")
