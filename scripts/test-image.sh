#!/usr/bin/env bash
# The image of the programs that are built here, run as a careful host runs it: read-only, not as root, without capabilities, the
# bundle mounted read-only. It becomes healthy, answers a photo of the demo, bears batches of photos that take more memory than it has,
# and ends well while a request is under way.
# Where no Docker engine answers, nothing is tested, in words. For programs that scripts/build.sh has built.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/demo-server.sh
docker=${DOCKER:-docker}
name=lookalike-test-$$ memory=1g drain=20 pause=3
work=target/test-image

"$docker" info > /dev/null 2>&1 || { echo "test-image: SKIPPED, no Docker engine answers"; exit 0; }
scripts/docker-prebuilt.sh
scripts/demo-bundle.sh
mkdir -p "$work"

fail() {
  echo "test-image: FAILED: $1" >&2
  "$docker" logs --tail 20 "$name" >&2 || true
  exit 1
}
trap '"$docker" rm --force "$name" > /dev/null 2>&1 || true' EXIT
about() { "$docker" inspect --format "$1" "$name"; }
inside() { "$docker" exec "$name" bash -c "$1"; }

"$docker" run --detach --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
  --memory "$memory" --pids-limit 256 --publish 127.0.0.1::8080 --env LOOKALIKE_IMAGES=/images --env LOOKALIKE_DRAIN_TIMEOUT="$drain" \
  --volume "$PWD/target/demo/bundle:/bundle:ro" --volume "$PWD/target/demo/shop:/images:ro" \
  lookalike:prebuilt > /dev/null

begun=$SECONDS
until [ "$(about '{{.State.Health.Status}}')" = healthy ]; do
  [ "$(about '{{.State.Running}}')" = true ] || fail "it ended"
  [ $((SECONDS - begun)) -le 120 ] || fail "it is not healthy after two minutes"
  sleep 0.5
done
echo "healthy after $((SECONDS - begun)) s"

[ "$(inside 'id -u')" = 10001 ] || fail "it runs as $(inside 'id -un')"
limits=$(inside "grep -E '^(CapEff|NoNewPrivs):' /proc/1/status")
grep -qE '^CapEff:\s+0+$' <<< "$limits" || fail "it has capabilities: $limits"
grep -qE '^NoNewPrivs:\s+1$' <<< "$limits" || fail "it may gain privileges: $limits"
for folder in / /bundle /usr/local/bin; do
  if inside "echo > $folder/written" 2> /dev/null; then fail "$folder can be written to"; fi
done

port=$("$docker" port "$name" 8080/tcp | sed -n 's/.*://p')
photo=$(first_photo)
python3 scripts/smoke.py "http://127.0.0.1:$port" "$photo" target/demo/shop/items.jsonl > "$work/answer.json" \
  || fail "the answer to $photo is not as it should be"
echo "answered $photo; memory: $("$docker" stats --no-stream --format '{{.MemUsage}}' "$name")"

python3 scripts/hostile-batch.py "http://127.0.0.1:$port" "$photo" 20 || fail "it did not bear photos that take much memory"
[ "$(about '{{.State.Running}}')" = true ] || fail "photos that take much memory ended it"
echo "memory now: $("$docker" stats --no-stream --format '{{.MemUsage}}' "$name"), at most $(inside 'cat /sys/fs/cgroup/memory.peak 2> /dev/null || echo unknown') bytes"

python3 scripts/slow-upload.py "http://127.0.0.1:$port" "$photo" "$pause" > "$work/upload" 2>&1 &
upload=$!
until grep -qs half "$work/upload"; do
  kill -0 "$upload" 2> /dev/null || fail "the request could not be begun: $(cat "$work/upload")"
  sleep 0.05
done
asked=$(date +%s%N)
"$docker" stop --time $((drain + 10)) "$name" > /dev/null
took=$((($(date +%s%N) - asked) / 1000000))
wait "$upload" || fail "the request under way was not answered: $(tr '\n' ' ' < "$work/upload")"
[ "$(about '{{.State.ExitCode}}')" = 0 ] || fail "it ended with $(about '{{.State.ExitCode}}')"
[ "$(about '{{.State.OOMKilled}}')" = false ] || fail "it ran out of memory"
[ "$took" -lt $((drain * 1000)) ] || fail "it took $took ms to end, longer than its drain"
[ "$took" -ge $(((pause - 1) * 1000)) ] || fail "it ended after $took ms and did not wait for the request under way"
echo "stopped in $took ms with exit code 0; the request under way was answered"
echo "test-image: passed"
