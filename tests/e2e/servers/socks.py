#!/usr/bin/env python3
"""A SOCKS5 proxy without authentication (RFC 1928). Standard library only. --map sends the traffic
for a host to a server on loopback; what is asked for is logged, a line each."""

import argparse
import socket
import threading

import http_engine
from proxy import MapAction, pump


def exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise OSError("the client left")
        data += piece
    return data


def asked_for(connection):
    _, methods = exactly(connection, 2)
    exactly(connection, methods)
    connection.sendall(b"\5\0")
    *_, kind = exactly(connection, 4)
    if kind == 3:
        host = exactly(connection, exactly(connection, 1)[0]).decode()
    else:
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, exactly(connection, size))
    return host, int.from_bytes(exactly(connection, 2), "big")


def serve(connection, options):
    with connection:
        try:
            host, port = asked_for(connection)
            with open(options.log, "a") as log:
                log.write(f"{host}:{port}\n")
            far = socket.create_connection(options.map.get(f"{host}:{port}", (host, port)), timeout=5)
        except OSError:
            return
        connection.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        far.settimeout(None)
        threading.Thread(target=pump, args=(far, connection), daemon=True).start()
        pump(connection, far)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    http_engine.add_options(parser)
    parser.add_argument("--map", action=MapAction, default={}, metavar="HOST:PORT=ADDR:PORT")
    options = parser.parse_args()
    http_engine.arm_exit(options.exit_after)
    listener = socket.create_server((options.address, options.port))
    http_engine.announce(options, listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, options), daemon=True).start()


if __name__ == "__main__":
    main()
