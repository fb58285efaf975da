#!/usr/bin/env bash
# Coverage-guided fuzzing of what reads photos (libFuzzer), under a limit of memory. It begins with the photos of the tests.
#
#   scripts/fuzz-photos.sh [SECONDS]     60 where it is not given
#
# What it finds is left in target/fuzz/photos/findings, and the exit status is then 1: a file that panics, ends the process, takes more
# than 300 MB, or takes longer than 10 s. What it learnt stays in target/fuzz/photos/corpus for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
case $seconds in '' | *[!0-9]*) echo "usage: $0 [SECONDS]" >&2; exit 2 ;; esac
work=$PWD/target/fuzz/photos
mkdir -p "$work/corpus" "$work/findings"

# The same instrumentation as cargo-fuzz has, by flags that a stable compiler takes.
flags=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing)
host=$(rustc -vV | sed -n 's/^host: //p')
# --target keeps the flags away from build scripts, which have no fuzzer to call.
RUSTFLAGS="${flags[*]}" cargo build --release --quiet --manifest-path crates/photo/fuzz/Cargo.toml --target "$host" --target-dir target/fuzz/build

"target/fuzz/build/$host/release/decode" -max_total_time="$seconds" -rss_limit_mb=300 -timeout=10 -max_len=100000 \
  -artifact_prefix="$work/findings/" -print_final_stats=1 -verbosity=1 \
  "$work/corpus" crates/photo/tests/golden/photos crates/photo/tests/golden/large > "$work/log" 2>&1 \
  || { tail -n 30 "$work/log" >&2; echo "fuzz-photos: FOUND something: $work/findings" >&2; exit 1; }
grep -E 'stat::|^Done' "$work/log"
echo "fuzz-photos: $seconds s, nothing found"
