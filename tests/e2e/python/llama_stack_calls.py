"""Calls of the official OpenAI and Ollama clients that llama-stack's recorder knows, plain or
under that recorder; prints what each gave as a line of JSON. Where ogx is installed, as llama-stack
is called now, it is that one's recorder, which knows Ollama's client no more.

    llama_stack_calls.py                        as any program would
    llama_stack_calls.py record|replay DIR      inside llama-stack's recorder, its files under DIR
    … --sdk-only                                calls with arguments that do not reach the wire

The test that they belong to is RECSHIM_TEST_ID, for the recorder too.
"""

import asyncio
import contextlib
import importlib.util
import itertools
import json
import os
import sys

import openai

import account

OPENAI = openai.AsyncOpenAI(base_url=f"{account.API}/v1", api_key=account.KEY, max_retries=0, timeout=30)
AZURE = openai.AsyncAzureOpenAI(azure_endpoint=account.API, api_version="2024-10-21", api_key=account.KEY,
                                max_retries=0, timeout=30)
OGX = importlib.util.find_spec("ogx") is not None
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
    yield "azure chat", AZURE.chat.completions.create(**CHAT)
    yield "azure chat, streamed", AZURE.chat.completions.create(**CHAT, stream=True)
    yield "azure embeddings", AZURE.embeddings.create(model="text-embedding-3-small", input="one")


def ollama_calls():
    import ollama

    OLLAMA = ollama.AsyncClient(host=account.API, timeout=30, verify=account.context())
    yield "ollama chat", OLLAMA.chat(**LLAMA)
    yield "ollama chat, options", OLLAMA.chat(**LLAMA, tools=TOOLS, options={"temperature": 0.5}, format="json")
    yield "ollama chat, streamed", OLLAMA.chat(**LLAMA, stream=True)
    yield "ollama generate", OLLAMA.generate(model="llama3.2:3b", prompt="Once upon")
    yield "ollama generate, streamed", OLLAMA.generate(model="llama3.2:3b", prompt="Once upon", stream=True)
    yield "ollama embed", OLLAMA.embed(model="nomic-embed-text", input=["one", "two"])
    yield "ollama ps", OLLAMA.ps()
    yield "ollama tags", OLLAMA.list()
    yield "ollama pull", OLLAMA.pull(model="llama3.2:3b")


def sdk_only_calls():
    """Filed under what the SDK was given; the wire has extra_body's members in the root, and of the rest nothing."""
    create = OPENAI.chat.completions.create
    yield "extra_body", create(**CHAT, extra_body={"guided_choice": ["yes", "no"], "top_k": 3})
    yield "extra_headers", create(**CHAT, seed=1, extra_headers={"X-Extra": "1"})
    yield "extra_query", create(**CHAT, seed=2, extra_query={"version": "7"})
    yield "timeout", create(**CHAT, seed=3, timeout=20)
    yield "not given", create(**CHAT, seed=4, temperature=openai.NOT_GIVEN, stop=openai.NOT_GIVEN)
    yield "all of them, streamed", create(
        **CHAT, seed=5, stream=True, timeout=20, extra_body={"top_k": 4}, extra_headers={"X-Extra": "2"},
        tools=openai.NOT_GIVEN)


async def outcome(call):
    try:
        answer = await call if not hasattr(call, "__aiter__") else call
        if hasattr(answer, "__aiter__"):
            return [part.model_dump(mode="json", warnings=False) async for part in answer]
        return answer.model_dump(mode="json", warnings=False)
    except Exception as error:  # noqa: BLE001 - told like every other outcome
        return {"raised": type(error).__name__, "status": getattr(error, "status_code", None),
                "body": getattr(error, "body", None) or str(error)}


async def make_calls(sdk_only):
    chosen = sdk_only_calls() if sdk_only else itertools.chain(calls(), () if OGX else ollama_calls())
    for name, call in chosen:
        print(json.dumps({"call": name, "got": await outcome(call)}), flush=True)


def recorder(mode, folder):
    """llama-stack's own, from the published package."""
    package = "ogx" if OGX else "llama_stack"
    if not OGX:
        import pep695

        pep695.install("llama_stack", "llama_stack_api")
    set_test_context = importlib.import_module(f"{package}.core.testing_context").set_test_context
    api_recording = importlib.import_module(f"{package}.testing.api_recorder").api_recording

    if test_id := os.environ.get("RECSHIM_TEST_ID"):
        set_test_context(test_id)
    return api_recording(mode=mode, storage_dir=folder)


arguments = [argument for argument in sys.argv[1:] if argument != "--sdk-only"]
with recorder(*arguments) if arguments else contextlib.nullcontext():
    asyncio.run(make_calls("--sdk-only" in sys.argv))
