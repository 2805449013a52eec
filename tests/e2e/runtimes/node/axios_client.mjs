// axios: JSON in and out, errors by status, a response as a stream.
import axios from "axios";
import { API, AUTHORIZATION, CHAT, STREAMED_CHAT, show, showHeaders, take } from "./account.mjs";

const client = axios.create({ baseURL: API, headers: AUTHORIZATION, timeout: 30000 });

function showResponse(label, response) {
  show(label, `${response.status} ${response.statusText}`);
  showHeaders(Object.entries(response.headers));
  show("  data", response.data);
}

await take([
  async () => showResponse("echo", await client.get("/echo", { params: { q: "two words", n: 5 } })),
  async () => showResponse("chat", await client.post("/v1/chat/completions", CHAT)),
  async () => showResponse("deflate", await client.get("/deflate")),
  async () => {
    const response = await client.post("/v1/chat/completions", STREAMED_CHAT, { responseType: "stream" });
    show("stream", response.status);
    let text = "";
    for await (const piece of response.data.setEncoding("utf8")) text += piece;
    for (const event of text.split("\n\n")) show("  event", event);
  },
  async () => showResponse("redirected", await client.get("/redirect?n=2")),
  async () => {
    const error = await client.get("/status/403").catch((caught) => caught);
    show("error", [error.code, error.response.status, error.response.data]);
  },
]);
