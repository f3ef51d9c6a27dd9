#!/usr/bin/env bash
# Writes each base image of .env as name:tag@sha256:…, as the registry has it now. Run it to pin, and again to renew.
set -euo pipefail
cd "$(dirname "$0")/.."

while IFS='=' read -r name image; do
  [[ $name == *_IMAGE ]] || continue
  tag=${image%%@*}
  docker pull -q "$tag" >/dev/null
  digest=$(docker image inspect --format '{{index .RepoDigests 0}}' "$tag")
  sed -i "s|^$name=.*|$name=$tag@${digest##*@}|" .env
done <<<"$(cat .env)"
grep '_IMAGE=' .env
