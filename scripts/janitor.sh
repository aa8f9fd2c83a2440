#!/bin/sh
# Waits until whoever holds the other end of its standard input is gone, however it ended, then removes what a run may
# have left: its directory and its cgroups. usage: janitor.sh RUN_DIR CGROUP
set -u
run_dir=$1
cgroup=$2
trap '' INT TERM HUP
while read -r _; do :; done

remove_cgroups() {
  for top in /sys/fs/cgroup/*/"$cgroup" /sys/fs/cgroup/"$cgroup"; do
    [ -d "$top" ] || continue
    # deepest first; a cgroup of a dying process refuses for a moment
    find "$top" -depth -type d -exec rmdir {} \; 2>/dev/null
  done
  for top in /sys/fs/cgroup/*/"$cgroup" /sys/fs/cgroup/"$cgroup"; do [ -d "$top" ] && return 1; done
  return 0
}

tries=0
until remove_cgroups && rm -rf "$run_dir" 2>/dev/null; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || exit 1
  sleep 0.2
done
