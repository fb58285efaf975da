#!/usr/bin/env bash
# Builds both programs (target/release), after seeing to what the build needs.
#
#   scripts/build.sh          tools, libtorch, programs
#   scripts/build.sh --deps   everything but this package itself: a layer of an image that outlives changes of the source.
#                             For a folder that holds Cargo.toml, Cargo.lock, .cargo and scripts, and no src.
set -euo pipefail
cd "$(dirname "$0")/.."

stubs() { # an empty program for each target that Cargo.toml names
  local path
  mkdir -p src/bin benches
  for path in build.rs src/bin/server.rs src/bin/trainer.rs \
    $(awk '/^\[/ { kind = $1 } kind == "[[bench]]" && /^name *=/ { gsub(/"/, ""); print "benches/" $3 ".rs" }' Cargo.toml); do
    echo 'fn main() {}' > "$path"
  done
  : > src/lib.rs
}

scripts/install-build-tools.sh
scripts/install-libtorch.sh
if [ "${1:-}" = --deps ]; then
  [ ! -e src ] || { echo "--deps is for a folder without src" >&2; exit 1; }
  stubs
  cargo build --release --locked --bins
  # The stubs' own outputs go too: cargo compares times, and a checkout's may be older than theirs.
  cargo clean --release --package lookalike
  rm -rf src benches build.rs
else
  cargo build --release --locked --bins
fi
