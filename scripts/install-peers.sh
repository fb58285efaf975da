#!/usr/bin/env bash
# What `make bench-serve` and `make bench-model` compare with, from PyPI, in an environment of its own: some 5 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

venv=target/bench/peers
wanted=benches/peers/requirements.txt
if cmp -s "$wanted" "$venv/installed"; then exit 0; fi
have g++ || install_packages "to compile hnswlib" g++
if ! python3 -c 'import ensurepip, sysconfig, os; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2> /dev/null; then
  install_packages "for Python's environments and extensions" python3-venv python3-dev
fi
rm -rf "$venv"
mkdir -p target/bench
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$venv/installed"
