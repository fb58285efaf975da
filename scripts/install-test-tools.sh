#!/usr/bin/env bash
# What the tests need beside a build: a Chromium and its driver, for the page's tests drive a real browser.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

missing=()
have chromium || missing+=(chromium)
have chromedriver || missing+=(chromium-driver)
install_packages "to test" "${missing[@]}"
