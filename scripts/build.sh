#!/usr/bin/env bash
# Builds the programs (target/release), after seeing to what the build needs.
#
#   scripts/build.sh          tools, libtorch, programs
#   scripts/build.sh --deps   everything but this project's own packages: a layer of an image that outlives changes of the source.
#                             For a folder that holds every Cargo.toml, Cargo.lock, .cargo and scripts, and no src.
set -euo pipefail
cd "$(dirname "$0")/.."

manifests=(Cargo.toml crates/*/Cargo.toml)

stubs() { # an empty program for each target that a manifest names, where cargo will look for it
  local manifest path
  for manifest in "${manifests[@]}"; do
    for path in src/lib.rs $(awk '
      /^\[/ { kind = $1 }
      kind ~ /^\[\[/ { gsub(/"/, "") }
      kind ~ /^\[\[/ && $1 == "path" { print $3 }
      $1 == "build" && $2 == "=" { gsub(/"/, ""); print $3 }
      $1 == "links" { print "build.rs" }' "$manifest"); do
      path=$(dirname "$manifest")/$path
      mkdir -p "$(dirname "$path")"
      echo 'fn main() {}' > "$path"
    done
  done
}

scripts/install-build-tools.sh
scripts/install-libtorch.sh
if [ "${1:-}" = --deps ]; then
  for part in src crates/*/src; do
    [ ! -e "$part" ] || { echo "--deps is for a folder without $part" >&2; exit 1; }
  done
  stubs
  cargo build --release --locked --workspace --bins
  # The stubs' own outputs go too: cargo compares times, and a checkout's may be older than theirs.
  mapfile -t own < <(sed -nE 's/^name = "(lookalike.*)"$/--package=\1/p' "${manifests[@]}" | grep -vE -- '-(server|trainer)$')
  cargo clean --release "${own[@]}" --package=lookalike-trainer
  # Of tests and benches the stubs stay: an image has no others, and cargo wants those it is told of.
  rm -rf src crates/*/src crates/libtorch/*.rs
else
  cargo build --release --locked --workspace --bins
fi
