#!/usr/bin/env bash
# Topics listed, described, created and their offsets told, by our REST API, a resident librdkafka client and Kafka's
# scripts, on three brokers under Mesos; then with 10 000 topics. Optimised, but not linked as a release is, which takes
# many minutes more; wants a machine that has nothing else to do.
#
#   scripts/bench/admin.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
cargo build --locked --quiet --release --workspace --bins --test e2e
cargo test --locked --quiet --release --workspace --test e2e bench::admin::bench_admin -- --ignored --exact --nocapture |
  grep -vE '^$|^running|^test result|^\.$'
