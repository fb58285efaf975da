#!/usr/bin/env bash
# Makes the images' two bases where no registry can be reached: lookalike-base, a minimal Debian by debootstrap, and
# lookalike-rust, the same with this machine's Rust. This machine's package sources, certificates and pip settings go into
# lookalike-rust alone, which nobody runs. As root, on Debian, with a Docker engine.
#
#   scripts/docker-base.sh
#   make docker-cpu BUILD_BASE=lookalike-rust RUNTIME_BASE=lookalike-base
#   scripts/docker-base.sh runtime   lookalike-base alone, for programs that are built already
#
# SUITE (default bookworm), MIRROR (default debootstrap's own), DOCKER (default docker).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
suite=${SUITE:-bookworm}
docker=${DOCKER:-docker}
what=${1:-both}
case $what in both | runtime) ;; *) echo "usage: $0 [runtime]" >&2; exit 2 ;; esac

[ "$(id -u)" = 0 ] || { echo "debootstrap needs root" >&2; exit 1; }
"$docker" info > /dev/null
have debootstrap || install_packages "to make the base images" debootstrap

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

echo "lookalike-base: Debian $suite, minimal …"
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${MIRROR:+"$MIRROR"} > "$work/log" \
  || { tail -n 20 "$work/log" >&2; exit 1; }
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/man/*
# Of the documentation the packages' terms stay, as in Debian's own slim images; links lead from one package to another's.
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -xtype l -delete
find "$root/usr/share/doc" -type d -empty -delete
tar -C "$root" -c . | "$docker" import --change 'CMD ["bash"]' - lookalike-base > /dev/null
[ "$what" = both ] || exit 0

sysroot=$(rustc --print sysroot)
echo "lookalike-rust: the same with $(rustc --version) …"
for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/ssl/certs/ca-certificates.crt \
  /etc/pip.conf; do
  [ ! -e "$path" ] || cp -aT "$path" "$root$path"
done
# The toolchain, of its documentation the standard library's terms (for scripts/notices.py); and cargo's own settings, which may name a mirror.
mkdir -p "$root/usr/local/cargo"
cp -a "$sysroot/bin" "$sysroot/lib" "$root/usr/local/"
[ ! -d "$sysroot/libexec" ] || cp -a "$sysroot/libexec" "$root/usr/local/"
terms=share/doc/rust/COPYRIGHT-library.html
[ ! -e "$sysroot/$terms" ] || install -D -m 644 "$sysroot/$terms" "$root/usr/local/$terms"
cargo_home=${CARGO_HOME:-$HOME/.cargo}
for file in config config.toml; do
  [ ! -e "$cargo_home/$file" ] || cp "$cargo_home/$file" "$root/usr/local/cargo/"
done
tar -C "$root" -c . | "$docker" import --change 'ENV CARGO_HOME=/usr/local/cargo' --change 'CMD ["bash"]' - \
  lookalike-rust > /dev/null
"$docker" images | grep -E '^(REPOSITORY|lookalike-(base|rust) )'
