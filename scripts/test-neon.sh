#!/usr/bin/env bash
# The kernels' tests on aarch64, from a machine that is not: compiled for it, run under qemu. On Debian 12, x86-64; the
# compiler, the crate and what is built lie in target/neon, the linker and qemu are installed.
#
#   nice scripts/test-neon.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
neon=$PWD/target/neon
rust=$neon/rust

[ "$(uname -sm)" = "Linux x86_64" ] || { echo "This is for Linux on x86-64, not $(uname -sm)." >&2; exit 1; }
missing=()
have aarch64-linux-gnu-gcc || missing+=(gcc-aarch64-linux-gnu)
# The compiler only recommends its C library.
[ -e /usr/aarch64-linux-gnu/lib/crt1.o ] || missing+=(libc6-dev-arm64-cross)
have qemu-aarch64-static || missing+=(qemu-user-static)
install_packages "to test on aarch64" "${missing[@]}"

# Debian's Rust, for it comes with aarch64's standard library as a package; rustup's is not to be had everywhere. Unpacked,
# not installed: it would take the place of the machine's own, and want a second architecture.
foreign_apt() {
  apt-get -qq -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o Dir::Cache::Archives="$work" \
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User="$(id -un)" \
    -o Debug::NoLocking=true "$@"
}
if [ ! -d "$rust" ]; then
  echo "Unpacking Debian's Rust into target/neon/rust …"
  mkdir -p "$neon"
  work=$(mktemp -d "$neon/download.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/partial"
  foreign_apt update
  foreign_apt install -y --no-install-recommends --download-only --reinstall rustc-web libstd-rust-web-dev > /dev/null
  # By itself: with what it depends on would come another C library.
  (cd "$work" && foreign_apt download libstd-rust-web-dev:arm64)
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/rust"; done
  mv "$work/rust" "$rust"
fi

# The kernels alone in a crate, and what asks a machine for its instructions: the fewer crates, the older a compiler will do.
mkdir -p "$neon/crate/src"
ln -sfn ../../../../crates/catalogue/src/local/kernel "$neon/crate/src/kernel"
ln -sfn ../../../../crates/common/src/instructions.rs "$neon/crate/src/instructions.rs"
{
  printf '[package]\nname = "kernel"\n'
  grep -E '^(edition|rust-version) = ' Cargo.toml
  printf '\n[workspace]\n\n[dev-dependencies]\n'
  printf 'proptest = { version = "1", default-features = false, features = ["std"] }\n'
} > "$neon/crate/Cargo.toml"
cp Cargo.lock "$neon/crate/" # the same proptest
cat > "$neon/crate/src/lib.rs" <<'RUST'
#![allow(dead_code)]
extern crate self as lookalike_common;
mod instructions;
mod kernel;
pub use instructions::{InstructionSet, Instructions};

#[test]
fn neon_is_among_the_tested() {
    assert_eq!(kernel::Kernel::best().name(), "NEON");
    println!("{}: {:?}", std::env::consts::ARCH, kernel::Kernel::all());
}
RUST

cd "$neon/crate"
export RUSTC=$rust/usr/bin/rustc LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu CARGO_TARGET_DIR=$neon/build
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
cargo test --release --target aarch64-unknown-linux-gnu --lib -- --show-output
