#!/usr/bin/env bash
# Builds the console when its sources changed since the last build. Node is on the PATH (scripts/setup.sh).
set -euo pipefail
cd "$(dirname "$0")/../apps/console"

# every file that git knows or would add: neither node_modules nor what a build writes
hash_of() { git ls-files -z --cached --others --exclude-standard -- "$@" | sort -z | xargs -0 cat -- | sha256sum | cut -d' ' -f1; }
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

packages=$(hash_of package.json package-lock.json)
if ! stamped node_modules/.stamp "$packages"; then
  echo "setup: installing the packages of the console" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  echo "$packages" >node_modules/.stamp
fi

sources=$(hash_of . ':!Dockerfile' ':!nginx.conf')
if ! stamped out/.stamp "$sources"; then
  echo "setup: building the console" >&2
  npm run --silent build >&2
  echo "$sources" >out/.stamp
fi
