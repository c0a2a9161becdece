#!/usr/bin/env bash
# Renew the lock files: every platform and Python from 3.11 on, versions and hashes, no download addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
common=(--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet)
"$uv" pip compile "${common[@]}" --extra dev pyproject.toml -o deploy/locks/all.txt
# The smaller sets are subsets with the same versions, so that what is tested is what is installed.
"$uv" pip compile "${common[@]}" --extra demo -c deploy/locks/all.txt pyproject.toml -o deploy/locks/demo.txt
"$uv" pip compile "${common[@]}" --extra edge -c deploy/locks/all.txt pyproject.toml -o deploy/locks/edge.txt
echo uv | "$uv" pip compile "${common[@]}" - -o deploy/locks/tools.txt
# Libraries that the benchmarks are compared with, in an environment of their own (make peers).
printf '%s\n' tsfresh tsfel librosa endaq-calc nitime | "$uv" pip compile "${common[@]}" - -o deploy/locks/peers.txt
# The older runtime for networks, which cannot live beside numpy 2 (make services).
printf '%s\n' 'tflite-runtime>=2.14' 'numpy<2' | "$uv" pip compile "${common[@]}" - -o deploy/locks/tflite-runtime.txt
