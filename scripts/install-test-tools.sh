#!/usr/bin/env bash
# What the tests need beside a build: a Chromium and its driver, for the page's tests drive a real browser, and axe-core,
# which judges what they see.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

missing=()
have chromium || missing+=(chromium)
have chromedriver || missing+=(chromium-driver)
install_packages "to test" "${missing[@]}"

axe=target/test/axe wanted=scripts/test-requirements.txt
if ! cmp -s "$wanted" "$axe/installed"; then
  rm -rf "$axe"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes --target "$axe" -r "$wanted"
  cp "$wanted" "$axe/installed"
fi
