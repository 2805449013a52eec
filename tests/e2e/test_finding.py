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
