#!/usr/bin/env bash
# Ships the same log once by rsyslog (imfile to TCP) and once by us, both RFC 5424 and octet-counted, to the same receiver:
# lines for each second of processor time, and our memory.
#
#   scripts/bench/syslog.sh [LINES]     default 3000000; wants a machine that has nothing else to do
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lines=${1:-3000000} port=26514
target=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --release --manifest-path "$root/syslog/Cargo.toml" --example bench
bench=$target/release/examples/bench
work=$(mktemp -d "$target/bench.XXXXXX")
rsyslogd=
trap '[[ -z $rsyslogd ]] || kill "$rsyslogd" 2>/dev/null || true; rm -rf "$work"' EXIT

"$bench" generate "$work/stdout" "$lines"
echo "$lines lines, $(stat -c %s "$work/stdout") bytes"

receiving() { # until its port is open
  until grep -q "$(printf ':%04X .* 0A ' "$port")" /proc/net/tcp; do sleep 0.05; done
}

"$bench" receive "$port" "$lines" >"$work/theirs" & receiver=$!
receiving
cat >"$work/rsyslog.conf" <<CONF
global(workDirectory="$work")
module(load="imfile")
input(type="imfile" file="$work/stdout" tag="kafka" ruleset="out")
ruleset(name="out") { action(type="omfwd" target="127.0.0.1" port="$port" protocol="tcp" tcp_framing="octet-counted"
  template="RSYSLOG_SyslogProtocol23Format") }
CONF
PATH=$PATH:/usr/sbin rsyslogd -n -f "$work/rsyslog.conf" -i "$work/pid" & rsyslogd=$!
wait "$receiver"
theirs=$(awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$rsyslogd/stat")
kill "$rsyslogd"
wait "$rsyslogd" || true
rsyslogd=

"$bench" receive "$port" "$lines" >"$work/ours" & receiver=$!
receiving
read -r shipped ours memory < <("$bench" ship "$work/stdout" "tcp://127.0.0.1:$port")
wait "$receiver"

report() { awk -v who="$1" -v n="$2" -v s="$3" -v cpu="$4" 'BEGIN {
  printf "%-8s %d lines received, %.1f s, %.2f s of processor: %d lines a second of it\n", who, n, s, cpu, n / cpu }'; }
report rsyslog $(<"$work/theirs") "$theirs"
report ours $(<"$work/ours") "$ours"
echo "ours: $shipped lines shipped, $memory KiB at most"
[[ $(cut -d' ' -f1 "$work/ours") == "$lines" && $(cut -d' ' -f1 "$work/theirs") == "$lines" ]]
awk -v t="$theirs" -v o="$ours" 'BEGIN { printf "ratio %.1f\n", t / o; exit !(t / o >= 2) }'
