#!/usr/bin/env bash
# The demo's shop and bundle under target/demo, from the shipped weights; made once, and anew only when what makes them changes.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=target/demo
trainer=target/release/lookalike-trainer
shop=(--products 300 --views 4 --seed 7)

[ -f weights/demo/manifest.json ] || [ -n "$(ls -A weights/demo 2> /dev/null)" ] || {
  echo "weights/demo is missing: the demo needs the weights that the repository ships." >&2
  exit 1
}

# libtorch's threads sleep while they wait for each other, and leave the cores to those that decode.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

fingerprint() { # FILE|FOLDER…: of names and contents
  find "$@" -type f -print0 2> /dev/null | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16
}
current() { [ "$(cat "$1" 2> /dev/null)" = "$2" ]; }

mkdir -p "$demo"
shop_stamp="${shop[*]} $(fingerprint crates/sample-shop/src)"
if ! current "$demo/shop.stamp" "$shop_stamp"; then
  echo "── sample catalogue: 300 products, 4 views each"
  rm -rf "$demo/shop" "$demo/shop.stamp"
  "$trainer" sample-data --out "$demo/shop" "${shop[@]}"
  echo "$shop_stamp" > "$demo/shop.stamp"
fi

# Not the program's own hash: a rebuild for another reason leaves the bundle as good as it was.
rooms=(crates/{common,items,photo,libtorch,int7,model,catalogue}/src crates/trainer/src/{dataset,network,export,extraction})
bundle_stamp="$shop_stamp $(fingerprint weights/demo "${rooms[@]}")"
if ! current "$demo/bundle.stamp" "$bundle_stamp"; then
  echo "── bundle: the shipped weights, exported in every precision this machine can judge"
  rm -rf "$demo/bundle" "$demo/bundle.stamp" "$demo/state" # what came in belongs to its model
  "$trainer" export --run weights/demo --out "$demo/bundle" --data "$demo/shop" --layout deepfashion
  echo "── catalogue: every photo of the shop embedded and indexed"
  "$trainer" index --bundle "$demo/bundle" --data "$demo/shop" --layout deepfashion
  echo "$bundle_stamp" > "$demo/bundle.stamp"
fi
