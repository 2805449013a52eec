// reqwest's blocking client; which TLS it uses is the package's choice of features.
mod account;
use account::{key, show_body, show_header, take, API, CHAT, PLAIN, STREAMED_CHAT};
use reqwest::blocking::{Body, Client, RequestBuilder, Response};
use std::io::{BufRead, BufReader};

fn show_head(label: &str, response: &Response) {
    println!("{label}: {} {:?}", response.status(), response.version());
    for (name, value) in response.headers() {
        show_header(name.as_str(), value.as_bytes());
    }
}

fn ask(label: &str, request: RequestBuilder) {
    let response = request.send().expect(label);
    show_head(label, &response);
    show_body(&response.bytes().expect(label));
}

fn main() {
    let client = Client::builder().user_agent("e2e-reqwest").build().expect("client");
    let get = |label: &str, url: String| ask(label, client.get(url));
    let chat = |body: &'static str| {
        client.post(format!("{API}/v1/chat/completions")).bearer_auth(key())
            .header("Content-Type", "application/json").body(body)
    };
    take(&[
        &|| get("echo", format!("{API}/echo?reqwest")),
        &|| ask("chat", chat(CHAT)),
        &|| get("gzip", format!("{API}/gzip")),
        &|| get("plain", format!("{PLAIN}/echo?reqwest")),
        &|| {
            let response = chat(STREAMED_CHAT).send().expect("stream");
            show_head("stream", &response);
            for line in BufReader::new(response).lines() {
                println!("  line: {}", line.expect("line"));
            }
        },
        // Without a length, so in chunks.
        &|| ask("upload", client.put(format!("{API}/upload")).body(Body::new(std::io::Cursor::new(vec![b'r'; 300_000])))),
        &|| get("big", format!("{API}/big?bytes=2000000")),
        &|| get("missing", format!("{API}/status/404")),
    ]);
}
