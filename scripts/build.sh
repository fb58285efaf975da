#!/usr/bin/env bash
# Builds both programs (target/release), after seeing to what the build needs.
#
#   scripts/build.sh          tools, libtorch, programs
#   scripts/build.sh --deps   everything but this package itself: a layer of an image that outlives changes of the source.
#                             For a folder that holds Cargo.toml, Cargo.lock, .cargo and scripts, and no src.
set -euo pipefail
cd "$(dirname "$0")/.."

stubs() { # an empty program for each target that Cargo.toml names, where cargo will look for it
  local path
  for path in build.rs src/lib.rs $(awk '
    /^\[/ { kind = $1 }
    kind ~ /^\[\[/ { gsub(/"/, "") }
    kind ~ /^\[\[/ && $1 == "path" { print $3 }
    kind == "[[test]]" && $1 == "name" { print "tests/" $3 ".rs" }
    kind == "[[example]]" && $1 == "name" { print "examples/" $3 ".rs" }' Cargo.toml); do
    mkdir -p "$(dirname "$path")"
    echo 'fn main() {}' > "$path"
  done
}

scripts/install-build-tools.sh
scripts/install-libtorch.sh
if [ "${1:-}" = --deps ]; then
  for part in src tests benches examples build.rs; do
    [ ! -e "$part" ] || { echo "--deps is for a folder without $part" >&2; exit 1; }
  done
  stubs
  cargo build --release --locked --workspace --bins
  # The stubs' own outputs go too: cargo compares times, and a checkout's may be older than theirs.
  cargo clean --release --package lookalike
  # Of tests, benches and examples the stubs stay: an image has no others, and cargo wants those it is told of.
  rm -rf src build.rs
else
  cargo build --release --locked --workspace --bins
fi
