#!/usr/bin/env bash
# What `make bench-index` compares our search with: the peers from PyPI, in an environment of their own under target/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

venv=target/bench/venv
stamp=$venv/installed
if [ -f "$stamp" ] && cmp -s scripts/bench-requirements.txt "$stamp"; then exit 0; fi

# hnswlib comes as source and is compiled for this very machine.
have g++ || install_packages "to compile hnswlib" g++
if ! python3 -c 'import ensurepip, sysconfig, os; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2> /dev/null; then
  install_packages "for Python's environments and extensions" python3-venv python3-dev
fi
rm -rf "$venv"
mkdir -p target/bench
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r scripts/bench-requirements.txt
cp scripts/bench-requirements.txt "$stamp"
