#!/usr/bin/env bash
# openapi.yaml against the demo's running server: schemathesis with every check (schemathesis.toml), then a client generated
# from the file, built, that calls every operation. More cases: EXAMPLES=500 make test-api.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/demo-server.sh
work=target/test-api
venv=$work/venv
least=2000

scripts/build.sh
scripts/demo-bundle.sh
scripts/install-venv.sh "$venv" tests/api/requirements.txt
mkdir -p "$work"

fail() { echo "test-api: FAILED: $1. The server's log: $work/server.log" >&2; exit 1; }
trap 'stop_server || true' EXIT
port=$(free_port)
LOOKALIKE_TEST_KEY=$(python3 -c 'import secrets; print(secrets.token_hex(20))')
LOOKALIKE_TEST_SERVER=http://127.0.0.1:$port
export LOOKALIKE_TEST_KEY LOOKALIKE_TEST_SERVER
fresh_server() { # as if nothing had ever been written
  rm -rf "$work/state"
  LOOKALIKE_ADMIN_KEYS=$LOOKALIKE_TEST_KEY start_server "$port" --state "$work/state" --trusted-proxy 127.0.0.1 >> "$work/server.log" 2>&1 \
    || fail "the server did not become ready"
}
rm -f "$work/server.log"
fresh_server

report=$work/schemathesis.txt
"$venv/bin/schemathesis" run openapi.yaml --url "$LOOKALIKE_TEST_SERVER" ${EXAMPLES:+--max-examples "$EXAMPLES"} 2>&1 | tee "$report" \
  || fail "schemathesis found something, see above"
cases=$(sed -nE 's/^ *([0-9]+) generated.*/\1/p' "$report" | tail -n 1)
[ "${cases:-0}" -ge "$least" ] || fail "only ${cases:-no} cases were tried, at least $least are to be"
if grep -q "a handler panicked" "$work/server.log"; then fail "a handler panicked"; fi

echo "── a client generated from openapi.yaml"
stop_server || fail "the server did not stop cleanly"
fresh_server
rm -rf "$work/client" "$work/site"
PATH=$PWD/$venv/bin:$PATH "$venv/bin/openapi-python-client" generate --path openapi.yaml --output-path "$work/client" --meta setup \
  > "$work/client.log" 2>&1 || { cat "$work/client.log" >&2; fail "no client could be generated"; }
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation --target "$work/site" "$work/client"
PYTHONPATH=$work/site "$venv/bin/python" tests/api/client.py "$LOOKALIKE_TEST_SERVER" "$LOOKALIKE_TEST_KEY" "$(first_photo)" \
  || fail "the generated client could not call every operation"
stop_server || fail "the server did not stop cleanly"
echo "test-api: passed, $cases cases"
