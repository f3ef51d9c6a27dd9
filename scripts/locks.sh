#!/usr/bin/env bash
# Writes requirements.lock (with hashes) of each Python app from uv.lock; with --check compares and exits 1 on a difference.
set -euo pipefail
cd "$(dirname "$0")/.."

drift=0
for app in apps/*/pyproject.toml; do
  folder=$(dirname "$app")
  package=$(sed -n 's/^name = "\(.*\)"/\1/p' "$app" | head -n 1)
  fresh=$(uv export --quiet --frozen --package "$package" --no-dev --no-emit-workspace --no-header --format requirements-txt)
  if [ "${1:-}" != --check ]; then
    printf '%s\n' "$fresh" >"$folder/requirements.lock"
  elif [ ! -f "$folder/requirements.lock" ] || [ "$fresh" != "$(cat "$folder/requirements.lock")" ]; then
    echo "$folder/requirements.lock is not what uv.lock says; run \`make locks\`" >&2
    drift=1
  fi
done
if grep -nE -- '--(extra-)?index-url|--find-links|^file:|@ file:' apps/*/requirements.lock; then
  echo "a lock file names a package index or a path of one machine" >&2
  drift=1
fi
exit "$drift"
