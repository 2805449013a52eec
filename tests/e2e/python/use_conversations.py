"""The official OpenAI SDK in conversations: what the server gave an id is named by that id in
the requests that follow, so each of them must be found by what was replayed before it."""

import json

import openai

from account import show
from openai_account import MODEL, TOOLS, options, show_model, tls_context

client = openai.OpenAI(**options(openai.DefaultHttpxClient(verify=tls_context())))


def whole_message(stream):
    """The message that a stream of chunks adds up to."""
    text, calls = "", {}
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, {"id": part.id, "type": "function", "function": {
                    "name": part.function.name, "arguments": ""}})
                call["function"]["arguments"] += part.function.arguments
    message = {"role": "assistant", "content": text or None}
    return {**message, "tool_calls": list(calls.values())} if calls else message


def tool_loop(label, stream):
    """Asks and runs tools until the model has nothing more to call, three times over."""
    messages = []
    for city in ("Zürich", "Genève", "Lugano"):
        messages.append({"role": "user", "content": f"What is the weather in {city}?"})
        while messages[-1].get("content") is None or messages[-1]["role"] != "assistant":
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS, stream=stream)
            message = whole_message(answer) if stream else answer.choices[0].message.model_dump(exclude_none=True)
            messages.append(message)
            for call in message.get("tool_calls", []):
                arguments = json.loads(call["function"]["arguments"])
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"Sunny: {arguments}"})
    for message in messages:
        show(label, json.dumps(message, ensure_ascii=False))


def responses_chain():
    previous = None
    for number in range(4):
        given = {"model": MODEL, "input": f"Turn {number}", "previous_response_id": previous or openai.NOT_GIVEN}
        if number % 2:
            for event in client.responses.create(**given, stream=True):
                show_model(f"turn {number}", event)
                if event.type == "response.completed":
                    previous = event.response.id
        else:
            response = client.responses.create(**given)
            show_model(f"turn {number}", response)
            previous = response.id


tool_loop("tool loop", stream=False)
tool_loop("streamed tool loop", stream=True)
responses_chain()
