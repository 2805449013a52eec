"""asyncio streams, TLS and then plain HTTP: requests written by hand, every byte shown."""

import asyncio
import json

from account import AUTHORIZATION, SECRET_HEADERS, STREAMED_CHAT, context, show


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name = line.split(b":")[0].decode("latin-1").lower()
        show("head", b"(secret)" if name in SECRET_HEADERS else line)


async def stream_chat():
    reader, writer = await asyncio.open_connection("api.openai.com", 443, ssl=context())
    show("cipher is known", writer.get_extra_info("cipher") is not None)
    body = json.dumps(STREAMED_CHAT).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
            f"Authorization: {AUTHORIZATION['Authorization']}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/json\r\n\r\n")
    writer.write(head.encode())
    await writer.drain()
    writer.write(body[:10])
    await writer.drain()
    writer.write(body[10:])
    await read_head(reader)
    while (size := int(await reader.readline(), 16)) > 0:
        show("chunk", await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readline()
    writer.write(b"GET /random HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n")
    await read_head(reader)
    show("rest", await reader.read())
    writer.close()
    await writer.wait_closed()


async def plain():
    reader, writer = await asyncio.open_connection("api.openai.com", 80)
    writer.write(b"GET /random HTTP/1.1\r\nHost: api.openai.com\r\n\r\n"
                 b"GET /sequence HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n")
    show("two pipelined over plain HTTP", await reader.read())
    writer.close()
    await writer.wait_closed()


asyncio.run(stream_chat())
asyncio.run(plain())
