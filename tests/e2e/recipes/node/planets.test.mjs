import assert from "node:assert/strict";
import { test } from "node:test";

for (const planet of ["Saturn", "Mars"]) {
  test(planet, async () => {
    const response = await fetch("https://api.openai.com/v1/chat/completions", {
      method: "POST",
      headers: { Authorization: `Bearer ${process.env.OPENAI_API_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: `Has ${planet} rings?` }] }),
    });
    assert.match((await response.json()).choices[0].message.content, new RegExp(planet));
  });
}
