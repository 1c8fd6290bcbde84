#!/usr/bin/env bash
# Sets up, builds and runs the tests (all but those labelled slow).
#   ./scripts/test.sh [ctest options]        for example -R collective, or -L data
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./scripts/setup.sh
cmake --preset dev >/dev/null
cmake --build --preset dev
if [ -z "${DIKDIK_DATA:-}" ]; then
    cat >&2 <<'EOF'
test.sh: DIKDIK_DATA is not set, so the tests that need CIFAR or pretrained networks will skip.
test.sh: it names a folder with cifar10/, cifar100/, mnist/ and weights/; docs/guide.md, "Data sets",
test.sh: says where the files come from.
EOF
fi
ctest --preset dev --label-exclude slow --parallel "$(nproc)" "$@"
