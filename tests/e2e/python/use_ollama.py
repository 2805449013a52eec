"""The official Ollama SDK, synchronous."""

import ollama

from account import API, context, show

client = ollama.Client(host=API, verify=context(), timeout=30)
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
TOOLS = [{"type": "function", "function": {
    "name": "add", "description": "Adds", "parameters": {
        "type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}}}]


def show_model(label, model):
    show(label, model.model_dump_json())


show_model("chat", client.chat(model="llama3.2:3b", messages=MESSAGES))
for part in client.chat(model="llama3.2:3b", messages=MESSAGES, stream=True):
    show_model("part", part)
show_model("tool call", client.chat(model="llama3.2:3b", messages=MESSAGES, tools=TOOLS))
show_model("generate", client.generate(model="llama3.2:3b", prompt="Once upon"))
for part in client.generate(model="llama3.2:3b", prompt="Once upon", stream=True):
    show_model("generated", part)
show_model("embed", client.embed(model="nomic-embed-text", input=["one", "two"]))
show_model("tags", client.list())
show_model("ps", client.ps())
for step in client.pull("llama3.2:3b", stream=True):
    show_model("pull", step)
show_model("pulled", client.pull("llama3.2:3b"))
try:
    client.show("unknown")
except ollama.ResponseError as error:
    show("error", (error.status_code, error.error))
