#!/usr/bin/env bash
# usage: check-fork-safety.sh BUILD-DIR
# What is preloaded may use no lock that a fork(2) can leave held for ever in the child: of mutexes
# ForkMutex alone (shim/base/fork_mutex.h), and nothing of libc that takes a lock which fork does
# not renew. Looks at what the compiled objects refer to.
set -euo pipefail

build=$1
failed=0

# refuse REASON SYMBOL-PATTERN [ALLOWED-OBJECT-PATTERN]
refuse() {
  local found
  found=$(grep -E ": +U ($2)(@.*)?$" <<<"$references" | grep -vE "[/:](${3:-none})\.(cpp|c)\.o:" || true)
  if [ -n "$found" ]; then
    echo "$1:"
    echo "$found" | sed -E 's/^/    /'
    failed=1
  fi
}

references=$(
  for layer in base http match store flow control runtime ops; do
    nm -u -A "$build/shim/$layer/librecshim_$layer.a" 2>/dev/null
  done
  find "$build/shim/hooks" -name '*.o' -exec nm -u -A {} + 2>/dev/null
  true
)
if ! grep -q 'pthread_mutex_lock' <<<"$references"; then
  echo "No ForkMutex found in $build: is it built?"
  exit 1
fi

refuse "A mutex that fork(2) does not know; use ForkMutex" \
  'pthread_(mutex|rwlock|spin|cond|barrier)_[a-z_]+|sem_(wait|post|init)|mtx_[a-z]+|_ZNSt18condition_variable.*|_ZNSt5mutex.*' \
  'fork_mutex'
refuse "A static that is initialised under a lock; use lasting<> or make it constexpr" \
  '__cxa_guard_acquire'
refuse "std::call_once; use lasting<>, for pthread_once(3) starts anew in a child" \
  '__once_proxy|_ZSt15__once_callable|_ZNSt9once_flag.*'
refuse "It takes libc's lock for time zones; use shim/base/utc.h" \
  'gmtime(_r)?|localtime(_r)?|timegm|timelocal|mktime|strftime(_l)?|strptime(_l)?|ctime(_r)?|asctime(_r)?|tzset'
refuse "It takes a lock of libc's" \
  'strerror(_r|_l)?|perror|(set|new|dup|use)locale|(bind)?textdomain|d?c?n?gettext|s?random(_r)?|s?rand|[dlm]rand48|(v)?syslog|(open|close)log|get(pw|gr|sp)(nam|uid|gid|ent)(_r)?|(un)?setenv|putenv|clearenv|iconv(_open|_close)?' \
  'dl'  # means our own hooks of that name

if [ "$failed" -eq 0 ]; then echo "What is preloaded uses locks that are whole over fork(2)."; fi
exit "$failed"
