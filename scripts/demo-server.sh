# shellcheck shell=bash
# Sourced by demo.sh and smoke.sh, in the repository's root: the demo's server, from start to stop.
server_pid=

port_free() { # PORT
  ! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_server() { # PORT [ARGUMENTS…]: returns when it is ready
  local port=$1
  shift
  target/release/lookalike-server --bundle target/demo/bundle --images target/demo/shop --listen "127.0.0.1:$port" "$@" &
  server_pid=$!
  local waited=0
  until scripts/healthcheck.sh "127.0.0.1:$port"; do
    kill -0 "$server_pid" 2> /dev/null || {
      wait "$server_pid" || echo "The server did not start." >&2
      return 1
    }
    [ $((waited += 1)) -le 600 ] || { echo "The server is not ready after two minutes." >&2; return 1; }
    sleep 0.2
  done
}

stop_server() { # as an orchestrator does: asks, waits, insists; returns what the server did
  [ -n "$server_pid" ] || return 0
  local pid=$server_pid status=0
  server_pid=
  kill -TERM "$pid" 2> /dev/null || true
  for _ in $(seq 100); do
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2> /dev/null || true
  wait "$pid" || status=$?
  return "$status"
}

first_photo() { find target/demo/shop -name '*.jpg' -o -name '*.png' | LC_ALL=C sort | sed -n 1p; }
