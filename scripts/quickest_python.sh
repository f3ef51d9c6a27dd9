#!/usr/bin/env bash
# Prints which python3 the environment is to be built on: the first on the PATH, unless another one there, of the same
# version, needs less than 85 % of its time for the same work. Built without profile-guided optimisation (as pyenv
# does unless it is told) an interpreter needs half as long again, in every service (ADR 0037).
set -euo pipefail
probe='
import sys, time

def work():
    seen = {}
    for number in range(20_000):
        seen.setdefault(f"{number % 500}", []).append(number)

def spent():
    start = time.process_time()
    work()
    return time.process_time() - start

print("%d.%d" % sys.version_info[:2], round(1e6 * min(spent() for _ in range(7))))
'
best='' version='' limit=0
mapfile -t candidates < <(type -ap python3)
for candidate in "${candidates[@]}"; do
  answer=$("$candidate" -c "$probe" 2>/dev/null) || continue
  read -r has microseconds <<<"$answer"
  if [ -z "$best" ]; then
    best=$candidate version=$has limit=$((microseconds * 85 / 100))
  elif [ "$has" = "$version" ] && [ "$microseconds" -lt "$limit" ]; then
    best=$candidate limit=$((microseconds * 85 / 100))
  fi
done
[ -n "$best" ] || { echo "no python3 on the PATH runs" >&2; exit 1; }
echo "$best"
