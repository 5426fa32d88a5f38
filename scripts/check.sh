#!/usr/bin/env bash
# Everything that must hold before a change is done; CI runs this and nothing else.
#
#   scripts/check.sh
#
# Every step runs, also after one failed; the last lines are cargo test's own summary.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
scripts/install.sh --tests
if [[ -f ~/.cargo/env ]]; then . ~/.cargo/env; fi
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
log=${CARGO_TARGET_DIR:-$root/target}/check-test.log
mkdir -p "$(dirname "$log")"
failed=()

step() { # NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  echo "== $name: $*"
  "$@" || failed+=("$name")
  echo "== $name took $((SECONDS - start)) s"
}
tests() { cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log"; }
members() { # Each member compiles alone: a feature another member happens to turn on must not hold it up.
  for manifest in */Cargo.toml Cargo.toml; do
    [[ $manifest == fuzz/* ]] || cargo check --locked --quiet --manifest-path "$manifest" || return 1
  done
  # A workspace of its own, with the same versions.
  cp Cargo.lock fuzz/
  cargo check --quiet --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}"
}

step format cargo fmt --all --check
step clippy cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
step docs env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps --quiet
step members members
for version in 3.9.2 2.8.2 4.1.2; do step kafka scripts/fetch-kafka.sh "$version"; done
step statsd scripts/fetch-statsd.sh
step schemathesis scripts/fetch-schemathesis.sh
step jolokia scripts/fetch-jolokia.sh
step build cargo build --locked --workspace --bins --quiet
step tests tests
step openapi scripts/schemathesis.sh
step conformance scripts/conformance.sh

echo "== failed steps: ${failed[*]:-none}"
grep -E '^(     Running|   Doc-tests|test result:|test .* FAILED|error: )' "$log" || true
((${#failed[@]} == 0))
