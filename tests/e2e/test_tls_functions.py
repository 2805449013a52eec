"""No function of a TLS library crashes on a connection that recshim answers, or refuses, where it does not
on a real one."""

import pathlib
import re
import subprocess

import pytest

from harness import paths
from tls_functions import prototypes

HERE = pathlib.Path(__file__).resolve().parent / "tls_functions"
RUNTIMES = paths.WORK / "runtimes"
OPENSSL_HEADERS = '#include "openssl_versions.h"\n'
GNUTLS_HEADERS = ("#include <gnutls/gnutls.h>\n#include <gnutls/dtls.h>\n#include <gnutls/ocsp.h>\n"
                  "#include <gnutls/socket.h>\n#include <gnutls/x509.h>\n")

# Functions that no call is made of, each with its reason.
NOT_CALLED = {
    "SSL_free": "ends every call's connection", "gnutls_deinit": "ends every call's connection",
    "SSL_ctrl": "called with each command by itself",
    "SSL_use_PrivateKey_ASN1": "has the SSL in second place",
    "gnutls_init": "makes a session, and has none",
}
# What libssl exports under SSL_ for other objects than an SSL.
OTHER_OBJECTS = re.compile(
    r"SSL_(CTX_|SESSION_|CONF_|COMP_|CIPHER_|METHOD_|add_(dir|file|store)_cert|add_ssl_module|alert|dup_CA_list|"
    r"extension_supported|get1_builtin_sigalgs|get_ex_data_X509|load_client_CA|new$|new_(domain|listener)$|poll$|"
    r"select_next|test_functions|trace)")


def library_of(name):
    """Where the linker finds lib<name>.so."""
    found = subprocess.run(["cc", f"-print-file-name=lib{name}.so"], check=True, capture_output=True, text=True).stdout
    return pathlib.Path(found.strip()).resolve()


class Library:
    def __init__(self, path, program, headers, first, links, flags=()):
        self.path, self.program, self.headers, self.first = path, program, headers, first
        self.links, self.flags = links, flags


def installed_openssl():
    path = library_of("ssl")
    return Library(path, "openssl_calls", OPENSSL_HEADERS, r"SSL\s*\*", ["-lssl", "-lcrypto"])


def bundled_openssl(folder, needed):
    """A copy that another package brought, below its folder."""
    paths_ = {part: next(iter(sorted(folder.glob(f"lib{part}*.so*"))), None) for part in ("ssl", "crypto")}
    if None in paths_.values():
        pytest.skip(f"{needed} is not in {folder}")
    links = [str(path) for path in paths_.values()] + [f"-Wl,-rpath,{folder}", f"-Wl,-rpath-link,{folder}"]
    return Library(paths_["ssl"], "openssl_calls", OPENSSL_HEADERS, r"SSL\s*\*", links)


LIBRARIES = {
    "openssl": installed_openssl,
    "openssl_1_1": lambda: bundled_openssl(RUNTIMES / "c", "OpenSSL 1.1"),
    "openssl_3_5": lambda: bundled_openssl(RUNTIMES / "c/openssl_3_5", "OpenSSL 3.5"),
    "gnutls": lambda: Library(library_of("gnutls"), "gnutls_calls", GNUTLS_HEADERS, r"(?:struct )?gnutls_session_\w+",
                              ["-lgnutls"]),
}


def build(library, folder):
    """The program that makes the calls, and how many functions it calls."""
    flags = [f"-I{HERE}", *library.flags]
    functions = prototypes.declared(library.headers, library.first, flags)
    exports = prototypes.exported(library.path)
    called = [function for name, function in sorted(functions.items()) if name in exports and name not in NOT_CALLED]
    if library.program == "openssl_calls":
        unknown = {name for name in exports if name.startswith("SSL_") and not OTHER_OBJECTS.match(name)}
        unknown -= set(functions) | set(NOT_CALLED)
        assert not unknown, f"no prototype is known of {sorted(unknown)}: declare them in openssl_versions.h"
    folder.mkdir()
    (folder / "calls.inc").write_text("".join(function.line() for function in called))
    program = folder / library.program
    subprocess.run(["c++", "-std=c++17", "-O1", "-w", f"-I{folder}", *flags, "-o", str(program),
                    str(HERE / f"{library.program}.cpp"), *library.links], check=True, timeout=300)
    return program, len(called)


def outcomes(result):
    result.ok()
    return dict(re.fullmatch(r"(\S+\(\d+\)|\(none\)\(0\)) (.*)", line).groups() for line in result.text().splitlines())


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_function(lab, name):
    library = LIBRARIES[name]()
    program, count = build(library, lab.folder / "program")
    lab.serve()
    lab.serve(tls=False)
    lab.record(["curl", "-sS", "-o", "/dev/null", "https://api.openai.com/echo?functions"]).ok()
    lab.stop_servers()
    for handshake in ("done", "failed"):
        real = outcomes(lab.live([program, handshake], timeout=280))
        ours = outcomes(lab.replay([program, handshake], timeout=280, env={"RECSHIM_LOG": None}))
        assert real["(none)(0)"] == ours["(none)(0)"] == "ok"
        assert real.keys() == ours.keys()
        # What crashes on a real connection can't be called with arguments made up like that.
        senseless = {call for call, outcome in real.items() if outcome != "ok"}
        print(f"{handshake}: {count} functions, {len(real)} calls; on real connections, too: {sorted(senseless)}")
        assert len(senseless) < len(real) / 10
        wrong = {call: outcome for call, outcome in ours.items() if outcome != "ok" and call not in senseless}
        assert not wrong, wrong
