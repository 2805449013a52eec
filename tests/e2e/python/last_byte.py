"""Ends by _exit right after the read that gave the response's last byte."""

import os
import socket
import sys

from account import context

sock = socket.create_connection(("api.openai.com", 443), timeout=30)
sock = context().wrap_socket(sock, server_hostname="api.openai.com")
sock.sendall(b"GET /random?last-byte HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
data = b""
while b"\r\n\r\n" not in data or len(data.split(b"\r\n\r\n", 1)[1]) < 33:
    data += sock.recv(65536)
sys.stdout.buffer.write(data)
sys.stdout.flush()
os._exit(0)
