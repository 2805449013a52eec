"""httpx, synchronous: HTTP/1.1, and a client that offers HTTP/2 as well."""

import httpx

from account import API, AUTHORIZATION, CHAT, STREAMED_CHAT, context, show, show_headers, show_response

for http2 in (False, True):
    show("client offers HTTP/2", http2)
    with httpx.Client(verify=context(), http2=http2, headers=AUTHORIZATION, timeout=30) as client:
        for label, method, path, options in [
                ("chat", "POST", "/v1/chat/completions", {"json": CHAT}),
                ("models", "GET", "/v1/models", {}),
                ("gzip", "GET", "/gzip", {}),
                ("zstd", "GET", "/zstd", {}),
                ("random", "GET", f"/random?http2={http2}", {}),
                ("multipart", "POST", "/multipart", {"files": {"file": ("a.bin", bytes(range(256)))}}),
                ("not found", "GET", "/nowhere", {})]:
            response = client.request(method, API + path, **options)
            show_response(label, (response.http_version, response.status_code), response.headers.raw,
                          response.content)
        with client.stream("POST", API + "/v1/chat/completions", json=STREAMED_CHAT) as response:
            show("stream", response.status_code)
            show_headers(response.headers.raw)
            for line in response.iter_lines():
                show("line", line)
