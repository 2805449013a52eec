"""aiohttp and httpx on uvloop, whose sockets go through libuv's own system calls."""

import asyncio

import aiohttp
import httpx
import uvloop

from account import API, AUTHORIZATION, CHAT, STREAMED_CHAT, context, show, show_headers, show_response


async def main():
    show("loop", type(asyncio.get_running_loop()).__module__)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context()),
                                     headers=AUTHORIZATION) as session:
        async with session.post(API + "/v1/chat/completions", json=CHAT) as response:
            show_response("aiohttp chat", response.status, response.raw_headers, await response.read())
        async with session.post(API + "/v1/chat/completions", json=STREAMED_CHAT) as response:
            show_headers(response.raw_headers)
            async for line in response.content:
                show("line", line)
    async with httpx.AsyncClient(verify=context(), headers=AUTHORIZATION) as client:
        response = await client.get(API + "/big?bytes=1000000")
        show_response("httpx big", response.status_code, response.headers.raw, response.content)
        response = await client.get("http://api.openai.com/random")
        show_response("httpx plain", response.status_code, response.headers.raw, response.content)


uvloop.run(main())
