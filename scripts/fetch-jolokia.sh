#!/usr/bin/env bash
# Fetches the Jolokia JVM agent that metrics are tested with, once, and prints the path of its jar, the only line on stdout.
#
#   scripts/fetch-jolokia.sh [CACHE_DIR]     default: ${XDG_CACHE_HOME:-~/.cache}/kafka-mesos
#
# Maven brings it from Maven Central; it must have the SHA-256 below. Safe to run several times at once.
set -euo pipefail

version=2.2.9
sum=f5c4b31eeeb602888346ce7b545a885cb7caf932eff3b1b630e93cc720483429
cache=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-mesos}
say() { echo "fetch-jolokia: $*" >&2; }
fail() { say "$*"; exit 1; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
jar=$cache/jolokia-agent-jvm-$version-javaagent.jar
right() { [[ -f $1 ]] && echo "$sum  $1" | sha256sum --check --strict --status; }
exec 9>"$cache/.lock-jolokia"
flock 9
if ! right "$jar"; then
  command -v mvn >/dev/null || fail "Maven (mvn) is needed to fetch Jolokia and is not on PATH; on Debian: apt-get install maven"
  work=$(mktemp -d "$cache/.build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mvn -q -B -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
    -DoutputDirectory="$work" -Dartifact="org.jolokia:jolokia-agent-jvm:$version:jar:javaagent" 9>&- >&2 ||
    fail "Maven could not fetch Jolokia (see above)"
  right "$work/${jar##*/}" || fail "the jar's SHA-256 is not the one in scripts/fetch-jolokia.sh; a bad copy may lie in ~/.m2"
  mv "$work/${jar##*/}" "$jar"
fi
echo "$jar"
