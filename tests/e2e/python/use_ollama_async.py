"""The official Ollama SDK, asynchronous."""

import asyncio

import ollama

from account import API, context, show

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


def show_model(label, model):
    show(label, model.model_dump_json())


async def main():
    client = ollama.AsyncClient(host=API, verify=context(), timeout=30)
    show_model("chat", await client.chat(model="llama3.2:3b", messages=MESSAGES))
    async for part in await client.chat(model="llama3.2:3b", messages=MESSAGES, stream=True):
        show_model("part", part)
    async for part in await client.generate(model="llama3.2:3b", prompt="Once", stream=True):
        show_model("generated", part)
    show_model("embed", await client.embed(model="nomic-embed-text", input="one"))
    show_model("tags", await client.list())


asyncio.run(main())
