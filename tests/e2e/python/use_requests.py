"""requests: a session, compressed bodies, multipart, a form, iter_lines, retries on 429."""

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from account import API, AUTHORIZATION, CA, CHAT, STREAMED_CHAT, show, show_headers, show_response

session = requests.Session()
session.verify = CA
session.headers.update(AUTHORIZATION)
session.mount("https://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[429], backoff_factor=0)))


def ask(label, method, path, **options):
    response = session.request(method, API + path, timeout=30, **options)
    show_response(label, (response.status_code, response.reason), response.headers.items(), response.content)


ask("chat", "POST", "/v1/chat/completions", json=CHAT)
ask("gzip", "GET", "/gzip")
ask("deflate", "GET", "/deflate")
ask("raw deflate", "GET", "/raw-deflate")
ask("brotli", "GET", "/br", headers={"Accept-Encoding": "br"})
ask("zstd", "GET", "/zstd", headers={"Accept-Encoding": "zstd"})
ask("gzip in chunks", "GET", "/gzip?chunk=50")
ask("form", "POST", "/echo", data={"b": "2", "a": "1 + é"})
ask("query", "GET", "/echo", params={"q": "two words", "n": 5})
ask("multipart", "POST", "/multipart", files={"file": ("name.txt", b"content\x00\xff" * 100, "text/plain")},
    data={"purpose": "fine-tune"})
ask("retried", "GET", "/flaky")
ask("redirect", "GET", "/redirect?n=3")

with session.post(API + "/v1/chat/completions", json=STREAMED_CHAT, stream=True, timeout=30) as response:
    show("stream", response.status_code)
    show_headers(response.headers.items())
    for line in response.iter_lines():
        show("line", line)
