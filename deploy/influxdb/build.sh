#!/usr/bin/env bash
# Build influxd, the server of InfluxDB 2, from the Go module that go.mod pins, and print where it is.
# Idempotent: a version that is already built is only named. Sources are checked against go.sum and Cargo.lock.
#   deploy/influxdb/build.sh            build if needed; the last line printed is the path of influxd
#   deploy/influxdb/build.sh --path     print the path only; exit 1 if it is not built yet
# PLANTPULSE_CACHE: where it is kept (~/.cache/plantpulse). BUILD_JOBS: compilers at a time (all cores).
# It serves the HTTP API without the web interface, whose files are not part of the module.
# One compiler at a time takes about six minutes of processor time; influxd is 90 MB, the build needs 1.5 GB.
# Stop influxd with SIGINT: it closes its files then; on SIGTERM this version ends at once.
set -euo pipefail
cache=${PLANTPULSE_CACHE:-$HOME/.cache/plantpulse}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
cd "$(dirname "$0")"
jobs=${BUILD_JOBS:-$(nproc 2>/dev/null || echo 1)}

version=$(sed -n 's|^\t*\(require \)\{0,1\}github.com/influxdata/influxdb/v2 \(v[0-9.]*\).*|\2|p' go.mod)
[ -n "$version" ] || { echo "influxdb: go.mod names no version of InfluxDB" >&2; exit 1; }
home=$cache/influxdb-$version
if [ "${1:-}" = --path ]; then
    echo "$home/influxd"
    [ -x "$home/influxd" ]
    exit
fi
if [ -x "$home/influxd" ]; then
    echo "$home/influxd"
    exit 0
fi

missing=()
for tool in go cargo cc pkg-config; do
    command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "influxdb: building needs ${missing[*]} (Go 1.24, Rust 1.72, a C compiler and pkg-config, or newer)" >&2
    exit 2
fi

mkdir -p "$home"
if command -v flock >/dev/null 2>&1; then
    exec 9>"$home/lock"
    flock 9
    # Another build may have ended while this one waited.
    if [ -x "$home/influxd" ]; then
        echo "$home/influxd"
        exit 0
    fi
fi

build=$home/build
mkdir -p "$build/lib"
log=$build/log
run() { "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; echo "influxdb: failed: $*" >&2; exit 1; }; }

# A build cache of its own, removed afterwards: Go's cache does not notice that pkg-config names another folder.
export GOWORK=off CGO_ENABLED=1 GOCACHE=$build/go
echo "influxdb: fetching the sources of $version" >&2
run go mod download github.com/influxdata/influxdb/v2 github.com/influxdata/flux
flux=$(go list -m -f '{{.Dir}}' github.com/influxdata/flux)
flux_version=$(go list -m -f '{{.Version}}' github.com/influxdata/flux)

# The Flux language is a Rust library inside Flux's Go module. Modules are read-only, so it is compiled in a copy.
# Only what it is made of is copied: Flux's rust-toolchain.toml would ask rustup for one old compiler.
# Newer compilers warn of more than that one did, and the crate denies warnings: they stay warnings here.
echo "influxdb: compiling libflux $flux_version" >&2
rm -rf "$build/flux"
mkdir "$build/flux"
cp -r "$flux/libflux" "$flux/stdlib" "$build/flux/"
chmod -R u+w "$build/flux"
(
    cd "$build/flux/libflux"
    export RUSTFLAGS="${RUSTFLAGS:-} --cap-lints warn" CARGO_TARGET_DIR=$build/target
    run cargo build --locked --release --package flux --lib --jobs "$jobs"
)
cp "$build/target/release/libflux.a" "$build/lib/libflux.a"

# Flux's Go package asks pkg-config for "flux".
cat >"$build/lib/flux.pc" <<EOF
Name: Flux
Version: ${flux_version#v}
Description: Library for the InfluxData Flux engine
Libs: -L"$build/lib" -lflux -ldl -lpthread -lm
Cflags: -I"$build/flux/libflux/include"
EOF

echo "influxdb: compiling influxd $version" >&2
export PKG_CONFIG_PATH=$build/lib${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
tags=sqlite_foreign_keys,sqlite_json
[ "$(go env GOARCH)" = amd64 ] || tags=$tags,noasm
run go build -p "$jobs" -mod=readonly -trimpath -tags "$tags" -ldflags "-s -w -X main.version=$version" \
    -o "$build/influxd" github.com/influxdata/influxdb/v2/cmd/influxd
"$build/influxd" version >&2
mv "$build/influxd" "$home/influxd"
rm -rf "$build"
echo "$home/influxd"
