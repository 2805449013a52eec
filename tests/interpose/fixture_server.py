"""The HTTP/1.1 server that the interpose cases talk to: plain TCP on 127.0.0.1, replies that
depend on nothing but the request, so that runs can be compared byte for byte. Owns the
routes; knows nothing of recshim."""

import hashlib
import socketserver
import threading
import urllib.parse


def pattern(size):
    """size bytes, the same every time, without long repeats."""
    block = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(2048))
    return (block * (size // len(block) + 1))[:size]


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while self.one_exchange():
                pass
        except OSError:
            pass  # the client went away; some cases do so on purpose

    def one_exchange(self):
        request_line = self.rfile.readline()
        if not request_line:
            return False
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self.rfile.read(length)
        target = urllib.parse.urlsplit(request_line.split()[1].decode())
        query = dict(urllib.parse.parse_qsl(target.query, keep_blank_values=True))
        return self.answer(target.path, target.query, query, body)

    def answer(self, path, raw_query, query, body):
        if path == "/hello":
            self.plain(f"hello {raw_query}\n".encode())
        elif path == "/empty":
            self.plain(b"")
        elif path == "/digest":
            self.plain(f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode())
        elif path == "/chunked":
            self.chunked([b"one ", b"two ", raw_query.encode() + b".", pattern(3000)])
        elif path == "/close":
            self.plain(b"closing " + raw_query.encode(), close=True)
            return False
        elif path == "/until-close":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + pattern(40000))
            return False
        elif path == "/big":
            close = "close" in query
            self.plain(pattern(int(query["bytes"])), close=close)
            return not close
        else:
            self.plain(b"no such route\n", status="404 Not Found")
        return True

    def plain(self, body, status="200 OK", close=False):
        end = "Connection: close\r\n" if close else ""
        head = f"HTTP/1.1 {status}\r\nX-Fixture: yes\r\n{end}Content-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def chunked(self, pieces):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.wfile.write(head)
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


class FixtureServer(socketserver.ThreadingTCPServer):
    """with FixtureServer() as port: …; stopped at the end of the block."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self.server_address[1]

    def __exit__(self, *unused):
        self.shutdown()
        self.server_close()
        self._thread.join(5)
