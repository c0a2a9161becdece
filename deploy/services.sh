#!/usr/bin/env bash
# Install what the full test suite needs beside Python: a broker, a browser, PostgreSQL, InfluxDB, foreign packages,
# and tflite-runtime, the runtime of old gateways, in an environment of its own.
# Idempotent; only what is missing is installed. Programs come from Debian's packages, npm packages go to the cache,
# and InfluxDB, which Debian does not have, is built into the cache once (a quarter of an hour).
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${PLANTPULSE_CACHE:-$HOME/.cache/plantpulse}

missing=()
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
have mosquitto || missing+=(mosquitto)
have chromium || missing+=(chromium)
have npm || missing+=(npm)
# Debian keeps the server's programs out of the path.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || have initdb || missing+=(postgresql)
influxd=$(deploy/influxdb/build.sh --path || true)
if [ ! -x "$influxd" ] && ! have influxd; then
    have go || missing+=(golang-go)
    have cargo || missing+=(cargo)
    have cc || missing+=(gcc libc6-dev)
    have pkg-config || missing+=(pkg-config)
fi

if [ ${#missing[@]} -gt 0 ]; then
    if ! have apt-get; then
        echo "services: this machine lacks ${missing[*]} and has no apt-get; install them with its own package manager" >&2
        exit 2
    fi
    sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    echo "services: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    "${sudo[@]}" apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    # RUNLEVEL=1 keeps Debian from starting servers of its own on the usual ports: the tests start theirs.
    "${sudo[@]}" env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 \
        || { tail -n 40 "$log" >&2; exit 1; }
fi

source=tests/contract/npm
target=$cache/npm
if [ -f "$source/package-lock.json" ] && ! cmp -s "$source/package-lock.json" "$target/package-lock.json"; then
    echo "services: installing the npm packages that the tests compare with"
    mkdir -p "$target"
    cp "$source/package.json" "$target/package.json"
    cp "$source/package-lock.json" "$target/package-lock.json.new"
    mv "$target/package-lock.json.new" "$target/package-lock.json"
    npm ci --prefix "$target" --no-audit --no-fund --loglevel=error || { rm -f "$target/package-lock.json"; exit 1; }
fi

# tflite-runtime ends at Python 3.11 and numpy 1, so it gets a small environment of its own in the cache.
lock=deploy/locks/tflite-runtime.txt
target=$cache/tflite-runtime-$(sed -n 's/^tflite-runtime==\([^ ]*\).*/\1/p' "$lock")
if ! cmp -s "$lock" "$target/lock.txt"; then
    old_python=
    for candidate in .venv/bin/python python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            old_python=$candidate
            break
        fi
    done
    if [ -n "$old_python" ]; then
        echo "services: installing tflite-runtime into $target"
        rm -rf "$target"
        "$old_python" -m venv "$target"
        "$target/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
        cp "$lock" "$target/lock.txt"
    else
        echo "services: no Python 3.11 here, so tflite-runtime is not tested" >&2
    fi
fi

if [ ! -x "$influxd" ] && ! have influxd; then
    echo "services: building InfluxDB"
    nice -n 19 deploy/influxdb/build.sh
fi
echo "services: ready"
