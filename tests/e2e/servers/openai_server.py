#!/usr/bin/env python3
"""The test server: LLM endpoints (llm_routes.py) and every turn HTTP/1.1 can take
(http_routes.py), over plain HTTP or TLS. Needs Python's standard library only.

    openai_server.py --port 0 --port-file port.txt --tls-cert leaf.pem --tls-key leaf.key
"""

import argparse

import http_engine
import http_routes
import llm_routes


def handle(exchange):
    route = llm_routes.ROUTES.get((exchange.method, exchange.path))
    if route:
        if exchange.path.startswith("/v1/") and not llm_routes.authorised(exchange):
            return
        route(exchange)
        return
    first = exchange.path.split("/")[1]
    if first in http_routes.ROUTES:
        http_routes.ROUTES[first](exchange)
        return
    exchange.body()
    exchange.reply_json({"error": {"message": f"no route {exchange.method} {exchange.path}"}}, 404)


def say_instead(text):
    words, _, others = text.partition("=")
    llm_routes.INSTEAD[words] = others


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    http_engine.add_options(parser)
    parser.add_argument("--chunk-delay", type=float, default=0.002, metavar="SECONDS",
                        help="pause after each chunk of a stream")
    parser.add_argument("--ascii", action="store_true", help="escape non-ASCII characters in events")
    parser.add_argument("--instead", action="append", default=[], metavar="WORDS=OTHERS", type=say_instead,
                        help="say OTHERS where an answer has WORDS")
    http_engine.main(parser, handle)


if __name__ == "__main__":
    main()
