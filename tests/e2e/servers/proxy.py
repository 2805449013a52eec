#!/usr/bin/env python3
"""An HTTP proxy: CONNECT and absolute-form requests, optionally with Basic credentials.
Standard library only. --map sends the traffic for a host to a server on loopback."""

import argparse
import base64
import socket
import threading
import urllib.parse

import http_engine
from http_engine import Hangup


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def upstream(exchange, host, port):
    host, port = exchange.server.options.map.get(f"{host}:{port}", (host, port))
    return socket.create_connection((host, port), timeout=30)


def tunnel(exchange):
    host, _, port = exchange.target.rpartition(":")
    far = upstream(exchange, host, int(port))
    exchange.status = 200
    connection = exchange.connection
    connection.send(b"HTTP/1.1 200 Connection established\r\nProxy-Agent: e2e\r\n\r\n")
    far.sendall(connection.take_buffered())
    connection.sock.settimeout(None)
    far.settimeout(None)
    back = threading.Thread(target=pump, args=(far, connection.sock), daemon=True)
    back.start()
    pump(connection.sock, far)
    back.join()
    raise Hangup


def forward(exchange):
    """One request a connection: enough here, and the framing passes through untouched."""
    split = urllib.parse.urlsplit(exchange.target)
    far = upstream(exchange, split.hostname, split.port or 80)
    target = split.path + (f"?{split.query}" if split.query else "")
    lines = [f"{exchange.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in exchange.headers
              if not name.lower().startswith("proxy-") and name.lower() != "connection"]
    lines.append("Connection: close")
    far.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + exchange.body())
    exchange.status = 0
    pump(far, exchange.connection.sock)
    raise Hangup


def handle(exchange):
    needed = exchange.server.options.credentials
    if needed:
        expected = "Basic " + base64.b64encode(needed.encode()).decode()
        if exchange.header("Proxy-Authorization") != expected:
            exchange.reply(407, "credentials needed\n", [("Proxy-Authenticate", "Basic realm=e2e")])
            return
    if exchange.method == "CONNECT":
        tunnel(exchange)
    elif exchange.target.startswith("http://"):
        forward(exchange)
    else:
        exchange.reply(400, "a proxy is asked in absolute form\n")


class MapAction(argparse.Action):
    def __call__(self, parser, namespace, value, option_string=None):
        asked, _, real = value.partition("=")
        host, _, port = real.rpartition(":")
        getattr(namespace, self.dest)[asked] = (host, int(port))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    http_engine.add_options(parser)
    parser.add_argument("--map", action=MapAction, default={}, metavar="HOST:PORT=ADDR:PORT")
    parser.add_argument("--credentials", metavar="USER:PASSWORD")
    http_engine.main(parser, handle)


if __name__ == "__main__":
    main()
