#!/usr/bin/env bash
# Installs the pinned libtorch into a folder (default .libtorch), from PyPI wheels with checked hashes.
#
#   scripts/install-libtorch.sh [--cuda] [DIR]
#
# Only what a program needs to build and run is kept: 0.5 GB for the CPU. With --cuda the CUDA half of the same wheel
# and NVIDIA's libraries are added (some 4 GB); the same binaries then find the GPU at run time.
# Needs Python 3 with pip, of any version: it downloads and unpacks, nothing of Python stays.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

cuda=no
[ "${1:-}" = --cuda ] && { cuda=yes; shift; }
dir=${1:-"$here/../.libtorch"}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# The stamp names what is installed: a changed pin or a half-done install is made anew.
stamp_cpu="cpu $(sha256sum < "$here/libtorch-cpu.txt" | cut -c1-16) $(sha256sum < "$0" | cut -c1-16)"
stamp_cuda="cuda $(sha256sum < "$here/libtorch-cuda.txt" | cut -c1-16) $stamp_cpu"
installed() { [ -f "$dir/.installed" ] && grep -qxF "$1" "$dir/.installed"; }
if [ $cuda = yes ]; then installed "$stamp_cuda" && exit 0; else installed "$stamp_cpu" && exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { # REQUIREMENTS FOLDER: the wheels named there, hashes checked by pip
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
    --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_27_$(uname -m)" \
    --platform "manylinux_2_25_$(uname -m)" --platform "manylinux_2_17_$(uname -m)" \
    --platform "manylinux2014_$(uname -m)" \
    --dest "$2" --requirement "$1"
}

unpack() { # FOLDER PART: what PART (cpu, cuda) keeps of the wheels there
  python3 - "$1" "$dir" "$2" <<'PY'
import os, pathlib, shutil, sys, zipfile
wheels, out, part = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
CPU = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1"}
CUDA = {"libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libc10_cuda.so", "libcaffe2_nvrtc.so"}
(out / "lib").mkdir(parents=True, exist_ok=True)

def place(wheel, name, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    tmp = target.with_name(target.name + ".part")
    with wheel.open(name) as src, open(tmp, "wb") as dst:
        shutil.copyfileobj(src, dst, 1 << 20)
    os.replace(tmp, target)

for path in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            base = os.path.basename(name)
            if name.startswith("torch/include/") and base and part == "cpu":
                place(wheel, name, out / name[len("torch/"):])
            elif name.startswith("torch/lib/") and ".so" in base:
                if base in CPU if part == "cpu" else base in CUDA:
                    place(wheel, name, out / "lib" / base)
            elif name.startswith("nvidia/") and "/lib/" in name and ".so" in base:
                place(wheel, name, out / "lib" / base)
if part == "cpu":
    # tch links -ltorch -ltorch_cpu -lc10; all of libtorch.so that is needed is this.
    (out / "lib" / "libtorch.so").write_text("INPUT(libtorch_cpu.so)\n")
    (out / "build-version").write_text("2.11.0\n")
PY
}

rm -f "$dir/.installed"
echo "libtorch 2.11.0 (CPU): fetching some 530 MB into $(basename "$dir")/ …"
fetch "$here/libtorch-cpu.txt" "$work/cpu"
unpack "$work/cpu" cpu
if [ $cuda = yes ]; then
  echo "CUDA 13 libraries: fetching some 2.5 GB …"
  fetch "$here/libtorch-cuda.txt" "$work/cuda"
  unpack "$work/cpu" cuda
  unpack "$work/cuda" cuda
  printf '%s\n%s\n' "$stamp_cpu" "$stamp_cuda" > "$dir/.installed"
else
  printf '%s\n' "$stamp_cpu" > "$dir/.installed"
fi
