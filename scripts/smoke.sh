#!/usr/bin/env bash
# The demo without staying: posts one photo of the shop, prints the answer, checks it. Exits 0 or 1.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/demo-server.sh
log=target/demo/smoke.log

scripts/build.sh
scripts/demo-bundle.sh
port=${PORT:-$(free_port)}

fail() { echo "smoke: FAILED: $1. The server's log: $log" >&2; tail -n 20 "$log" >&2; exit 1; }
trap 'stop_server || true' EXIT
start_server "$port" > "$log" 2>&1 || fail "the server did not become ready"
photo=$(first_photo)
echo "POST /similar of $photo"
python3 scripts/smoke.py "http://127.0.0.1:$port" "$photo" target/demo/shop/items.jsonl || fail "the answer is not as it should be"
stop_server || fail "the server did not stop cleanly"
echo "smoke: passed"
