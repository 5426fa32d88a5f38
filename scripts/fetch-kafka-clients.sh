#!/usr/bin/env bash
# Fetches the Java library that the guide's samples are for, org.apache.kafka:kafka-clients:0.9.0.1, with what it needs, once,
# and prints the directory of its jars, the only line on stdout.
#
#   scripts/fetch-kafka-clients.sh [CACHE_DIR]     default: ${XDG_CACHE_HOME:-~/.cache}/kafka-mesos
#
# Maven brings it from Maven Central; the jars must be exactly those of scripts/kafka-clients/*.sha256. Safe to run several
# times at once.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/kafka-clients" && pwd)
list=$here/0.9.0.1.sha256
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-mesos}
say() { echo "fetch-kafka-clients: $*" >&2; }
fail() { say "$*"; exit 1; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
jars=$cache/kafka-clients-0.9.0.1
right() {
  diff <(cut -d' ' -f3 "$list" | LC_ALL=C sort) <(cd "$1" && LC_ALL=C ls) >&2 && (cd "$1" && sha256sum --check --strict --quiet "$list") >&2
}
exec 9>"$cache/.lock-kafka-clients"
flock 9
if [[ -d $jars ]]; then
  right "$jars" || fail "$jars is not what was fetched; remove it and run this again"
else
  command -v mvn >/dev/null || fail "Maven (mvn) is needed to fetch the library and is not on PATH; on Debian: apt-get install maven"
  work=$(mktemp -d "$cache/.build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$work/jars" 9>&- >&2 ||
    fail "Maven could not fetch the library (see above)"
  right "$work/jars" || fail "the jars Maven brought are not those of $list; a bad copy may lie in Maven's own cache (~/.m2)"
  mv "$work/jars" "$jars"
fi
echo "$jars"
