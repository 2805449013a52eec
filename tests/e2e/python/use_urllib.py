"""urllib.request: GET, POST, a stream read line by line, an error status, a redirect."""

import json
import urllib.error
import urllib.request

from account import API, AUTHORIZATION, CHAT, STREAMED_CHAT, show, show_headers, show_response


def ask(label, path, data=None, method=None):
    headers = dict(AUTHORIZATION)
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(API + path, headers=headers, method=method,
                                     data=None if data is None else json.dumps(data).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            show_response(label, response.status, response.getheaders(), response.read())
    except urllib.error.HTTPError as error:
        show_response(label + " error", error.code, error.headers.items(), error.read())


ask("models", "/v1/models")
ask("chat", "/v1/chat/completions", CHAT)
ask("embedding", "/v1/embeddings", {"model": "text-embedding-3-small", "input": ["a", "b"]})
ask("missing model", "/v1/chat/completions", {**CHAT, "model": "no-such-model"})
ask("random", "/random")
ask("random again", "/random")
ask("redirect", "/redirect?n=2")
ask("put", "/upload", {"some": "json"}, "PUT")
ask("delete", "/echo", method="DELETE")
ask("head", "/head", method="HEAD")
ask("teapot", "/status/418")

request = urllib.request.Request(API + "/v1/chat/completions", headers=AUTHORIZATION,
                                 data=json.dumps(STREAMED_CHAT).encode())
with urllib.request.urlopen(request, timeout=30) as response:
    show("stream", response.status)
    show_headers(response.getheaders())
    for line in response:
        show("line", line)
