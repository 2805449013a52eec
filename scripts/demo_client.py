"""What scripts/demo.sh records and replays: an ordinary program that talks to the OpenAI
API with Python's standard library. It knows nothing of recshim."""

import http.client
import json
import os
import ssl
import sys

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather at a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}}}}]


def post(connection, messages, **options):
    body = json.dumps({"model": "gpt-4o", "messages": messages, **options})
    connection.request("POST", "/v1/chat/completions", body, {
        "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"],
        "Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        sys.exit(f"status {response.status}: {response.read().decode()}")
    return response


def stream(connection, messages):
    """Prints the pieces of an answer as they come."""
    for line in post(connection, messages, stream=True):
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            print(choice["delta"].get("content") or "", end="", flush=True)
    print()


def main():
    connection = http.client.HTTPSConnection(
        "api.openai.com", timeout=30, context=ssl.create_default_context())

    print("-- a streamed chat completion")
    stream(connection, [{"role": "user", "content": "Which planet has rings?"}])

    print("-- a tool call")
    messages = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    answer = json.load(post(connection, messages, tools=TOOLS))["choices"][0]["message"]
    messages.append(answer)
    for call in answer["tool_calls"]:
        print("the model calls", call["function"]["name"], call["function"]["arguments"], call["id"])
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": "21 degrees, sunny"})
    stream(connection, messages)


main()
