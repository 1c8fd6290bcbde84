#!/usr/bin/env bash
# Kills whole jobs (SIGKILL to every process) at random times and resumes each, and kills workers one by one while
# runs go on; every run must come out as one that nobody disturbed, to the byte. Prints the counts.
#
#   experiments/robustness.sh FOLDER [JOB_KILLS [WORKER_KILLS [SEED]]]      DIKDIK=program, else build/release/dikdik
set -euo pipefail
if [ $# -lt 1 ]; then
    echo "usage: $0 FOLDER [JOB_KILLS [WORKER_KILLS [SEED]]]" >&2
    exit 1
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(realpath "${DIKDIK:-$here/build/release/dikdik}")
mkdir -p "$1"
cd "$1"
job_kills=${2:-10} worker_kills=${3:-200} RANDOM=${4:-1}
# How the processes of the present run are known.
export DIKDIK_ROBUSTNESS="mark-$$-$RANDOM"

cat >small.json <<'END'
{"seed": 3,
 "networks": [{"name": "a", "architecture": "convnet",
   "data": {"name": "shapes", "size": 12, "count": 3000, "classes": [0, 6]},
   "train": {"epochs": 30, "batch": 32, "learning_rate": 0.05, "crop_pad": 0}}],
 "tasks": [{"macs": 0.5}, {"macs": 0.3}, {"params": 0.4}],
 "space": {"round_to": 2},
 "scoring": {"calibration_images": 256, "images": 200},
 "search": {"evaluations": 100, "best": 3},
 "learner": {"mode": "sync", "batch": 4},
 "finetune": {"epochs": 20, "batch": 32, "learning_rate": 0.02, "crop_pad": 0}}
END

start() { # RUN [option ...]
    local folder=$1
    shift
    "$program" run small.json --actors 2 --run-dir "$folder" --actors.tries 1000 --actors.slice_seconds 0.2 "$@" \
        >"$folder.out" 2>>"$folder.log" </dev/null &
    launcher=$!
}

marked() { # PATTERN: processes of the run whose whole name matches it
    local process
    for process in $(pgrep -x "$1"); do
        if grep -qz "^DIKDIK_ROBUSTNESS=$DIKDIK_ROBUSTNESS$" "/proc/$process/environ" 2>/dev/null; then
            echo "$process"
        fi
    done
}
all='dikdik.*|mpiexec.*|hydra.*'

compare() { # RUN: its results are those of the undisturbed run
    local file
    for file in networks/a.safetensors found/*.safetensors final/*.safetensors final/*.onnx results/*.json \
        policy.safetensors checkpoint.h5; do
        for file in $(cd whole && echo $file); do
            cmp "whole/$file" "$1/$file"
        done
    done
}

rm -rf whole killed-* robbed-* ./*.log
SECONDS=0
start whole
wait $launcher
whole=$SECONDS
echo "undisturbed: $whole s"

kills=0 runs=0
while [ $kills -lt "$job_kills" ]; do
    runs=$((runs + 1))
    while [ $kills -lt "$job_kills" ]; do
        start "killed-$runs"
        sleep "$(awk -v r=$RANDOM -v most="$whole" 'BEGIN { print 0.3 + r / 32768 * most * 0.6 }')"
        if ! kill -0 $launcher 2>/dev/null; then
            break # it has ended by itself: the next kills hit another run
        fi
        kill -9 $(marked "$all") 2>/dev/null || true
        wait $launcher 2>/dev/null || true
        while [ -n "$(marked "$all")" ]; do sleep 0.05; done
        kills=$((kills + 1))
    done
    start "killed-$runs"
    wait $launcher
    compare "killed-$runs"
done
echo "job kills: $kills over $runs runs, all results the same"

kills=0 runs=0
while [ $kills -lt "$worker_kills" ]; do
    runs=$((runs + 1))
    start "robbed-$runs"
    while kill -0 $launcher 2>/dev/null && [ $kills -lt "$worker_kills" ]; do
        sleep "$(awk -v r=$RANDOM 'BEGIN { print 0.1 + r / 32768 * 0.4 }')"
        workers=($(marked dikdik-worker))
        if [ ${#workers[@]} -gt 0 ] && kill -9 "${workers[$((RANDOM % ${#workers[@]}))]}" 2>/dev/null; then
            kills=$((kills + 1))
        fi
    done
    wait $launcher
    compare "robbed-$runs"
    echo "run $runs: $kills workers killed so far, the same results"
done
echo "worker kills: $kills over $runs runs, all results the same"
if [ -n "$(marked "$all")" ]; then
    echo "processes are left: $(marked "$all")" >&2
    exit 1
fi
