#!/usr/bin/env bash
# Benchmarks that are no part of check.sh: each prints ours beside the plain case of the same run.
#
#   scripts/bench.sh [NAME...]     default: all. On a machine that has nothing else to do.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --locked --quiet --workspace --bins
run() { # PACKAGE BINARY NAME
  cargo test --locked --quiet ${KAFKA_BENCH_PROFILE-} -p "$1" --test "$2" "$3" -- --ignored --exact --nocapture | grep -vE '^$|^running|^test result|^\.$'
}
(($#)) || set -- launch restart crash check metrics producer soak admin
for name; do
  case $name in
    launch) run executor supervise bench::bench_launch_and_end ;;
    restart) run executor supervise bench::bench_restart ;;
    crash) run scheduler e2e bench::bench_crash ;;
    metrics) run executor supervise bench::bench_metrics ;;
    check) run healthcheck real bench_a_check ;;
    # JVMs as Kafka's own scripts start them, not as tests do.
    # Not linked as a release is, as scripts/bench/admin.sh.
    producer) CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 KAFKA_BENCH_JVM="-Xmx512m -XX:+UseG1GC -XX:MaxGCPauseMillis=20" KAFKA_BENCH_PROFILE=--release \
      run kafka real producer::bench_producer ;;
    soak) KAFKA_BENCH_PROFILE=--release run executor supervise bench::bench_soak ;;
    admin) scripts/bench/admin.sh ;;
    *) echo "bench: no benchmark $name: launch, restart, crash, check, metrics, producer, soak, admin" >&2 && exit 1 ;;
  esac
done
