#!/usr/bin/env bash
# Two servers over one Milvus and one bucket, behind HAProxy, under load, while what they are made of fails:
#
#   one server is killed; one is cut off the network; Milvus is killed and started again
#
# The other server answers meanwhile, all is well again afterwards, and every write that was acknowledged is there. It prints what
# failed and for how long.
#
#   scripts/test-cluster.sh          some five minutes
#   scripts/test-cluster.sh short    some two
#
# The servers are containers of lookalike:prebuilt, the programs that scripts/build.sh has built. Milvus, moto (which speaks S3),
# HAProxy and the load run from this machine's files within the network of a container of their own: no port of this machine is
# taken, and nothing outlives that container. Root only, for that. Where no Docker engine answers, nothing is tested, in words.
#
# DOCKER (default docker). What was logged stays in target/test-cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/demo-server.sh
docker=${DOCKER:-docker}
case ${1:-long} in
  long) quiet=20 before=15 after=45 outage=20 ;;
  short) quiet=6 before=5 after=15 outage=5 ;;
  *) echo "usage: $0 [short]" >&2; exit 2 ;;
esac
work=$PWD/target/test-cluster
me=lookalike-cluster-$$
services=$me-services replicas=("$me-1" "$me-2")

"$docker" info > /dev/null 2>&1 || { echo "test-cluster: SKIPPED, no Docker engine answers"; exit 0; }
[ "$(id -u)" = 0 ] || { echo "test-cluster: SKIPPED, it enters a container's network and needs root for that"; exit 0; }
target/release/lookalike-server --help | grep -q -- --catalogue || { echo "target/release/lookalike-server knows no --catalogue: run scripts/build.sh" >&2; exit 1; }

scripts/docker-prebuilt.sh
scripts/install-test-tools.sh
scripts/install-milvus.sh
scripts/demo-bundle.sh
rm -rf "$work"
mkdir -p "$work"

namespace=
cleanup() {
  # Whatever runs within the services' network was started here.
  if [ -n "$namespace" ]; then
    local process
    for process in /proc/[0-9]*; do
      if [ "$(readlink "$process/ns/net" 2> /dev/null)" = "$namespace" ]; then kill -KILL "${process#/proc/}" 2> /dev/null || true; fi
    done
  fi
  local name
  for name in "${replicas[@]}"; do "$docker" logs "$name" > "$work/$name.log" 2>&1 || true; done
  "$docker" rm --force "$services" "${replicas[@]}" > /dev/null 2>&1 || true
  "$docker" network rm "$me" > /dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
fail() { echo "test-cluster: FAILED: $1. Logs: $work" >&2; exit 1; }

# A network that this machine has no other of.
for third in $(seq 77 97); do
  subnet=10.231.$third
  if "$docker" network create --subnet "$subnet.0/24" "$me" > /dev/null 2>&1; then break; fi
  [ "$third" != 97 ] || fail "no network could be made"
done
store=$subnet.10
urls=("http://$subnet.21:8080" "http://$subnet.22:8080")

"$docker" run --detach --name "$services" --network "$me" --ip "$store" --entrypoint sleep lookalike:prebuilt infinity > /dev/null
holder=$("$docker" inspect --format '{{.State.Pid}}' "$services")
namespace=$(readlink "/proc/$holder/ns/net")
inside() { nsenter --net="/proc/$holder/ns/net" "$@"; }
load() { inside python3 scripts/cluster-load.py "$@"; }
until_there() { # SECONDS URL: until it answers, whatever it says
  inside python3 - "$@" << 'PY'
import sys, time, urllib.error, urllib.request
limit = time.time() + float(sys.argv[1])
while True:
    try:
        urllib.request.urlopen(sys.argv[2], timeout=2)
        break
    except urllib.error.HTTPError as error:
        if error.code < 500:
            break
    except OSError:
        pass
    if time.time() > limit:
        sys.exit(f"{sys.argv[2]} does not answer")
    time.sleep(0.2)
PY
}

# Milvus unpacks its programs where its data is, unless they are there.
mkdir -p "$work/milvus"
ln -s "$PWD/target/milvus/server/bin" "$work/milvus/bin"
start_milvus() { # as a group of processes, whose number is in milvus.pid
  # shellcheck disable=SC2016 # that shell is to put them in
  HOME=$work inside setsid bash -c 'echo $$ > "$1/milvus.pid"; exec "$2" --data "$1/milvus" --proxy-port 19530' \
    - "$work" "$PWD/target/milvus/venv/bin/milvus-server" >> "$work/milvus.log" 2>&1 &
  disown
}
kill_milvus() { # with all that it started, none of which can say goodbye
  kill -KILL -- "-$(cat "$work/milvus.pid")" || fail "Milvus had ended by itself"
}
begun=$SECONDS
start_milvus
PYTHONPATH=$PWD/target/test/bucket inside python3 -m moto.server -H 0.0.0.0 -p 9000 > "$work/moto.log" 2>&1 &
disown
until_there 30 http://127.0.0.1:9000/ || fail "moto does not answer"
inside python3 -c 'import urllib.request as r; r.urlopen(r.Request("http://127.0.0.1:9000/photos", method="PUT"))' || fail "there is no bucket"
until_there 180 http://127.0.0.1:9091/healthz || fail "Milvus does not answer"
echo "Milvus is there after $((SECONDS - begun)) s"

catalogue=milvus://$store:19530/lookalike
confined=(--network "$me" --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp
  --volume "$PWD/target/demo/bundle:/bundle:ro")
begun=$SECONDS
"$docker" run --rm "${confined[@]}" lookalike:prebuilt lookalike-trainer index --bundle /bundle --catalogue "$catalogue" \
  > "$work/load.log" 2>&1 || { cat "$work/load.log" >&2; fail "the bundle's items could not be loaded into Milvus"; }
echo "the bundle's items are in Milvus after $((SECONDS - begun)) s"

LOOKALIKE_ADMIN_KEYS=$(python3 -c 'import secrets; print(secrets.token_hex(20))')
export LOOKALIKE_ADMIN_KEYS
for n in 1 2; do
  "$docker" run --detach --name "${replicas[n - 1]}" "${confined[@]}" --ip "$subnet.2$n" --memory 2g \
    --volume "$PWD/target/demo/shop:/images:ro" --env LOOKALIKE_IMAGES=/images --env LOOKALIKE_ADMIN_KEYS \
    --env LOOKALIKE_READS=open --env LOOKALIKE_CATALOGUE="$catalogue" --env LOOKALIKE_PHOTOS=s3://photos/cluster \
    --env AWS_ENDPOINT_URL="http://$store:9000" --env AWS_REGION=us-east-1 --env AWS_ACCESS_KEY_ID=test \
    --env AWS_SECRET_ACCESS_KEY=test --env LOOKALIKE_THREADS=1 --env LOOKALIKE_REQUEST_TIMEOUT=10 \
    lookalike:prebuilt > /dev/null
done
load ready 120 "${urls[@]}" || fail "the servers are not ready"

haproxy=haproxy libraries=
if [ -x target/test/haproxy/usr/sbin/haproxy ]; then
  haproxy=target/test/haproxy/usr/sbin/haproxy libraries=$PWD/target/test/haproxy/usr/lib/x86_64-linux-gnu
fi
LD_LIBRARY_PATH=$libraries BIND=127.0.0.1:8080 REPLICA_1=$subnet.21:8080 REPLICA_2=$subnet.22:8080 \
  inside "$haproxy" -db -f deploy/haproxy.cfg > "$work/haproxy.log" 2>&1 &
disown
proxy=http://127.0.0.1:8080
load ready 20 "$proxy" || fail "HAProxy lets nothing through"

mapfile -t photos < <(find target/demo/shop -name '*.jpg' | LC_ALL=C sort | sed -n '1~29p')
under_load() { # NAME SECONDS: in the background, into the NAME's own log
  load load "$proxy" "$2" "$work/$1.jsonl" "$1" "${photos[@]}" > "$work/$1.out" 2>&1 &
  loading=$!
}
now() { date +%s.%N; }
later() { awk -v now="$(now)" -v more="$1" 'BEGIN { printf "%.3f", now + more }'; }
loaded() { wait "$loading" || fail "the load ended: $(tail -n 3 "$work/$1.out")"; }
rows=()
tell() { # LOG NAME [AT SETTLED]
  local text
  text=$(load report "$work/$1.jsonl" "${@:2}") || { echo "$text" >&2; fail "too much failed"; }
  rows+=("$text")
}

under_load quiet "$quiet"
loaded quiet
tell quiet "nothing broken"

# A server that is gone: what was under way in it is lost, and what HAProxy had not noticed yet goes to the other.
under_load killed $((before + after))
sleep "$before"
at=$(now)
"$docker" kill "${replicas[0]}" > /dev/null
settled=$(later 4)
loaded killed
tell killed "one server killed" "$at" "$settled"
"$docker" start "${replicas[0]}" > /dev/null
load ready 120 "${urls[0]}" || fail "a server that was started anew is not ready"

# A server that hears nothing and nobody hears: what was under way in it has no end, and its clients wait as long as they want to.
under_load cut $((before + after))
sleep "$before"
at=$(now)
"$docker" network disconnect --force "$me" "${replicas[1]}"
settled=$(later 6)
loaded cut
tell cut "one server cut off" "$at" "$settled"
"$docker" network connect --ip "$subnet.22" "$me" "${replicas[1]}"
load ready 120 "${urls[1]}" || fail "a server that has its network again is not ready"

# No catalogue: there is nothing to answer with, and both servers say so until it is back.
began=$("$docker" inspect --format '{{.State.StartedAt}}' "${replicas[@]}")
under_load outage 400
sleep "$before"
at=$(now)
kill_milvus
load down 30 "${urls[@]}" || fail "a server does not say that it has no catalogue"
sleep "$outage"
start_milvus
until_there 180 http://127.0.0.1:9091/healthz || fail "Milvus does not answer any more"
load ready 120 "${urls[@]}" "$proxy" || fail "the servers are not ready again"
# Milvus says that it is well some seconds before it finishes searches, and /readyz asks it no more than that: 14 s were seen.
settled=$(later 20)
sleep 26
touch "$work/outage.jsonl.stop"
loaded outage
tell outage "Milvus killed" "$at" "$settled"
[ "$("$docker" inspect --format '{{.State.StartedAt}}' "${replicas[@]}")" = "$began" ] || fail "a server was started again meanwhile"

cat "$work"/{quiet,killed,cut,outage}.jsonl > "$work/all.jsonl"
load verify "$work/all.jsonl" "${urls[@]}" || fail "writes that were acknowledged are lost"

echo
load head
printf '%s\n' "${rows[@]}"
echo
echo "test-cluster: passed"
