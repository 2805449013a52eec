"""asyncio over a memory BIO, whose sockets OpenSSL does not know: plain and TLS connections to one
host, opened in one order and used in another."""

import asyncio
import socket

from account import context, show

HOST = "api.openai.com"


async def ask(streams, target):
    reader, writer = streams
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
    show(target, await reader.read())
    writer.close()


async def connected():
    loop = asyncio.get_running_loop()
    ((family, kind, protocol, _, address), *_) = await loop.getaddrinfo(HOST, 443, type=socket.SOCK_STREAM)
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    await loop.sock_connect(sock, address)
    return sock


async def main():
    opened = [await asyncio.open_connection(HOST, 80)]
    opened += [await asyncio.open_connection(HOST, 443, ssl=context()) for _ in range(3)]
    opened.append(await asyncio.open_connection(HOST, 80))
    for number in (2, 0, 3, 4, 1):
        await ask(opened[number], f"/echo?{number}")
    # The last connection is the first to speak TLS.
    for sock in reversed([await connected() for _ in range(3)]):
        streams = await asyncio.open_connection(sock=sock, ssl=context(), server_hostname=HOST)
        await ask(streams, "/echo?reversed")


asyncio.run(main())
