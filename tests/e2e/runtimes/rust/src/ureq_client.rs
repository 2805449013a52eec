// ureq with rustls and the platform's root certificates.
mod account;
use account::{key, show_body, show_header, take, API, CHAT, PLAIN, STREAMED_CHAT};
use std::io::{BufRead, BufReader};
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

fn show_head(label: &str, response: &Response<Body>) {
    println!("{label}: {} {:?}", response.status(), response.version());
    for (name, value) in response.headers() {
        show_header(name.as_str(), value.as_bytes());
    }
}

fn show(label: &str, mut response: Response<Body>) {
    show_head(label, &response);
    show_body(&response.body_mut().read_to_vec().expect(label));
}

fn main() {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let agent: Agent = Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into();
    let get = |label: &str, url: String| show(label, agent.get(url).call().expect(label));
    let chat = |label: &str, body: &str| {
        agent.post(format!("{API}/v1/chat/completions")).header("Authorization", format!("Bearer {}", key()))
            .content_type("application/json").send(body).expect(label)
    };
    take(&[
        &|| get("echo", format!("{API}/echo?ureq")),
        &|| show("chat", chat("chat", CHAT)),
        &|| get("gzip", format!("{API}/gzip")),
        &|| {
            let response = chat("stream", STREAMED_CHAT);
            show_head("stream", &response);
            for line in BufReader::new(response.into_body().into_reader()).lines() {
                println!("  line: {}", line.expect("line"));
            }
        },
        &|| get("plain", format!("{PLAIN}/chunked?n=3")),
        &|| show("upload", agent.post(format!("{API}/upload")).send(vec![b'q'; 200_000]).expect("upload")),
        &|| get("redirected", format!("{API}/redirect?n=2")),
        &|| get("missing", format!("{API}/status/403")),
    ]);
}
