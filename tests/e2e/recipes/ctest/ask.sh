#!/bin/sh
# ask.sh WORD: is WORD in the answer?
set -eu
answer=$(curl -q -sS --fail --max-time 30 https://api.openai.com/v1/chat/completions \
  -H "Authorization: Bearer $OPENAI_API_KEY" -H 'Content-Type: application/json' \
  -d '{"model":"gpt-4o","messages":[{"role":"user","content":"What are '"$1"'?"}]}')
case $answer in *"$1"*) ;; *) echo "$answer"; exit 1 ;; esac
