// Prints what a client got; what every program here asks, and of whom.
pub const API: &str = "https://api.openai.com";
pub const PLAIN: &str = "http://api.openai.com";
pub const CHAT: &str =
    r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about naïve ☃ crates"}]}"#;
pub const STREAMED_CHAT: &str =
    r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about naïve ☃ crates"}], "stream": true}"#;

pub fn key() -> String {
    std::env::var("OPENAI_API_KEY").expect("OPENAI_API_KEY")
}

pub fn show_header(name: &str, value: &[u8]) {
    // Cookies are secrets that no recording holds.
    if name.eq_ignore_ascii_case("set-cookie") {
        println!("  {name}: (secret)");
    } else {
        println!("  {name}: {}", value.escape_ascii());
    }
}

pub fn show_body(body: &[u8]) {
    if body.len() <= 4000 {
        println!("  body: {}", body.escape_ascii());
        return;
    }
    // FNV-1a, enough to notice a difference.
    let sum = body.iter().fold(0xcbf29ce484222325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100000001b3));
    println!("  body: {} bytes, sum {sum:016x}", body.len());
}

// Takes the steps in order; with the argument "half" only the first half of them.
pub fn take(steps: &[&dyn Fn()]) {
    let half = std::env::args().nth(1).as_deref() == Some("half");
    let count = if half { steps.len().div_ceil(2) } else { steps.len() };
    for step in &steps[..count] {
        step();
    }
}
