"""aiohttp: requests one by one and side by side, chunks as they come, lines of a stream."""

import asyncio

import aiohttp

from account import API, AUTHORIZATION, CHAT, STREAMED_CHAT, context, show, show_headers, show_response


async def main():
    connector = aiohttp.TCPConnector(ssl=context(), resolver=aiohttp.ThreadedResolver())
    async with aiohttp.ClientSession(connector=connector, headers=AUTHORIZATION,
                                     timeout=aiohttp.ClientTimeout(30)) as session:
        for label, method, path, options in [
                ("chat", "POST", "/v1/chat/completions", {"json": CHAT}),
                ("gzip", "GET", "/gzip", {}),
                ("chunked", "GET", "/chunked?n=20&size=333", {}),
                ("random", "GET", "/random", {}),
                ("until close", "GET", "/until-close", {}),
                ("upload", "PUT", "/upload", {"data": b"x" * 300_000}),
                ("error", "GET", "/status/500", {})]:
            async with session.request(method, API + path, **options) as response:
                show_response(label, response.status, response.raw_headers, await response.read())
        async with session.post(API + "/v1/chat/completions", json=STREAMED_CHAT) as response:
            show("stream", response.status)
            show_headers(response.raw_headers)
            async for line in response.content:
                show("line", line)

        async def one(index):
            async with session.get(f"{API}/echo?{index}") as response:
                return (await response.json())["target"]

        show("together", await asyncio.gather(*map(one, range(12))))


asyncio.run(main())
