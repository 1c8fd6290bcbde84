#!/usr/bin/env bash
# What sharing one agent is worth: configs/budget-sweep.json with one agent for all six budgets, with evolution, and
# with an agent of its own for each budget; then the shared agent on a budget that it has not seen, and evolution there.
#
#   experiments/run_budget_sweep.sh runs/budget-sweep 1 2 3
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER SEED ..." >&2
    exit 1
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$1
shift
search() {
    "$here/build/release/dikdik" search "$@" --json >/dev/null
}
for seed in "$@"; do
    config=$here/configs/budget-sweep.json
    search "$config" --seed "$seed" --run-dir "$folder/shared-$seed"
    search "$config" --seed "$seed" --run-dir "$folder/evolution-$seed" --set search.method=evolution
    for task in 0.32 0.36 0.4 0.43 0.46 0.5; do
        search "$config" --seed "$seed" --run-dir "$folder/alone$task-$seed" --task "resnet20-macs$task"
    done
    search "$folder/shared-$seed/config.json" --policy "$folder/shared-$seed" --task resnet20:macs=0.38 --tries 16 \
        --run-dir "$folder/unseen-$seed"
    search "$config" --seed "$seed" --task resnet20:macs=0.38 --run-dir "$folder/unseen_evolution-$seed" \
        --set search.method=evolution --set search.evaluations=100
done
"$here/experiments/show_runs.py" "$folder"/*/
