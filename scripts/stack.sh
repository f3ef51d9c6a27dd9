#!/usr/bin/env bash
# The compose stack: `up` builds it, starts it and waits until all is healthy; `down` stops it (`down -v`: with its data);
# `key` shows the first administrator's key. Further words go to docker-compose.
set -euo pipefail
cd "$(dirname "$0")/.."
secrets=${SUMMIT_SECRETS_DIR:-infra/docker/secrets}
container_user=10001
export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} COMPOSE_DOCKER_CLI_BUILD=${COMPOSE_DOCKER_CLI_BUILD:-0}

compose() { if command -v docker-compose >/dev/null; then docker-compose "$@"; else docker compose "$@"; fi; }

own_secrets() { # the services run as the owner of the secrets, whom root must not be
  .venv/bin/summit secrets check --dir "$secrets" || { echo "stack: make the secrets first: make secrets" >&2; exit 1; }
  if [ "$(stat -c %u "$secrets/service_key")" -eq 0 ]; then chown "$container_user:$container_user" "$secrets"/*; fi
  SUMMIT_UID=$(stat -c %u "$secrets/service_key")
  SUMMIT_GID=$(stat -c %g "$secrets/service_key")
  export SUMMIT_UID SUMMIT_GID
}

up() {
  own_secrets
  compose build --quiet
  local code=0
  compose up -d "$@" || code=1
  if [ "$code" -eq 0 ]; then .venv/bin/summit health --stack --within "${SUMMIT_STACK_WITHIN:-240}" || code=1; fi
  if [ "$code" -ne 0 ]; then
    echo "stack: not healthy; the end of each log:" >&2
    compose logs --no-color --tail=15 >&2
    exit 1
  fi
}

case ${1:-} in
  up) shift; up "$@" ;;
  down) shift; compose down "$@" ;;
  key) compose exec -T api-gateway cat /var/lib/summit/admin.key ;;
  *) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;;
esac
