#!/usr/bin/env bash
# What the tests need beside a build: a Chromium and its driver, for the page's tests drive a real browser; axe-core, which
# judges what they see; strace, which makes calls of the system fail; a server that speaks S3, to keep photos in; what knows Kubernetes' schemas, for deploy/; an nginx and a
# HAProxy to put before the server.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

missing=()
have chromium || missing+=(chromium)
have chromedriver || missing+=(chromium-driver)
have strace || missing+=(strace)
install_packages "to test" "${missing[@]}"

axe=target/test/axe wanted=scripts/test-requirements.txt
if ! cmp -s "$wanted" "$axe/installed"; then
  rm -rf "$axe"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes --target "$axe" -r "$wanted"
  cp "$wanted" "$axe/installed"
fi

schemas=target/test/kubernetes wanted=scripts/test-deploy-requirements.txt
if ! cmp -s "$wanted" "$schemas/installed"; then
  rm -rf "$schemas"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes --target "$schemas" -r "$wanted"
  cp "$wanted" "$schemas/installed"
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

# The same, with the libraries that only it needs; docs/deploy.md puts it before several servers.
haproxy=target/test/haproxy
if ! have haproxy && [ ! -x "$haproxy/usr/sbin/haproxy" ]; then
  rm -rf "$haproxy"
  mkdir -p "$haproxy"
  for package in haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1; do
    (cd "$haproxy" && get_package "$package") || {
      echo "Missing to test: haproxy (Debian's name). Install it, then run this again." >&2
      exit 1
    }
  done
  for package in "$haproxy"/*.deb; do dpkg-deb -x "$package" "$haproxy"; done
fi
