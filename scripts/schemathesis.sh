#!/usr/bin/env bash
# Asks a real service everything its OpenAPI document allows, and more, by schemathesis: no server error but a described 503,
# no status, header or body that is not described. A cluster of one broker of its own, on free ports; its plan is idle.
#
#   scripts/schemathesis.sh [ARGUMENTS...]     arguments go to each `st run`
#
# Built before: cargo build --workspace --bins.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=$root/scripts/schemathesis
st=$("$root/scripts/fetch-schemathesis.sh")
programs=${CARGO_TARGET_DIR:-$root/target}/debug
KAFKA_URI=${KAFKA_URI:-file://$("$root/scripts/fetch-kafka.sh")}
work=$(mktemp -d)
export KAFKA_URI KAFKA_LOCAL_DATA=$work/data
finish() {
  status=$?
  if ((status)); then tail -n 40 "$work"/data/log/scheduler.log 2>/dev/null || true; fi
  "$programs/kafka-local" stop >/dev/null 2>&1 || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

"$programs/kafka-local" up --fresh --detach --brokers 1 --zookeeper-port 0 --master-port 0 --agent-port 0 --api-port 0 \
  --broker-ports 0 >"$work/up" 2>&1 || { cat "$work/up"; exit 1; }
port=$(sed -n 's/^ *"api_port": \([0-9]*\),*$/\1/p' "$work/data/kafka-local.json")
export KAFKA_SCHEDULER_URL=http://127.0.0.1:$port
kafka() { env -u http_proxy -u HTTP_PROXY "$programs/dcos-kafka" "$@"; }
# The topic of the document's examples.
kafka topic create topic1 >/dev/null

ask() { # EXAMPLES ARGUMENTS...
  local examples=$1
  shift
  # In $work: it leaves its notes where it runs.
  (cd "$work" && NO_PROXY=127.0.0.1 PYTHONPATH=$home PYTHONDONTWRITEBYTECODE=1 SCHEMATHESIS_HOOKS=hooks \
    "$st" --config-file "$home/schemathesis.toml" run "$KAFKA_SCHEDULER_URL/v1/openapi.json" \
    --max-examples "$examples" "$@")
}
# One after the other: what is asked of Kafka while its only broker restarts is rightly not known to have happened.
ask 20 --exclude-name-regex '^(GET /admin/|DELETE |PUT /v1/brokers/)' "$@"
ask 10 --include-name-regex '^DELETE ' "$@"
ask 10 --include-name-regex '^PUT /v1/brokers/' "$@"
# It came through all that, and has nothing left to do.
kafka plan show --wait --within 120 >/dev/null
