# Sourced by bin/test and bin/quickstart: the Debian packages a site needs, and those of $more_packages (command:package).
# Installs what is missing when run as root, otherwise names it. kubectl is taken from the PATH and installed only where
# there is none.

missing_packages() {
  for pair in containerd:containerd runc:runc ctr:containerd iptables:iptables ip:iproute2 mosquitto:mosquitto \
    unshare:util-linux nsenter:util-linux ${more_packages:-}; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || echo "${pair##*:}"
  done
  [ -x /usr/lib/cni/bridge ] || echo containernetworking-plugins
  [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || echo busybox-static
  command -v kubectl >/dev/null 2>&1 || echo kubernetes-client
}

need_system_packages() {
  packages=$(missing_packages | sort -u | tr '\n' ' ')
  [ -n "${packages% }" ] || return 0
  [ "$(id -u)" = 0 ] || die "missing Debian packages: $packages(run: apt-get install $packages)"
  say "installing Debian packages: $packages..."
  log=$(mktemp)
  # shellcheck disable=SC2086
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get could not install: $packages"
  fi
  rm -f "$log"
  # Debian starts a broker and a containerd of its own where an init system runs; this project uses private ones only.
}
