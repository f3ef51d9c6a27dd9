#!/usr/bin/env bash
# Times `make run` to "ready" from a clean clone: cold (empty caches) and then warm. Prints one JSON line, fails when a
# bar is missed: 360 s cold, 15 s warm.
set -euo pipefail
cold_bar=360 warm_bar=15
source=$(git -C "$(dirname "$0")/.." rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet "$source" "$work/clone"
export HOME="$work/home" UV_CACHE_DIR="$work/cache/uv" PIP_CACHE_DIR="$work/cache/pip" npm_config_cache="$work/cache/npm"
export XDG_CACHE_HOME="$work/cache"
mkdir -p "$HOME"

seconds_to_ready() {
  local started=$SECONDS log=$1 pid
  : >"$log"
  setsid make -C "$work/clone" run >"$log" 2>&1 &
  pid=$!
  until grep -q '^Summit OS ready' "$log"; do
    if ! kill -0 "$pid" 2>/dev/null || [ $((SECONDS - started)) -gt 900 ]; then
      tail -n 30 "$log" >&2
      exit 1
    fi
    sleep 0.2
  done
  echo $((SECONDS - started))
  "$work/clone/.venv/bin/summit" down --state-dir "$work/clone/.summit" >&2
  wait "$pid" || [ $? -le 143 ]
}

cold=$(seconds_to_ready "$work/cold.log")
warm=$(seconds_to_ready "$work/warm.log")
echo "{\"cold_s\": $cold, \"cold_bar_s\": $cold_bar, \"warm_s\": $warm, \"warm_bar_s\": $warm_bar}"
[ "$cold" -le "$cold_bar" ] && [ "$warm" -le "$warm_bar" ]
