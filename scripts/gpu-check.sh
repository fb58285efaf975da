#!/usr/bin/env bash
# What only a machine with a GPU can say, in one run of under eight minutes. That machine needs PyTorch 2.11 with CUDA 13 and
# torchvision, and neither Rust nor a network.
#
#   scripts/gpu-check.sh pack                  where there is Rust: builds, and fills target/gpu-check
#   scripts/gpu-check.sh run                   on the machine with the GPU, in the repository's root with target/gpu-check in it
#   scripts/gpu-check.sh run --device cpu      the same on a CPU, scaled down: it tries the check, and measures no GPU
#
# The machine's own PyTorch serves as libtorch. A stage that fails is named and the others run all the same; the exit status is 0
# where none failed. Figures: gpu-check.md and gpu-check.json, beside the log in $OUT or else in target/gpu-check-run.
#
# pack: PHOTOS=DIR, a folder a class (default ../shared/clothing, else a drawn shop). run: PYTHON (default python3), STAGES="batcher
# memory" for some alone (bundle is needed once), and the shape of the run, whose settings stand in gpu-check-stages.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/gpu-check-stages.sh
packed=target/gpu-check
limit_mib=48
photos=200
deadline=470 # of the whole run on a GPU, in seconds
# In the order of what would be missed most, so that what finds no time left is at the end; and the seconds each may take.
all_stages="bundle check batcher eager server memory training compile"
declare -A limits=([bundle]=150 [check]=40 [batcher]=110 [eager]=70 [server]=70 [memory]=80 [training]=90 [compile]=170)

pack() {
  scripts/build.sh
  local bench
  bench=$(cargo bench --locked --workspace --bench bundle --no-run --message-format=json | python3 -c '
import json, sys
for line in map(json.loads, sys.stdin):
    if line.get("executable") and line["target"]["name"] == "bundle":
        print(line["executable"])')
  rm -rf "$packed"
  mkdir -p "$packed/photos"
  strip -o "$packed/lookalike-server" target/release/lookalike-server
  strip -o "$packed/lookalike-trainer" target/release/lookalike-trainer
  strip -o "$packed/bundle" "$bench"
  gzip "$packed/lookalike-server" "$packed/lookalike-trainer" "$packed/bundle"
  pack_photos
  printf '{"commit": "%s", "built_with": "%s"}\n' "$(git describe --always --dirty 2> /dev/null)" "$(rustc --version)" \
    > "$packed/built.json"
  local bytes
  bytes=$(find "$packed" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
  du -h --apparent-size -a -d1 "$packed"
  echo "$packed: $bytes bytes, $(find "$packed/photos" -type f | wc -l) photos; carry it with the repository's root"
  [ "$bytes" -le $((limit_mib << 20)) ] || { echo "That is more than $limit_mib MiB." >&2; exit 1; }
}

pack_photos() { # evenly chosen, in their classes' folders
  local from=${PHOTOS:-../shared/clothing}
  if [ -z "${PHOTOS:-}" ] && [ ! -d "$from" ]; then
    from=target/gpu-check-shop
    target/release/lookalike-trainer sample-data --out "$from" --products 100 --views 2 --seed 7
  fi
  [ ! -d "$from/img" ] || from=$from/img
  find -L "$from" -mindepth 2 -maxdepth 2 -name '*.jpg' -printf '%P\n' | LC_ALL=C sort > "$packed/list"
  local count
  count=$(wc -l < "$packed/list")
  [ "$count" -ge "$photos" ] || { echo "$from: $count photos in folders of classes, $photos are needed" >&2; exit 1; }
  awk -v n="$count" -v most="$photos" 'int((NR - 1) * most / n) != int(NR * most / n)' "$packed/list" \
    | while IFS= read -r path; do
      mkdir -p "$packed/photos/$(dirname "$path")"
      cp -L "$from/$path" "$packed/photos/$path"
    done
  rm "$packed/list"
}

# Prints the folders of the machine's PyTorch's libraries; refuses any other version than the one this was built with.
find_libtorch() {
  "$python" - <<'PY'
import glob, importlib.util, os, runpy, sys
found = importlib.util.find_spec("torch")
if found is None:
    sys.exit(f"{sys.executable} has no torch: PYTHON=… names one that has")
root = os.path.dirname(found.origin)
version = runpy.run_path(os.path.join(root, "version.py"))["__version__"]
if version.split("+")[0] != "2.11.0":
    sys.exit(f"{sys.executable} has torch {version}; the programs are built with 2.11.0")
print(":".join([os.path.join(root, "lib"), *sorted(glob.glob(os.path.join(os.path.dirname(root), "nvidia/*/lib")))]))
PY
}

run() {
  device=cuda:0
  case "${1:-}" in
    --device) device=${2:?--device cuda:0 or cpu} ;;
    "") ;;
    *) echo "gpu-check.sh run [--device cuda:0|cpu]" >&2; exit 2 ;;
  esac
  export device python=${PYTHON:-python3} work=target/gpu-check-run packed
  export programs=$work/programs
  local part
  for part in lookalike-server.gz lookalike-trainer.gz bundle.gz photos built.json; do
    [ -e "$packed/$part" ] || { echo "$packed/$part is missing: scripts/gpu-check.sh pack makes it, where there is Rust" >&2; exit 1; }
  done
  # For ours and for the peers alike: they are the peers' own.
  LD_LIBRARY_PATH=$(find_libtorch)${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
  settings
  rm -rf "$work/results" "$programs"
  mkdir -p "$work/results" "$programs"
  for part in lookalike-server lookalike-trainer bundle; do
    gunzip -c "$packed/$part.gz" > "$programs/$part"
    chmod +x "$programs/$part"
  done
  SECONDS=0
  about > "$work/results/about.json"
  local stage
  for stage in ${STAGES:-$all_stages}; do run_stage "$stage"; done
  echo "── all in all $SECONDS s"
  local out=${OUT:-$work}
  mkdir -p "$out"
  "$python" scripts/gpu-check-report.py "$work/results" "$out" "$SECONDS"
}

run_stage() { # NAME: its figures to results/NAME.jsonl, its words to results/NAME.log
  local name=$1 begun=$SECONDS rc=0 most=${limits[$1]:?no such stage}
  local results=$work/results
  # A CPU in the GPU's place may be a slow one; a GPU's time is dear.
  if [ "$device" = cpu ]; then
    most=$((3 * most))
  elif [ "$most" -gt $((deadline - SECONDS)) ]; then
    most=$((deadline - SECONDS))
  fi
  echo "── $name"
  if [ "$most" -lt 5 ]; then
    rc=124
    echo "no time was left for it" | tee "$results/$name.log"
  else
    # A shell of its own, so that timeout ends whatever it started.
    limit=$most timeout --kill-after=5 "$most" bash scripts/gpu-check.sh stage "$name" \
      > "$results/$name.jsonl" 2> "$results/$name.log" || rc=$?
    case $rc in
      0) grep -v '^ *$' "$results/$name.log" | tail -n 12 || true ;;
      *) tail -n 25 "$results/$name.log" ;;
    esac
  fi
  local said=passed
  case $rc in 0) ;; 77) said=skipped ;; 124 | 137) said="out of time" ;; *) said=failed ;; esac
  printf '%s\t%s\t%s\n' "$name" "$said" "$((SECONDS - begun))" >> "$results/stages.tsv"
  echo "── $name: $said, $((SECONDS - begun)) s (at $SECONDS s)"
}

case "${1:-}" in
  pack) pack ;;
  run) shift; run "$@" ;;
  stage) settings; "stage_${2:?}" ;; # run_stage's own
  *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
