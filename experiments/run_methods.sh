#!/usr/bin/env bash
# Every search method on one config, with several seeds: run folders FOLDER/METHOD-SEED, then the table. Given again,
# it goes on where it stopped.
#
#   experiments/run_methods.sh configs/mtacp-cifar10.json runs/methods "impala evolution amc random uniform" 1 2 3
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: $0 CONFIG FOLDER \"METHOD ...\" SEED ..." >&2
    exit 1
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
config=$1 folder=$2 methods=$3
shift 3
for seed in "$@"; do
    for method in $methods; do
        "$here/build/release/dikdik" search "$config" --seed "$seed" --set "search.method=$method" \
            --run-dir "$folder/$method-$seed" --json >/dev/null
    done
done
"$here/experiments/show_runs.py" "$folder"/*/
