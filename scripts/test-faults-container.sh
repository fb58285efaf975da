#!/usr/bin/env bash
# scripts/test-faults.py as a careful host runs the programs: in a container that is read-only but for its work, with 1 GB of memory, 256
# processes and no capability. Where no Docker engine answers, nothing is tested, in words.
#     scripts/test-faults-container.sh [SECONDS]      60 where it is not given
#
# Python and strace are this machine's: its /usr is mounted, read-only, over that of the images' base.
set -euo pipefail
cd "$(dirname "$0")/.."
docker=${DOCKER:-docker} work=$PWD/target/faults-container
"$docker" info > /dev/null 2>&1 || { echo "test-faults-container: SKIPPED, no Docker engine answers"; exit 0; }
base=${RUNTIME_BASE:-lookalike-base}
"$docker" image inspect "$base" > /dev/null 2>&1 || scripts/docker-base.sh runtime
{
  read -r python
  read -r prefix
} < <(python3 -c 'import os, sys; print(os.path.realpath(sys.executable), sys.base_prefix, sep="\n")')
libtorch=$(realpath "${LIBTORCH:-.libtorch}")

mounts=(--volume /usr:/usr:ro)
case $prefix in /usr | /usr/*) ;; *) mounts+=(--volume "$prefix:$prefix:ro") ;; esac

rm -rf "$work"
mkdir -p "$work"
"$docker" run --rm --read-only --tmpfs /tmp --memory 1g --pids-limit 256 --cap-drop ALL --security-opt no-new-privileges --network none \
  "${mounts[@]}" --volume "$PWD:$PWD:ro" --volume "$libtorch:$libtorch:ro" --volume "$work:$work" \
  --env OUT="$work" --env SEED="${SEED:-$RANDOM}" "$base" "$python" "$PWD/scripts/test-faults.py" "${1:-60}"
