// Tests that start other programs: curl by way of a shell, and Node again.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const skip = process.env.E2E_HALF === "1";

test("a shell's curl", async () => {
  const { stdout } = await run("sh", ["-c", "curl -sS https://api.openai.com/echo?child | grep -c target"]);
  assert.equal(stdout, "1\n");
});

test("a Node within", { skip }, async () => {
  const script = 'fetch("https://api.openai.com/random").then((r) => r.text()).then((t) => console.log(t))';
  const { stdout } = await run(process.execPath, ["-e", script]);
  assert.equal(stdout.trim().length, 32);
  console.log(stdout.trim());
});
