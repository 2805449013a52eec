"""Requests made in other places than the test's own thread. Knows nothing of recshim."""

import asyncio
import os
import subprocess
import sys
import threading

import openai
import pytest

QUESTION = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Everywhere the same"}]}
ASK = """import openai
print(openai.OpenAI(base_url="https://api.openai.com/v1", max_retries=0).chat.completions.create(**{question!r}).id)"""


def client(kind=openai.OpenAI):
    return kind(base_url="https://api.openai.com/v1", api_key=os.environ["OPENAI_API_KEY"], max_retries=0)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def prepared():
    """Asked while the test is set up."""
    yield client().chat.completions.create(**QUESTION).id


def test_child():
    child = subprocess.run([sys.executable, "-c", ASK.format(question=QUESTION)], capture_output=True, text=True,
                           check=True)
    assert child.stdout.startswith("chatcmpl-")


def test_child_of_a_shell():
    script = ASK.format(question=QUESTION).replace("'", '"')
    child = subprocess.run(["sh", "-c", f"{sys.executable} -c '{script}'; true"], capture_output=True, text=True,
                           check=True)
    assert child.stdout.startswith("chatcmpl-")


def test_threads():
    ids = []
    threads = [threading.Thread(target=lambda: ids.append(client().chat.completions.create(**QUESTION).id))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 3


@pytest.mark.anyio
async def test_async():
    async with client(openai.AsyncOpenAI) as asker:
        answers = await asyncio.gather(*[asker.chat.completions.create(**QUESTION) for _ in range(3)])
    assert len({answer.id for answer in answers}) == 3


def test_setup(prepared):
    assert client().chat.completions.create(**QUESTION).id != prepared


@pytest.mark.parametrize("header", ["X-LlamaStack-Provider-Data", "X-OGX-Provider-Data"])
def test_for_another(header):
    """As a server does that works for another process's test."""
    headers = {header: '{"key": "v", "__test_id": "tests/other.py::test_of_%s"}' % header}
    assert client().chat.completions.create(**QUESTION, extra_headers=headers).id
