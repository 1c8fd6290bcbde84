#!/usr/bin/env bash
# The main job, from nothing: sets up, builds, trains a small network on Fashion-MNIST, cuts it to half its
# multiply-adds, and scores both on the test images. Everything it writes is in build/ and runs/quickstart/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run=runs/quickstart
dikdik=build/release/dikdik
say() {
    printf '\n== %s\n' "$*"
}
show() { # prints a command, then runs it
    printf '$ %s\n' "$*" >&2
    "$@"
}

say "1/5  set up and build"
./scripts/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target dikdik

say "2/5  train a small network for one epoch: 60,000 images of clothes"
rm -rf "$run"
show $dikdik train configs/quickstart-train.json --run-dir $run

say "3/5  cut channels until half of the multiply-adds are left, and refit what stays"
show $dikdik slim $run/network.safetensors -o $run/slimmed.safetensors --macs 0.5 --refit --data fashion-mnist

say "4/5  score both on the 10,000 test images, in float32"
for name in network slimmed; do
    show $dikdik eval $run/$name.safetensors --json >$run/$name.json
done

say "5/5  what came out"
python3 - $run/network.json $run/slimmed.json <<'EOF'
import json
import sys

full, slim = (json.load(open(path)) for path in sys.argv[1:])
print(f"{'':<20}{'trained':>12}{'slimmed':>12}{'share':>9}")
for label, key, form in (("multiply-adds", "macs", ",d"), ("parameters", "params", ",d"), ("bytes", "bytes", ",d"),
                         ("images per second", "images_per_second", ",.0f")):
    print(f"{label:<20}{full[key]:>12{form}}{slim[key]:>12{form}}{slim[key] / full[key]:>9.2f}")
print(f"{'test accuracy':<20}{full['accuracy']:>12.2%}{slim['accuracy']:>12.2%}")
EOF
echo
echo "networks: $run/network.safetensors and $run/slimmed.safetensors; next: README.md and docs/guide.md"
