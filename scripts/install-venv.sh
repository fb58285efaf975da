#!/usr/bin/env bash
# A Python environment of its own for a benchmark's peers, from PyPI: install-venv.sh FOLDER REQUIREMENTS.
# Nothing happens where the folder holds just that already.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

venv=$1 wanted=$2
if cmp -s "$wanted" "$venv/installed"; then exit 0; fi

# hnswlib comes as source and is compiled for this very machine.
have g++ || install_packages "to compile hnswlib" g++
if ! python3 -c 'import ensurepip, sysconfig, os; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2> /dev/null; then
  install_packages "for Python's environments and extensions" python3-venv python3-dev
fi
rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
cp "$wanted" "$venv/installed"
