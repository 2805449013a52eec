#!/usr/bin/env python3
"""What a folder of 100,000 recordings costs beside one of 100: a hit by name, a list of models, building
the content index, and looking whether it is still right. Both folders are measured in one run.

    tests/bench/scale.py [--build BUILD] [--files N] [--folder FOLDER] [--check]

With --check, exit status 1 if a hit costs more than 1.5 times as much, or the index is built with
less than 100 MB/s.
"""

import argparse
import hashlib
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

SMALL = 100
ASKED = 90
CLIENT = """
import http.client, json, sys
for index in range(%d):
    connection = http.client.HTTPConnection("api.example", timeout=30)
    if sys.argv[1] == "chat":
        connection.request("POST", "/v1/chat/completions", json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": "Question %%d" %% index}]}),
            {"Content-Type": "application/json"})
    else:
        connection.request("GET", "/v1/models")
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    connection.close()
""" % ASKED


def recording(index):
    """One as llama-stack writes them: a stream of a few dozen chunks, and the name of its key."""
    body = {"model": "m", "messages": [{"role": "user", "content": f"Question {index}"}]}
    key = {"method": "POST", "endpoint": "/v1/v1/chat/completions", "body": body, "test_id": None}
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    chunk = {"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": {
        "id": f"rec-{name[:12]}", "choices": [{"delta": {"content": f" word {index}", "function_call": None,
        "refusal": None, "role": "assistant", "tool_calls": None}, "finish_reason": None, "index": 0,
        "logprobs": None}], "created": 0, "model": "m", "object": "chat.completion.chunk"}}
    whole = {"test_id": None, "request": {
        "method": "POST", "url": "http://api.example/v1/v1/chat/completions", "headers": {}, "body": body,
        "endpoint": "/v1/chat/completions", "model": "m"},
        "response": {"body": [chunk] * 12, "is_streaming": True}, "id_normalization_mapping": {}}
    return name, json.dumps(whole, indent=2) + "\n"


def model_list():
    key = {"method": "POST", "endpoint": "/v1/v1/models", "body": {}, "test_id": None}
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    model = {"__type__": "openai.types.model.Model", "__data__": {
        "id": "m", "created": 1, "object": "model", "owned_by": "me"}}
    whole = {"test_id": None, "request": {
        "method": "POST", "url": "http://api.example/v1/v1/models", "headers": {}, "body": {},
        "endpoint": "/v1/models", "model": ""},
        "response": {"body": [model], "is_streaming": False}, "id_normalization_mapping": {}}
    digest = hashlib.sha256(b"m").hexdigest()[:8]
    return f"models-{name}-{digest}", json.dumps(whole, indent=2) + "\n"


def fill(folder, count):
    folder.mkdir(parents=True)
    name, text = model_list()
    (folder / f"{name}.json").write_text(text)
    size = 0
    for index in range(count):
        name, text = recording(index)
        (folder / f"{name}.json").write_text(text)
        size += len(text)
    return size


def environment(work, folder):
    return {**{name: value for name, value in os.environ.items() if not name.startswith("RECSHIM_")},
            "XDG_CACHE_HOME": str(work / "cache"), "RECSHIM_DIR": str(folder)}


def hit_us(build, work, folder, what="chat"):
    """The median time that a hit took, as the journal has it."""
    journal = work / f"{folder.name}.journal"
    journal.unlink(missing_ok=True)
    env = environment(work, folder) | {"LD_PRELOAD": str(build / "librecshim.so"), "RECSHIM_MODE": "replay",
                                       "RECSHIM_HOSTS": "api.example", "RECSHIM_JOURNAL": str(journal)}
    subprocess.run([sys.executable, "-c", CLIENT, what], env=env, check=True, timeout=120)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(lines) == ASKED and all(line["outcome"] == "hit" for line in lines)
    return statistics.median(line["duration_us"] for line in lines)


def index(build, work, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([build / "recshim", "index", "--json", folder], env=environment(work, folder),
                          check=True, capture_output=True, text=True, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return json.loads(done.stdout) | {"cpu_s": cpu_s}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "build")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", help="where to work; removed afterwards")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    build = options.build.resolve()
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        work = pathlib.Path(work)
        small, large = work / "small", work / "large"
        fill(small, SMALL)
        megabytes = fill(large, options.files) / 1e6
        slow = False
        for what, name in ("chat", "hit by name"), ("models", "list of models"):
            # In turns, so that what else the machine does falls on both.
            turns = [(hit_us(build, work, small, what), hit_us(build, work, large, what)) for _ in range(5)]
            small_us, large_us = (statistics.median(column) for column in zip(*turns))
            slow = slow or large_us > 1.5 * small_us
            print(f"{name}: {small_us:.0f} us of {SMALL} files, {large_us:.0f} us of {options.files}: "
                  f"{large_us / small_us:.2f} times")
        built, again = index(build, work, large), index(build, work, large)
        # Of one core's time, so that what else the machine does is left out.
        rate = built["bytes_read"] / 1e6 / built["cpu_s"]
        print(f"index: {built['files']} files, {megabytes:.0f} MB in {built['seconds']:.2f} s, of which "
              f"{built['cpu_s']:.2f} s on a core: {rate:.0f} MB/s")
        print(f"looked over again: {again['seconds']:.2f} s, {again['files_read']} files read")
    if options.check and (slow or rate < 100):
        sys.exit(1)


if __name__ == "__main__":
    main()
