"""asyncio over a memory BIO, whose sockets OpenSSL does not know: plain and TLS connections to one
host, opened in one order and used in another."""

import asyncio

from account import context, show

HOST = "api.openai.com"


async def ask(streams, target):
    reader, writer = streams
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    show(target, await reader.read())
    writer.close()


async def main():
    opened = [await asyncio.open_connection(HOST, 80)]
    opened += [await asyncio.open_connection(HOST, 443, ssl=context()) for _ in range(3)]
    opened.append(await asyncio.open_connection(HOST, 80))
    for number in (2, 0, 3, 4, 1):
        await ask(opened[number], f"/echo?{number}")


asyncio.run(main())
