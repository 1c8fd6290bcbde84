#!/usr/bin/env bash
# Feeds readers of files with mutated ones under AddressSanitizer and UndefinedBehaviorSanitizer: every input must be
# read or refused, within 1 GiB and 20 seconds.
#   tests/fuzz/run.sh [INPUTS [TARGET...]]     inputs per target (20000; all targets)
# Targets are listed in CMakeLists.txt beside this file; as many run at once as there are cores. Seeds are files that
# dikdik and write_seeds write and, with DIKDIK_DATA, real ONNX files under 64 KB. What is found lies in
# build/fuzz/found/. Needs clang, and a built build/dev/dikdik. The HDF5 library may crash on damaged files, as it meets
# them only in a child process; its crashes are counted, and only those of our own code around it are found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
inputs=${1:-20000}
shift $(($# > 0 ? 1 : 0))
dikdik=build/dev/dikdik
bin=build/fuzz/tests/fuzz
seeds=build/fuzz/seeds
found=$PWD/build/fuzz/found

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

limits=(-max_len=262144 -rss_limit_mb=1024 -malloc_limit_mb=1024 -timeout=20)
in_library="detect_leaks=0:allocator_may_return_null=1" # what a crash of the library leaves behind is nobody's

# hdf5: in processes that are replaced when one crashes. Prints how many crashes were the library's own.
run_hdf5() {
    local input library=0
    ASAN_OPTIONS=$in_library "$bin/fuzz_hdf5" -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 -runs="$inputs" \
        "${limits[@]}" -artifact_prefix="$found/hdf5-" "$seeds/hdf5" >"$work/hdf5.log" 2>&1 || return 1
    for input in "$found"/hdf5-*; do
        [ -e "$input" ] || continue
        ASAN_OPTIONS=$in_library "$bin/fuzz_hdf5" "${limits[@]}" "$input" >"$work/hdf5.one" 2>&1 || true
        # Whose frame is the innermost, below the sanitizer's own.
        if grep -m 1 -oE "libhdf5|/(core|data)/[a-z0-9_]+\.c" "$work/hdf5.one" | grep -q libhdf5; then
            library=$((library + 1))
            rm "$input"
        fi
    done
    ! compgen -G "$found/hdf5-*" >"$work/hdf5.ours" || return 1
    printf 'fuzz_hdf5        %3d seeds %9d inputs, %d of which crash the library\n' "$1" \
        "$(sed -n 's/^#\([0-9]*\): cov.*/\1/p' "$work/hdf5.log" | tail -n 1)" "$library"
}

# One target, to its end; prints its count, and fails with what it said when it found something.
run_target() {
    local target=$1 n
    n=$(find "$seeds/$target" -type f | wc -l) # before new ones join
    if [ "$target" = hdf5 ]; then
        run_hdf5 "$n" || { echo "fuzz_hdf5 failed: see $found" >&2; return 1; }
        return
    fi
    if ! "$bin/fuzz_$target" -runs="$inputs" "${limits[@]}" \
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
