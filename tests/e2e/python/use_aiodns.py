"""aiohttp where aiodns is installed: c-ares looks names up, by DNS messages of its own."""

import asyncio

import aiohttp

from account import API, context, show


async def main():
    connector = aiohttp.TCPConnector(ssl=context(), resolver=aiohttp.AsyncResolver(), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
        for number in range(3):
            async with session.get(f"{API}/echo?{number}", headers={"Connection": "close"}) as response:
                show("one by one", await response.json())

        async def one(index):
            async with session.get(f"{API}/echo?together={index}") as response:
                return (await response.json())["target"]

        show("together", await asyncio.gather(*map(one, range(8))))


asyncio.run(main())
