// node:https and node:http with a keep-alive agent: raw header lists and an upload in pieces.
import http from "node:http";
import https from "node:https";
import { API, AUTHORIZATION, CHAT, PLAIN, STREAMED_CHAT, show, showHeaders, take } from "./account.mjs";

const agents = { "https:": new https.Agent({ keepAlive: true }), "http:": new http.Agent({ keepAlive: true }) };

function ask(label, url, { method = "GET", headers = {}, pieces = [] } = {}) {
  const { protocol } = new URL(url);
  const module = protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const request = module.request(url, { method, headers, agent: agents[protocol] }, (response) => {
      const authorized = response.socket.authorized;
      const got = [];
      response.on("data", (data) => got.push(data));
      response.on("error", reject);
      response.on("end", () => {
        show(label, `${response.statusCode} ${response.statusMessage} HTTP/${response.httpVersion}`);
        const raw = response.rawHeaders;
        showHeaders(raw.flatMap((name, index) => (index % 2 ? [] : [[name, raw[index + 1]]])));
        show("  body", Buffer.concat(got));
        show("  trailers", response.trailers);
        if (protocol === "https:") show("  authorized", authorized);
        resolve();
      });
    });
    request.on("error", reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

const json = { ...AUTHORIZATION, "Content-Type": "application/json" };
await take([
  () => ask("echo", `${API}/echo?https`),
  () => ask("chat", `${API}/v1/chat/completions`, { method: "POST", headers: json, pieces: [JSON.stringify(CHAT)] }),
  () => ask("odd headers", `${API}/headers`),
  () => ask("plain", `${PLAIN}/chunked?n=3`),
  () => ask("stream", `${API}/v1/chat/completions`,
    { method: "POST", headers: json, pieces: [JSON.stringify(STREAMED_CHAT)] }),
  () => ask("upload", `${API}/upload`,
    { method: "PUT", headers: { "Content-Type": "text/plain" }, pieces: ["a", "b".repeat(70000), "c".repeat(400000)] }),
  () => ask("trailers", `${API}/trailers`),
  () => ask("until close", `${API}/until-close`),
]);
for (const agent of Object.values(agents)) agent.destroy();
