#!/usr/bin/env bash
# Installs Etsy's statsd, which metrics are tested against, once, and prints the path of its program, the only line on
# stdout: node PROGRAM CONFIG runs it.
#
#   scripts/fetch-statsd.sh [CACHE_DIR]     default: ${XDG_CACHE_HOME:-~/.cache}/kafka-mesos
#
# npm brings exactly what scripts/statsd/package-lock.json says, checked by its hashes. Safe to run several times at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/statsd" && pwd)
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-mesos}
say() { echo "fetch-statsd: $*" >&2; }
fail() { say "$*"; exit 1; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
home=$cache/statsd
exec 9>"$cache/.lock-statsd"
flock 9
if ! cmp -s "$here/package-lock.json" "$home/package-lock.json"; then
  command -v npm >/dev/null || fail "npm is needed to fetch statsd and is not on PATH; on Debian: apt-get install nodejs npm"
  work=$(mktemp -d "$cache/.build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cp "$here/package.json" "$here/package-lock.json" "$work/"
  # Its optional parts speak to syslog and Windows and would be compiled here; nothing of it runs while it is installed.
  (cd "$work" && npm ci --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error 9>&- >&2) ||
    fail "npm could not fetch statsd (see above)"
  rm -rf "$home"
  mv "$work" "$home"
fi
echo "$home/node_modules/statsd/stats.js"
