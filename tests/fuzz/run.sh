#!/usr/bin/env bash
# Feeds readers of files with mutated ones under AddressSanitizer and UndefinedBehaviorSanitizer: every input must be
# read or refused, within 1 GiB and 20 seconds.
#   tests/fuzz/run.sh [INPUTS [TARGET...]]     inputs per target (20000; all targets). Those whose inputs take a child
#                                              process or a learner each get a hundredth, at least 200
# Targets are listed in CMakeLists.txt beside this file; as many run at once as there are cores. Seeds are files that
# dikdik and write_seeds write and, with DIKDIK_DATA, real ONNX files under 64 KB. What is found lies in
# build/fuzz/found/. Needs clang, and a built build/dev/dikdik.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
inputs=${1:-20000}
shift $(($# > 0 ? 1 : 0))
dikdik=build/dev/dikdik
bin=build/fuzz/tests/fuzz
seeds=build/fuzz/seeds
found=$PWD/build/fuzz/found
slow=" hdf5 checkpoint "

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null
mapfile -t targets < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else cat "$bin/targets.txt"; fi)
rm -rf "$seeds"
mkdir -p "$found"
while read -r target; do mkdir -p "$seeds/$target"; done <"$bin/targets.txt"

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
for config in configs/*.json; do # as one input: its length in four bytes, itself, a change to it
    length=$(wc -c <"$config")
    { printf '%b' "$(printf '\\x%02x' $((length & 255)) $((length >> 8 & 255)) $((length >> 16)) 0)"
      cat "$config"
      printf 'tasks.0.macs=0.4'; } >"$seeds/config/$(basename "$config" .json)"
done
"$bin/write_seeds" "$PWD/$seeds" >>"$work/log" 2>&1

# One target, to its end; prints its count, and fails with what it said when it found something.
run_target() {
    local target=$1 runs=$inputs n
    n=$(find "$seeds/$target" -type f | wc -l) # before new ones join
    case "$slow" in *" $target "*) runs=$((inputs / 100 > 200 ? inputs / 100 : 200)) ;; esac
    if ! "$bin/fuzz_$target" -runs="$runs" -max_len=262144 -rss_limit_mb=1024 -malloc_limit_mb=1024 -timeout=20 \
        -artifact_prefix="$found/$target-" -print_final_stats=1 "$seeds/$target" >"$work/$target.log" 2>&1; then
        grep -E "ERROR|SUMMARY|Test unit" "$work/$target.log" >&2 || tail -n 5 "$work/$target.log" >&2
        echo "fuzz_$target failed: see $found" >&2
        return 1
    fi
    printf 'fuzz_%-11s %3d seeds %9d inputs %5d MB at most\n' "$target" "$n" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target.log")" \
        "$(sed -n 's/^stat::peak_rss_mb: *//p' "$work/$target.log")"
}
failed=0
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        wait -n || failed=1
    done
    run_target "$target" &
done
while [ "$(jobs -p | wc -l)" -gt 0 ]; do
    wait -n || failed=1
    jobs >/dev/null
done
if [ "$failed" != 0 ] || compgen -G "$found/*" >/dev/null; then
    echo "inputs that failed lie in $found" >&2
    exit 1
fi
