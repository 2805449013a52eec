"""The general endpoints: one for each thing HTTP/1.1 allows, and for each way a server
breaks it. Each function takes the Exchange; ROUTES maps the first path segment to it."""

import email.parser
import email.policy
import gzip
import hashlib
import json
import struct
import time
import zlib

from http_engine import Hangup

TEXT = ("The quick brown fox jumps over the lazy dog; "
        "le cœur a ses raisons; 速い茶色の狐; 🦊. ")


def document(size=2000):
    return (TEXT * (size // len(TEXT.encode()) + 1)).encode()[:size]


def pattern(offset, size):
    """Bytes that depend on their offset only, so that a shifted copy is noticed."""
    first = offset // 8
    words = struct.pack(f">{size // 8 + 2}Q", *range(first, first + size // 8 + 2))
    return words[offset % 8:offset % 8 + size]


_BLOCK = hashlib.sha256(b"big").digest() * 2048  # 64 KiB


def echo(ex):
    body = ex.body()
    ex.reply_json({"method": ex.method, "target": ex.target,
                   "headers": [[k, v] for k, v in ex.headers if k.lower() not in ("authorization", "cookie")],
                   "body_bytes": len(body), "body_sha256": hashlib.sha256(body).hexdigest(),
                   "body": body[:2000].decode("utf-8", "replace")}, indent=2)


def status(ex):
    code = int(ex.path.split("/")[2])
    ex.body()
    if code in (204, 304):
        ex.start(code)
    else:
        ex.reply(code, f"status {code}\n", [("X-Request-Id", ex.server.volatile.token())])


def zstd_stored(data):
    """A valid zstd frame of raw blocks (RFC 8878 §3.1.1)."""
    out = struct.pack("<IB", 0xFD2FB528, 0xA0) + struct.pack("<I", len(data))
    blocks = [data[i:i + 65536] for i in range(0, len(data), 65536)] or [b""]
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        out += struct.pack("<I", (len(block) << 3) | last)[:3] + block
    return out


def brotli_stored(data):
    """A valid brotli stream of uncompressed meta-blocks (RFC 7932 §9)."""
    out = b""
    for index in range(0, len(data), 65536):
        block = data[index:index + 65536]
        fields = ((len(block) - 1) << 3) | (1 << 19)  # ISLAST 0, MNIBBLES 4, MLEN-1, ISUNCOMPRESSED
        if index == 0:
            out += struct.pack("<I", fields << 1)[:3] + block  # after a one-bit WBITS
        else:
            out += struct.pack("<I", fields)[:3] + block
    return out + (b"\x03" if data else b"\x06")


def encoded(name, encode):
    def handler(ex):
        ex.body()
        size = ex.number("size", 5000)
        data = encode(json.dumps({"encoding": name, "text": document(size).decode("utf-8", "ignore")}).encode())
        headers = [("Content-Type", "application/json"), ("Content-Encoding", name), ("Vary", "Accept-Encoding")]
        if "chunk" in ex.query:
            step = ex.number("chunk", 100)
            ex.start(200, headers, chunked=True)
            for i in range(0, len(data), step):
                ex.write(data[i:i + step])
            ex.end()
        else:
            ex.start(200, headers, length=len(data))
            if ex.method != "HEAD":
                ex.write(data)
    return handler


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def chunked(ex):
    ex.body()
    count, size, delay = ex.number("n", 5), ex.number("size", 100), ex.number("delay", 0, float)
    ex.start(200, [("Content-Type", "application/octet-stream")], chunked=True)
    for index in range(count):
        if index and delay:
            time.sleep(delay)
        ex.write(pattern(index * size, size))
    ex.end()


def odd_chunks(ex):
    """Extensions, leading zeros and upper-case sizes: legal, and to be kept as they are."""
    ex.body()
    ex.status = 200
    ex.connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding:chunked\r\n\r\n")
    ex.connection.send(b"000A;name=value;other=\"quoted; text\"\r\n0123456789\r\n")
    time.sleep(0.02)
    ex.connection.send(b"A\r\nabcdefghij\r\n5\r\nhe")
    time.sleep(0.02)
    ex.connection.send(b"llo\r\n000\r\n\r\n")


def trailers(ex):
    ex.body()
    ex.start(200, [("Content-Type", "text/plain"), ("Trailer", "X-Checksum, X-Count")], chunked=True)
    for piece in (b"first ", b"second ", b"third\n"):
        ex.write(piece)
    ex.end([("X-Checksum", hashlib.sha256(b"first second third\n").hexdigest()), ("X-Count", "3")])


def until_close(ex):
    ex.body()
    ex.start(200, [("Content-Type", "text/plain")])
    for index in range(5):
        ex.write(f"line {index} until the connection closes\n".encode())
        time.sleep(0.01)
    if ex.number("ragged", 0):
        hang_up(ex)


def hang_up(ex):
    """Closes with close_notify unless ?ragged=1, as servers that were killed do."""
    ex.connection.keep = False
    if ex.number("ragged", 0):
        time.sleep(0.05)
        ex.connection.close()
    else:
        ex.connection.close_politely()
    raise Hangup


def truncate(ex):
    """?chunked=1: cut within a chunk; ?head=1: cut within the head; ?bytes=N: that many of 1000."""
    ex.body()
    if ex.number("head", 0):
        ex.status = 200
        ex.connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/pl")
    elif ex.number("chunked", 0):
        ex.start(200, [("Content-Type", "text/plain")], chunked=True)
        ex.write(b"a whole chunk\n")
        ex.connection.send(b"64\r\nonly a part of this one")
    else:
        ex.start(200, [("Content-Type", "application/octet-stream")], length=1000)
        ex.write(pattern(0, ex.number("bytes", 300)))
    hang_up(ex)


def reset(ex):
    """?at=head|body|chunk|none: where the RST comes."""
    ex.body()
    where = ex.query.get("at", "body")
    if where == "head":
        ex.connection.send(b"HTTP/1.1 200 OK\r\nContent-")
    elif where == "chunk":
        ex.start(200, [("Content-Type", "text/plain")], chunked=True)
        ex.write(b"a whole chunk\n")
        ex.connection.send(b"64\r\nonly a part")
    elif where == "body":
        ex.start(200, [("Content-Type", "application/octet-stream")], length=1000)
        ex.write(pattern(0, 300))
    ex.connection.reset()


def lie(ex):
    """Content-Length larger than the body, then closes; ?less=1: smaller, with bytes to spare."""
    ex.body()
    data = document(500)
    if ex.number("less", 0):
        ex.start(200, [("Content-Type", "text/plain"), ("Connection", "close")], length=100)
    else:
        ex.start(200, [("Content-Type", "text/plain")], length=5000)
    ex.write(data)
    hang_up(ex)


def expect(ex):
    """?refuse=417|401 answers before the body; else 100 Continue, then says what came."""
    refuse = ex.number("refuse", 0)
    if refuse:
        ex.start(refuse, [("Content-Type", "text/plain"), ("Connection", "close")], length=8)
        ex.write(b"refused\n")
        hang_up(ex)
    asked = ex.header("Expect").lower()
    body = ex.body()
    ex.reply_json({"expect": asked, "continued": ex.continued, "bytes": len(body),
                   "sha256": hashlib.sha256(body).hexdigest()})


def early(ex):
    """401 before the body has been read, then the connection closes."""
    ex.start(401, [("Content-Type", "application/json"), ("WWW-Authenticate", "Bearer"),
                   ("Connection", "close")], length=24)
    ex.write(b'{"error":"unauthorized"}')
    hang_up(ex)


def informational(ex):
    """Two 103 Early Hints and a 102 before the final response."""
    ex.body()
    for head in ("103 Early Hints\r\nLink: </style.css>; rel=preload",
                 "102 Processing",
                 "103 Early Hints\r\nLink: </script.js>; rel=preload"):
        ex.connection.send(f"HTTP/1.1 {head}\r\n\r\n".encode())
    ex.reply(200, "after hints\n")


def big(ex):
    """?bytes=N of them, always the same, streamed. ?chunked=1 without a length."""
    ex.body()
    left = ex.number("bytes", 1 << 20)
    headers = [("Content-Type", "application/octet-stream")]
    if ex.number("chunked", 0):
        ex.start(200, headers, chunked=True)
        while left:
            ex.write(_BLOCK[:left])
            left -= min(left, len(_BLOCK))
        ex.end()
        return
    ex.start(200, headers, length=left)
    ex.send_times = []
    while left and ex.method != "HEAD":
        ex.connection.send(_BLOCK[:left])
        left -= min(left, len(_BLOCK))


def upload(ex):
    digest, size = hashlib.sha256(), 0
    for piece in ex.body_pieces():
        digest.update(piece)
        size += len(piece)
    ex.reply_json({"method": ex.method, "bytes": size, "sha256": digest.hexdigest(),
                   "content_type": ex.header("Content-Type").split(";")[0]})


def multipart(ex):
    head = f"Content-Type: {ex.header('Content-Type')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + ex.body())
    parts = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        parts.append({"name": part.get_param("name", header="content-disposition"),
                      "filename": part.get_filename(), "type": part.get_content_type(),
                      "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    ex.reply_json({"parts": parts, "upload_id": ex.server.volatile.token()})


def head(ex):
    """A HEAD request is told the length of what GET would give."""
    ex.body()
    data = document(1234)
    ex.start(200, [("Content-Type", "text/plain"), ("ETag", '"e2e"')], length=len(data))
    if ex.method != "HEAD":
        ex.write(data)


def no_content(ex):
    ex.body()
    ex.start(204, [("X-Request-Id", ex.server.volatile.token())])


def not_modified(ex):
    """With the Content-Length of the body it does not have (RFC 9110 §15.4.5)."""
    ex.body()
    ex.start(304, [("ETag", '"e2e"')], length=1234)


def slow(ex):
    ex.body()
    time.sleep(ex.number("seconds", 0.3, float))
    ex.reply(200, "slow but sure\n")


def cookies(ex):
    ex.body()
    token = ex.query.get("value") or ex.server.volatile.token()
    ex.reply(200, f"got {len(ex.header('Cookie'))} bytes of cookies\n", [
        ("Set-Cookie", f"session={token}; Path=/; HttpOnly; Secure"),
        ("Set-Cookie", f"tracking={token[::-1]}; Max-Age=60; SameSite=Lax")])


def redirect(ex):
    ex.body()
    left = ex.number("n", 2)
    if left == 0:
        ex.reply(200, "arrived\n")
        return
    ex.start(ex.number("status", 302), [("Location", f"/redirect?n={left - 1}")], length=0)


def random(ex):
    ex.body()
    ex.reply(200, ex.server.volatile.token(32) + "\n", [("X-Request-Id", ex.server.volatile.token())])


def sequence(ex):
    ex.body()
    ex.reply(200, f"{ex.server.counter('sequence ' + ex.query.get('name', ''))}\n")


def weather(ex):
    """What scripts/demo_client.py asks: an API that is nobody's. ?location=…"""
    ex.body()
    location = ex.query.get("location", "")
    ex.reply_json({"location": location, "temperature": 15 + len(location), "sky": "sunny"})


def overtaken(ex):
    """Answers with the request's X-Turn, of six the first last."""
    ex.body()
    turn = int(next(value for name, value in ex.headers if name.lower() == "x-turn"))
    time.sleep(0.3 * max(0, 6 - turn))
    ex.reply(200, f"{turn}\n")


def flaky(ex):
    """429 with Retry-After, then 200; ?status=503&fails=2 for other ways to fail."""
    ex.body()
    count = ex.server.counter("flaky " + ex.query.get("name", ""))
    fails = ex.number("fails", 1)
    if count % (fails + 1) != 0:
        ex.reply_json({"error": {"message": "try again", "attempt": count}}, ex.number("status", 429),
                      [("Retry-After", "0"), ("Retry-After-Ms", "10")])
    else:
        ex.reply_json({"ok": True, "attempt": count})


def headers(ex):
    """Odd but legal heads: repeated names, odd case, empty and Latin-1 values, no reason."""
    ex.body()
    ex.status = 200
    ex.connection.send(b"HTTP/1.1 200 \r\nx-lower: one\r\nX-UPPER:two\r\nX-Repeat: a\r\nx-repeat: b\r\n"
                       b"X-Empty:\r\nX-Spaces:   padded   \r\nX-Latin: caf\xe9\r\nX-Date: " +
                       ex.server.volatile.http_date().encode() +
                       b"\r\nContent-Length: 6\r\n\r\nheads\n")


def old(ex):
    """HTTP/1.0, body until close."""
    ex.body()
    ex.status = 200
    ex.connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold style\n")
    ex.connection.keep = False


def empty(ex):
    ex.body()
    ex.start(200, [("Content-Type", "text/plain")], length=0)


def binary(ex):
    ex.body()
    ex.reply(200, bytes(range(256)) * 8, content_type="application/octet-stream")


def json_styles(ex):
    """JSON texts that parse to the same value but are different bytes. ?style=…"""
    ex.body()
    value = {"b": 1, "a": [1.0, 1e5, 0.1, 12345678901234567890], "text": "é\u2028/\"\\", "nothing": None}
    style = ex.query.get("style", "compact")
    text = {
        "compact": lambda: json.dumps(value, separators=(",", ":")),
        "spaced": lambda: json.dumps(value),
        "indent2": lambda: json.dumps(value, indent=2, ensure_ascii=False) + "\n",
        "indent4": lambda: json.dumps(value, indent=4, sort_keys=True),
        "tabs": lambda: json.dumps(value, indent="\t"),
        "slashes": lambda: json.dumps(value).replace("/", "\\/"),
        "odd": lambda: ' {"a" :1,\r\n"a":2 , "n":1.50e+02, "z":-0,"u":"\\u00E9"}\n\n',
        "bom": lambda: "\ufeff{}",
        "invalid": lambda: '{"a": NaN, "b": undefined}',
    }[style]()
    ex.reply(200, text, content_type="application/json")


PAGE = """<!doctype html><meta charset="utf-8"><title>e2e</title><link rel="icon" href="data:,">
<body><pre id="out"></pre><script>
const out = document.getElementById("out");
function ask(method, url, body) {
  const request = new XMLHttpRequest();
  request.open(method, url, false);
  request.send(body);
  out.append(`${method} ${url} ${request.status} ${request.getResponseHeader("date")}\\n${request.responseText}\\n`);
}
ask("GET", "/json?style=spaced");
if (location.hash !== "#half") {
  ask("POST", "/echo?xhr", "from the page");
  ask("GET", "/gzip");
}
</script></body>
"""


def page(ex):
    """A page whose script asks more, all of it unless its fragment is #half."""
    ex.body()
    ex.reply(200, PAGE, content_type="text/html; charset=utf-8")


def upgrade(ex):
    """101 Switching Protocols to an echo of lines."""
    ex.status = 101
    ex.connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    while True:
        line = ex.connection.line()
        ex.connection.send(b"echo " + line + b"\n")


ROUTES = {
    "echo": echo, "status": status, "chunked": chunked, "odd-chunks": odd_chunks, "trailers": trailers,
    "gzip": encoded("gzip", lambda data: gzip.compress(data, mtime=0)), "br": encoded("br", brotli_stored),
    "deflate": encoded("deflate", zlib.compress), "raw-deflate": encoded("deflate", raw_deflate),
    "zstd": encoded("zstd", zstd_stored), "until-close": until_close, "truncate": truncate, "reset": reset,
    "lie": lie, "expect": expect, "early": early, "informational": informational, "big": big,
    "upload": upload, "multipart": multipart, "head": head, "204": no_content, "304": not_modified,
    "slow": slow, "cookies": cookies, "redirect": redirect, "random": random, "sequence": sequence, "overtaken": overtaken,
    "flaky": flaky, "headers": headers, "old": old, "empty": empty, "binary": binary,
    "json": json_styles, "weather": weather, "upgrade": upgrade, "page": page,
}
