#!/usr/bin/env bash
# Installs Prometheus, promtool, Alertmanager, amtool and the blackbox exporter from Debian, for the tests of the rules.
# Prints what is missing and exits 1 where that cannot be done; the tests then say SKIPPED and why. Starts no service.
set -euo pipefail

tools=(prometheus promtool prometheus-alertmanager amtool prometheus-blackbox-exporter)
missing() {
  local tool
  for tool in "${tools[@]}"; do
    if ! command -v "$tool" >/dev/null; then echo "$tool"; fi
  done
}

[ -n "$(missing)" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing, and only root on Debian can install them:" $(missing) >&2
  exit 1
fi
policy=/usr/sbin/policy-rc.d # asked by Debian's scripts whether a service may be started
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  prometheus prometheus-alertmanager prometheus-blackbox-exporter >/dev/null
[ -z "$(missing)" ] || { echo "still missing:" $(missing) >&2; exit 1; }
