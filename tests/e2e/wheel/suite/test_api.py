"""A suite such as a user has: it knows nothing of recshim. Run by test_wheel.py."""

import json
import os

import pytest
import requests

API = "https://api.openai.com"


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer " + os.environ["OPENAI_API_KEY"]
        yield session


def ask(session, text, **options):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **options}
    response = session.post(API + "/v1/chat/completions", json=body, timeout=30, stream=options.get("stream", False))
    response.raise_for_status()
    return response


@pytest.mark.parametrize("word", ["red", "grün"])
def test_answer(session, word):
    print(ask(session, word).json())


def test_stream(session):
    lines = [line for line in ask(session, "Two", stream=True).iter_lines(decode_unicode=True) if line]
    assert lines[-1] == "data: [DONE]"
    print([json.loads(line[len("data: "):]) for line in lines[:-1]])


def test_random():
    """Another answer each time, without a session."""
    for _ in range(2):
        print(requests.get(API + "/random", timeout=30).text)
