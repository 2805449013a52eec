"""Clients that are not Python: command-line tools, scripting languages, C and C++ programs.
Each runs alone, recorded, and replayed offline, and prints the same each time."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import lab as lab_module
from harness import paths, repository, servers

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = paths.BUILD / "tests" / "e2e" / "langs"
API = "https://api.openai.com"
PLAIN = "http://api.openai.com"
GIT_HOST = "git.example.test"

# Name: its command, of which a name with a suffix is a file of this folder.
SCRIPTS = {
    "perl_lwp": ["perl", "lwp_client.pl"],
    "perl_http_tiny": ["perl", "http_tiny_client.pl"],
    "ruby_net_http": ["ruby", "net_http_client.rb"],
    "php": ["php", "php_client.php"],
}
COMPILED = ["stdio_client", "epoll_client", "gnutls_client", "gnutls_waiting_pull", "bio_ssl_client",
            "asio_client"]
# Several requests at once: the server's ids depend on which comes first.
CONCURRENT = {"asio_client", "epoll_client"}


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def compiled(name):
    path = PROGRAMS / name
    if not path.exists():
        pytest.skip(f"{path} has not been built")
    return path


def serve_both(lab):
    lab.serve()
    lab.serve(tls=False)


def shell(lab, script):
    """The script's text as a program; $E2E_WORK is a folder of its own."""
    path = lab.folder / "program.sh"
    path.write_text("set -eu\nE2E_WORK=$(mktemp -d)\ntrap 'rm -rf \"$E2E_WORK\"' EXIT\n" + script)
    return ["sh", path]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(lab, name):
    command, file = SCRIPTS[name]
    need(command)
    serve_both(lab)
    recorded, _ = lab.check([command, HERE / file])
    assert recorded.stdout


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(lab, name):
    program = compiled(name)
    serve_both(lab)
    recorded, _ = lab.check([program], compare_live=name not in CONCURRENT)
    assert recorded.stdout


def test_a_thread_that_waits(lab):
    """TLS that no hook makes is led to the gateway; who waits for the socket meanwhile sees no end."""
    program = compiled("other_thread_polls")
    lab.serve()
    # It leaves in mid-handshake, which is told.
    assert lab.record([program]).text() == "40 answered, 0 seen to break\n"


PLUG_IN = """
import ctypes, os, sys
curl = ctypes.CDLL("libcurl.so.4", os.RTLD_LAZY | os.RTLD_GLOBAL | os.RTLD_DEEPBIND)
curl.curl_easy_init.restype = ctypes.c_void_p
handle = ctypes.c_void_p(curl.curl_easy_init())
URL, CAINFO, TIMEOUT = 10002, 10065, 13
curl.curl_easy_setopt(handle, URL, sys.argv[1].encode())
curl.curl_easy_setopt(handle, CAINFO, os.environ["E2E_CA"].encode())
curl.curl_easy_setopt(handle, TIMEOUT, ctypes.c_long(20))
sys.exit(curl.curl_easy_perform(handle))
"""


@pytest.mark.parametrize("mode", ["live", "record"])
def test_a_client_that_is_a_plug_in(lab, mode):
    """PHP loads curl like this; its connections are led elsewhere as any others are."""
    serve_both(lab)
    for url in (API, PLAIN):
        asked = lab.launch(mode, [sys.executable, "-c", PLUG_IN, f"{url}/echo?plug-in"]).ok()
        assert b"plug-in" in asked.stdout


def test_raw_reads(lab):
    """System calls made past libc can't be recorded from inside, but replay serves them."""
    program = compiled("raw_read_client")
    lab.serve(tls=False)
    alone = lab.live([program]).ok()
    recorded = lab.record([program, "ordinary"]).ok()
    lab_module.assert_same(alone, recorded)
    lab.stop_servers()
    lab_module.assert_same(recorded, lab.replay([program]).ok())


def test_bash_dev_tcp(lab):
    """What libc's stdio writes to a connection that became stdout can't be recorded from
    inside, so curl records the same requests; replay serves both."""
    need("bash")
    lab.serve(tls=False)
    targets = ["/chunked?n=3", "/until-close", "/status/418", "/big?bytes=300000"]
    program = ["bash", HERE / "dev_tcp.sh", *targets]
    alone = lab.live(program).ok()
    asking = 'for url; do curl -sS -o "$TMPDIR/reply" -H "Connection: close" "$url"; done'
    lab.record(["sh", "-c", asking, "sh", *(PLAIN + target for target in targets)]).ok()
    lab.stop_servers()
    lab_module.assert_same(alone, lab.replay(program).ok())


# --- curl(1) and wget(1) ----------------------------------------------------------------

CHAT = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about curl"}], "stream": true}'

CURL = {
    "https": f"curl -sS -i {API}/echo?one {API}/gzip {API}/chunked?n=3 {API}/status/404 {API}/headers",
    "http": f"curl -sS -i {PLAIN}/echo?one {PLAIN}/gzip {PLAIN}/chunked?n=3 {PLAIN}/until-close",
    "compressed": f"curl -sS -i --compressed {API}/gzip {API}/br {API}/deflate",
    "stream": f"curl -sS -N -i -H \"Authorization: Bearer $E2E_SECRET\" --json '{CHAT}' {API}/v1/chat/completions | grep -av '^Set-Cookie:'",
    "redirect": f"curl -sS -i -L {API}/redirect",
    "head": f"curl -sS -I {API}/head; curl -sS -I {PLAIN}/head",
    "fast_open": f"curl -sS -i --tcp-fastopen {API}/echo?fast {PLAIN}/echo?fast",
    "http10": f"curl -sS -i -0 {API}/echo?old; curl -sS -i {PLAIN}/old",
    "verbose": f"""
curl -v -o /dev/null {API}/echo?verbose 2>"$E2E_WORK/log"
grep -c 'SSL certificate verify ok' "$E2E_WORK/log"
grep '^[<>] ' "$E2E_WORK/log" | tr -d '\\r'""",
    "write_out": f"curl -sS -o /dev/null -w '%{{http_code}} %{{http_version}} %{{ssl_verify_result}} %{{size_download}}\\n' {API}/big?bytes=2000000",
    "upload": f"""
head -c 3000000 /dev/zero | tr '\\0' 'u' >"$E2E_WORK/file"
curl -sS -i -T "$E2E_WORK/file" {API}/upload
curl -sS -i -T - -H 'Content-Type: text/plain' {API}/upload <"$E2E_WORK/file"
curl -sS -i --data-binary @"$E2E_WORK/file" {PLAIN}/upload
curl -sS -i -H 'Expect: 100-continue' --data-binary 'expected' {API}/expect""",
    "multipart": f"""
printf 'file content' >"$E2E_WORK/a.txt"
curl -sS -i -F field=value -F "file=@$E2E_WORK/a.txt;type=text/plain" {API}/multipart
curl -sS -i -F other=value -F "file=@$E2E_WORK/a.txt" {PLAIN}/multipart""",
}


@pytest.mark.parametrize("name", CURL)
def test_curl(lab, name):
    need("curl")
    serve_both(lab)
    recorded, _ = lab.check(shell(lab, CURL[name]))
    assert recorded.stdout


def test_curl_parallel(lab):
    need("curl")
    serve_both(lab)
    recorded, _ = lab.check(shell(lab, f"""
cd "$E2E_WORK"
curl -sS --no-progress-meter -i --parallel --parallel-max 8 -o 'tls-#1' '{API}/big?bytes=1000{{00,01,02,03,04,05}}' \\
  -o 'plain-#1' '{PLAIN}/echo?n={{1,2,3,4}}'
for file in plain-*; do echo "== $file"; cat "$file"; done
sha256sum tls-*"""), compare_live=False)
    assert recorded.stdout.count(b"HTTP/1.1 200 OK") == 4


WGET = {
    "get": f"""
wget -q -O - --save-headers {API}/echo?wget {API}/chunked?n=4
wget -q -O - --save-headers {PLAIN}/echo?wget
wget -q -O - {API}/big?bytes=4000000 | sha256sum""",
    "post": f"""
head -c 200000 /dev/zero | tr '\\0' 'w' >"$E2E_WORK/file"
wget -q -O - --save-headers --post-file="$E2E_WORK/file" {API}/upload
wget -q -O - --content-on-error --save-headers {API}/status/503 || echo "status $?" """,
    "spider": f"wget -q --spider -S {API}/head 2>&1 | tr -d '\\r'",
}


@pytest.mark.parametrize("name", WGET)
def test_wget(lab, name):
    need("wget")
    serve_both(lab)
    recorded, _ = lab.check(shell(lab, f"wget() {{ command wget --ca-certificate=$E2E_CA \"$@\"; }}\n{WGET[name]}"))
    assert recorded.stdout


def test_wget2(lab):
    """It connects by the first bytes of its TLS handshake, or of its request (MSG_FASTOPEN)."""
    need("wget2")
    serve_both(lab)
    recorded, _ = lab.check(shell(lab, f"""
wget2 --no-config -q --no-ocsp --ca-certificate=$E2E_CA -O - {API}/echo?wget2
wget2 --no-config -q --no-ocsp --ca-certificate=$E2E_CA -O - {API}/big?bytes=500000 | sha256sum
wget2 --no-config -q -O - {PLAIN}/chunked?n=3"""))
    assert b"wget2" in recorded.stdout


def test_openssl_s_client(lab):
    """The account leaves out what s_client says of the handshake: no certificate is shown twice."""
    need("openssl")
    lab.serve()
    recorded, _ = lab.check(shell(lab, """
printf 'GET /echo?s_client HTTP/1.1\\r\\nHost: api.openai.com\\r\\nConnection: close\\r\\n\\r\\n' |
  openssl s_client -quiet -verify_return_error -verify_hostname api.openai.com -CAfile "$E2E_CA" \\
    -servername api.openai.com -connect api.openai.com:443 2>/dev/null"""))
    assert b"s_client" in recorded.stdout


# --- nginx, which no one here wrote ---------------------------------------------------

def serve_nginx(lab, tls, http2=False):
    if not shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        pytest.skip("nginx is not installed")
    root = lab.folder / "cwd" / "root"
    if not root.exists():
        root.mkdir()
        (root / "page.txt").write_text("a page of nginx\n" * 40)
        (root / "data.json").write_text('{"from": "nginx"}')
        (root / "large.bin").write_bytes(bytes(range(256)) * 20000)
    server = servers.start_nginx(lab.fresh("server"), root, lab.pki if tls else None, http2=http2)
    lab.stand_in("static.example.test", 443 if tls else 80, server)


NGINX_SCRIPT = """
for base in https://static.example.test http://static.example.test; do
  curl -sS -i $CURL_OPTIONS $base/page.txt $base/data.json $base/missing
  curl -sS -i --compressed $base/page.txt
  curl -sS -i -r 5-24 $base/page.txt
  curl -sS -I $base/page.txt
  curl -sS $CURL_OPTIONS $base/large.bin | sha256sum
  etag=$(curl -sS -I $base/page.txt | tr -d '\\r' | sed -n 's/^ETag: //p')
  curl -sS -i -H "If-None-Match: $etag" $base/page.txt
  wget -q --ca-certificate=$E2E_CA --save-headers -O - $base/page.txt
done
"""


@pytest.mark.parametrize("options", ["--http1.1", "--http2"])
def test_nginx(lab, options):
    """--http2: curl and the server would speak HTTP/2; recorded, it is narrowed to HTTP/1.1."""
    need("curl")
    need("wget")
    serve_nginx(lab, tls=True, http2=options == "--http2")
    serve_nginx(lab, tls=False)
    recorded, _ = lab.check(shell(lab, f"CURL_OPTIONS={options}\n{NGINX_SCRIPT}"), live=False)
    assert b"Server: nginx" in recorded.stdout


# --- git ------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", ["https", "http"])
def test_git(lab, scheme):
    need("git")
    root = lab.folder / "home" / "repositories"
    root.mkdir()
    repository.make(root)
    lab.serve(host=GIT_HOST, tls=scheme == "https", script=HERE / "git_server.py", arguments=["--root", root])
    recorded, _ = lab.check(["sh", HERE / "git_client.sh", f"{scheme}://{GIT_HOST}/project.git"])
    assert b"Commit 29" in recorded.stdout


# --- The legacy test binary -----------------------------------------------------------

LEGACY = {"plain": "legacy_client_test", "asan": "legacy_client_test_address", "tsan": "legacy_client_test_thread"}
SELECTIONS = {"single": "-*Threads", "threads": "*Threads"}


def sanitizer_first(program):
    """LD_PRELOAD with the program's sanitizer runtime before recshim, as it demands."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, timeout=30).stdout
    runtimes = [line.split()[2] for line in listing.splitlines() if line.split()[0].startswith(("libasan", "libtsan"))]
    return " ".join([*runtimes, str(paths.LIBRARY)])


def legacy(lab, variant, selection):
    program = compiled(LEGACY[variant])
    serve_both(lab)
    arguments = [program, "--gtest_print_time=0", f"--gtest_filter={selection}"]
    # Leaks are looked for in what the library does to the program too; a race ends with 66.
    environment = {"TSAN_OPTIONS": "halt_on_error=0", "ASAN_OPTIONS": "detect_leaks=1"}
    return arguments, environment, sanitizer_first(program)


@pytest.mark.parametrize("variant", LEGACY)
@pytest.mark.parametrize("selection", SELECTIONS)
def test_legacy_binary(lab, variant, selection):
    arguments, environment, preload = legacy(lab, variant, SELECTIONS[selection])
    lab.live(arguments, env=environment, timeout=120).ok()
    environment["LD_PRELOAD"] = preload
    recorded, _ = lab.check(arguments, env=environment, live=False, timeout=120)
    assert b"[  PASSED  ]" in recorded.stdout


@pytest.mark.parametrize("variant", LEGACY)
def test_legacy_binary_by_launcher(lab, variant):
    """`recshim run` and run-with-replay.sh put the sanitizer's runtime first by themselves."""
    launcher, script = paths.BUILD / "recshim", paths.SOURCE / "scripts" / "run-with-replay.sh"
    if not launcher.exists() or not script.exists():
        pytest.skip("the launcher has not been built")
    arguments, environment, _ = legacy(lab, variant, "*Chat*:*Threads")
    environment["LD_PRELOAD"] = ""
    recorded = lab.record([launcher, "run", "--mode", "record", "--", *arguments], env=environment, timeout=120)
    assert recorded.status == 0, recorded.account()
    lab.stop_servers()
    environment["RECSHIM_LIBRARY"] = str(paths.LIBRARY)
    replayed = lab.replay([script, *arguments], env=environment, timeout=120)
    lab_module.assert_same(recorded, replayed)
