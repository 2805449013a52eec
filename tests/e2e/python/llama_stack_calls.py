"""Calls of the official OpenAI and Ollama clients that llama-stack's recorder knows, plain or
under that recorder; prints what each gave as a line of JSON.

    llama_stack_calls.py                    as any program would
    llama_stack_calls.py record|replay DIR  inside llama-stack's recorder, its files under DIR

The test that they belong to is RECSHIM_TEST_ID, for the recorder too.
"""

import asyncio
import contextlib
import json
import os
import sys

import ollama
import openai

import account

OPENAI = openai.AsyncOpenAI(base_url=f"{account.API}/v1", api_key=account.KEY, max_retries=0, timeout=30)
OLLAMA = ollama.AsyncClient(host=account.API, timeout=30, verify=account.context())
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is naïve about ☃? 1.23456789"}]}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {
    "type": "object", "properties": {"a": {"type": "string"}}}}}]
LLAMA = {"model": "llama3.2:3b", "messages": CHAT["messages"]}


def calls():
    """Name and call of each; the recorder sees keyword arguments only."""
    create = OPENAI.chat.completions.create
    yield "chat", create(**CHAT)
    yield "chat, with settings", create(**CHAT, temperature=0.1234567, top_p=1, max_tokens=openai.NOT_GIVEN)
    yield "chat, tools", create(**CHAT, tools=TOOLS)
    yield "chat, streamed", create(**CHAT, stream=True)
    yield "chat, tools, streamed", create(**CHAT, tools=TOOLS, stream=True, stream_options={"include_usage": True})
    yield "chat, refused", create(model="no-such-model", messages=CHAT["messages"])
    yield "completion", OPENAI.completions.create(model="gpt-4o", prompt="Once upon")
    yield "completion, streamed", OPENAI.completions.create(model="gpt-4o", prompt="Once upon", stream=True)
    for settings in ({}, {"encoding_format": "float"}):
        yield f"embeddings {settings}", OPENAI.embeddings.create(
            model="text-embedding-3-small", input=["one", "two"], **settings)
    yield "models", OPENAI.models.list()
    yield "response", OPENAI.responses.create(model="gpt-4o", input="Say something")
    yield "response, streamed", OPENAI.responses.create(model="gpt-4o", input="Say more", stream=True)
    yield "ollama chat", OLLAMA.chat(**LLAMA)
    yield "ollama chat, options", OLLAMA.chat(**LLAMA, tools=TOOLS, options={"temperature": 0.5}, format="json")
    yield "ollama chat, streamed", OLLAMA.chat(**LLAMA, stream=True)
    yield "ollama generate", OLLAMA.generate(model="llama3.2:3b", prompt="Once upon")
    yield "ollama generate, streamed", OLLAMA.generate(model="llama3.2:3b", prompt="Once upon", stream=True)
    yield "ollama embed", OLLAMA.embed(model="nomic-embed-text", input=["one", "two"])
    yield "ollama ps", OLLAMA.ps()
    yield "ollama tags", OLLAMA.list()
    yield "ollama pull", OLLAMA.pull(model="llama3.2:3b")


async def outcome(call):
    try:
        answer = await call if not hasattr(call, "__aiter__") else call
        if hasattr(answer, "__aiter__"):
            return [part.model_dump(mode="json", warnings=False) async for part in answer]
        return answer.model_dump(mode="json", warnings=False)
    except Exception as error:  # noqa: BLE001 - told like every other outcome
        return {"raised": type(error).__name__, "status": getattr(error, "status_code", None),
                "body": getattr(error, "body", None) or str(error)}


async def make_calls():
    for name, call in calls():
        print(json.dumps({"call": name, "got": await outcome(call)}), flush=True)


def recorder(mode, folder):
    """llama-stack's own, from the published package."""
    import pep695

    pep695.install("llama_stack", "llama_stack_api")
    from llama_stack.core.testing_context import set_test_context
    from llama_stack.testing.api_recorder import api_recording

    if test_id := os.environ.get("RECSHIM_TEST_ID"):
        set_test_context(test_id)
    return api_recording(mode=mode, storage_dir=folder)


with recorder(*sys.argv[1:]) if len(sys.argv) > 1 else contextlib.nullcontext():
    asyncio.run(make_calls())
