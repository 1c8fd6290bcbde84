#!/usr/bin/env bash
# Mutates network files under AddressSanitizer and UndefinedBehaviorSanitizer: every input must be read or refused.
#   tests/fuzz/run.sh [INPUTS]        per target, 20000 by default; a run of an hour takes millions
# Seeds are networks that dikdik writes itself (each kind of file once) and, with DIKDIK_DATA, real ONNX files under
# 1 MB. What is found lies in build/fuzz/found/. Needs clang, and a built build/dev/dikdik for the seeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
inputs=${1:-20000}
dikdik=build/dev/dikdik
seeds=build/fuzz/seeds
found=$PWD/build/fuzz/found

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null
rm -rf "$seeds"
mkdir -p "$seeds/network" "$seeds/onnx" "$found"

work=$(mktemp -d)
trap 'status=$?; [ $status = 0 ] || tail -n 3 "$work/log" >&2; rm -rf "$work"; exit $status' EXIT
cat >"$work/seed.json" <<JSON
{"model": {"architecture": "convnet"}, "data": {"name": "shapes", "count": 100, "size": 8}, "train": {"epochs": 1, "batch": 50}}
JSON
"$dikdik" train "$work/seed.json" --run-dir "$work/run" --json >"$work/log" 2>&1
cp "$work/run/network.safetensors" "$seeds/network/whole"
"$dikdik" slim "$work/run/network.safetensors" -o "$seeds/network/cut" --share 0.5 >>"$work/log" 2>&1
"$dikdik" export "$work/run/network.safetensors" -o "$work/net.onnx" >>"$work/log" 2>&1
cp "$work/net.onnx" "$seeds/onnx/exported"
"$dikdik" export "$seeds/network/cut" -o "$work/int8.onnx" --int8 ort \
    --data.name shapes --data.size 8 --data.count 100 >>"$work/log" 2>&1
cp "$work/int8.onnx" "$seeds/onnx/int8"
if [ -n "${DIKDIK_DATA:-}" ]; then
    find "$DIKDIK_DATA/onnx" "$DIKDIK_DATA/onnx_exported" -name '*.onnx' -size -64k | sort | while read -r file; do
        cp "$file" "$seeds/onnx/$(basename "$(dirname "$file")")"
    done
fi

for target in network onnx; do
    n=$(find "$seeds/$target" -type f | wc -l)
    echo "fuzz_$target: $n seeds, $inputs inputs"
    build/fuzz/tests/fuzz/fuzz_$target -runs="$inputs" -max_len=262144 -rss_limit_mb=1024 -malloc_limit_mb=1024 -timeout=20 \
        -artifact_prefix="$found/$target-" -print_final_stats=1 "$seeds/$target" 2>&1 | grep -E "ERROR|SUMMARY|number_of_executed|peak_rss" ||
        { echo "fuzz_$target: see $found" >&2; exit 1; }
done
if compgen -G "$found/*" >/dev/null; then
    echo "inputs that failed lie in $found" >&2
    exit 1
fi
