// The official OpenAI SDK for Node: answers, streams, tools, the Responses API, an error.
import OpenAI from "openai";
import { KEY, show, take } from "./account.mjs";

const client = new OpenAI({ apiKey: KEY, maxRetries: 1, timeout: 30000 });
const model = "gpt-4o";
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "What is a replay?" }];
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];

await take([
  async () => show("chat", await client.chat.completions.create({ model, messages })),
  async () => {
    const options = { model, messages, stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await client.chat.completions.create(options)) show("chunk", chunk);
  },
  async () => show("embedding", await client.embeddings.create({ model: "text-embedding-3-small", input: ["one", "two"] })),
  async () => {
    const weather = [{ role: "user", content: "What is the weather in Zürich?" }];
    const called = await client.chat.completions.create({ model, messages: weather, tools });
    const message = called.choices[0].message;
    show("tool call", message);
    const answer = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "Sunny, 21 °C" };
    show("after the tool", await client.chat.completions.create({ model, tools, messages: [...weather, message, answer] }));
  },
  async () => {
    const first = await client.responses.create({ model, input: "Remember the number 7" });
    show("response", first.output_text);
    const options = { model, input: "Which number?", previous_response_id: first.id, stream: true };
    for await (const event of await client.responses.create(options)) show("event", event);
  },
  async () => {
    const error = await client.chat.completions.create({ model: "no-such-model", messages }).catch((caught) => caught);
    show("error", [error.constructor.name, error.status, error.code, error.message]);
  },
]);
