"""LLM endpoints in the shapes of OpenAI, Ollama and Anthropic. What they say follows from
the request alone; ids and times differ at every call, as a real server's do."""

import base64
import hashlib
import json
import struct
import time

INSTEAD = {}  # words of an answer → what is said instead


def answer_to(text):
    """A reply of a dozen words, with characters that JSON and UTF-8 make interesting."""
    number = int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) % 1000
    answer = (f"You said “{text[:60]}”. The number is {number}, the word is café, "
              f"and the saucer \U0001f6f8 is at 12° 34′ \\ \"quoted\"\nDone.")
    for words, others in INSTEAD.items():
        answer = answer.replace(words, others)
    return answer


def pieces(text):
    """Tokens: each word with the space before it."""
    out = []
    for index, word in enumerate(text.split(" ")):
        out.append(word if index == 0 else " " + word)
    return out


def last_user_text(messages):
    for message in reversed(messages):
        if message.get("role") in ("user", "tool"):
            content = message.get("content")
            if isinstance(content, list):
                content = " ".join(part.get("text", "") for part in content)
            return content or ""
    return ""


def pause(ex):
    time.sleep(ex.server.options.chunk_delay)


def common_headers(ex):
    token = ex.server.volatile.token
    return [("X-Request-Id", "req_" + token()), ("OpenAI-Processing-Ms", str(1 + int(token(2), 16))),
            ("OpenAI-Organization", "e2e-org"),
            ("Set-Cookie", f"__cf_bm={token(32)}; path=/; HttpOnly; Secure; SameSite=None")]


def authorised(ex):
    if ex.header("Authorization").startswith("Bearer ") or ex.header("X-Api-Key"):
        return True
    ex.body()
    ex.reply_json({"error": {"message": "You didn't provide an API key.", "type": "invalid_request_error",
                             "param": None, "code": None}}, 401, indent=4)
    return False


def fail(ex, status, message, code=None):
    ex.reply_json({"error": {"message": message, "type": "invalid_request_error", "param": None,
                             "code": code}}, status, common_headers(ex), indent=4)


def start_stream(ex, content_type):
    ex.start(200, [("Content-Type", content_type), ("Cache-Control", "no-cache"), *common_headers(ex)],
             chunked=True)


def sse(ex, value, event=None):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=ex.server.options.ascii)
    ex.write(((f"event: {event}\n" if event else "") + f"data: {text}\n\n").encode())


def tool_call_for(ex, tools, text):
    function = tools[0]["function"] if "function" in tools[0] else tools[0]
    names = list(function.get("parameters", {}).get("properties", {})) or ["query"]
    return {"id": "call_" + ex.server.volatile.token(), "name": function["name"],
            "arguments": json.dumps({name: text[:30] for name in names})}


def wants_tool(request):
    messages = request.get("messages") or []
    return bool(request.get("tools")) and not (messages and messages[-1].get("role") == "tool")


# --- OpenAI -------------------------------------------------------------------------


def chat_completions(ex):
    request = ex.json()
    if request.get("model") == "no-such-model":
        return fail(ex, 404, "The model `no-such-model` does not exist", "model_not_found")
    messages = request["messages"]
    text = last_user_text(messages)
    base = {"id": "chatcmpl-" + ex.server.volatile.token(29), "created": ex.server.volatile.unix_time(),
            "model": request["model"] + "-2024-08-06", "service_tier": "default",
            "system_fingerprint": "fp_e2e"}
    usage = {"prompt_tokens": len(json.dumps(messages)), "completion_tokens": len(pieces(answer_to(text))),
             "total_tokens": len(json.dumps(messages)) + len(pieces(answer_to(text)))}
    if request.get("stream"):
        return chat_stream(ex, request, text, base, usage)
    message = {"role": "assistant", "content": answer_to(text), "refusal": None, "annotations": []}
    finish = "stop"
    if wants_tool(request):
        call = tool_call_for(ex, request["tools"], text)
        message.update(content=None, tool_calls=[{"id": call["id"], "type": "function", "function": {
            "name": call["name"], "arguments": call["arguments"]}}])
        finish = "tool_calls"
    ex.reply_json({**base, "object": "chat.completion", "choices": [
        {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}], "usage": usage},
        headers=common_headers(ex), indent=2)


def chat_stream(ex, request, text, base, usage):
    start_stream(ex, "text/event-stream; charset=utf-8")

    stream_options = request.get("stream_options") or {}

    def chunk(delta, finish=None):
        value = {**base, "object": "chat.completion.chunk", "choices": [
            {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        if stream_options.get("include_obfuscation", True):
            value["obfuscation"] = ex.server.volatile.token(9)
        sse(ex, value)
        pause(ex)

    if wants_tool(request):
        call = tool_call_for(ex, request["tools"], text)
        chunk({"role": "assistant", "content": None, "tool_calls": [
            {"index": 0, "id": call["id"], "type": "function",
             "function": {"name": call["name"], "arguments": ""}}]})
        for start in range(0, len(call["arguments"]), 7):
            chunk({"tool_calls": [{"index": 0, "function": {
                "arguments": call["arguments"][start:start + 7]}}]})
        chunk({}, "tool_calls")
    else:
        chunk({"role": "assistant", "content": "", "refusal": None})
        for piece in pieces(answer_to(text)):
            chunk({"content": piece})
        chunk({}, "stop")
    if stream_options.get("include_usage"):
        sse(ex, {**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    ex.write(b"data: [DONE]\n\n")
    ex.end()


def completions(ex):
    request = ex.json()
    text = answer_to(str(request["prompt"]))
    base = {"id": "cmpl-" + ex.server.volatile.token(), "object": "text_completion",
            "created": ex.server.volatile.unix_time(), "model": request["model"]}
    if not request.get("stream"):
        return ex.reply_json({**base, "choices": [
            {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}},
            headers=common_headers(ex))
    start_stream(ex, "text/event-stream")
    for piece in pieces(text):
        sse(ex, {**base, "choices": [{"text": piece, "index": 0, "logprobs": None, "finish_reason": None}]})
        pause(ex)
    sse(ex, {**base, "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}]})
    ex.write(b"data: [DONE]\n\n")
    ex.end()


def vector(text, size=16):
    digest = hashlib.sha256(text.encode()).digest()
    return [round((digest[i % 32] - 127.5) / 127.5, 8) for i in range(size)]


def embeddings(ex):
    request = ex.json()
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    data = []
    for index, text in enumerate(inputs):
        values = vector(str(text))
        if request.get("encoding_format") == "base64":
            values = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
        data.append({"object": "embedding", "index": index, "embedding": values})
    ex.reply_json({"object": "list", "data": data, "model": request["model"],
                   "usage": {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}},
                  headers=common_headers(ex), indent=2)


def models(ex):
    ex.body()
    ex.reply_json({"object": "list", "data": [
        {"id": name, "object": "model", "created": 1715367049, "owned_by": "system"}
        for name in ("gpt-4o", "gpt-4o-mini", "text-embedding-3-small")]},
        headers=common_headers(ex), indent=2)


def responses(ex):
    request = ex.json()
    given = request["input"]
    text = given if isinstance(given, str) else last_user_text(given)
    previous = request.get("previous_response_id")
    history = []
    if previous:
        with ex.server.lock:
            history = ex.server.state.get("response " + previous)
        if history is None:
            return fail(ex, 400, f"Previous response with id '{previous}' not found.",
                        "previous_response_not_found")
        text = f"{text} (after: {' / '.join(history)})"
    token = ex.server.volatile.token
    response_id, message_id = "resp_" + token(32), "msg_" + token(32)
    with ex.server.lock:
        ex.server.state["response " + response_id] = [*history, given if isinstance(given, str) else text]
    answer = answer_to(text)
    content = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer}
    item = {"id": message_id, "type": "message", "status": "completed", "role": "assistant",
            "content": [content]}
    response = {"id": response_id, "object": "response", "created_at": ex.server.volatile.unix_time(),
                "status": "completed", "error": None, "incomplete_details": None, "instructions": None,
                "metadata": {}, "model": request["model"], "output": [item], "parallel_tool_calls": True,
                "previous_response_id": previous, "temperature": 1.0, "tool_choice": "auto", "tools": [],
                "top_p": 1.0, "usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 0},
                                        "output_tokens": 4, "total_tokens": 7,
                                        "output_tokens_details": {"reasoning_tokens": 0}}}
    if not request.get("stream"):
        return ex.reply_json(response, headers=common_headers(ex), indent=2)
    start_stream(ex, "text/event-stream; charset=utf-8")
    number = 0

    def event(kind, **fields):
        nonlocal number
        sse(ex, {"type": kind, "sequence_number": number, **fields}, kind)
        number += 1
        pause(ex)

    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": message_id, "output_index": 0, "content_index": 0}
    event("response.created", response=begun)
    event("response.in_progress", response=begun)
    event("response.output_item.added", output_index=0,
          item={**item, "status": "in_progress", "content": []})
    event("response.content_part.added", **place, part={**content, "text": ""})
    for piece in pieces(answer):
        event("response.output_text.delta", **place, delta=piece, logprobs=[], obfuscation=token(7))
    event("response.output_text.done", **place, text=answer, logprobs=[])
    event("response.content_part.done", **place, part=content)
    event("response.output_item.done", output_index=0, item=item)
    event("response.completed", response=response)
    ex.end()


# --- Ollama -------------------------------------------------------------------------


def ollama_end(ex, count):
    ns = ex.server.volatile.nanoseconds
    return {"done": True, "done_reason": "stop", "total_duration": ns(), "load_duration": ns(),
            "prompt_eval_count": 11, "prompt_eval_duration": ns(), "eval_count": count,
            "eval_duration": ns()}


def ndjson(ex, value):
    ex.write((json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n").encode())
    pause(ex)


def ollama_text(ex, text, wrap):
    """wrap(piece) → the fields that hold a piece of text."""
    request = ex.json()

    def base():
        return {"model": request["model"], "created_at": ex.server.volatile.iso_time()}

    parts = pieces(answer_to(text))
    if request.get("stream", True) is False:
        return ex.reply_json({**base(), **wrap("".join(parts)), **ollama_end(ex, len(parts))})
    ex.start(200, [("Content-Type", "application/x-ndjson")], chunked=True)
    for piece in parts:
        ndjson(ex, {**base(), **wrap(piece), "done": False})
    ndjson(ex, {**base(), **wrap(""), **ollama_end(ex, len(parts))})
    ex.end()


def ollama_chat(ex):
    request = ex.json()
    text = last_user_text(request["messages"])
    if wants_tool(request):
        call = tool_call_for(ex, request["tools"], text)
        calls = [{"function": {"name": call["name"], "arguments": json.loads(call["arguments"])}}]
        return ollama_text(ex, "", lambda piece: {"message": {
            "role": "assistant", "content": "", **({"tool_calls": calls} if piece else {})}})
    ollama_text(ex, text, lambda piece: {"message": {"role": "assistant", "content": piece}})


def ollama_generate(ex):
    ollama_text(ex, ex.json()["prompt"], lambda piece: {"response": piece})


MODEL = {"name": "llama3.2:3b", "model": "llama3.2:3b", "modified_at": "2025-01-02T03:04:05.678901234Z",
         "size": 2019393189, "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
         "details": {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"],
                     "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}}


def ollama_tags(ex):
    ex.body()
    ex.reply_json({"models": [MODEL]})


def ollama_ps(ex):
    ex.body()
    running = {key: value for key, value in MODEL.items() if key != "modified_at"}
    ex.reply_json({"models": [{**running, "expires_at": ex.server.volatile.iso_time(), "size_vram": 1}]})


def ollama_embed(ex):
    request = ex.json()
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    ns = ex.server.volatile.nanoseconds
    ex.reply_json({"model": request["model"], "embeddings": [vector(text, 8) for text in inputs],
                   "total_duration": ns(), "load_duration": ns(), "prompt_eval_count": len(inputs)})


def ollama_pull(ex):
    request = ex.json()
    steps = [{"status": "pulling manifest"}]
    steps += [{"status": "pulling a80c4f17", "digest": "sha256:a80c4f17", "total": 4000, "completed": done}
              for done in range(0, 5000, 1000)]
    steps += [{"status": "verifying sha256 digest"}, {"status": "success"}]
    if request.get("stream", True) is False:
        return ex.reply_json(steps[-1])
    ex.start(200, [("Content-Type", "application/x-ndjson")], chunked=True)
    for step in steps:
        ndjson(ex, step)
    ex.end()


# --- Anthropic ----------------------------------------------------------------------


def anthropic_messages(ex):
    request = ex.json()
    text = answer_to(last_user_text(request["messages"]))
    message = {"id": "msg_" + ex.server.volatile.token(), "type": "message", "role": "assistant",
               "model": request["model"], "content": [], "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": 9, "output_tokens": 1}}
    if not request.get("stream"):
        return ex.reply_json({**message, "content": [{"type": "text", "text": text}],
                              "stop_reason": "end_turn"}, headers=common_headers(ex))
    start_stream(ex, "text/event-stream; charset=utf-8")

    def event(kind, **fields):
        sse(ex, {"type": kind, **fields}, kind)
        pause(ex)

    event("message_start", message=message)
    event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    event("ping")
    for piece in pieces(text):
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    event("content_block_stop", index=0)
    event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None},
          usage={"output_tokens": len(pieces(text))})
    event("message_stop")
    ex.end()


ROUTES = {
    ("POST", "/v1/chat/completions"): chat_completions, ("POST", "/v1/completions"): completions,
    ("POST", "/v1/embeddings"): embeddings, ("POST", "/v1/responses"): responses,
    ("POST", "/openai/deployments/gpt-4o/chat/completions"): chat_completions,
    ("POST", "/openai/deployments/text-embedding-3-small/embeddings"): embeddings,
    ("GET", "/v1/models"): models, ("POST", "/v1/messages"): anthropic_messages,
    ("POST", "/api/chat"): ollama_chat, ("POST", "/api/generate"): ollama_generate,
    ("GET", "/api/tags"): ollama_tags, ("GET", "/api/ps"): ollama_ps,
    ("POST", "/api/embed"): ollama_embed, ("POST", "/api/pull"): ollama_pull,
}
