"""pycurl (its own libcurl and OpenSSL beside Python's): easy handles and a multi handle."""

import io
import json

import pycurl

from account import API, AUTHORIZATION, CA, CHAT, SECRET_HEADERS, STREAMED_CHAT, show


def easy(path, data=None):
    curl = pycurl.Curl()
    curl.body, curl.head = io.BytesIO(), []
    curl.setopt(pycurl.URL, API + path)
    curl.setopt(pycurl.CAINFO, CA)
    curl.setopt(pycurl.TIMEOUT, 30)
    curl.setopt(pycurl.ACCEPT_ENCODING, "")
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in AUTHORIZATION.items()])
    curl.setopt(pycurl.WRITEFUNCTION, curl.body.write)
    curl.setopt(pycurl.HEADERFUNCTION, lambda line: curl.head.append(line))
    if data is not None:
        curl.setopt(pycurl.POSTFIELDS, json.dumps(data))
    return curl


def account(label, curl):
    show(label, (curl.getinfo(pycurl.RESPONSE_CODE), curl.getinfo(pycurl.SSL_VERIFYRESULT)))
    for line in curl.head:
        show("  head", b"(secret)" if line.split(b":")[0].decode().lower() in SECRET_HEADERS else line)
    show("  body", curl.body.getvalue())


for label, path, data in [("chat", "/v1/chat/completions", CHAT),
                          ("stream", "/v1/chat/completions", STREAMED_CHAT),
                          ("gzip", "/gzip", None), ("brotli", "/br", None),
                          ("random", "/random", None), ("big", "/big?bytes=2000000", None)]:
    curl = easy(path, data)
    curl.perform()
    account(label, curl)
    curl.close()

multi = pycurl.CurlMulti()
handles = [easy(f"/echo?{index}") for index in range(6)]
for handle in handles:
    multi.add_handle(handle)
running = 1
while running:
    while (result := multi.perform())[0] == pycurl.E_CALL_MULTI_PERFORM:
        pass
    running = result[1]
    multi.select(0.2)
for index, handle in enumerate(handles):
    show(f"together {index}", (handle.getinfo(pycurl.RESPONSE_CODE),
                               json.loads(handle.body.getvalue())["target"]))
