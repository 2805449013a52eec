"""Asks the official SDK a recorded question; shows each chunk as the SDK understood it."""

import json
import sys

import openai

from account import KEY, context

with open(sys.argv[1], encoding="utf-8") as file:
    body = json.load(file)["request"]["body"]
client = openai.OpenAI(base_url="https://api.openai.com/v1", api_key=KEY, max_retries=0,
                       http_client=openai.DefaultHttpxClient(verify=context()))
for chunk in client.chat.completions.create(**body):
    print(json.dumps(chunk.model_dump()))
