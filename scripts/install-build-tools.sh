#!/usr/bin/env bash
# What a build needs beside Rust: a C++ compiler (libtorch's bindings), CMake and NASM (libjpeg-turbo), make, binutils (they
# strip what is shipped), Python 3 with pip (it fetches libtorch).
# Nothing happens where all are there. Otherwise Debian's packages are installed, or their names said.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

missing=()
have c++ && have cc || missing+=(g++)
have cmake || missing+=(cmake)
have nasm || missing+=(nasm)
have make || missing+=(make)
have objcopy && have readelf || missing+=(binutils)
# Debian's Python comes without pip.
python3 -m pip --version > /dev/null 2>&1 || missing+=(python3 python3-pip)
install_packages "to build" "${missing[@]}"
have cargo || {
  echo "Rust is not installed: see https://rustup.rs (Cargo.toml says from which version on)." >&2
  exit 1
}
