#!/usr/bin/env bash
# A Kafka cluster on this machine: installs what is missing, builds, and runs kafka-local with these arguments.
#
#   scripts/local.sh [--brokers N] [--fresh] [--detach] [--heap MB] [...]    start; --help shows all
#   scripts/local.sh stop | status | configure NAME=VALUE... | tool NAME ARGUMENTS...
#
# Settings of the service (BROKER_COUNT, KAFKA_OVERRIDE_..., ...) are taken from the environment. The data lies in
# .kafka-local/ of the checkout.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export KAFKA_LOCAL_DATA=${KAFKA_LOCAL_DATA:-$root/.kafka-local}
program=${CARGO_TARGET_DIR:-$root/target}/debug/kafka-local

# Help needs neither an installation nor a build.
if [[ " $* " =~ \ (-h|--help)\  ]]; then
  [[ -x $program ]] && exec "$program" "$@"
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit
fi
# A running cluster is looked after by the program that started it.
if [[ ${1-} =~ ^(stop|status|configure|tool)$ && -x $program ]]; then
  exec "$program" "$@"
fi
"$root/scripts/install.sh"
if [[ -f ~/.cargo/env ]]; then . ~/.cargo/env; fi
if [[ -z ${KAFKA_URI-} ]]; then
  KAFKA_URI=file://$("$root/scripts/fetch-kafka.sh")
  export KAFKA_URI
fi
echo "local: building" >&2
(cd "$root" && cargo build --locked --workspace --bins)
exec "$program" "$@"
