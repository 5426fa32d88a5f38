#!/usr/bin/env bash
# Measures the figures of README.md: how long a cluster takes to come up, and the memory of each process then.
#
#   scripts/measure.sh [RUNS]     default 3; built and fetched before, on a machine that has nothing else to do
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${CARGO_TARGET_DIR:-$root/target}/debug/kafka-local
work=$(mktemp -d)
export KAFKA_LOCAL_DATA=$work/data
trap '"$program" stop >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

rss() { awk -v what="$1" '/^VmRSS/ { printf "%-24s %6.1f MiB\n", what, $2 / 1024 }' "/proc/$2/status"; }
for ((run = 1; run <= ${1:-3}; run++)); do
  start=$EPOCHREALTIME
  "$program" up --fresh --detach --zookeeper-port 0 --master-port 0 --agent-port 0 --api-port 0 --broker-ports 0 \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "up, plan Complete        %6.1f s\n", b - a }'
  for part in kafka-scheduler mesos-local zookeeper kafka-local; do
    rss "$part" "$(cut -d' ' -f1 "$KAFKA_LOCAL_DATA/run/$part.pid")"
  done
  for process in /proc/[0-9]*; do
    if [[ $(readlink "$process/cwd" || true) == "$KAFKA_LOCAL_DATA"/mesos/* ]]; then
      rss "$(<"$process/comm")" "${process#/proc/}"
    fi
  done 2>/dev/null
  "$program" stop >/dev/null 2>&1
done
