#!/usr/bin/env python3
"""git's smart protocol over HTTP(S): passes every request to `git http-backend` as CGI, and
its answer back in chunks. The repositories are those of --root. For the other options and
the socket side see http_engine.py."""

import argparse
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))

import http_engine  # noqa: E402


def cgi_environment(exchange, root):
    path, _, query = exchange.target.partition("?")
    variables = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
                 "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                 "GIT_CONFIG_VALUE_0": "*", "REQUEST_METHOD": exchange.method, "PATH_INFO": path,
                 "QUERY_STRING": query, "REMOTE_USER": "", "REMOTE_ADDR": "127.0.0.1",
                 "CONTENT_TYPE": exchange.header("Content-Type"),
                 "HTTP_CONTENT_ENCODING": exchange.header("Content-Encoding"),
                 "GIT_PROTOCOL": exchange.header("Git-Protocol")}
    return {name: value for name, value in variables.items() if value}


def handler(root):
    def handle(exchange):
        body = exchange.body()
        variables = cgi_environment(exchange, root)
        variables["CONTENT_LENGTH"] = str(len(body))
        done = subprocess.run(["git", "http-backend"], env=variables, input=body, capture_output=True,
                              timeout=60)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
        status = int(dict(headers).get("Status", "200").split()[0])
        exchange.start(status, [pair for pair in headers if pair[0] != "Status"], chunked=True)
        for start in range(0, len(answer), 16384):
            exchange.write(answer[start:start + 16384])
        exchange.end()
    return handle


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    http_engine.add_options(parser)
    parser.add_argument("--root", required=True)
    options, _ = parser.parse_known_args()
    http_engine.main(parser, handler(options.root))


if __name__ == "__main__":
    main()
