// undici's own interfaces: request, stream and a pool with pipelining.
import { Writable } from "node:stream";
import { Pool, request, stream } from "undici";
import { API, AUTHORIZATION, CHAT, STREAMED_CHAT, show, showHeaders, take } from "./account.mjs";

const headers = { ...AUTHORIZATION, "content-type": "application/json" };
const pool = new Pool(API, { connections: 1, pipelining: 2 });

async function showResponse(label, { statusCode, headers: got, trailers, body }) {
  show(label, statusCode);
  showHeaders(Object.entries(got));
  show("  body", new Uint8Array(await body.arrayBuffer()));
  show("  trailers", trailers);
}

await take([
  async () => showResponse("echo", await request(`${API}/echo?undici`)),
  async () => showResponse("chat", await request(`${API}/v1/chat/completions`,
    { method: "POST", headers, body: JSON.stringify(CHAT) })),
  async () => {
    const pieces = [];
    const into = ({ statusCode }) => {
      show("stream", statusCode);
      return new Writable({ write: (piece, _, done) => { pieces.push(piece); done(); } });
    };
    await stream(`${API}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(STREAMED_CHAT) }, into);
    for (const event of Buffer.concat(pieces).toString().split("\n\n")) show("  event", event);
  },
  async () => {
    const paths = ["/chunked?n=4", "/binary", "/big?bytes=1000000"];
    const answers = await Promise.all(paths.map((path) => pool.request({ path, method: "GET" })
      .then(async (answer) => [path, answer.statusCode, Buffer.from(await answer.body.arrayBuffer())])));
    for (const [path, status, body] of answers) {
      show(path, status);
      show("  body", body);
    }
  },
]);
await pool.close();
