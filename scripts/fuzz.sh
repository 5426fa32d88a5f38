#!/usr/bin/env bash
# Fuzzes the parsers that read bytes from outside, one after the other, with libFuzzer.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     default: 60 seconds each of all targets in fuzz/targets
#
# It takes cargo-fuzz, which is installed where it is missing. The compiler is the project's own, told to take flags of a nightly one;
# so there is no sanitizer, and what is found is panics, endless loops and too much memory.
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
# The versions that are tested and shipped; cargo adds what the targets alone need.
cp Cargo.lock fuzz/
for target in "${targets[@]}"; do
  echo "== $target"
  RUSTC_BOOTSTRAP=1 cargo fuzz run -s none "$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1
done
