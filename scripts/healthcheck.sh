#!/usr/bin/env bash
# Exits 0 when the server says it is ready, 1 otherwise. Nothing but bash is needed, so that it works in a bare image.
#
#   healthcheck.sh [ADDRESS:PORT]   default: the port of $LOOKALIKE_LISTEN on this machine
set -u
listen=${1:-${LOOKALIKE_LISTEN:-127.0.0.1:8080}}
host=${listen%:*} port=${listen##*:}
# Listening on every address includes this one.
case $host in "" | 0.0.0.0 | "[::]" | "::") host=127.0.0.1 ;; esac
host=${host#[} host=${host%]}

probe() {
  exec 3<> "/dev/tcp/$host/$port" || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$listen" >&3
  local status
  read -r -t 4 _ status _ <&3 && [ "$status" = 200 ]
} 2> /dev/null
probe
