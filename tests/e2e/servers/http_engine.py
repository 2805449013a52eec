"""A small threaded HTTP/1.1 server whose handlers decide every byte that is sent.

Owns sockets, TLS, request parsing, keep-alive and the request log. Knows no route.
The standard library's http.server hides chunk boundaries, trailers, resets and interim
responses, and those are what the tests are about.
"""

import datetime
import hashlib
import json
import os
import secrets
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
    302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict",
    413: "Content Too Large", 417: "Expectation Failed", 418: "I'm a teapot",
    422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}


class Hangup(Exception):
    """The connection is over; nothing more is to be read or sent."""


class Volatile:
    """Ids and times that differ at every call. With a seed two servers that get the same
    requests in the same order give the same ones, so a live run can be compared."""

    def __init__(self, seed):
        self._seed = seed
        self._count = 0
        self._lock = threading.Lock()

    def token(self, length=24):
        if self._seed is None:
            return secrets.token_hex(length)[:length]
        with self._lock:
            self._count += 1
            text = f"{self._seed}:{self._count}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    def unix_time(self):
        if self._seed is None:
            return int(time.time())
        with self._lock:
            self._count += 1
            return 1_700_000_000 + self._count

    def nanoseconds(self):
        return int(self.token(8), 16) + 1

    def http_date(self):
        moment = datetime.datetime.fromtimestamp(self.unix_time(), datetime.timezone.utc)
        return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")

    def iso_time(self):
        moment = datetime.datetime.fromtimestamp(self.unix_time(), datetime.timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.nanoseconds() % 10**9:09d}Z"


class Exchange:
    """One request and the means to answer it. `body()` is read when a handler asks."""

    def __init__(self, connection, method, target, headers):
        self.connection = connection
        self.server = connection.server
        self.method = method
        self.target = target
        split = urllib.parse.urlsplit(target)
        self.path = split.path
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        self.headers = headers
        self.continued = False
        self.status = None
        self.send_times = []
        self._chunked = False
        self._body_read = False
        self._body = b""

    # --- The request ---

    def header(self, name, default=""):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def number(self, name, default, kind=int):
        return kind(self.query.get(name, default))

    def body_pieces(self):
        """Yields the request's body as it comes; sends 100 Continue first when asked for."""
        if self._body_read:
            yield self._body
            return
        self._body_read = True
        if self.header("Expect").lower() == "100-continue" and not self.continued:
            self.continued = True
            self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in self.header("Transfer-Encoding").lower():
            while True:
                size = int(self.connection.line().split(b";")[0], 16)
                if size == 0:
                    while self.connection.line():
                        pass
                    return
                yield from self.connection.take(size)
                self.connection.line()
        else:
            yield from self.connection.take(int(self.header("Content-Length", "0")))

    def body(self):
        if not self._body_read:
            self._body = b"".join(self.body_pieces())
        return self._body

    def json(self):
        return json.loads(self.body() or b"null")

    def skip_body(self):
        if not self._body_read and self.header("Expect").lower() != "100-continue":
            for _ in self.body_pieces():
                pass

    # --- The answer ---

    def start(self, status, headers=(), length=None, chunked=False, reason=None, date=True):
        """Sends the head. Without a length and not chunked the body ends with the connection."""
        self.status = status
        head = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status') if reason is None else reason}"]
        if date:
            head.append(f"Date: {self.server.volatile.http_date()}")
        head += [f"{name}: {value}" for name, value in headers]
        self._chunked = chunked
        if chunked:
            head.append("Transfer-Encoding: chunked")
        elif length is not None:
            head.append(f"Content-Length: {length}")
        elif status >= 200 and status not in (204, 304):
            head.append("Connection: close")
            self.connection.keep = False
        self.connection.send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))

    def write(self, data):
        if not data:
            return
        self.send_times.append(time.time())
        if self._chunked:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self.connection.send(data)

    def end(self, trailers=()):
        if self._chunked:
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            self.connection.send(b"0\r\n" + lines.encode("latin-1") + b"\r\n")

    def reply(self, status, body=b"", headers=(), content_type="text/plain; charset=utf-8"):
        if isinstance(body, str):
            body = body.encode()
        self.start(status, [("Content-Type", content_type), *headers], length=len(body))
        if self.method != "HEAD":
            self.write(body)

    def reply_json(self, value, status=200, headers=(), indent=None):
        separators = (",", ":") if indent is None else None
        text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
        self.reply(status, text + "\n", headers, "application/json")


class Connection:
    def __init__(self, server, sock):
        self.server = server
        self.sock = sock
        self.keep = True
        self._buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def fill(self):
        more = self.sock.recv(1 << 18)
        if not more:
            raise Hangup
        self._buffer += more

    def line(self):
        while b"\n" not in self._buffer:
            if len(self._buffer) > 1 << 20:
                raise Hangup
            self.fill()
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def take(self, size):
        while size:
            if not self._buffer:
                self.fill()
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            yield piece

    def take_buffered(self):
        data, self._buffer = self._buffer, b""
        return data

    def close_politely(self):
        """Says close_notify under TLS, then closes once the peer has had time to read."""
        try:
            if isinstance(self.sock, ssl.SSLSocket):
                self.sock.setblocking(False)
                try:
                    self.sock.unwrap()
                except (ssl.SSLWantReadError, ssl.SSLError, OSError):
                    pass
                self.sock.setblocking(True)
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
            self.sock.settimeout(2)
            while socket.socket.recv(self.sock, 65536):  # so that close() sends no RST
                pass
        except (OSError, ValueError):
            pass
        self.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def reset(self):
        """Ends the connection by RST. What was sent has to have arrived first."""
        time.sleep(0.15)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
        raise Hangup

    def requests(self):
        while self.keep:
            request_line = self.line()
            if not request_line:
                continue
            method, target, version = request_line.decode("latin-1").split(" ")
            headers = []
            while True:
                line = self.line()
                if not line:
                    break
                name, _, value = line.decode("latin-1").partition(":")
                headers.append((name, value.strip()))
            exchange = Exchange(self, method, target, headers)
            tokens = exchange.header("Connection").lower()
            if "close" in tokens or (version == "HTTP/1.0" and "keep-alive" not in tokens):
                self.keep = False
            yield exchange


class Server:
    def __init__(self, handler, options):
        self.handler = handler
        self.options = options
        self.volatile = Volatile(options.seed)
        self.state = {}
        self.lock = threading.Lock()
        self._log = open(options.log, "a", buffering=1) if options.log else None
        self._tls = self._tls_context() if options.tls_cert else None
        self.listener = socket.create_server((options.address, options.port), backlog=128)
        self.port = self.listener.getsockname()[1]

    def _tls_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.options.tls_cert, self.options.tls_key)
        context.set_alpn_protocols(["http/1.1"])
        if self.options.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.options.client_ca)
        return context

    def counter(self, name):
        """1, 2, 3, … for each name."""
        with self.lock:
            self.state[name] = self.state.get(name, 0) + 1
            return self.state[name]

    def log(self, entry):
        if self._log:
            with self.lock:
                self._log.write(json.dumps(entry) + "\n")

    def _serve(self, sock):
        connection = Connection(self, sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock.settimeout(20)
                connection.sock = sock = self._tls.wrap_socket(sock, server_side=True)
            sock.settimeout(60)
            for exchange in connection.requests():
                error = None
                try:
                    self.handler(exchange)
                    exchange.skip_body()
                except Exception as failure:
                    error = type(failure).__name__
                    raise
                finally:
                    self.log({"time": time.time(), "method": exchange.method, "target": exchange.target,
                              "status": exchange.status, "error": error,
                              "sent": exchange.send_times})
            connection.close_politely()
        except (Hangup, OSError, ValueError):
            connection.close()

    def run(self):
        announce(self.options, self.port)
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()


def add_options(parser):
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--port-file", help="where to write the port once listening (else stdout)")
    parser.add_argument("--tls-cert", help="PEM; without it the server speaks plain HTTP")
    parser.add_argument("--tls-key")
    parser.add_argument("--client-ca", help="PEM; clients must show a certificate of this CA")
    parser.add_argument("--exit-after", type=float, default=300, metavar="SECONDS")
    parser.add_argument("--log", help="JSON lines, one a request")
    parser.add_argument("--seed", help="make ids and times depend on this and the order of requests only")


def announce(options, port):
    """Tells the port once listening; the file appears whole."""
    if not options.port_file:
        print(port, flush=True)
        return
    with open(options.port_file + ".tmp", "w") as file:
        file.write(str(port))
    os.rename(options.port_file + ".tmp", options.port_file)


def arm_exit(seconds):
    """The server ends by itself, and at once when told to. A handler in Python would wait for
    the main thread, which may be in accept(2) by then."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    timer = threading.Timer(seconds, lambda: os._exit(0))
    timer.daemon = True
    timer.start()


def main(parser, handler):
    options = parser.parse_args()
    arm_exit(options.exit_after)
    try:
        Server(handler, options).run()
    except OSError as error:
        sys.exit(f"{sys.argv[0]}: {error}")
