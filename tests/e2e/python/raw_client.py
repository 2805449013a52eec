"""Speaks HTTP by hand: sends exactly the bytes it is told to, shows exactly the bytes it reads
and how the connection ended. Argument: JSON with scheme, host and steps:
["send", text], ["until", text], ["bytes", n], ["read"] (once), ["end"], ["sleep", seconds]."""

import errno
import json
import socket
import ssl
import sys
import time

from account import context, show


def connect(task):
    port = task.get("port", 443 if task["scheme"] == "https" else 80)
    sock = socket.create_connection((task["host"], port), timeout=30)
    if task["scheme"] == "https":
        # A TLS connection cut off without close_notify is to be told from one closed properly.
        sock = context().wrap_socket(sock, server_hostname=task["host"], suppress_ragged_eofs=False)
    return sock


def ending(error):
    if isinstance(error, ssl.SSLError):
        return f"{type(error).__name__} {error.reason}"
    return f"{type(error).__name__} {errno.errorcode.get(error.errno, error.errno)}"


def main():
    task = json.loads(sys.argv[1])
    seen = b""
    how = "open"

    def read_until(done, wanted=lambda got: 65536):
        nonlocal seen, how
        start = len(seen)
        try:
            while not done(seen[start:]):
                piece = sock.recv(wanted(seen[start:]))
                if not piece:
                    how = "EOF"
                    break
                seen += piece
        except OSError as error:
            how = ending(error)
        show(f"bytes {start} to {len(seen)}", seen[start:])

    sock = connect(task)
    for kind, *values in task["steps"]:
        if kind == "send":
            try:
                sock.sendall(values[0].encode("latin-1"))
            except OSError as error:
                show("sending", ending(error))
        elif kind == "sleep":
            time.sleep(values[0])
        elif kind == "until":
            read_until(lambda got: values[0].encode("latin-1") in got)
        elif kind == "bytes":
            read_until(lambda got: len(got) >= values[0], lambda got: values[0] - len(got))
        elif kind == "read":
            read_until(lambda got: len(got) > 0)
        elif kind == "end":
            read_until(lambda got: False)
    show("ended by", how)
    sock.close()


main()
