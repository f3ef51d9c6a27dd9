#!/usr/bin/env bash
# A container engine and the base images of .env, by whatever this machine allows: `scripts/engine.sh` exits 0 when both
# are there, 3 with one line that says why not. Under root it may install and start the engine of the distribution.
set -euo pipefail
cd "$(dirname "$0")/.."
stand_ins=../shared/tools/base-images.sh # makes images of the same names from Debian packages
folder=${SUMMIT_DOCKER_DIR:-/var/tmp/summit-docker}

say() { printf 'engine: %s\n' "$*" >&2; }
no() { say "$*"; exit 3; }
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
have() { docker image inspect "$1" >/dev/null 2>&1; }

install_engine() { # the distribution's, where we may
  if { command -v dockerd && command -v docker-compose && command -v iptables && command -v mmdebstrap; } >/dev/null; then return; fi
  command -v apt-get >/dev/null || no "no container engine is installed"
  say "installing docker.io docker-compose iptables mmdebstrap"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    docker.io docker-compose iptables mmdebstrap >/dev/null; } || no "docker.io docker-compose cannot be installed"
}

start_engine() {
  local deadline=$((SECONDS + 60)) pid
  mkdir -p "$folder"
  setsid nohup dockerd --data-root "$folder/data" --exec-root "$folder/run" --pidfile "$folder/dockerd.pid" \
    >"$folder/dockerd.log" 2>&1 </dev/null &
  pid=$!
  until answers; do
    kill -0 "$pid" 2>/dev/null || no "dockerd ended: $(tail -n 1 "$folder/dockerd.log")"
    [ "$SECONDS" -lt "$deadline" ] || no "dockerd is not ready after 60 s: $(tail -n 1 "$folder/dockerd.log")"
    sleep 0.2
  done
  say "started dockerd ($folder; stop it with: kill \$(cat $folder/dockerd.pid))"
}

if ! { command -v docker >/dev/null && answers; }; then
  [ "$(id -u)" -eq 0 ] || no "no container engine answers, and only root may start one"
  install_engine
  answers || start_engine
fi
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || no "docker-compose is not installed"

missing=()
while IFS='=' read -r name image; do
  if [[ $name == *_IMAGE && $name != GRAFANA_IMAGE ]] && ! have "${!name:-$image}"; then missing+=("${!name:-$image}"); fi
done <.env
reachable=yes
for image in "${missing[@]}"; do
  if [ "$reachable" = no ] || ! timeout 300 docker pull -q "$image" >/dev/null 2>&1; then reachable=no; fi
done
if [ "$reachable" = no ]; then
  [ -x "$stand_ins" ] || no "no registry is reachable, and $stand_ins is not there to make stand-ins"
  say "no registry is reachable: making stand-ins for the base images"
  SUMMIT_BASE_IMAGES_DIR="$folder/base" "$stand_ins" --skip nats,redis >&2 || no "the stand-ins cannot be made"
fi
