#!/usr/bin/env bash
# What is shipped, from target/release into target/package: the programs without debug sections (bin), those sections apart
# (debug), the licence and the third-party notices (doc). For programs that scripts/build.sh has built.
#
# The tests share the programs' profile, so that libtorch's bindings are compiled once: it keeps line tables, and they are taken out
# here. Names of functions stay in the programs for backtraces; files and lines come back where a debugger, or the program's own
# backtrace, finds NAME.debug beside the program or in .debug there.
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/package
programs=(lookalike-server lookalike-trainer lookalike-sync)

rm -rf "$out"
mkdir -p "$out/bin" "$out/debug" "$out/doc"
for program in "${programs[@]}"; do
  built=target/release/$program stripped=$out/bin/$program debug=$out/debug/$program.debug
  [ -e "$built" ] || { echo "There is no $built: run scripts/build.sh" >&2; exit 1; }
  # The build id is what says that a program and a debug file belong together.
  readelf --notes "$built" 2> /dev/null | grep -q 'Build ID' || { echo "$built has no build id: its linker must be asked for one (-Wl,--build-id)." >&2; exit 1; }
  objcopy --only-keep-debug --compress-debug-sections=zlib "$built" "$debug"
  objcopy --strip-debug --add-gnu-debuglink="$debug" "$built" "$stripped"
  chmod 755 "$stripped"
  chmod 644 "$debug"
  echo "$program: $(du --apparent-size -h "$built" | cut -f1) built, $(du --apparent-size -h "$stripped" | cut -f1) shipped, $(du --apparent-size -h "$debug" | cut -f1) of debug file"
done
cp LICENSE "$out/doc/"
scripts/notices.py
