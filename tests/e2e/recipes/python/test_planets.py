"""A user's tests. They know nothing of recshim."""

import json
import os
import urllib.request

import pytest


@pytest.mark.parametrize("planet", ["Saturn", "Mars"])
def test_planet(planet):
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"Has {planet} rings?"}]}
    request = urllib.request.Request("https://api.openai.com/v1/chat/completions", json.dumps(body).encode(), {
        "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert planet in json.load(response)["choices"][0]["message"]["content"]
