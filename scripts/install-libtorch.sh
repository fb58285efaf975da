#!/usr/bin/env bash
# Installs the pinned libtorch into a folder (default .libtorch), from PyPI wheels with checked hashes.
#
#   scripts/install-libtorch.sh [--cuda] [DIR]
#
# Only what a program needs to build and run is kept: 0.5 GB for the CPU. With --cuda the CUDA half of the same wheel
# and NVIDIA's libraries are added beside it (some 3 GB); the same binaries then find the GPU at run time.
# Each wheel's licence files are kept in DIR/licenses, with the names of the libraries it gave: scripts/notices.py prints them.
# Needs Python 3 with pip, of any version: it downloads and unpacks, nothing of Python stays.
# Where LIBTORCH names a libtorch of your own and no DIR is given, nothing is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=2.11.0
layout=3 # raise it when what is kept of the wheels changes

cuda=no
[ "${1:-}" = --cuda ] && { cuda=yes; shift; }
if [ -n "${LIBTORCH:-}" ] && [ $# = 0 ]; then
  found=$(cat "$LIBTORCH/build-version" 2>/dev/null || echo "of unknown version")
  echo "LIBTORCH is set: using $LIBTORCH ($found; $version is the version this builds with)"
  if [ $cuda = yes ] && [ ! -e "$LIBTORCH/lib/libtorch_cuda.so" ]; then
    echo "It has no libtorch_cuda.so: give LIBTORCH a CUDA build, or unset it to use the pinned one." >&2
    exit 1
  fi
  exit 0
fi
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  echo "The pinned libtorch is for Linux on x86-64, this is $(uname -sm): set LIBTORCH to a libtorch $version of your own." >&2
  exit 1
fi
dir=${1:-"$here/../.libtorch"}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

# The stamp names what is installed: a changed pin or a half-done install is made anew.
stamp() { echo "$1 $layout $(sha256sum < "$here/libtorch-$1.txt" | cut -c1-16)"; }
stamp_cpu=$(stamp cpu)
stamp_cuda="$(stamp cuda) with $stamp_cpu"
installed() { grep -qxF "$1" "$dir/.installed" 2>/dev/null; }
complete() { if [ $cuda = yes ]; then installed "$stamp_cuda"; else installed "$stamp_cpu"; fi; }
complete && exit 0

exec 9> "$dir/.lock"
flock 9 # of two at a time the second finds it done
complete && exit 0

# Beside the target, not in /tmp, which may be small.
work=$(mktemp -d "$dir/.download.XXXXXX")
trap 'rm -rf "$work"' EXIT
quiet=()
[ -t 1 ] || quiet=(--quiet)
platforms=()
for platform in manylinux_2_28 manylinux_2_27 manylinux_2_25 manylinux_2_18 manylinux_2_17 manylinux2014 manylinux2010 manylinux1; do
  platforms+=(--platform "${platform}_x86_64")
done

fetch() { # REQUIREMENTS FOLDER: the wheels named there, hashes checked by pip
  TMPDIR=$work python3 -m pip download "${quiet[@]}" --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi abi3 --abi none \
    "${platforms[@]}" --dest "$2" --requirement "$1"
}

unpack() { # FOLDER PART: what PART (cpu, cuda) keeps of the wheels there
  python3 - "$1" "$dir" "$2" "$version" <<'PY'
import os, pathlib, re, shutil, sys, zipfile
wheels, out, part, version = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
KEEP = {
    # libtorch_cpu.so does not load without cudart and cupti.
    "cpu": "libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13",
    # What libtorch_cuda.so is linked against, then what it opens when first used: solvers, run-time compiler, cuDNN's parts.
    "cuda": "libtorch_cuda.so libc10_cuda.so libtorch_nvshmem.so libnvshmem_host.so.3 libcublas.so.13 libcublasLt.so.13"
            " libcudnn.so.9 libcufft.so.12 libcufile.so.0 libcurand.so.10 libcusparse.so.12 libnvJitLink.so.13"
            " libcusparseLt.so.0 libnccl.so.2"
            " libtorch_cuda_linalg.so libcusolver.so.12 libcaffe2_nvrtc.so libnvrtc.so.13 libnvrtc-builtins.so.13.0"
            " libcudnn_adv.so.9 libcudnn_cnn.so.9 libcudnn_engines_precompiled.so.9"
            " libcudnn_engines_runtime_compiled.so.9 libcudnn_graph.so.9 libcudnn_heuristic.so.9 libcudnn_ops.so.9",
}
LICENCE = re.compile(r"(licen[cs]e|notice|copying|third-party)[^/]*", re.I)
missing = set(KEEP[part].split())
(out / "lib").mkdir(parents=True, exist_ok=True)
if part == "cpu":
    shutil.rmtree(out / "licenses", ignore_errors=True)

def place(wheel, name, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    tmp = target.with_name(target.name + ".part")
    with wheel.open(name) as src, open(tmp, "wb") as dst:
        shutil.copyfileobj(src, dst, 1 << 20)
    os.replace(tmp, target)

for path in sorted(wheels.glob("*.whl")):
    package = out / "licenses" / "-".join(path.name.split("-")[:2])
    licences, libraries = [], []
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            base = os.path.basename(name)
            if name.startswith("torch/include/") and base and part == "cpu":
                place(wheel, name, out / name[len("torch/"):])
            elif "/lib/" in name and base in missing:
                place(wheel, name, out / "lib" / base)
                missing.discard(base)
                libraries.append(base)
            elif LICENCE.fullmatch(base) and (".dist-info/" in name or not name.startswith("torch/")):
                licences.append(name)
        if len({os.path.basename(name) for name in licences}) != max(len(licences), 1):
            sys.exit(f"{path.name}: no licence files, or two of one name: {licences}")
        for name in licences:
            place(wheel, name, package / os.path.basename(name))
    # The torch wheel gives libraries to both parts.
    known = package / "LIBRARIES"
    libraries += known.read_text().split() if known.exists() else []
    known.write_text("".join(sorted({f"{name}\n" for name in libraries})))
if missing:
    sys.exit("not in the wheels: " + ", ".join(sorted(missing)))
if part == "cpu":
    # tch links -ltorch -ltorch_cpu -lc10; all of libtorch.so that is needed is this.
    (out / "lib" / "libtorch.so").write_text("INPUT(libtorch_cpu.so)\n")
    (out / "build-version").write_text(version + "\n")
PY
}

if ! installed "$stamp_cpu"; then
  echo "libtorch $version: fetching some 530 MB …"
  rm -f "$dir/.installed"
  fetch "$here/libtorch-cpu.txt" "$work/wheels"
  unpack "$work/wheels" cpu
  echo "$stamp_cpu" > "$dir/.installed"
fi
if [ $cuda = yes ]; then
  echo "CUDA 13 libraries: fetching some 2.5 GB …"
  # The GPU half is two thirds of the torch wheel, and a CPU install does not keep it: fetched again.
  [ -d "$work/wheels" ] || fetch "$here/libtorch-cpu.txt" "$work/wheels"
  fetch "$here/libtorch-cuda.txt" "$work/wheels"
  unpack "$work/wheels" cuda
  printf '%s\n' "$stamp_cpu" "$stamp_cuda" > "$dir/.installed"
fi
echo "libtorch $version is in $dir ($(du -sh "$dir/lib" | cut -f1) of libraries)"
