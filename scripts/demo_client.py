"""What scripts/demo.sh records and replays: an ordinary program that talks to the OpenAI
API and to a JSON API of its own with Python's standard library. It knows nothing of recshim.
What it asked once is in recordings/, so it also replays right after the build."""

import http.client
import json
import os
import ssl
import sys
import urllib.parse

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather at a place",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}}}}]


def connect(host):
    return http.client.HTTPSConnection(host, timeout=30, context=ssl.create_default_context())


def answer_of(connection):
    response = connection.getresponse()
    if response.status != 200:
        sys.exit(f"status {response.status}: {response.read().decode()}")
    return response


def post(connection, messages, **options):
    body = json.dumps({"model": "gpt-4o", "messages": messages, **options})
    connection.request("POST", "/v1/chat/completions", body, {
        # No recording holds the key, and replay needs none.
        "Authorization": "Bearer " + os.environ.get("OPENAI_API_KEY", "none"),
        "Content-Type": "application/json"})
    return answer_of(connection)


def stream(connection, messages):
    """Prints the pieces of an answer as they come."""
    for line in post(connection, messages, stream=True):
        if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            print(choice["delta"].get("content") or "", end="", flush=True)
    print()


def get_weather(location):
    connection = connect("weather.example.test")
    connection.request("GET", "/weather?" + urllib.parse.urlencode({"location": location}))
    return json.load(answer_of(connection))


def main():
    connection = connect("api.openai.com")

    print("-- a streamed chat completion")
    stream(connection, [{"role": "user", "content": "Which planet has rings?"}])

    print("-- a tool call, answered from a JSON API")
    messages = [{"role": "system", "content": "Tell the weather at the place that is named."},
                {"role": "user", "content": "Lisbon"}]
    answer = json.load(post(connection, messages, tools=TOOLS))["choices"][0]["message"]
    messages.append(answer)
    for call in answer["tool_calls"]:
        print("the model calls", call["function"]["name"], call["function"]["arguments"], call["id"])
        weather = get_weather(**json.loads(call["function"]["arguments"]))
        print("the weather is", weather)
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(weather)})
    stream(connection, messages)


main()
