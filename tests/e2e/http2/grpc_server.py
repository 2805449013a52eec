"""A gRPC server of every kind of call, without generated code: grpc_server.py PORT_FILE [CERTIFICATE KEY]."""

import sys
import time
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "of unary"), ("x-blob-bin", b"\x00\xff")))
    return b"answer to " + request


def server_stream(request, context):
    for i in range(5):
        yield request + b" %d" % i


def client_stream(requests, context):
    return b"+".join(requests)


def both_ways(requests, context):
    for request in requests:
        yield b"echo " + request


def big(request, context):
    return bytes(range(256)) * (int(request) // 256)


def failing(request, context):
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more of %s, é" % request.decode())


def failing_late(request, context):
    yield b"one"
    context.abort(grpc.StatusCode.DATA_LOSS, "the rest is lost")


def slow(request, context):
    time.sleep(5)
    return b"late"


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Big": grpc.unary_unary_rpc_method_handler(big),
    "Failing": grpc.unary_unary_rpc_method_handler(failing),
    "FailingLate": grpc.unary_stream_rpc_method_handler(failing_late),
    "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "BothWays": grpc.stream_stream_rpc_method_handler(both_ways),
}


def main():
    port_file, *identity = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Calls", METHODS),))
    if identity:
        certificate, key = (open(path, "rb").read() for path in identity)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with open(port_file + ".new", "w") as file:
        file.write(str(port))
    import os
    os.rename(port_file + ".new", port_file)
    server.wait_for_termination()


main()
