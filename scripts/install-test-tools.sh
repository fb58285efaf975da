#!/usr/bin/env bash
# What the tests need beside a build: a Chromium and its driver, for the page's tests drive a real browser; axe-core, which
# judges what they see; a server that speaks S3, to keep photos in; and an nginx to put before the server.
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

# Run by python3 from that folder, as it is: no environment of its own is needed.
bucket=target/test/bucket wanted=scripts/test-bucket-requirements.txt
if ! cmp -s "$wanted" "$bucket/installed"; then
  rm -rf "$bucket"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes --target "$bucket" -r "$wanted"
  cp "$wanted" "$bucket/installed"
fi

# Unpacked, not installed: an installed one would begin to serve on port 80.
nginx=target/test/nginx
if ! have nginx && [ ! -x "$nginx/usr/sbin/nginx" ]; then
  rm -rf "$nginx"
  mkdir -p "$nginx"
  (cd "$nginx" && get_package nginx) || {
    echo "Missing to test: nginx (Debian's name). Install it, then run this again." >&2
    exit 1
  }
  dpkg-deb -x "$nginx"/nginx_*.deb "$nginx"
fi
