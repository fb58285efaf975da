#!/usr/bin/env bash
# Format, clippy, shell scripts. A tool that is not installed is named, not silently passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
skipped=()

if cargo fmt --version > /dev/null 2>&1; then
  cargo fmt --all --check
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
if cargo clippy --version > /dev/null 2>&1; then
  cargo clippy --release --locked --workspace --all-targets -- -D warnings
else
  cargo check --release --locked --workspace --all-targets
  skipped+=("clippy (rustup component add clippy)")
fi

for tool in "${skipped[@]}"; do echo "lint: NOT CHECKED, not installed: $tool" >&2; done
echo "lint: passed${skipped[*]:+, but for what is not installed}"
