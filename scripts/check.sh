#!/usr/bin/env bash
# What a change is held to while it is made: format, clippy, the unit tests of every crate. `make test` is the whole.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-build-tools.sh
scripts/install-libtorch.sh
cargo fmt --all --check
cargo clippy --release --locked --workspace --all-targets -- -D warnings
cargo test --release --locked --workspace --lib
