"""asyncio, whose TLS runs over memory BIOs, to 127.0.0.1:PORT as api.openai.com: the name is in
the ClientHello and was never looked up. Trusts the servers' authority by itself."""

import asyncio
import sys

from account import context, show


async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]), ssl=context(),
                                                   server_hostname="api.openai.com")
    writer.write(b"GET /random HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n")
    await writer.drain()
    show("answer", await reader.readline())
    await reader.read()
    writer.close()
    await writer.wait_closed()


asyncio.run(main())
