// The fetch that Node brings: bodies, a stream event by event, compression, plain HTTP.
import { API, AUTHORIZATION, CHAT, PLAIN, STREAMED_CHAT, show, showHeaders, take } from "./account.mjs";

async function ask(label, url, options) {
  const response = await fetch(url, options);
  show(label, `${response.status} ${response.statusText}`);
  showHeaders(response.headers.entries());
  show("  body", new Uint8Array(await response.arrayBuffer()));
}

const post = (body) => ({
  method: "POST", body: JSON.stringify(body), headers: { ...AUTHORIZATION, "Content-Type": "application/json" },
});

await take([
  () => ask("echo", `${API}/echo?fetch`),
  () => ask("chat", `${API}/v1/chat/completions`, post(CHAT)),
  () => ask("gzip", `${API}/gzip`),
  () => ask("plain", `${PLAIN}/echo?fetch`),
  async () => {
    const response = await fetch(`${API}/v1/chat/completions`, post(STREAMED_CHAT));
    show("stream", response.status);
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of response.body) text += decoder.decode(piece, { stream: true });
    for (const event of text.split("\n\n")) show("  event", event);
  },
  () => ask("upload", `${API}/upload`, { method: "POST", body: new Uint8Array(600000).fill(117) }),
  () => ask("big", `${API}/big?bytes=3000000`),
  () => ask("missing", `${API}/status/404`),
]);
