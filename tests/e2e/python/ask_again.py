"""Makes the requests of recording files again, with the clients that made them first. Reads the
files' paths from stdin, a line each, and prints a JSON line for every one: the objects that its
client gave for it, or the error it raised. It knows the client APIs and nothing of recshim.

A file's request holds the arguments of the SDK's method, so they are passed on as they stand.
"""

import asyncio
import functools
import json
import os
import sys

import account

FAMILIES = {}


def family(function):
    FAMILIES[function.__name__] = function
    return function


def dumped(value):
    return value.model_dump(mode="json", warnings=False)


# --- openai ------------------------------------------------------------------------------

OPENAI_CALLS = {"/v1/chat/completions": lambda client: client.chat.completions.create,
                "/v1/completions": lambda client: client.completions.create,
                "/v1/embeddings": lambda client: client.embeddings.create,
                "/v1/responses": lambda client: client.responses.create,
                "/v1/models": lambda client: client.models.list}
openai_clients = {}


async def chat_at_completions(client, **body):
    """A chat posted to /completions, which the SDK has no method for but will send."""
    import openai
    from openai.types.chat import ChatCompletionChunk

    return await client.post("/completions", body=body, cast_to=ChatCompletionChunk, stream=True,
                             stream_cls=openai.AsyncStream[ChatCompletionChunk])


@family
async def openai(request):
    import openai

    base_url = request["url"].removesuffix(request["endpoint"])
    client = openai_clients.setdefault(base_url, openai.AsyncOpenAI(
        base_url=base_url, api_key=account.KEY, max_retries=0, timeout=30))
    call = OPENAI_CALLS[request["endpoint"]](client)
    if request["endpoint"] == "/v1/completions" and "messages" in request["body"]:
        call = functools.partial(chat_at_completions, client)
    try:
        if request["endpoint"] == "/v1/models":
            return {"objects": [dumped(model) async for model in call(**request["body"])]}
        answer = await call(**request["body"])
        if request["body"].get("stream"):
            return {"objects": [dumped(chunk) async for chunk in answer]}
        return {"object": dumped(answer)}
    except openai.APIStatusError as error:
        return {"error": {"type": type(error).__name__, "status_code": error.status_code, "body": error.body}}


# --- ollama ------------------------------------------------------------------------------

OLLAMA_CALLS = {"/api/ps": "ps", "/api/tags": "list", "/api/chat": "chat", "/api/generate": "generate",
                "/api/embeddings": "embed", "/api/pull": "pull"}


@family
async def ollama(request):
    import ollama

    client = ollama.AsyncClient(host=request["url"].removesuffix(request["endpoint"]), timeout=30)
    answer = await getattr(client, OLLAMA_CALLS[request["endpoint"]])(**request["body"])
    if request["body"].get("stream"):
        return {"objects": [dumped(part) async for part in answer]}
    return {"object": dumped(answer)}


# --- google-genai ------------------------------------------------------------------------

async def ask_genai(client, request):
    def shown(part):
        return part.model_dump(mode="json", exclude_none=True)

    try:
        if request["endpoint"] == "/generate_content_stream":
            stream = await client.aio.models.generate_content_stream(**request["body"])
            return {"objects": [shown(part) async for part in stream]}
        if request["endpoint"] == "/embed_content":
            return {"object": shown(await client.aio.models.embed_content(**request["body"]))}
        return {"object": shown(await client.aio.models.generate_content(**request["body"]))}
    finally:
        await client.aio.aclose()


@family
async def genai(request):
    import google.genai
    import google.oauth2.credentials

    return await ask_genai(google.genai.Client(
        vertexai=True, project="some-project", location="us-central1",
        credentials=google.oauth2.credentials.Credentials(token=account.KEY)), request)


@family
async def gemini(request):
    import google.genai

    return await ask_genai(google.genai.Client(api_key=account.KEY), request)


# --- Posts that were recorded as HTTP ----------------------------------------------------

@family
async def httpx(request):
    import httpx

    async with httpx.AsyncClient(timeout=30) as client:
        if request["payload"].get("stream"):
            async with client.stream(request["method"], request["url"], json=request["payload"]) as response:
                return {"status": response.status_code, "objects": [line async for line in response.aiter_lines()]}
        response = await client.request(request["method"], request["url"], json=request["payload"])
        return {"status": response.status_code, "object": response.json()}


@family
async def aiohttp(request):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.request(request["method"], request["url"], json=request["payload"]) as response:
            if request["payload"].get("stream"):
                lines = [line.decode().rstrip("\r\n") async for line in response.content]
                return {"status": response.status, "objects": lines}
            return {"status": response.status, "object": await response.json()}


@family
async def anthropic(request):
    """The events of a stream as the SDK sees them: its text, put together from the deltas."""
    import anthropic

    client = anthropic.AsyncAnthropic(base_url=request["url"].removesuffix("/v1/messages"), api_key=account.KEY,
                                      max_retries=0, timeout=30)
    answer = await client.messages.create(**request["payload"])
    if request["payload"].get("stream"):
        return {"status": 200, "objects": [event.model_dump(mode="json", exclude_unset=True) async for event in answer]}
    return {"status": 200, "object": answer.model_dump(mode="json", exclude_unset=True)}


async def main():
    ask = FAMILIES[sys.argv[1]]
    for path in sys.stdin.read().splitlines():
        with open(path, encoding="utf-8") as file:
            recording = json.load(file)
        os.environ.pop("RECSHIM_TEST_ID", None)
        if recording.get("test_id"):
            os.environ["RECSHIM_TEST_ID"] = recording["test_id"]
        try:
            got = await ask(recording["request"])
        except Exception as error:  # noqa: BLE001 - told, so that the other files are still asked
            got = {"raised": f"{type(error).__name__}: {error}"[:600]}
        print(json.dumps({"file": path, **got}), flush=True)


asyncio.run(main())
