#!/usr/bin/env bash
# Writes the lock (with hashes) of each image from uv.lock; with --check compares and exits 1 on a difference.
set -euo pipefail
cd "$(dirname "$0")/.."

drift=0
lock() { # FILE EXPORT_OPTIONS...; without "via" comments apps with the same packages have the same file, thus one layer
  local file=$1 fresh
  shift
  fresh=$(uv export --quiet --frozen "$@" --no-emit-workspace --no-annotate --no-header --format requirements-txt)
  if [ "$check" = no ]; then
    printf '%s\n' "$fresh" >"$file"
  elif [ ! -f "$file" ] || [ "$fresh" != "$(cat "$file")" ]; then
    echo "$file is not what uv.lock says; run \`make locks\`" >&2
    drift=1
  fi
}

check=no
if [ "${1:-}" = --check ]; then check=yes; fi
for app in apps/*/pyproject.toml; do
  lock "$(dirname "$app")/requirements.lock" --no-dev --package "$(sed -n 's/^name = "\(.*\)"/\1/p' "$app" | head -n 1)"
done
lock infra/docker/nats.lock --only-group nats
if grep -nE -- '--(extra-)?index-url|--find-links|^file:|@ file:' apps/*/requirements.lock infra/docker/nats.lock; then
  echo "a lock file names a package index or a path of one machine" >&2
  drift=1
fi
exit "$drift"
