#!/usr/bin/env bash
# The image lookalike:prebuilt of the programs in target/release, which scripts/build.sh has built: what lookalike:cpu is, without
# compiling anything a second time. Its base is the stage `runtime` of the Dockerfile, its files are those that scripts/package.sh
# makes, with the libraries of libtorch that the programs load. Nothing happens where the image is of these programs already.
#
# The programs run on a base whose C library is not older than this machine's.
#
# RUNTIME_BASE: the base; where it is not given, lookalike-base if it is there, else debian:bookworm-slim if it can be had,
# else lookalike-base is made (scripts/docker-base.sh). TAG (default lookalike:prebuilt), DOCKER (default docker).
set -euo pipefail
cd "$(dirname "$0")/.."
docker=${DOCKER:-docker} tag=${TAG:-lookalike:prebuilt}
libtorch=$(realpath "${LIBTORCH:-.libtorch}")/lib
programs=(target/release/lookalike-{server,trainer,sync})

for program in "${programs[@]}"; do
  [ -e "$program" ] || { echo "There is no $program: run scripts/build.sh" >&2; exit 1; }
done
"$docker" info > /dev/null

there() { "$docker" image inspect "$1" > /dev/null 2>&1; }
choose_base() { # without a word: what it prints is the name
  if there lookalike-base; then
    echo lookalike-base
  elif there debian:bookworm-slim || "$docker" pull --quiet debian:bookworm-slim > /dev/null 2>&1; then
    echo debian:bookworm-slim
  else
    scripts/docker-base.sh runtime >&2
    echo lookalike-base
  fi
}
base=${RUNTIME_BASE:-$(choose_base)}

made_of=$(
  {
    "$docker" image inspect --format '{{.Id}}' "$base"
    sha256sum "${programs[@]}" Dockerfile Dockerfile.prebuilt scripts/healthcheck.sh scripts/package.sh scripts/notices.py
  } | sha256sum | cut -c1-32
)
label=lookalike.made-of
if [ "$("$docker" image inspect --format "{{index .Config.Labels \"$label\"}}" "$tag" 2> /dev/null)" = "$made_of" ]; then
  echo "$tag is of these programs already"
  exit 0
fi

scripts/package.sh
staged=target/prebuilt
rm -rf "$staged"
mkdir -p "$staged/lib" "$staged/runtime/scripts"
cp -r target/package/bin target/package/doc "$staged/"
# Of libtorch what the loader takes from its folder; the rest of that folder is for compiling, or CUDA's.
mapfile -t libraries < <(ldd "${programs[@]}" | sed -nE 's/.* => (\/.*) \(0x.*/\1/p' | xargs realpath -s | sort -u)
for library in "${libraries[@]}"; do
  if [ "$(realpath "$(dirname "$library")")" = "$(realpath "$libtorch")" ]; then cp -L "$library" "$staged/lib/"; fi
done
[ -n "$(ls "$staged/lib")" ] || {
  echo "The programs take nothing from $libtorch: build them with that libtorch, or name theirs in LIBTORCH." >&2
  exit 1
}
cp scripts/healthcheck.sh "$staged/runtime/scripts/"

# The stage needs one file: what else lies in the repository is not sent to the engine.
"$docker" build --quiet --target runtime --build-arg RUNTIME_BASE="$base" --tag lookalike:runtime --file Dockerfile \
  "$staged/runtime" > /dev/null
before=$("$docker" image inspect --format '{{.Id}}' "$tag" 2> /dev/null || true)
"$docker" build --quiet --label "$label=$made_of" --tag "$tag" --file Dockerfile.prebuilt "$staged" > /dev/null
rm -rf "$staged"
# Half a gigabyte that nobody asks for any more; one that a container still runs stays.
[ -z "$before" ] || "$docker" rmi "$before" > /dev/null 2>&1 || true

"$docker" run --rm --network none "$tag" lookalike-server --version > /dev/null || {
  echo "The programs do not run on $base: it lacks a library, or its C library is older than this machine's." >&2
  exit 1
}
echo "$tag on $base: $("$docker" image inspect --format '{{.Size}}' "$tag" | awk '{ printf "%d MB", $1 / 1e6 }')"
