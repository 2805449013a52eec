"""Prints what a client got, in a form that differs whenever the content differs."""

import hashlib
import os
import ssl
import sys

API = "https://api.openai.com"
KEY = os.environ["E2E_SECRET"]
CA = os.environ["E2E_CA"]
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
# Their values are secrets: recordings hold a placeholder, so replay can't give them back.
SECRET_HEADERS = {"set-cookie"}

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about naïve ☃ clients"}]}
STREAMED_CHAT = {**CHAT, "stream": True}

sys.stdout.reconfigure(encoding="utf-8", newline="\n")


def show(label, value):
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value)
        if len(value) > 4000:
            value = f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}"
    print(f"{label}: {value if isinstance(value, str) else repr(value)}")


def show_headers(pairs):
    """In the order given."""
    for name, value in pairs:
        if isinstance(name, bytes):
            name, value = name.decode("latin-1"), value.decode("latin-1")
        show(f"  {name}", "(secret)" if name.lower() in SECRET_HEADERS else repr(value))


def show_response(label, status, headers, body):
    show(label, status)
    show_headers(headers)
    show("  body", body)


def context():
    return ssl.create_default_context(cafile=CA)
