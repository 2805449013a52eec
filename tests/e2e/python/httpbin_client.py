"""requests against httpbin: a server that was not written for these tests."""

import requests

from account import CA, show_response

session = requests.Session()
session.verify = CA
session.headers["User-Agent"] = "e2e"
BASE = "https://httpbin.example.test"
for method, path, options in [
        ("GET", "/get?show=env", {}), ("POST", "/post", {"json": {"a": [1, 2.5, None]}}),
        ("POST", "/post", {"data": {"k": "v"}}), ("POST", "/post", {"files": {"f": b"bytes"}}),
        ("PUT", "/put", {"data": b"\x00\x01"}), ("PATCH", "/patch", {}), ("DELETE", "/delete", {}),
        ("GET", "/gzip", {}), ("GET", "/deflate", {}), ("GET", "/brotli", {}),
        ("GET", "/stream/5", {}), ("GET", "/stream-bytes/5000?chunk_size=700", {}), ("GET", "/bytes/2000", {}),
        ("GET", "/range/1024", {"headers": {"Range": "bytes=10-99"}}), ("GET", "/uuid", {}), ("GET", "/uuid", {}),
        ("GET", "/redirect/3", {}), ("GET", "/status/404", {}), ("GET", "/status/503", {}),
        ("GET", "/image/png", {}), ("GET", "/encoding/utf8", {}), ("GET", "/xml", {}), ("GET", "/html", {}),
        ("GET", "/drip?duration=0.2&numbytes=5&delay=0", {}), ("GET", "/etag/e2e", {}),
        ("GET", "/etag/e2e", {"headers": {"If-None-Match": "e2e"}}), ("HEAD", "/get", {}),
        ("OPTIONS", "/get", {}), ("GET", "/response-headers?X-One=1&X-One=2", {})]:
    response = session.request(method, BASE + path, timeout=30, **options)
    show_response(f"{method} {path}", (response.status_code, response.reason), response.headers.items(),
                  response.content)
