#!/usr/bin/env bash
# Fuzzes the parsers that read bytes from outside, one after the other, with libFuzzer.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     default: 60 seconds each of all targets in fuzz/targets
#
# It takes a nightly compiler, which alone instruments code, and cargo-fuzz; both are installed where they are missing.
# What it finds stays in fuzz/artifacts; each find belongs into a test. The same entry points run in `cargo test` too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-60}
shift $(($# > 0))
targets=("$@")
if ((${#targets[@]} == 0)); then
  for path in fuzz/targets/*.rs; do
    name=${path##*/}
    targets+=("${name%.rs}")
  done
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
rustup toolchain list | grep -q ^nightly || rustup toolchain install nightly --profile minimal
# The versions that are tested and shipped; cargo adds what the targets alone need.
cp Cargo.lock fuzz/
for target in "${targets[@]}"; do
  echo "== $target"
  cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1
done
