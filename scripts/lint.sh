#!/usr/bin/env bash
# Format, clippy, the build without libtorch, shell scripts. A tool that is not installed is named, not silently passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
skipped=()

if cargo fmt --version > /dev/null 2>&1; then
  cargo fmt --check
else
  skipped+=("cargo fmt (rustup component add rustfmt)")
fi
if command -v shellcheck > /dev/null; then
  shellcheck -x scripts/*.sh .ci/run
else
  skipped+=("shellcheck (apt-get install shellcheck)")
fi

scripts/install-build-tools.sh
scripts/install-libtorch.sh
cargo check --release --locked --no-default-features --lib
if cargo clippy --version > /dev/null 2>&1; then
  cargo clippy --release --locked --all-targets -- -D warnings
else
  cargo check --release --locked --all-targets
  skipped+=("clippy (rustup component add clippy)")
fi

for tool in "${skipped[@]}"; do echo "lint: NOT CHECKED, not installed: $tool" >&2; done
echo "lint: passed${skipped[*]:+, but for what is not installed}"
