"""httpx (hyper-h2 over the ssl module), which is let offer HTTP/2 alone: httpx_client.py URL."""

import os
import ssl
import sys

import httpx


def show(response):
    print(response.http_version, response.status_code, response.headers.get("x-cookie"), len(response.content),
          response.text[:60].encode())


trust = ssl.create_default_context(cafile=os.environ["E2E_CA"])
# httpx would offer HTTP/1.1 as well.
offer = trust.set_alpn_protocols
trust.set_alpn_protocols = lambda names: offer(["h2"])
with httpx.Client(http1=False, http2=True, verify=trust, base_url=sys.argv[1], timeout=20) as client:
    show(client.get("/json"))
    show(client.post("/echo", content=b"hello", cookies={"a": "1"}))
    show(client.get("/big"))
    show(client.get("/missing"))
    with client.stream("GET", "/events") as stream:
        print(list(stream.iter_lines()))
