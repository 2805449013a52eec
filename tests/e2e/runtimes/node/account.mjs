// Prints what a client got; what every program here asks, and of whom.
import { createHash } from "node:crypto";

export const API = "https://api.openai.com";
export const PLAIN = "http://api.openai.com";
export const KEY = process.env.OPENAI_API_KEY;
export const AUTHORIZATION = { Authorization: `Bearer ${KEY}` };
const QUESTION = [{ role: "user", content: "Tell me about naïve ☃ runtimes" }];
export const CHAT = { model: "gpt-4o", messages: QUESTION };
export const STREAMED_CHAT = { ...CHAT, stream: true };

export function show(label, value) {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value);
    value = bytes.length > 4000
      ? `${bytes.length} bytes, sha256 ${createHash("sha256").update(bytes).digest("hex")}`
      : bytes.toString("latin1");
  }
  console.log(`${label}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
}

// [name, value] pairs in the order given; cookies are secrets that no recording holds.
export function showHeaders(pairs) {
  for (const [name, value] of pairs) {
    show(`  ${name}`, name.toLowerCase() === "set-cookie" ? "(secret)" : value);
  }
}

// Takes the steps in order; with the argument "half" only the first half of them.
export async function take(steps) {
  const count = process.argv[2] === "half" ? Math.ceil(steps.length / 2) : steps.length;
  for (const step of steps.slice(0, count)) await step();
}
