"""httpx, asynchronous: the same over asyncio's memory-BIO TLS, and requests side by side."""

import asyncio

import httpx

from account import API, AUTHORIZATION, CHAT, STREAMED_CHAT, context, show, show_headers, show_response


async def main():
    for http2 in (False, True):
        show("client offers HTTP/2", http2)
        async with httpx.AsyncClient(verify=context(), http2=http2, headers=AUTHORIZATION,
                                     timeout=30) as client:
            for label, method, path, options in [
                    ("chat", "POST", "/v1/chat/completions", {"json": CHAT}),
                    ("random", "GET", f"/random?http2={http2}", {}),
                    ("big", "GET", "/big?bytes=3000000", {})]:
                response = await client.request(method, API + path, **options)
                show_response(label, (response.http_version, response.status_code), response.headers.raw,
                              response.content)
            async with client.stream("POST", API + "/v1/chat/completions", json=STREAMED_CHAT) as response:
                show("stream", response.status_code)
                show_headers(response.headers.raw)
                async for line in response.aiter_lines():
                    show("line", line)
            together = await asyncio.gather(*(client.get(f"{API}/echo?{http2}-{i}") for i in range(12)))
            for response in together:
                show("together", response.json()["target"])


asyncio.run(main())
