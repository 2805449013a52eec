"""Moves many bytes up or down and tells the process's peak resident size in KiB."""

import hashlib
import socket
import sys

from account import context

scheme, direction, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
sock = socket.create_connection(("api.openai.com", 443 if scheme == "https" else 80), timeout=120)
if scheme == "https":
    sock = context().wrap_socket(sock, server_hostname="api.openai.com")
digest = hashlib.sha256()
if direction == "down":
    sock.sendall(f"GET /big?bytes={size} HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n".encode())
else:
    sock.sendall(f"PUT /upload HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: {size}\r\n"
                 "Connection: close\r\n\r\n".encode())
    block = hashlib.sha256(b"up").digest() * 8192
    left = size
    while left:
        sock.sendall(block[:left])
        left -= min(left, len(block))
view = memoryview(bytearray(1 << 18))
total = 0
while count := sock.recv_into(view):
    digest.update(view[:count])
    total += count
print("bytes", total, "sha256", digest.hexdigest())
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM")).strip(), file=sys.stderr)
