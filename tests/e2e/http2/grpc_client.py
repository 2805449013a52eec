"""Every kind of gRPC call: grpc_client.py TARGET [CA FILE] [CALL…]. Without a CA file, no TLS."""

import sys
import threading

import grpc


def say(name, *values):
    print(name, *values, flush=True)


def status(error):
    return error.code().name, error.details()


def unary(channel):
    answer, call = channel.unary_unary("/test.Calls/Unary").with_call(
        b"question \x00\xfe", metadata=(("x-asked", "yes"), ("x-blob-bin", b"\x01\xfe")))
    say("unary", answer, sorted(call.trailing_metadata()))


def server_stream(channel):
    say("server stream", list(channel.unary_stream("/test.Calls/ServerStream")(b"number")))


def client_stream(channel):
    say("client stream", channel.stream_unary("/test.Calls/ClientStream")(iter([b"a", b"b", b"c"])))


def both_ways(channel):
    say("both ways", list(channel.stream_stream("/test.Calls/BothWays")(iter([b"a", b"b", b"c"]))))


def turns(channel):
    """The next message depends on the answer to the one before."""
    answered = threading.Semaphore(1)

    def messages():
        for i in range(4):
            answered.acquire()
            yield b"turn %d" % i

    answers = []
    for answer in channel.stream_stream("/test.Calls/BothWays")(messages(), timeout=20):
        answers.append(answer)
        answered.release()
    say("turns", answers)


def big(channel):
    answer = channel.unary_unary("/test.Calls/Big")(b"3000000")
    say("big", len(answer), hash(answer) == hash(bytes(range(256)) * (3000000 // 256)))
    say("big request", len(channel.unary_unary("/test.Calls/Unary")(b"x" * 2_000_000)))


def failing(channel):
    for call in (lambda: channel.unary_unary("/test.Calls/Failing")(b"it"),
                 lambda: list(channel.unary_stream("/test.Calls/FailingLate")(b"it")),
                 lambda: channel.unary_unary("/test.Calls/Unknown")(b"it")):
        try:
            say("not failed", call())
        except grpc.RpcError as error:
            say("failed", *status(error))


def at_once(channel):
    call = channel.unary_unary("/test.Calls/Unary")
    asked = [call.future(b"%d" % i) for i in range(50)]
    say("at once", [each.result() for each in asked])


def new(channel):
    try:
        say("new", channel.unary_unary("/test.Calls/Unary")(b"never asked"))
    except grpc.RpcError as error:
        say("new", error.code().name, "No recording" in error.details() or error.details())


def deadline(channel):
    try:
        say("deadline", channel.unary_unary("/test.Calls/Slow")(b"", timeout=0.3))
    except grpc.RpcError as error:
        say("deadline", error.code().name)


USUAL = ["unary", "server_stream", "client_stream", "both_ways", "big", "failing", "at_once"]


def main():
    target, *words = sys.argv[1:]
    options = [("grpc.max_receive_message_length", -1)]
    if words and words[0].endswith(".pem"):
        with open(words.pop(0), "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        channel = grpc.secure_channel(target, credentials, options)
    elif words and words[0] == "default":
        words.pop(0)
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), options)
    else:
        channel = grpc.insecure_channel(target, options)
    with channel:
        for name in words or USUAL:
            globals()[name](channel)


main()
