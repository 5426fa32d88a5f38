#!/usr/bin/env bash
# Kills rsyslogd for a minute while a log is written at 20 000 lines a second, over TCP and TLS, with a spool that is large
# enough and one that is not: every line arrives, or is counted. Four minutes and a half.
#
#   scripts/bench/outage.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cargo test --locked --manifest-path "$root/syslog/Cargo.toml" --test rsyslog -- --ignored --nocapture a_minute
