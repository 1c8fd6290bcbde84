#!/usr/bin/env bash
# An agent trained on ResNet-20 and -56 (configs/unseen-cifar10.json) on a network that it has not seen: trains a
# ResNet-14, then tries the agent's policy on it once and sixteen times, beside Bayesian optimisation and the one-shot
# rankings from nothing.
#
#   experiments/run_new_network.sh runs/new-network 1 2 3
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER SEED ..." >&2
    exit 1
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$1
shift
dikdik=$here/build/release/dikdik
search() {
    "$dikdik" search "$@" --json >/dev/null
}
"$dikdik" train "$here/configs/resnet14-cifar10.json" --run-dir "$folder/resnet14"
new=("$here/configs/new-network.json" --set "networks.0.weights=$folder/resnet14/network.safetensors")
for seed in "$@"; do
    search "$here/configs/unseen-cifar10.json" --seed "$seed" --run-dir "$folder/agent-$seed" --set search.evaluations=100
    for tries in 1 16; do
        search "${new[@]}" --seed "$seed" --policy "$folder/agent-$seed" --tries "$tries" \
            --run-dir "$folder/tries$tries-$seed"
    done
    search "${new[@]}" --seed "$seed" --run-dir "$folder/bayes-$seed" --set search.method=bayes \
        --set search.share=true
    search "${new[@]}" --seed "$seed" --run-dir "$folder/oneshot-$seed" --set search.method=oneshot
done
"$here/experiments/show_runs.py" "$folder"/*-[0-9]*/
