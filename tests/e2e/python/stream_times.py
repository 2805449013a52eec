"""Shows when each chunk of a stream arrived, in seconds of the wall clock."""

import http.client
import sys
import time

from account import context

connection = http.client.HTTPSConnection("api.openai.com", timeout=30, context=context())
connection.request("GET", sys.argv[1])
response = connection.getresponse()
while response.read1(65536):
    print(time.time())
