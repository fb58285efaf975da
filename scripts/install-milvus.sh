#!/usr/bin/env bash
# A Milvus server below target/milvus, from PyPI, for the tests of crates/milvus. Nothing happens where it is there already.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

target=${1:-target/milvus} wanted=scripts/milvus-requirements.txt
if cmp -s "$wanted" "$target/installed"; then exit 0; fi

if ! python3 -c 'import ensurepip, lzma' 2> /dev/null; then
  install_packages "for Python's environments" python3-venv
fi
rm -rf "$target"
mkdir -p "$target"
python3 -m venv "$target/venv"
"$target/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r "$wanted"
# The package's own way to unpack its programs.
"$target/venv/bin/python" - "$target/server" << 'PYTHON'
import os, shutil, sys
import milvus
milvus._initialize_data_files(sys.argv[1])
data = os.path.join(os.path.dirname(milvus.__file__), "data")
for name in ("config.yaml.template", "glog.conf"):
    shutil.copy(os.path.join(data, name), sys.argv[1])
PYTHON
cp "$wanted" "$target/installed"
