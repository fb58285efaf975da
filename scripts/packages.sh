# shellcheck shell=bash
# Sourced: Debian packages where they are missing and may be installed, a clear word where not.

have() { command -v "$1" > /dev/null 2>&1; }

# Into this folder, without installing it.
get_package() { # PACKAGE
  have apt-get || return 1
  apt-get download -qq -o APT::Sandbox::User=root "$1" 2> /dev/null && return 0
  # A machine that was never asked for a package has no lists of them.
  apt-get update -qq && apt-get download -qq -o APT::Sandbox::User=root "$1"
}

install_packages() { # PURPOSE PACKAGE…
  local purpose=$1 as_root=()
  shift
  [ $# -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    # Without a password prompt: a build must not stop half-way to ask.
    if have sudo && sudo -n true 2> /dev/null; then as_root=(sudo -n); else as_root=(false); fi
  fi
  if ! have apt-get || [ "${as_root[*]}" = false ]; then
    echo "Missing $purpose: $* (Debian's names). Install them (as root: apt-get install $*), then run this again." >&2
    return 1
  fi
  echo "Installing $purpose: $*"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}
