"""Eight threads share a requests session and a urllib3 pool; answers are shown in order."""

import concurrent.futures

import requests

from account import API, AUTHORIZATION, CA, show

session = requests.Session()
session.verify = CA
session.headers.update(AUTHORIZATION)


def ask(number):
    response = session.post(API + "/v1/chat/completions", timeout=30, json={
        "model": "gpt-4o", "messages": [{"role": "user", "content": f"Thread question {number}"}]})
    return response.json()["choices"][0]["message"]["content"]


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for number, answer in enumerate(pool.map(ask, range(40))):
        show(f"answer {number}", answer)
