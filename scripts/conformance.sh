#!/bin/bash
# Runs the Mesos conformance kit against mesos-local, started as the golden transcripts assume. Arguments go to the
# probe: scenario names (default: all) and options. All are run in parts side by side, each with a mesos-local of its own,
# since they mostly wait. Exit status: 0 where all scenarios pass.
#   scripts/conformance.sh
#   scripts/conformance.sh task_life,ack_rules -v
# BUILT=1: what is to be run has been built (`scripts/check.sh`).
set -euo pipefail
cd "$(dirname "$0")/.."
readonly PARTS=4
[ "${BUILT-}" ] || cargo build --quiet -p local --bin mesos-local

if [ $# -gt 0 ]; then
  exec scripts/conformance/part.sh "$@"
fi
said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
mapfile -t names < <(python3 tests/mesos-conformance/probe.py list | cut -d' ' -f1)
((${#names[@]} >= PARTS)) # or the kit is not what this was written for
running=()
for ((at = 0; at < PARTS; at++)); do
  mine=()
  for ((of = at; of < ${#names[@]}; of += PARTS)); do mine+=("${names[of]}"); done
  scripts/conformance/part.sh "${mine[@]}" >"$said/$at" 2>&1 &
  running+=($!)
done
status=0
for ((at = 0; at < PARTS; at++)); do
  wait "${running[at]}" || status=1
  cat "$said/$at"
done
passed=$(cat "$said"/* | grep -c '^ok ' || true)
echo "${#names[@]} scenarios, $passed passed"
exit $status
