#!/usr/bin/env bash
# The kernels and the team of threads under the address and the thread sanitizer, with a stable compiler.
#     scripts/sanitize.sh [address|thread]...    both where none is named
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1 SANITIZED=yes

# SANITIZER ARGUMENTS-OF-CARGO-TEST...
under() {
  local kind=$1
  shift
  echo "── $kind sanitizer: $*"
  # The standard library is not built with it: what both share is laid out alike.
  RUSTFLAGS="-Zsanitizer=$kind -Cunsafe-allow-abi-mismatch=sanitizer" CARGO_TARGET_DIR="target/sanitize/$kind" \
    cargo test --release --locked --target "$host" "$@"
}

[ $# -gt 0 ] || set -- address thread
for kind; do
  case $kind in
    address)
      MUTATIONS=${MUTATIONS:-500} under address --package lookalike-int7 --lib
      ;;
    thread)
      # Nor is the standard library: how the test harness hands over a finished test looks like a race.
      printf 'race:%s\n' test::event test::run_test CompletedTest > target/sanitize-thread.supp
      MUTATIONS=${MUTATIONS:-100} TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/target/sanitize-thread.supp" \
        under thread --package lookalike-int7 --lib
      ;;
    *)
      echo "sanitize: $kind is neither address nor thread" >&2
      exit 2
      ;;
  esac
done
