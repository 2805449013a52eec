"""The official OpenAI SDK, synchronous."""

import openai

from account import KEY, show
from openai_account import MESSAGES, MODEL, TOOLS, WEATHER, answered, options, show_model, tls_context

client = openai.OpenAI(**options(openai.DefaultHttpxClient(verify=tls_context())))

chat = client.chat.completions.create(model=MODEL, messages=MESSAGES)
show_model("chat", chat)
show("request id", chat._request_id)
for index in range(2):
    again = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Again"}])
    show_model(f"the same question, time {index}", again)

for chunk in client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True,
                                            stream_options={"include_usage": True}):
    show_model("chunk", chunk)

called = client.chat.completions.create(model=MODEL, messages=WEATHER, tools=TOOLS)
show_model("tool call", called)
final = client.chat.completions.create(model=MODEL, tools=TOOLS,
                                       messages=answered(WEATHER, called.choices[0].message))
show_model("after the tool", final)
for chunk in client.chat.completions.create(model=MODEL, messages=WEATHER, tools=TOOLS, stream=True):
    show_model("tool call chunk", chunk)

show_model("embedding", client.embeddings.create(model="text-embedding-3-small", input=["one", "two"]))
show_model("float embedding", client.embeddings.create(model="text-embedding-3-small", input="three",
                                                       encoding_format="float"))
for model in client.models.list():
    show_model("model", model)
show_model("completion", client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once"))
for chunk in client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once", stream=True):
    show_model("completion chunk", chunk)

first = client.responses.create(model=MODEL, input="Remember the number 7")
show_model("response", first)
show_model("follow-up", client.responses.create(model=MODEL, input="Which number?",
                                                previous_response_id=first.id))
for event in client.responses.create(model=MODEL, input="Stream it", stream=True,
                                     previous_response_id=first.id):
    show_model("event", event)

try:
    client.chat.completions.create(model="no-such-model", messages=MESSAGES)
except openai.NotFoundError as error:
    show("error", (error.status_code, error.code, error.request_id, error.response.text))
raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, temperature=0.5)
show("Date", raw.headers["date"])
show("raw", raw.http_response.content)

# The last word of a stream is often not read: the client leaves at [DONE] or before.
stream = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Leave early"}],
                                        stream=True)
show_model("first chunk", next(iter(stream)))
stream.close()
show("key is ours", client.api_key == KEY)
