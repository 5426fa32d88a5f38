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
logs=${CARGO_TARGET_DIR:-$root/target}/check
mkdir -p "$logs"
log=$logs/tests.log
failed=()

step() { # NAME COMMAND...
  local name=$1 start=$SECONDS
  shift
  echo "== $name: $*"
  "$@" || failed+=("$name")
  echo "== $name took $((SECONDS - start)) s"
}
# Beside the steps that follow, until its output is waited for.
beside=
besides() { # NAME COMMAND...
  local name=$1
  shift
  "$@" >"$logs/$name.log" 2>&1 &
  beside=$!
}
joined() { # NAME
  local status=0
  wait "$beside" || status=$?
  cat "$logs/$1.log"
  return $status
}
tests() { cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log"; }
members() { # Each member compiles alone: a feature another member happens to turn on must not hold it up.
  for manifest in */Cargo.toml Cargo.toml; do
    [[ $manifest == fuzz/* ]] || nice cargo check --locked --quiet --manifest-path "$manifest" || return 1
  done
  # A workspace of its own, with the same versions.
  cp Cargo.lock fuzz/
  nice cargo check --quiet --manifest-path fuzz/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}"
}

step format cargo fmt --all --check
# With the tests, or their dependencies' features make a second build of nearly everything.
step build cargo build --locked --workspace --bins --tests --quiet
# It waits for most of its time, and what is compiled meanwhile stands back.
besides conformance env BUILT=1 scripts/conformance.sh
step clippy nice cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
step docs nice env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps --quiet
step members members
for version in 3.9.2 2.8.2 4.1.2; do step kafka scripts/fetch-kafka.sh "$version"; done
step statsd scripts/fetch-statsd.sh
step schemathesis scripts/fetch-schemathesis.sh
step jolokia scripts/fetch-jolokia.sh
step kafka-clients scripts/fetch-kafka-clients.sh
step conformance joined conformance
step tests tests
step openapi scripts/schemathesis.sh

echo "== failed steps: ${failed[*]:-none}"
# Why, near enough to the end to be seen where only the end is kept.
grep -A 4 ' panicked at ' "$log" | cut -c 1-400 | head -n 60 || true
grep -E '^(     Running|   Doc-tests|test result:|test .* FAILED|error: )' "$log" || true
((${#failed[@]} == 0))
