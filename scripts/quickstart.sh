#!/usr/bin/env bash
# The main job, from nothing: sets up, builds, and runs configs/quickstart.json: trains two small networks on
# Fashion-MNIST, lets one agent search them for three budgets at once, fine-tunes and tests what it found.
# About five minutes on two cores; with CUDA's nvcc and a GPU, that computes. Everything it writes is in build/ and runs/quickstart/.
#   ./scripts/quickstart.sh [options of `dikdik run`]        given again, it goes on where it stopped
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dikdik=build/release/dikdik
say() {
    printf '\n== %s\n' "$*"
}
show() { # prints a command, then runs it
    printf '$ %s\n' "$*" >&2
    "$@"
}

say "1/3  set up and build"
./scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target dikdik

gpus=(/dev/nvidia[0-9]*)
if [ -e "${gpus[0]}" ] && ! PATH=$PATH:/usr/local/cuda/bin command -v nvcc >/dev/null; then
    say "a GPU is here, but no nvcc (NVIDIA's CUDA toolkit, 12.4 or newer): this build computes on the processor"
fi

say "2/3  base networks, search, fine-tuning, test: all that configs/quickstart.json asks for"
show $dikdik run configs/quickstart.json "$@"

say "3/3  one of the small networks, layer by layer"
show $dikdik inspect runs/quickstart/final/resnet20-macs0.3.safetensors

echo
echo "look at it: runs/quickstart/report.html, in any browser"
echo "networks: runs/quickstart/final/; every candidate tried: runs/quickstart/run.h5; next: README.md and docs/guide.md"
