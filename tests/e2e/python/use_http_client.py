"""http.client: several requests on one kept connection, chunked upload, read1 of a stream."""

import http.client
import json

from account import AUTHORIZATION, CHAT, STREAMED_CHAT, context, show, show_headers, show_response

connection = http.client.HTTPSConnection("api.openai.com", timeout=30, context=context())
connection.connect()
show("certificate has the name", any(
    value == "api.openai.com" for kind, value in connection.sock.getpeercert()["subjectAltName"]))
show("port", connection.sock.getpeername()[1])


def ask(label, method, path, body=None, **options):
    connection.request(method, path, body=body, headers=AUTHORIZATION, **options)
    response = connection.getresponse()
    show_response(label, (response.version, response.status, response.reason), response.getheaders(),
                  response.read())


ask("chat", "POST", "/v1/chat/completions", json.dumps(CHAT))
for index in range(3):
    ask(f"sequence {index}", "GET", "/sequence")
ask("no content", "GET", "/204")
ask("not modified", "GET", "/304")
ask("head", "HEAD", "/head")
ask("chunked upload", "POST", "/upload", iter([b"one", b"two" * 1000, b"three"]), encode_chunked=True)
ask("trailers", "GET", "/trailers")
ask("binary", "GET", "/binary")

connection.request("POST", "/v1/chat/completions", json.dumps(STREAMED_CHAT), AUTHORIZATION)
response = connection.getresponse()
show("stream", response.status)
show_headers(response.getheaders())
stream = b""
while piece := response.read1(65536):
    stream += piece
show("  body", stream)
ask("after the stream", "GET", "/random")
ask("until close", "GET", "/until-close")
ask("on a new connection", "GET", "/random")
connection.close()
