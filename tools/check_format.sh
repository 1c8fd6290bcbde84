#!/usr/bin/env bash
# Every .c and .h file is as clang-format writes it. Put right with: clang-format -i FILE
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
mapfile -t files < <(sources '*.c' '*.h')
clang-format --dry-run -Werror "${files[@]}"
echo "format: ${#files[@]} files"
