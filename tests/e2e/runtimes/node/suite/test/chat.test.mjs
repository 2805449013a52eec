// Run by node's test runner in a child process of its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 0, timeout: 20000 });
const ask = (content, more = {}) => client.chat.completions.create({
  model: "gpt-4o", messages: [{ role: "user", content }], ...more });

test("an answer", async () => {
  const answer = await ask("Is this a suite?");
  assert.equal(answer.choices[0].finish_reason, "stop");
  console.log(answer.id, answer.choices[0].message.content);
});

test("a stream", { skip: process.env.E2E_HALF === "1" }, async () => {
  let text = "";
  for await (const chunk of await ask("Go on", { stream: true })) text += chunk.choices[0].delta.content ?? "";
  assert.match(text, /Done\.$/);
  console.log(text);
});
