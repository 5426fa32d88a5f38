#!/usr/bin/env bash
# Builds a Kafka distribution once and prints the path of its archive, the only line on stdout.
#
#   scripts/fetch-kafka.sh [VERSION [CACHE_DIR]]     default: 3.9.2, ${XDG_CACHE_HOME:-~/.cache}/kafka-mesos
#
# Maven brings the jars of scripts/kafka/pom.xml; they must be exactly those of scripts/kafka/VERSION.sha256. The archive
# is the same byte for byte wherever it is built with the same tar and gzip, with one fixed time on every file: a JVM's
# class archive is only valid while its jars' times stay as they were. Safe to run several times at once.
set -euo pipefail

version=${1:-3.9.2}
name=kafka_2.13-$version
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/kafka" && pwd)
list=$here/$version.sha256
cache=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/kafka-mesos}
say() { echo "fetch-kafka: $*" >&2; }
fail() { say "$*"; exit 1; }
[[ -f $list ]] || fail "no list of jars for Kafka $version: scripts/kafka/ has those of $(cd "$here" && echo *.sha256)"

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
tgz=$cache/$name.tgz
exec 9>"$cache/.lock"
flock 9

# A kept archive: still the bytes that were written, and made from the list committed now.
if [[ -f $tgz && -f $tgz.sha256 ]] && cmp -s "$list" "$tgz.libs"; then
  (cd "$cache" && sha256sum --check --strict --status "$name.tgz.sha256") ||
    fail "$tgz is not what was built (SHA-256 differs); remove it and run this again"
  echo "$tgz"
  exit
fi

command -v mvn >/dev/null || fail "Maven (mvn) is needed to fetch Kafka's jars and is not on PATH; on Debian: apt-get install maven"
work=$(mktemp -d "$cache/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
libs=$work/$name/libs
say "fetching the jars of $name from Maven Central"
mvn -q -B -Dstyle.color=never -f "$here/pom.xml" -Dkafka.version="$version" dependency:copy-dependencies -DoutputDirectory="$libs" 9>&- >&2 ||
  fail "Maven could not fetch the jars (see above)"

# Exactly the listed jars, and each of them unchanged.
diff <(cut -d' ' -f3 "$list" | LC_ALL=C sort) <(cd "$libs" && LC_ALL=C ls) >&2 ||
  fail "the jars Maven brought (>) are not those of scripts/kafka/$version.sha256 (<)"
(cd "$libs" && sha256sum --check --strict --quiet "$list") >&2 ||
  fail "a jar's SHA-256 is not the one in scripts/kafka/$version.sha256; a bad copy may lie in Maven's own cache (~/.m2)"

LC_ALL=C tar -C "$work" --sort=name --mtime=2025-01-01T00:00:00Z --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  --format=ustar -cf - "$name" | gzip -n -1 >"$work/$name.tgz"
(cd "$work" && sha256sum "$name.tgz" >"$name.tgz.sha256")
cp "$list" "$work/$name.tgz.libs"
# Without its checksum an archive counts as absent, so a crash between these moves means one more build.
rm -f "$tgz.sha256"
mv "$work/$name.tgz" "$tgz"
mv "$work/$name.tgz.libs" "$tgz.libs"
mv "$work/$name.tgz.sha256" "$tgz.sha256"
say "built $tgz"
echo "$tgz"
