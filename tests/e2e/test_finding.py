"""Recordings that are found though the request on the wire is not what the file says: those that an
SDK's arguments were filed under, and those of hosts whose name was taken out."""

import json
import pathlib
import sys

import pytest

from harness import lab as labs

ASK = pathlib.Path(__file__).parent / "python" / "ask_again.py"


def answered(lab, client, filed, asked=None):
    """What client got for the request of asked, or of filed, which is the only recording."""
    lab.dir.mkdir(exist_ok=True)
    (lab.dir / "under-some-name.json").write_text(json.dumps(filed, indent=2) + "\n")
    asking = lab.folder / "asked.json"
    asking.write_text(json.dumps(asked or filed))
    replayed = lab.replay([sys.executable, ASK, client], stdin=str(asking).encode()).ok()
    assert labs.outcomes(replayed.journal) == ["hit"]
    return json.loads(replayed.text())


def recording(request, body, **more):
    return {"test_id": None, "request": request, "response": {"body": body, "is_streaming": False},
            "id_normalization_mapping": {}, **more}


EMBEDDED = {"sdk_http_response": {"headers": {"Content-Type": "application/json; charset=UTF-8",
                                              "Transfer-Encoding": "chunked"}},
            "embeddings": [{"values": [0.25, -1.5], "statistics": {"truncated": False, "token_count": 3.0}},
                           {"values": [0.5, 2.0], "statistics": {"truncated": False, "token_count": 4.0}}],
            "metadata": {"billable_character_count": 7}}


def embed(contents, config):
    body = {"model": "text-embedding-005", "contents": contents, "config": config}
    return recording({"method": "POST", "url": "vertexai:///embed_content", "headers": {}, "body": body,
                      "endpoint": "/embed_content", "model": "text-embedding-005"}, EMBEDDED)


@pytest.mark.parametrize("config", [{}, {"task_type": "RETRIEVAL_QUERY", "output_dimensionality": 2}],
                         ids=["plain", "with settings"])
@pytest.mark.parametrize("contents", [["one", "two"], "one"], ids=["two", "one"])
def test_embeddings_of_vertex_ai(lab, contents, config):
    assert answered(lab, "genai", embed(contents, config))["object"] == EMBEDDED


def test_embeddings_of_the_gemini_api(lab):
    filed = embed(["one", "two"], {"task_type": "RETRIEVAL_QUERY", "output_dimensionality": 2})
    got = answered(lab, "gemini", filed)["object"]
    # This API has no more, and so the SDK takes no more from it.
    assert [item["values"] for item in got["embeddings"]] == [item["values"] for item in EMBEDDED["embeddings"]]


def test_other_embeddings_are_not_answered(lab):
    filed = embed(["one", "two"], {})
    lab.dir.mkdir()
    (lab.dir / "a.json").write_text(json.dumps(filed))
    asking = lab.folder / "asked.json"
    for contents, config in ((["one", "three"], {}), (["two", "one"], {}), (["one", "two"], {"title": "x"})):
        asking.write_text(json.dumps(embed(contents, config)))
        replayed = lab.replay([sys.executable, ASK, "genai"], stdin=str(asking).encode())
        assert "raised" in json.loads(replayed.text()) and set(labs.outcomes(replayed.journal)) == {"miss"}


@pytest.mark.parametrize("client", ["aiohttp", "httpx"])
def test_a_rerank_post(lab, client):
    payload = {"model": "rerank-1", "query": "What is naïve?", "documents": ["☃", "b"], "top_n": 1}
    body = {"results": [{"index": 1, "relevance_score": 0.123456789}]}
    filed = recording({"test_id": None, "url": "https://rerank.example.test/v1/rerank", "method": "POST",
                       "payload": payload}, body)
    assert answered(lab, client, filed)["object"] == body


def test_a_recording_of_a_host_whose_name_was_taken_out(lab):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    answer = {"id": "rec-1", "object": "chat.completion", "created": 0, "model": "gpt-4o", "choices": [
        {"index": 0, "finish_reason": "stop", "logprobs": None, "message": {"role": "assistant", "content": "hi"}}]}

    def of(host):
        return recording({"method": "POST", "url": f"https://{host}/v1/v1/chat/completions", "headers": {},
                          "body": body, "endpoint": "/v1/chat/completions", "model": "gpt-4o"},
                         {"__type__": "openai.types.chat.chat_completion.ChatCompletion", "__data__": answer})

    got = answered(lab, "openai", of("REDACTED"), asked=of("api.openai.com"))
    assert got["object"]["choices"][0]["message"]["content"] == "hi" and got["object"]["id"] == "rec-1"


CURL = ["curl", "-q", "-sS", "--max-time", "30"]
ECHO = "https://api.openai.com/echo"


def test_parts_of_a_file_and_actions_of_a_service_are_requests_of_their_own(lab):
    """As boto3's parallel range GETs, DynamoDB's actions, SOAP and WebDAV ask."""
    asked = [["-H", "Range: bytes=0-7"], ["-H", "Range: bytes=8-15"], [],
             ["-d", "{}", "-H", "X-Amz-Target: DynamoDB_20120810.DescribeTable"],
             ["-d", "{}", "-H", "X-Amz-Target: DynamoDB_20120810.DeleteTable"],
             ["-d", "x", "-H", 'SOAPAction: "Say"'], ["-X", "PROPFIND", "-H", "Depth: 0"],
             ["-d", "{}", "-H", "X-HTTP-Method-Override: DELETE"]]
    lab.serve()
    live = [lab.record([*CURL, *more, ECHO], env={"RECSHIM_SESSION": "one"}).ok().text() for more in asked]
    assert len(lab.recordings()) == len(asked)
    lab.stop_servers()
    for more, answer in reversed(list(zip(asked, live))):
        assert lab.replay([*CURL, *more, ECHO]).ok().text() == answer
    for more in (["-H", "Range: bytes=16-23"], ["-d", "{}", "-H", "X-Amz-Target: DynamoDB_20120810.ListTables"],
                 ["-d", "x", "-H", "SOAPAction: Leave"], ["-X", "PROPFIND", "-H", "Depth: 1"], ["-d", "{}"]):
        assert labs.outcomes(lab.replay([*CURL, *more, ECHO]).journal) == ["miss"], more


XML = ('<S:update-report send-all="true" xmlns:S="svn:"><S:entry rev="1" depth="infinity"></S:entry></S:update-report>',
       '<u:update-report xmlns:u="svn:" send-all="true">\n <u:entry depth="infinity" rev="1"/>\n</u:update-report>')
BATCH = '{"operation":"download","objects":[{"oid":"65396d46","size":7000}],"transfers":[%s]}'
RPC = '{"jsonrpc":"2.0","id":%s,"method":"eth_blockNumber","params":[]}'


@pytest.mark.parametrize("kind, path, one, two, other", [
    ("text/xml", "/echo", *XML, XML[0].replace("infinity", "empty")),
    ("application/vnd.git-lfs+json", "/echo", BATCH % '"basic","ssh"', BATCH % '"ssh","basic"',
     BATCH.replace("7000", "7001") % '"basic","ssh"'),
    ("application/x-ndjson", "/echo", '{"index":{}}\n{"a":1,"b":2}\n', '{ "index": {} }\n{"b":2,"a":1}',
     '{"index":{}}\n'),
    ("application/json", "/echo", RPC % 1, RPC % 17, RPC.replace("eth_", "net_") % 1),
    ("application/json", "/graphql", '{"query":"{ a(b: 1) { c, d } }"}',
     '{"query":"{\\n  a(b:1) {\\n    c\\n    d\\n  }\\n}"}',
     '{"query":"{ a(b: 2) { c, d } }"}'),
], ids=["xml", "git-lfs", "ndjson", "json-rpc", "graphql"])
def test_a_body_that_says_the_same_in_other_bytes_is_found(lab, kind, path, one, two, other):
    def post(body):
        return [*CURL, "-H", f"Content-Type: {kind}", "--data-binary", body, "https://api.openai.com" + path]

    lab.serve()
    live = lab.record(post(one)).ok().text()
    lab.stop_servers()
    assert lab.replay(post(two)).ok().text() == live
    assert labs.outcomes(lab.replay(post(other)).journal) == ["miss"]
