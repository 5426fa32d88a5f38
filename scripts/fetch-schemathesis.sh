#!/usr/bin/env bash
# Installs schemathesis, which asks the REST API what its OpenAPI document allows, once, into an environment of its own, and
# prints the path of its program, the only line on stdout.
#
#   scripts/fetch-schemathesis.sh [CACHE_DIR]     default: ${XDG_CACHE_HOME:-~/.cache}/kafka-mesos
#
# pip brings exactly what scripts/schemathesis/requirements.txt says, checked by its hashes; nothing is built. Safe to run
# several times at once.
set -euo pipefail

requirements=$(cd "$(dirname "${BASH_SOURCE[0]}")/schemathesis" && pwd)/requirements.txt
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-mesos}
fail() { echo "fetch-schemathesis: $*" >&2; exit 1; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
home=$cache/schemathesis
exec 9>"$cache/.lock-schemathesis"
flock 9
if ! cmp -s "$requirements" "$home/requirements.txt"; then
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python from 3.11 on is needed"
  # Its programs name their interpreter by its path, so it is made in its place, and is whole once it has the list.
  rm -rf "$home"
  python3 -m venv "$home" 9>&- >&2 || fail "python3 cannot make an environment; on Debian: apt-get install python3-venv"
  "$home/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    -r "$requirements" 9>&- >&2 || fail "pip could not fetch it (see above)"
  cp "$requirements" "$home/requirements.txt"
fi
echo "$home/bin/st"
