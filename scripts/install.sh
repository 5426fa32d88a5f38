#!/usr/bin/env bash
# Installs what building and running needs and this machine has not: a C toolchain, Java, Maven, Python, ps, Rust.
# Says what it installs and how; does nothing, and needs no network and no root, where everything is there.
#
#   scripts/install.sh [--tests]     --tests: also the receivers that tests send to (Node with npm, collectd, rsyslogd), and venv
set -euo pipefail

say() { echo "install: $*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null; }
has_java() { # The feature number: 17 of "17.0.15", 8 of "1.8.0_392".
  has "${JAVA_HOME:+$JAVA_HOME/bin/}java" &&
    [[ $("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1) =~ version\ \"(1\.)?([0-9]+) ]] && ((BASH_REMATCH[2] >= 17))
}
has_cargo() { has cargo || { [[ -f ~/.cargo/env ]] && . ~/.cargo/env && has cargo; }; }
first_of() { # The first of these packages that this release of Debian or Ubuntu has.
  for package; do apt-cache show "$package" >/dev/null 2>&1 && echo "$package" && return; done
}

here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
# Class paths, options of JVMs and file:// URIs are made of paths in here.
[[ $here != *[[:space:]]* ]] || fail "${here%/scripts} has a blank in it, which Kafka's tools do not stand: move the checkout"

missing=()
has cc && has c++ && has make || missing+=(build-essential)
has mvn || missing+=(maven)
has python3 || missing+=(python3)
has ps || missing+=(procps)
has_java || missing+=(java)
has_cargo || missing+=(rust)
if [[ ${1-} == --tests ]]; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  has node || missing+=(nodejs)
  has npm || missing+=(npm)
  has collectd || [[ -x /usr/sbin/collectd ]] || missing+=(collectd-core)
  compgen -G "/usr/lib*/rsyslog/lmnsd_gtls.so" >/dev/null || compgen -G "/usr/lib/*/rsyslog/lmnsd_gtls.so" >/dev/null ||
    missing+=(rsyslog rsyslog-gnutls)
fi
((${#missing[@]})) || exit 0

say "missing: ${missing[*]}"
has apt-get || fail "this is not Debian or Ubuntu: please install them yourself (Java from 17 on, Rust by rustup)"
as_root=()
if ((EUID != 0)); then
  has sudo || fail "installing needs root and there is no sudo: run $here/install.sh as root, or have these installed"
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
packages=()
for name in "${missing[@]}"; do
  case $name in
    java) packages+=("$(first_of openjdk-{17,21,25}-jre-headless default-jre-headless)") ;;
    rust)
      packages+=("$(first_of rustup curl)")
      # Without them curl trusts nobody, and it only recommends them.
      [[ ${packages[-1]} != curl ]] || packages+=(ca-certificates) ;;
    *) packages+=("$name") ;;
  esac
done
say "apt-get install ${packages[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}" >&2

# Releases without a rustup package get it from its own site. The toolchain itself is the one of rust-toolchain.toml.
if ! has_cargo && ! has rustup; then
  say "installing rustup into ~/.cargo"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none >&2
fi
has_java || fail "java is still older than 17: set JAVA_HOME to the one just installed"
