"""Reads a stream up to a marker and leaves: by closing, or by _exit without closing."""

import http.client
import json
import os
import sys

from account import AUTHORIZATION, STREAMED_CHAT, context

how, marker = sys.argv[1], sys.argv[2].encode()
connection = http.client.HTTPSConnection("api.openai.com", timeout=30, context=context())
connection.request("POST", "/v1/chat/completions", json.dumps(STREAMED_CHAT), AUTHORIZATION)
response = connection.getresponse()
if how == "read-all":
    sys.stdout.write(response.read().decode())
else:
    for line in response:
        if marker in line:
            break
sys.stdout.flush()
if how == "_exit":
    if marker == b"":
        response.read()
    os._exit(0)
response.close()
connection.close()
