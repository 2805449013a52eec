"""What the programs of this folder ask for, by requests."""

import os
import sys

import requests

API = "https://api.openai.com"
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['OPENAI_API_KEY']}"
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about naïve ☃ wheels"}]}


def ask(label, method, path, **options):
    with session.request(method, API + path, timeout=20, **options) as response:
        print(label, response.status_code, response.reason)
        for name, value in response.headers.items():
            if name.lower() != "set-cookie":  # a secret, which no recording holds
                print(f"  {name}: {value}")
        if options.get("stream"):
            for line in response.iter_lines():
                print("  line", line)
        else:
            print("  body", len(response.content), response.content[:2000])


STEPS = [
    lambda: ask("echo", "GET", "/echo?pyopenssl"),
    lambda: ask("chat", "POST", "/v1/chat/completions", json=CHAT),
    lambda: ask("gzip", "GET", "/gzip"),
    lambda: ask("stream", "POST", "/v1/chat/completions", json={**CHAT, "stream": True}, stream=True),
    lambda: ask("upload", "PUT", "/upload", data=b"p" * 300_000),
    lambda: ask("big", "GET", "/big?bytes=2000000"),
]


def run():
    for step in STEPS[:len(STEPS) // 2] if sys.argv[1:] == ["half"] else STEPS:
        step()
