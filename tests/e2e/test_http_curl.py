"""curl, whose exit status and messages tell how it understood what it got."""

import pytest

HOST = "api.openai.com"
STREAM = ('{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"curl"}]}')
JSON = ["-H", "Content-Type: application/json", "-H", "Authorization: Bearer {secret}"]

# Each is a command line after `curl -sS`; a word that starts with / is asked of the host.
COMMANDS = {
    "get": ["-i", "/random"],
    "head": ["-I", "/head"],
    "verbose head": ["-D", "-", "-o", "/dev/null", "/headers"],
    "compressed": ["--compressed", "/gzip", "/br", "/zstd", "/deflate"],
    "encoded": ["-H", "Accept-Encoding: gzip", "/gzip"],
    "trailers": ["-i", "/trailers"],
    "post json": [*JSON, "-d", STREAM.replace("true", "false"), "/v1/chat/completions"],
    "embedding": [*JSON, "-d", '{"model":"e","input":"x"}', "/v1/embeddings"],
    "stream": ["-N", *JSON, "-d", STREAM, "/v1/chat/completions"],
    "anthropic stream": ["-N", *JSON, "-d", STREAM, "/v1/messages"],
    "anthropic": [*JSON, "-d", STREAM.replace("true", "false"), "/v1/messages"],
    "ollama stream": ["-N", "-d", STREAM, "/api/chat"],
    "form": ["-d", "a=1", "--data-urlencode", "b=zwei Wörter", "/echo"],
    "multipart": ["-F", "field=value", "-F", "file=@{file};type=text/plain", "/multipart"],
    "upload": ["-T", "{file}", "/upload"],
    "upload, chunked": ["-T", "-", "/upload"],
    "upload with expect": ["-T", "{file}", "-H", "Expect: 100-continue", "/expect"],
    "expect refused": ["-i", "-T", "{file}", "-H", "Expect: 100-continue", "/expect?refuse=417"],
    "early refusal": ["-i", "-T", "{file}", "/early"],
    "several on one connection": ["/sequence", "/sequence", "/random", "/sequence"],
    "parallel": ["--parallel", "--parallel-immediate", "--no-progress-meter", "-w", "%{http_code} %{size_download}\\n", "-o",
                 "/dev/null", "/big?bytes=100001", "-o", "/dev/null", "/big?bytes=100001", "-o", "/dev/null",
                 "/big?bytes=100001", "-o", "/dev/null", "/big?bytes=100001"],
    "redirects": ["-L", "-i", "/redirect?n=3"],
    "range": ["-r", "0-99", "/binary"],
    "http1.0": ["--http1.0", "-i", "/random"],
    "offers http2": ["--http2", "-i", "/random"],
    "retry": ["--retry", "2", "--retry-delay", "0", "/flaky"],
    "error status": ["--fail", "/status/500"],
    "truncated": ["/truncate"],
    "truncated, ragged": ["/truncate?ragged=1"],
    "truncated chunk": ["/truncate?chunked=1"],
    "reset": ["/reset"],
    "reset in the head": ["/reset?at=head"],
    "lie": ["/lie"],
    "until close": ["/until-close"],
    "delete": ["-X", "DELETE", "/echo"],
    "bearer": ["--oauth2-bearer", "{secret}", "/v1/models"],
    "basic": ["-u", "user:{secret}", "/echo"],
    "key in the query": ["/random?api_key={secret}&x=1"],
    "time limit": ["--max-time", "20", "/slow"],
}


OVER_PLAIN_HTTP = ["get", "compressed", "stream", "multipart", "upload", "upload with expect", "early refusal",
                   "several on one connection", "parallel", "http1.0", "truncated", "reset"]


@pytest.mark.parametrize("case", COMMANDS)
def test_over_tls(lab, case):
    run_curl(lab, "https", case)


@pytest.mark.parametrize("case", OVER_PLAIN_HTTP)
def test_over_plain_http(lab, case):
    run_curl(lab, "http", case)


def run_curl(lab, scheme, case):
    file = lab.folder / "cwd" / "file.txt"
    file.write_text("A file to send, with é.\n" * 500)
    lab.serve(host=HOST, tls=scheme == "https")
    words = []
    for word in COMMANDS[case]:
        word = word.replace("{secret}", lab.secret).replace("{file}", str(file))
        path = word.startswith("/") and word != "/dev/null" and not word.startswith(str(lab.folder))
        words.append(f"{scheme}://{HOST}{word}" if path else word)
    recorded, _ = lab.check(["curl", "-q", "-sS", *words], status=None, stdin=file.read_bytes() * 20)
    if case in ("reset", "truncated"):
        assert recorded.status == (56 if case == "reset" else 18)
