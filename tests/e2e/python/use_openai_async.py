"""The official OpenAI SDK, asynchronous."""

import asyncio

import openai

from account import show
from openai_account import MESSAGES, MODEL, TOOLS, WEATHER, answered, options, show_model, tls_context


async def main():
    async with openai.AsyncOpenAI(**options(openai.DefaultAsyncHttpxClient(verify=tls_context()))) as client:
        show_model("chat", await client.chat.completions.create(model=MODEL, messages=MESSAGES))
        async for chunk in await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True):
            show_model("chunk", chunk)
        called = await client.chat.completions.create(model=MODEL, messages=WEATHER, tools=TOOLS)
        show_model("tool call", called)
        show_model("after the tool", await client.chat.completions.create(
            model=MODEL, tools=TOOLS, messages=answered(WEATHER, called.choices[0].message)))
        show_model("embedding", await client.embeddings.create(model="text-embedding-3-small", input="one"))
        async for model in client.models.list():
            show_model("model", model)
        first = await client.responses.create(model=MODEL, input="Remember the number 7")
        show_model("response", first)
        async for event in await client.responses.create(model=MODEL, input="Which?", stream=True,
                                                         previous_response_id=first.id):
            show_model("event", event)

        async def ask(number):
            chat = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": f"Side by side {number}"}])
            return chat.choices[0].message.content

        for answer in await asyncio.gather(*map(ask, range(8))):
            show("side by side", answer)


asyncio.run(main())
