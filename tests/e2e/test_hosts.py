"""Which host a request is for: hosts that share an address, and hosts that are excluded."""

import json
import shutil
import sys

import pytest

from harness import lab as labs
from harness import paths

ONE, OTHER = "api.example.test", "other.example.test"
HOSTS = "*.example.test"

# Programs that keep what they have looked up: all names first, then the connections.
OVER_SOCKETS = """
import socket, ssl, sys, urllib.parse
without_name = sys.argv[1] == "--no-server-name"
urls = [urllib.parse.urlsplit(url) for url in sys.argv[1 + without_name:]]
found = {url.hostname: socket.getaddrinfo(url.hostname, url.scheme, socket.AF_INET, socket.SOCK_STREAM)[0][4]
         for url in urls}
context = ssl.create_default_context()
context.check_hostname = not without_name
for url in urls:
    sock = socket.create_connection(found[url.hostname])
    if url.scheme == "https":
        sock = context.wrap_socket(sock, server_hostname=None if without_name else url.hostname)
    sock.sendall(f"GET {url.path}?{url.query} HTTP/1.1\\r\\nHost: {url.hostname}\\r\\n"
                 "Connection: close\\r\\n\\r\\n".encode())
    print(sock.makefile("rb").read().partition(b"\\r\\n\\r\\n")[2].decode())
    sock.close()
"""
# asyncio's TLS is over memory BIOs: none of its sessions shows a socket.
OVER_MEMORY = """
import asyncio, ssl, sys, urllib.parse
async def main():
    urls = [urllib.parse.urlsplit(url) for url in sys.argv[1:]]
    lookup = asyncio.get_running_loop().getaddrinfo
    found = {url.hostname: (await lookup(url.hostname, 443))[0][4][0] for url in urls}
    for url in urls:
        reader, writer = await asyncio.open_connection(
            found[url.hostname], 443, ssl=ssl.create_default_context(), server_hostname=url.hostname)
        writer.write(f"GET {url.path}?{url.query} HTTP/1.1\\r\\nHost: {url.hostname}\\r\\n"
                     "Connection: close\\r\\n\\r\\n".encode())
        print((await reader.read()).partition(b"\\r\\n\\r\\n")[2].decode())
        writer.close()
asyncio.run(main())
"""
# Its TLS is the gateway's.
OF_A_RUNTIME = """
import dns from "node:dns/promises"
import https from "node:https"
import { text } from "node:stream/consumers"
const urls = process.argv.slice(1).map(url => new URL(url)), found = {}
for (const { hostname } of urls) found[hostname] = (await dns.lookup(hostname, 4)).address
const lookup = (host, options, done) =>
  options.all ? done(null, [{ address: found[host], family: 4 }]) : done(null, found[host], 4)
for (const url of urls) {
  console.log(await text(await new Promise((done, failed) =>
    https.get(url, { lookup, agent: false }, done).on("error", failed))))
}
"""

CLIENTS = {
    "http": {
        "sockets": [sys.executable, "-c", OVER_SOCKETS],
        # These use the connection to one host for the other as well.
        "wget": ["wget", "-q", "-O-"],
        "curl": ["curl", "-q", "-sS"],
    },
    "https": {
        "sockets": [sys.executable, "-c", OVER_SOCKETS],
        "memory BIOs": [sys.executable, "-c", OVER_MEMORY],
        "curl": ["curl", "-q", "-sS"],
        "node": ["node", "--input-type=module", "-e", OF_A_RUNTIME, "--"],
    },
}


def client(scheme, name):
    command = CLIENTS[scheme][name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return command


def serve(lab, tls):
    """One server that is both hosts."""
    lab.serve(host=ONE, tls=tls)
    lab.also_named(OTHER, ONE)


def run(lab, mode, argv, hosts, options=()):
    """By `recshim run`, where the hosts are real."""
    journal = lab.fresh(f"{mode}.journal")
    env = lab.shim_env(mode, LD_PRELOAD=None, RECSHIM_CONNECT_TO=None, RECSHIM_HOSTS=hosts,
                       RECSHIM_JOURNAL=str(journal), NODE_EXTRA_CA_CERTS=str(lab.pki.ca))
    result = lab.live([paths.LAUNCHER, "run", "-q", *options, "--", *argv], env=env, what=f"{mode}, {hosts}")
    result.journal = labs.read_journal(journal)
    return result


def replay_offline(lab, argv, hosts):
    return lab.launch("replay", argv, env={"RECSHIM_HOSTS": hosts, "RECSHIM_CONNECT_TO": None}, offline=True,
                      options=["--strict"])


def recorded_urls(lab):
    return sorted(json.loads(path.read_text())["request"]["url"] for path in lab.recordings())


def hosts_of(result):
    """The Host header of each request, in the order of the answers."""
    return [word.strip('[]", \n') for line in result.text().split('"Host"')[1:] for word in [line.split("]")[0]]]


@pytest.mark.parametrize("scheme,name", [(scheme, name) for scheme in CLIENTS for name in CLIENTS[scheme]])
def test_hosts_that_share_an_address(lab, scheme, name):
    """Each request is recorded under its own host, or not if that is not configured."""
    serve(lab, scheme == "https")
    urls = [f"{scheme}://{host}/echo?n={number}" for number, host in enumerate([ONE, OTHER, ONE, OTHER])]
    argv = [*client(scheme, name), *urls]
    recorded = run(lab, "record", argv, HOSTS).ok()
    assert len(recorded.text()) > 500, recorded.account()
    assert recorded_urls(lab) == sorted(urls)
    labs.assert_same(recorded, replay_offline(lab, argv, HOSTS).ok())

    for host in (ONE, OTHER):
        shutil.rmtree(lab.dir)
        apart = run(lab, "record", argv, host).ok()
        assert recorded_urls(lab) == sorted(url for url in urls if f"//{host}/" in url)
        assert labs.outcomes(apart.journal) == ["recorded"] * 2, apart.journal
        again = run(lab, "replay", argv, host, ["--strict"]).ok()
        assert again.text().count('"target"') == 4
        assert labs.outcomes(again.journal) == ["hit"] * 2, again.journal


def test_tls_without_a_server_name(lab):
    """Then the Host header decides as it does without TLS."""
    serve(lab, True)
    urls = [f"https://{host}/echo?n={number}" for number, host in enumerate([ONE, OTHER])]
    argv = [*client("https", "sockets"), "--no-server-name", *urls]
    recorded = run(lab, "record", argv, HOSTS).ok()
    assert recorded_urls(lab) == urls
    labs.assert_same(recorded, replay_offline(lab, argv, HOSTS).ok())


def test_another_host_on_purpose(lab):
    """A Host header of no host at that address changes nothing about where a request is filed."""
    serve(lab, False)
    argv = ["curl", "-q", "-sS", "-H", "Host: front.example.test", f"http://{ONE}/echo"]
    recorded = run(lab, "record", argv, HOSTS).ok()
    assert recorded_urls(lab) == [f"http://{ONE}/echo"]
    labs.assert_same(recorded, replay_offline(lab, argv, HOSTS).ok())


EXCLUDING = ["*,!other.example.test", "*:80,*:443,!other.example.test", "*.test,!other.example.test",
             "127.0.0.0/8,!other.example.test", "*,!127.0.0.2", "*,!*.example.test", "127.0.0.2,!*.test"]


@pytest.mark.parametrize("hosts", EXCLUDING)
@pytest.mark.parametrize("scheme,name", [("http", "curl"), ("https", "curl"), ("https", "memory BIOs"),
                                         ("https", "node"), ("http", "static")])
def test_an_exclusion_wins(lab, clients, scheme, name, hosts):
    """Whether it is the name's or the address's: never recorded, replayed or fetched."""
    serve(lab, scheme == "https")
    argv = ([clients["musl"], OTHER, "80", "/echo"] if name == "static" else
            [*client(scheme, name), f"{scheme}://{OTHER}/echo"])
    alone = lab.live(argv, env={"NODE_EXTRA_CA_CERTS": str(lab.pki.ca)}).ok()
    modes = ["record"] if "!127" in hosts else ["record", "replay", "record-if-missing"]
    for mode in modes:
        passed = run(lab, mode, argv, hosts, ["--strict"]).ok()
        assert passed.text().splitlines()[-8:] == alone.text().splitlines()[-8:], passed.account()
        assert passed.journal == [] and not lab.recordings(), passed.journal


def test_what_is_not_excluded_is_recorded_beside_it(lab):
    serve(lab, False)
    argv = ["curl", "-q", "-sS", f"http://{ONE}/echo?n=1", f"http://{OTHER}/echo?n=2"]
    run(lab, "record", argv, f"*,!{OTHER}").ok()
    assert recorded_urls(lab) == [f"http://{ONE}/echo?n=1"]
    again = run(lab, "replay", argv, f"*,!{OTHER}", ["--strict"]).ok()
    assert labs.outcomes(again.journal) == ["hit"]
    assert hosts_of(again) == [ONE, OTHER]
