#!/usr/bin/env bash
# From a checkout to a running server with a made-up shop, on 127.0.0.1:$PORT (default 8080), until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/demo-server.sh
port=${PORT:-8080}

# Before the long part.
port_free "$port" || {
  echo "Port $port is taken by another program. Choose another one: make demo PORT=9000" >&2
  exit 1
}
scripts/build.sh
scripts/demo-bundle.sh

finish() { # once: Ctrl-C reaches every process of the terminal, the server among them
  trap '' INT TERM
  stop_server || true
  echo
  echo "Stopped."
  exit 0
}
trap 'stop_server || true' EXIT
trap finish INT TERM
# What comes in online is the demo's own, and so is the key that lets it in.
[ -s target/demo/admin.keys ] || python3 -c 'import secrets; print(secrets.token_hex(20))' > target/demo/admin.keys
# The example of clients/javascript is a page of another origin, which a python3 -m http.server shows.
start_server "$port" --cors-origin http://127.0.0.1:8000,http://localhost:8000 --state target/demo/state --admin-keys-file target/demo/admin.keys --reads open
photo=$(first_photo)
cat <<TEXT

  Lookalike is ready.

  Open   http://127.0.0.1:$port/
  or     curl -F image=@$photo 'http://127.0.0.1:$port/similar?k=5'
  Write  curl -X DELETE -H "Authorization: Bearer $(cat target/demo/admin.keys)" http://127.0.0.1:$port/items/ID

  Ctrl-C stops it.

TEXT
wait "$server_pid"
