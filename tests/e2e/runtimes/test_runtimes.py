"""Runtimes that no preloaded library can serve alone, as they bring a TLS of their own or make
system calls of their own: alone, recorded, replayed offline, and half recorded before the rest
is fetched. The same output every time, certificates verified every time."""

import json
import pathlib
import shutil
import subprocess

import pytest

from harness import lab as lab_module
from harness import paths, pki, repository

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = paths.WORK / "runtimes"
NODE = PROGRAMS / "node"
JAVA = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1"]
DENO = [NODE / "node_modules/@deno/linux-x64-glibc/deno", "run", "--no-prompt", "--allow-all"]
BUN = [NODE / "node_modules/@oven/bun-linux-x64/bin/bun", "run"]

# Name: its command. Each takes the argument "half" to do the first half only.
RUNTIMES = {
    **{f"node_{name}": ["node", NODE / f"{name}_client.mjs"] for name in ("fetch", "https", "axios", "undici", "openai")},
    "deno": [*DENO, NODE / "fetch_client.mjs"],
    "bun": [*BUN, NODE / "fetch_client.mjs"],
    "java_url_connection": [*JAVA, "-cp", PROGRAMS / "java", "UrlConnectionClient"],
    "java_http_client": [*JAVA, "-cp", PROGRAMS / "java", "HttpClientClient"],
    "go_static": [PROGRAMS / "go/cgo0/net_http"],
    "go_cgo": [PROGRAMS / "go/cgo1/net_http"],
    "go_openai": [PROGRAMS / "go/cgo0/openai"],
    "rust_reqwest_native_tls": [PROGRAMS / "rust/debug/reqwest_native_tls"],
    "rust_reqwest_rustls": [PROGRAMS / "rust/debug/reqwest_rustls"],
    "rust_ureq": [PROGRAMS / "rust/debug/ureq"],
    "static_openssl": [PROGRAMS / "c/static_openssl_client"],
    "openssl_1_1": [PROGRAMS / "c/openssl_1_1_client"],
    "musl": [PROGRAMS / "c/musl_client"],
    "python_static_openssl": [PROGRAMS / "python313/venv/bin/python", HERE / "python/static_client.py"],
    "pyopenssl": [paths.WORK / "venv/bin/python", HERE / "python/pyopenssl_client.py"],
}
# Requests at once: the server's ids depend on which comes first.
CONCURRENT = {"node_undici"}


def need(argv):
    program = str(argv[0])
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    for word in argv[1:]:
        if isinstance(word, pathlib.Path) and not word.exists():
            pytest.skip(f"{word} has not been built")


@pytest.fixture
def trust(lab):
    """How a user would make each runtime trust a private authority, for all runs."""
    ca = str(lab.pki.ca)
    return {"NODE_EXTRA_CA_CERTS": ca, "DENO_CERT": ca, "DENO_DIR": str(lab.folder / "cache" / "deno"),
            "DENO_NO_UPDATE_CHECK": "1"}


def java_trust(lab):
    """What the java command needs for it when nobody stands in between."""
    store = lab.folder / "home" / "truststore.p12"
    subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "test", "-file", lab.pki.ca, "-keystore", store,
                    "-storepass", "changeit", "-storetype", "PKCS12"], check=True, capture_output=True, timeout=60)
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]


def serve(lab):
    lab.serve()
    lab.serve(tls=False)


def check(lab, argv, env, compare_live=True, alone_argv=None, start=serve):
    start(lab)
    alone = lab.live(alone_argv or argv, env=env).ok()
    assert alone.stdout
    recorded = lab.launch("record", argv, env=env).ok()
    if compare_live:
        lab_module.assert_same(alone, recorded)
    asked = lab.requests()
    lab.stop_servers()
    replay_offline(lab, argv, env, recorded)

    # Half of it anew into a folder of its own, then all of it: what is there is not fetched.
    lab.dir = lab.folder / "recordings-by-halves"
    for log in lab.folder.glob("server*/log"):
        log.unlink()
    start(lab)
    assert lab.launch("record", [*argv, "half"], env=env, what="the first half").ok().stdout
    first = lab.requests()
    assert 0 < len(first) < len(asked)
    whole = lab.launch("record-if-missing", argv, env=env).ok()
    if compare_live:
        lab_module.assert_same(alone, whole)
    assert sorted(lab.requests()) == sorted(asked), "what was recorded was fetched again, or something was not fetched"
    outcomes = lab_module.outcomes(whole.journal)
    assert outcomes.count("hit") == len(first) and outcomes.count("recorded") == len(asked) - len(first), outcomes
    lab.stop_servers()
    replay_offline(lab, argv, env, whole)
    lab.assert_no_secret()


def replay_offline(lab, argv, env, recorded):
    before = lab.snapshot()
    replayed = lab.launch("replay", argv, env=env, offline=True)
    try:
        lab_module.assert_same(recorded, replayed)
        replayed.ok()
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{lab.log_tail()}") from None
    assert lab.snapshot() == before, "replay changed the recordings"
    assert set(lab_module.outcomes(replayed.journal)) == {"hit"}, replayed.journal
    assert len(replayed.journal) == len(recorded.journal)


@pytest.mark.parametrize("name", RUNTIMES)
def test_runtime(lab, trust, name):
    argv = RUNTIMES[name]
    need(argv)
    alone = [*JAVA, *java_trust(lab), *argv[len(JAVA):]] if argv[0] == "java" else None
    check(lab, argv, trust, compare_live=name not in CONCURRENT, alone_argv=alone)


def test_wget_git(lab):
    need(["wget"])
    need(["git"])
    root = lab.folder / "home" / "repositories"
    root.mkdir()
    repository.make(root)

    def start(lab):
        lab.serve()
        lab.serve(host="git.example.test", script=HERE.parent / "langs" / "git_server.py", arguments=["--root", root])

    check(lab, ["sh", HERE / "wget_git.sh"], {}, start=start)


def test_npm_test(lab, trust):
    """npm, a shell, node, a child for each file of tests, and the children those start."""
    need(["npm", NODE / "node_modules"])
    command = ["npm", "--prefix", NODE / "suite", "--silent", "test"]
    # The suite reads the word that the others get as an argument.
    halved = ["sh", "-c", '[ "${1:-}" != half ] || export E2E_HALF=1; exec ' + " ".join(map(str, command)), "sh"]
    check(lab, halved, {**trust, "NO_UPDATE_NOTIFIER": "1"})


def test_mixed(lab, trust):
    """Seven runtimes in one session of all doors, by way of a shell."""
    programs = [NODE / "https_client.mjs", PROGRAMS / "java", PROGRAMS / "go/cgo0/net_http", PROGRAMS / "rust/debug/ureq",
                PROGRAMS / "c/musl_client"]
    for program in ("curl", "wget", "node", "java"):
        need([program, *programs])
    argv = ["sh", HERE / "mixed.sh", PROGRAMS]
    alone = ["env", "E2E_JAVA_TRUST=" + " ".join(java_trust(lab)), *argv]
    check(lab, argv, {**trust, "E2E_JAVA_TRUST": ""}, alone_argv=alone)


def make_nss_database(lab):
    """The user's own, as certutil(1) makes it: it knows the servers' authority and no other."""
    folder = lab.folder / "home" / ".pki" / "nssdb"
    folder.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"], ["-A", "-n", "test", "-t", "C,,", "-i", str(lab.pki.ca)]):
        subprocess.run(["certutil", *arguments, "-d", f"sql:{folder}"], check=True, capture_output=True, timeout=60)
    return folder


def test_chromium(lab):
    need(["chromium"])
    need(["certutil"])
    folder = make_nss_database(lab)
    # Chromium asks its maker's servers too, which are nobody's business here.
    check(lab, ["sh", HERE / "chromium" / "load_page.sh"], {"RECSHIM_HOSTS": "api.openai.com"})
    known = subprocess.run(["certutil", "-L", "-d", f"sql:{folder}"], check=True, capture_output=True, timeout=60)
    assert known.stdout.count(b"C,,") == 1, "the user's database was changed"


def node_client(lab, options=""):
    """Prints what it gets, or the error's code."""
    program = lab.folder / "home" / "client.mjs"
    program.write_text('import fs from "node:fs";\nimport https from "node:https";\n'
                       f'https.get("https://api.openai.com/random", {{{options}}}, (response) => response.pipe(process.stdout))\n'
                       '  .on("error", (error) => { console.log(error.code); process.exitCode = 1; });\n')
    return ["node", program]


def strangers_ca(lab):
    stranger = pki.Pki(lab.folder / "home" / "stranger")
    stranger.generate()
    return stranger.ca


def assert_distrust_told(lab, argv, env):
    """In every mode, on stderr, in the journal and by --strict."""
    serve(lab)
    for mode in ("record", "record-if-missing", "replay"):
        result = lab.launch(mode, argv, env=env, options=["--strict"])
        assert result.status == 86, f"{mode}: {result.account()}"
        # The program may have begun a line of its own.
        told = [line for line in result.stderr.decode().splitlines() if "recshim: api.openai.com:443 refused" in line]
        assert told and all("does not trust the session's certificate" in line for line in told), result.account()
        assert set(lab_module.outcomes(result.journal)) == {"refused"}, result.account()
        assert not lab.recordings() and not lab.requests()


def test_untrusting_node(lab, trust):
    """It leaves without an alert."""
    need(["node"])
    argv = node_client(lab, f"ca: fs.readFileSync({json.dumps(str(strangers_ca(lab)))})")
    assert_distrust_told(lab, argv, trust)
    # And with TLS 1.2 when the handshake is over.
    (lab.folder / "home" / "client.mjs").unlink()
    argv = node_client(lab, f"maxVersion: 'TLSv1.2', ca: fs.readFileSync({json.dumps(str(strangers_ca(lab)))})")
    assert_distrust_told(lab, argv, trust)


def test_untrusting_java(lab):
    """A store of its own: HttpClient closes without an alert, HttpURLConnection sends one."""
    own = java_trust(lab)
    for name in ("HttpClientClient", "UrlConnectionClient"):
        argv = [*JAVA, *own, "-cp", PROGRAMS / "java", name, "half"]
        need(argv)
        assert_distrust_told(lab, argv, {})
        lab.stop_servers()


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("program", ["reqwest_rustls", "ureq"])
def test_a_folder_of_authorities(lab, program, hashed):
    """Of the user's, and nothing else that names what is trusted."""
    argv = [PROGRAMS / "rust/debug" / program]
    need(argv)
    folder = lab.folder / "home" / "authorities"
    folder.mkdir()
    shutil.copy(lab.pki.ca, folder / "private authority")
    shutil.copy(strangers_ca(lab), folder / "another.pem")
    if hashed:
        for number, path in enumerate(list(folder.iterdir())):
            path = path.rename(folder / f"{number}.pem")
        subprocess.run(["openssl", "rehash", folder], check=True, capture_output=True, timeout=60)
    env = {**dict.fromkeys(["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"]),
           "SSL_CERT_DIR": f"/nonexistent:{folder}/"}
    serve(lab)
    recorded = lab.launch("record", argv, env=env).ok()
    lab.stop_servers()
    replay_offline(lab, argv, env, recorded)


def test_extra_authorities_that_are_none(lab):
    """Node does without what NODE_EXTRA_CA_CERTS names and can't be read; so it does with recshim."""
    need(["node"])
    argv = node_client(lab)
    empty = lab.folder / "home" / "empty.pem"
    empty.write_text("")
    serve(lab)
    for value in ("", "/nonexistent/ca.pem", str(empty), str(lab.folder)):
        env = {"NODE_EXTRA_CA_CERTS": value}
        recorded = lab.launch("record", argv, env=env)
        assert recorded.status == 0 and recorded.stdout, f"{value}: {recorded.account()}"
        replayed = lab.launch("replay", argv, env=env, offline=True)
        assert (replayed.status, replayed.stdout) == (0, recorded.stdout), f"{value}: {replayed.account()}"


def test_node_without_the_gateways_program(lab, trust):
    """There is no session's authority then, and it is said why."""
    need(["node"])
    serve(lab)
    for mode in ("record", "record-if-missing"):
        result = lab.launch(mode, node_client(lab), env={**trust, "RECSHIM_GATEWAY": "/no/such/recshim"})
        assert result.status == 1, result.account()
        told = [line for line in result.stderr.decode().splitlines() if "/no/such/recshim" in line]
        assert len(told) == 1 and "RECSHIM_GATEWAY" in told[0], result.account()
