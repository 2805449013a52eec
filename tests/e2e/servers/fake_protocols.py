#!/usr/bin/env python3
"""Servers of protocols that are not HTTP: just enough of Redis (the client speaks first,
text), SMTP (the server speaks first) and Postgres (the client speaks first, binary); and HTTP that
becomes another protocol, or is never answered."""

import argparse
import socket
import struct
import threading

import http_engine


def redis(sock):
    file = sock.makefile("rb")
    while line := file.readline():
        count = int(line[1:]) if line.startswith(b"*") else 0
        words = []
        for _ in range(count):
            file.readline()
            words.append(file.readline().rstrip())
        sock.sendall(b"+PONG\r\n" if words[:1] == [b"PING"] else b"$5\r\nvalue\r\n")


def smtp(sock):
    sock.sendall(b"220 mail.example.test ESMTP\r\n")
    for line in sock.makefile("rb"):
        verb = line[:4].upper()
        if verb == b"QUIT":
            sock.sendall(b"221 Bye\r\n")
            return
        sock.sendall(b"250 OK\r\n")


def postgres(sock):
    file = sock.makefile("rb")
    length, code = struct.unpack(">II", file.read(8))
    if code == 80877103:  # SSLRequest
        sock.sendall(b"N")
        length, code = struct.unpack(">II", file.read(8))
    file.read(length - 8)
    sock.sendall(b"R" + struct.pack(">II", 8, 0) + b"Z" + struct.pack(">I", 5) + b"I")
    file.read(1)


def upgrade(sock):
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")


def silent(sock):
    while sock.recv(65536):
        pass


def hasty(sock):
    """Answers the first empty line that comes, whatever it is the end of."""
    asked = b""
    while b"\r\n\r\n" not in asked and (more := sock.recv(65536)):
        asked += more
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nhi\n")


KINDS = {kind.__name__: kind for kind in (redis, smtp, postgres, upgrade, silent, hasty)}


class Server:
    def __init__(self, options):
        self._kind = KINDS[options.kind]
        self.listener = socket.create_server((options.address, options.port))
        self.port = self.listener.getsockname()[1]

    def _serve(self, sock):
        with sock:
            sock.settimeout(30)
            try:
                self._kind(sock)
            except (OSError, ValueError, struct.error):
                pass

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    http_engine.add_options(parser)
    parser.add_argument("--kind", choices=KINDS, required=True)
    options = parser.parse_args()
    http_engine.arm_exit(options.exit_after)
    server = Server(options)
    http_engine.announce(options, server.port)
    server.run()


if __name__ == "__main__":
    main()
