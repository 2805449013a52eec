"""A certificate authority for the tests: made with openssl(1) when the run starts, used by
the servers and trusted by the programs; nothing is put into a system store."""

import fcntl
import pathlib
import subprocess
import time

from . import paths

HOSTS = ["api.openai.com", "api.anthropic.com", "api.example.test", "other.example.test",
         "ollama.example.test", "static.example.test", "httpbin.example.test",
         "git.example.test", "redis.example.test", "weather.example.test", "localhost"]
_MAX_AGE_S = 12 * 3600


def _openssl(*arguments, stdin=None):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60,
                   input=stdin)


def _new_key(path):
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


class Pki:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca = self.folder / "ca.pem"
        self.cert, self.key = self.folder / "server.pem", self.folder / "server.key"
        self.client_cert, self.client_key = self.folder / "client.pem", self.folder / "client.key"

    def _leaf(self, cert, key, subject, extensions):
        request = self.folder / "leaf.csr"
        config = self.folder / "leaf.ext"
        config.write_text("basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n"
                          "authorityKeyIdentifier=keyid\nkeyUsage=critical,digitalSignature\n" + extensions)
        _new_key(key)
        _openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                 "-CAcreateserial", "-days", 2, "-sha256", "-extfile", config, "-out", cert)

    def generate(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        _new_key(self.folder / "ca.key")
        config = self.folder / "ca.cnf"
        config.write_text("[req]\ndistinguished_name=dn\nx509_extensions=v3\nprompt=no\n[dn]\n"
                          "CN=recshim test CA\n[v3]\nbasicConstraints=critical,CA:TRUE\n"
                          "keyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
        _openssl("req", "-x509", "-new", "-key", self.folder / "ca.key", "-config", config, "-days", 2,
                 "-sha256", "-out", self.ca)
        names = ",".join([*(f"DNS:{host}" for host in HOSTS), "IP:127.0.0.1"])
        self._leaf(self.cert, self.key, "/CN=recshim test server",
                   f"extendedKeyUsage=serverAuth\nsubjectAltName={names}\n")
        self._leaf(self.client_cert, self.client_key, "/CN=recshim test client",
                   "extendedKeyUsage=clientAuth\n")
        (self.folder / "made").touch()

    def ensure(self):
        """Makes the certificates unless a run of today has; safe in parallel."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = self.folder / "made"
            if not made.exists() or time.time() - made.stat().st_mtime > _MAX_AGE_S:
                self.generate()
        return self


def ensure():
    return Pki(paths.WORK / "pki").ensure()
