"""Redis, SMTP and Postgres by hand: what the server said and how the connection ended."""

import errno
import socket
import struct
import sys

from account import show

kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
DIALOGUES = {
    "redis": [(b"*1\r\n$4\r\nPING\r\n", 7), (b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 11)],
    "smtp": [(b"", 29), (b"EHLO me\r\n", 8), (b"QUIT\r\n", 9)],
    "postgres": [(struct.pack(">II", 8, 80877103), 1),
                 (struct.pack(">II", 8 + 10, 196608) + b"user\0me\0\0\0", 15)],
}
try:
    sock = socket.create_connection((host, port), timeout=20)
    for question, size in DIALOGUES[kind]:
        sock.sendall(question)
        answer = b""
        while len(answer) < size:
            piece = sock.recv(size - len(answer))
            if not piece:
                raise EOFError
            answer += piece
        show("answer", answer)
    sock.close()
except OSError as error:
    show("ended by", errno.errorcode.get(error.errno, type(error).__name__))
except EOFError:
    show("ended by", "EOF")
