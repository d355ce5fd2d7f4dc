#!/usr/bin/env bash
# Sets up what the tests need and runs all of them:  bash tests/run.sh  [arguments for `cargo test`]
#
#   .venv/   Python with pinned readers that are not ours (duckdb, fastavro, pyspark, yaml) and an S3 server (seaweedfs), made once
#   gpg      from the system; installed with apt when this runs as root on a machine that lacks it
#   java     17 or later, for pyspark; likewise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

need_gpg() {
    command -v gpg >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing gnupg"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends gnupg >/dev/null
    fi
    command -v gpg >/dev/null || die "the tests need gpg: install the package gnupg (macOS: brew install gnupg)"
}

java_is_new_enough() {
    # As pyspark looks for it. The version is `openjdk version "17.0.15" …`; old ones begin with 1.
    local java=java version
    [ -n "${JAVA_HOME:-}" ] && java=$JAVA_HOME/bin/java
    version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || return 1
    [ "${version:-0}" -ge 17 ]
}

need_java() {
    java_is_new_enough && return
    if [ -z "${JAVA_HOME:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing java"
        apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null || true
    fi
    java_is_new_enough || die "the tests need Java 17 or later (for Spark): install openjdk-17-jre-headless or a newer one (macOS: brew install openjdk), or let JAVA_HOME name it${JAVA_HOME:+; it names $JAVA_HOME}"
}

need_venv() {
    # The requirements that the venv was made from lie in it, so that a changed pin makes it anew.
    cmp -s tests/requirements.txt .venv/requirements.txt && .venv/bin/python -c 'import duckdb, fastavro, pyspark, yaml' 2>/dev/null && return
    command -v python3 >/dev/null || die "the tests need python3"
    say "making .venv"
    rm -rf .venv
    if ! python3 -m venv .venv 2>/dev/null; then
        rm -rf .venv
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
        fi
        python3 -m venv .venv || die "python3 -m venv failed: install the package python3-venv"
    fi
    say "installing what the tests read with (about 500 MB, most of it Spark)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-binary pyspark -r tests/requirements.txt
    cp tests/requirements.txt .venv/requirements.txt
}

command -v cargo >/dev/null || die "cargo is missing: install Rust from https://rustup.rs"
need_gpg
need_java
need_venv
say "building"
cargo build --locked --all-targets
say "testing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --locked --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?
say "results"
grep -E '^test result:|^error: test failed|^    `--|^error: [0-9]+ target' "$log" >&2 || true
exit "$status"
