# shellcheck shell=bash
# Sourced: Debian packages where they are missing and may be installed, a clear word where not.

have() { command -v "$1" > /dev/null 2>&1; }

install_packages() { # PURPOSE PACKAGE…
  local purpose=$1 root=()
  shift
  [ $# -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    # Without a password prompt: a build must not stop half-way to ask.
    if have sudo && sudo -n true 2> /dev/null; then root=(sudo -n); else root=(false); fi
  fi
  if ! have apt-get || [ "${root[*]}" = false ]; then
    echo "Missing $purpose: $* (Debian's names). Install them (as root: apt-get install $*), then run this again." >&2
    return 1
  fi
  echo "Installing $purpose: $*"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}
