# shellcheck shell=bash disable=SC2154 # device, python, packed, work and limit come from gpu-check.sh, which sources this
# Sourced by gpu-check.sh: what is measured, stage by stage. A stage's figures go to stdout, a JSON object a line; its words to
# stderr. It ends with 0, with 77 where there is nothing for it to do, or with anything else where it failed.
. scripts/demo-server.sh

# The run's shape: a GPU's, or what two cores can do in a few minutes. Each can be set from outside.
settings() {
  if [ "$device" = cpu ]; then
    : "${ITEMS:=5000}" "${PRECISIONS:=f32}" "${BATCHES:=1,4}" "${EACH:=2}" "${CLIENTS:=1,8}"
    : "${TRAIN_WIDTH:=16}" "${TRAIN_SIZE:=128}" "${TRAIN_BATCH:=32}" "${TRAIN_COPIES:=1}" "${TRAIN_EPOCHS:=2}"
    : "${COMPILED:=f32}" "${COMPILED_BATCHES:=1}"
  else
    : "${ITEMS:=139709}" "${PRECISIONS:=f16,bf16}" "${BATCHES:=1,8,32,128}" "${EACH:=4}" "${CLIENTS:=1,16,64,256,256}"
    : "${TRAIN_WIDTH:=64}" "${TRAIN_SIZE:=224}" "${TRAIN_BATCH:=64}" "${TRAIN_COPIES:=20}" "${TRAIN_EPOCHS:=3}"
    : "${COMPILED:=$PRECISIONS}" "${COMPILED_BATCHES:=$BATCHES}"
  fi
  precision=${PRECISIONS%%,*}
  export ITEMS PRECISIONS BATCHES EACH CLIENTS TRAIN_WIDTH TRAIN_SIZE TRAIN_BATCH TRAIN_COPIES TRAIN_EPOCHS COMPILED COMPILED_BATCHES
}

fail() { echo "FAILED: $1" >&2; exit 1; }

# What the figures were measured on.
about() {
  "$python" - "$device" "$packed/built.json" <<'PY'
import json, os, re, subprocess, sys
import torch
device, built = sys.argv[1:]
cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
about = {"device": device, "cpu": cpu.group(1) if cpu else "unknown", "cores": len(os.sched_getaffinity(0)),
         "torch": torch.__version__, **json.load(open(built))}
if device != "cpu":
    about["gpu"] = torch.cuda.get_device_name(device)
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        about["driver"] = subprocess.run(asked, capture_output=True, text=True, timeout=20).stdout.split("\n")[0].strip()
    except (OSError, subprocess.TimeoutExpired):
        pass
print(json.dumps(about))
PY
}

stage_bundle() {
  ldd "$programs/lookalike-server" | grep -E 'libtorch_cpu|libc10|not found' >&2 || true
  # Twelve photos to judge a precision on are the fewest that do: what is judged here is speed.
  "$programs/bundle" make "$work/full" --items "$ITEMS" --precisions f32,bf16,f16 --products 20 --views 2 >&2
}

stage_check() {
  local of said
  for of in $(tr , "\n" <<< "$PRECISIONS,f32" | sort -u); do
    said=$("$programs/lookalike-server" --check --bundle "$work/full" --device "$device" --precision "$of") || fail "--check in $of"
    echo "$said" >&2
    printf '{"precision": "%s", "said": "%s"}\n' "$of" "$said"
  done
}

stage_batcher() {
  "$programs/bundle" batcher --bundle "$work/full" --photos "$packed/photos" --device "$device" --precisions "$PRECISIONS" \
    --batches "$BATCHES" --seconds "$EACH"
}

stage_eager() {
  "$python" benches/peers/batches.py --photos "$packed/photos" --device "$device" --precisions "$PRECISIONS" \
    --batches "$BATCHES" --seconds "$EACH" | tee /dev/stderr
}

stage_compile() { # what there is no time for is said, and no failure
  "$python" benches/peers/batches.py --photos "$packed/photos" --device "$device" --precisions "$COMPILED" \
    --batches "$COMPILED_BATCHES" --seconds "$EACH" --compile --budget $((limit - 40)) | tee /dev/stderr
}

# Our server over the full bundle, until it is ready; trap stop_server. It remembers no photos.
serve() { # FLAG…
  port=$(free_port)
  "$programs/lookalike-server" --bundle "$work/full" --listen "127.0.0.1:$port" --device "$device" --precision "$precision" \
    --embedding-cache off --log warn --queue 1024 "$@" > "$work/server.log" 2>&1 &
  server_pid=$!
  trap 'stop_server || true' EXIT
  local waited=0
  until scripts/healthcheck.sh "127.0.0.1:$port"; do
    kill -0 "$server_pid" 2> /dev/null || { cat "$work/server.log" >&2; fail "the server did not start"; }
    [ $((waited += 1)) -le 300 ] || fail "the server is not ready after a minute"
    sleep 0.2
  done
}

clients() { # COUNTS SECONDS FLAG…: a JSON line for each number of clients
  "$programs/bundle" load "127.0.0.1:$port" --photos "$packed/photos" --clients "$1" --seconds "$2" "${@:3}"
}

stopped_well() { stop_server || { cat "$work/server.log" >&2; fail "the server did not stop cleanly"; }; }

# JPEGs in, answers out; every core decodes. The last number of clients twice: what the first time compiles for sizes of batches
# that come up in it the second has.
stage_server() {
  serve
  clients "$CLIENTS" "$EACH" --warm-up 3
  "$python" -c '
import json, sys, urllib.request
text = urllib.request.urlopen(sys.argv[1], timeout=20).read().decode()
wanted = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(("lookalike_stage_seconds_sum", "lookalike_model_batch_photos_"))]
print(json.dumps({"metrics": {name: float(value) for name, value in wanted if "bucket" not in name}}))' \
    "http://127.0.0.1:$port/metrics"
  stopped_well
}

# Another program takes what memory the GPU has left while photos arrive; then it goes. Every photo must be answered, by halved
# batches where the server needs more than it holds.
stage_memory() {
  local warning="the device has no memory for such a batch" left provoked=no
  if [ "$device" = cpu ]; then
    echo "NOT CHECKED: a GPU's memory that runs out; there is no GPU here" >&2
    exit 77
  fi
  serve --max-batch 128
  clients 4 2 > /dev/null
  coproc HOLD { exec "$python" scripts/gpu-check-memory.py "$device"; }
  # shellcheck disable=SC2153 # coproc sets it
  local hold_pid=$HOLD_PID from=${HOLD[0]} to=${HOLD[1]} line
  for left in 300 150 60; do
    echo "$left" >&"$to"
    IFS= read -r line <&"$from" || fail "the other program could not take the memory"
    echo "the other program: $line" >&2
    clients 256 4 | sed "s/^{/{\"left_mib\": $left, /"
    if grep -q "$warning" "$work/server.log"; then provoked=yes; break; fi
  done
  kill "$hold_pid"
  wait "$hold_pid" 2> /dev/null || true
  echo "lines of the server's log that say so: $(grep -c "$warning" "$work/server.log")" >&2
  clients 256 4 | sed 's/^{/{"afterwards": true, /'
  printf '{"halved": %d, "log_lines": %d}\n' "$(grep -c "$warning" "$work/server.log")" "$(wc -l < "$work/server.log")"
  grep -v "$warning" "$work/server.log" | head -n 5 >&2 || true
  stopped_well
  [ $provoked = yes ] || echo "no batch was halved: what the passes need is held since the warm-up" >&2
  "$python" scripts/gpu-check-memory.py --judge "$work/results/memory.jsonl" || fail "see above"
}

stage_training() {
  "$python" scripts/gpu-check-train.py --trainer "$programs/lookalike-trainer" --photos "$packed/photos" --work "$work/train" \
    --device "$device" --width "$TRAIN_WIDTH" --size "$TRAIN_SIZE" --batch "$TRAIN_BATCH" --copies "$TRAIN_COPIES" \
    --epochs "$TRAIN_EPOCHS" | tee /dev/stderr
}
