#!/usr/bin/env python3
"""A network in which the test hosts are real: run inside `unshare --net --mount`, it brings
loopback up, lets /etc/hosts name the hosts, starts the servers on their usual ports, runs a
program and ends with its status. So a program can be run without recshim, unchanged.

Standard library only; reads its task as JSON from the file it is given.
"""

import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def raise_loopback():
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING))


def name_hosts(hosts):
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as file:
        file.write("127.0.0.1 localhost\n")
        file.writelines(f"{address} {name}\n" for name, address in hosts.items())
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, "/etc/hosts"], check=True, timeout=10)


def await_listener(address, port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.01)
    sys.exit(f"world: no listener at {address}:{port}: {process.args}")


def main():
    task = json.loads(pathlib.Path(sys.argv[1]).read_text())
    raise_loopback()
    name_hosts(task["hosts"])
    servers = []
    try:
        for server in task["servers"]:
            process = subprocess.Popen(server["command"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            servers.append(process)
            await_listener(server["address"], server["port"], process)
        program = subprocess.run(task["program"], env=task["env"], cwd=task["cwd"])
    finally:
        for process in servers:
            process.terminate()
        for process in servers:
            process.wait(10)
    if program.returncode < 0:
        signal.signal(-program.returncode, signal.SIG_DFL)
        os.kill(os.getpid(), -program.returncode)
    sys.exit(program.returncode)


if __name__ == "__main__":
    main()
